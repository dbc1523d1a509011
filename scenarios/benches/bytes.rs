//! Every planted bug from changed bytes beside the seeded driver: `cargo bench -p proofhouse-scenarios --bench bytes`.
//!
//! Bytes are inputs of the committed corpus (`fuzz/seeds`), changed as libFuzzer changes them but without coverage. An
//! input in which the bug shows ends a side. `SEEDS` (3) sides of each kind, `INPUTS` (20,000) at most, `ONLY` a part of a
//! mutant's name. Medians are printed, nothing is asserted; `-` is not found.

use proofhouse::backend::BackendChoice;
use proofhouse::engine::seed::case_seed;
use proofhouse::fuzz::mutate::Mutator;
use proofhouse::fuzz::{Bench, Ran, Setting, corpus, on_deep_stack};
use proofhouse::tape::Source;
use proofhouse_scenarios::mutants::MUTANTS;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn corpus_of(property: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fuzz/seeds/{property}.hex"));
    let text = std::fs::read_to_string(&path).expect("each property has a corpus");
    corpus::from_text(&text).expect("a corpus of ours")
}

/// Inputs and seconds until the bug shows.
fn search(bench: &mut Bench, most: u64, mut run: impl FnMut(&mut Bench, u64) -> Ran) -> Option<(u64, f64)> {
    let begin = Instant::now();
    let found = (0..most).find(|&index| matches!(run(bench, index), Ran::Broken(_)))?;
    Some((found + 1, begin.elapsed().as_secs_f64()))
}

fn median(mut found: Vec<Option<(u64, f64)>>) -> String {
    // What was not found takes longer than all that was.
    found.sort_by(|a, b| {
        a.is_none().cmp(&b.is_none()).then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
    });
    let count = found.iter().flatten().count();
    let middle = found[found.len() / 2]
        .map_or("       -        -".to_owned(), |(inputs, seconds)| format!("{inputs:>8} {seconds:>8.2}"));
    format!("{count:>3}/{} {middle}", found.len())
}

fn main() {
    let (seeds, most) = (number("SEEDS", 3), number("INPUTS", 20_000));
    let only = std::env::var("ONLY").unwrap_or_default();
    println!(
        "{:<22} {:<34} bytes: found, inputs, seconds   seeded driver: found, cases, seconds",
        "property", "mutant"
    );
    on_deep_stack(|| {
        let (mut by_bytes, mut all) = (0, 0);
        for mutant in MUTANTS.iter().filter(|mutant| mutant.name.contains(&only)) {
            let setting = Setting {
                property: mutant.property.to_owned(),
                target: Arc::new(mutant.launch()),
                backend: BackendChoice::Embedded,
                accepted: Vec::new(),
            };
            let corpus = corpus_of(mutant.property);
            let [mut bytes, mut seeded] = [Vec::new(), Vec::new()];
            for seed in 0..seeds {
                let mut bench = Bench::open(setting.clone()).expect("a mutant starts");
                let mut mutator = Mutator::new(seed);
                bytes.push(search(&mut bench, most, |bench, _| bench.run(&mutator.next(&corpus))));
                let mut bench = Bench::open(setting.clone()).expect("a mutant starts");
                seeded.push(search(&mut bench, most, |bench, index| {
                    bench.run_source(Source::seeded(case_seed(seed, mutant.property, index)))
                }));
            }
            all += 1;
            by_bytes += u64::from(bytes.iter().all(Option::is_some));
            let (bytes, seeded) = (median(bytes), median(seeded));
            println!("{:<22} {:<34} {bytes}   {seeded}", mutant.property, mutant.name);
        }
        println!("{by_bytes} of {all} mutants found from bytes by every seed");
    });
}
