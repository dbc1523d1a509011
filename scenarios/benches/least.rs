//! Whether a smaller program than the least one known shows a planted bug: `cargo bench -p proofhouse-scenarios --bench least`.
//!
//! For each mutant, every case of its property that differs from the simplest one in up to [`CHANGES`] choices, each
//! with up to [`VALUES`] values, in the order of their number; of those, the ones with fewer operations than the table of
//! the mutants has are run, [`PROGRAMS`] at most. Prints how many there were, and a smaller one where it breaks the property.
//! `ONLY` names a part of the mutants' names.

use proofhouse::backend::Embedded;
use proofhouse::engine::finding::operations;
use proofhouse::engine::worker::{STACK, Worker};
use proofhouse::property::{self, Judgement, Property};
use proofhouse::tape::{Source, Tape};
use proofhouse_models::mapper::Capabilities;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Choices of a case that are not the simplest.
const CHANGES: usize = 4;
/// Values that a choice takes beside the simplest, from the next simple one on.
const VALUES: u64 = 5;
/// Programs that are run for one mutant, and cases that are generated for it.
const PROGRAMS: usize = 4_000;
const CASES: usize = 200_000;

/// A line of the mutants' table: property, mutant, operations of the least program.
fn table() -> Vec<(&'static str, &'static str, usize)> {
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let lines = include_str!("../src/mutants/README.md").lines().map(cells);
    lines.filter_map(|cells| Some((*cells.get(1)?, *cells.get(2)?, cells.get(7)?.parse().ok()?))).collect()
}

struct Search<'run> {
    property: &'run dyn Property,
    target: Capabilities,
    worker: Worker,
    least: usize,
    seen: HashSet<u64>,
    generated: usize,
    run: usize,
}

impl Search<'_> {
    /// The cases with exactly so many more changes, behind the given beginning. True where one breaks the property.
    fn with_changes(&mut self, beginning: &Tape, more: usize) -> bool {
        if self.is_over() {
            return false;
        }
        let mut source = Source::replay(beginning.clone());
        let case = self.property.generate(&mut source, &self.target);
        self.generated += 1;
        let tape = source.into_tape();
        if more == 0 {
            let Some(case) = case.ok().filter(|case| operations(case) < self.least) else { return false };
            let mut hasher = DefaultHasher::new();
            serde_json::to_string(&case).expect("a case is JSON").hash(&mut hasher);
            if !self.seen.insert(hasher.finish()) {
                return false;
            }
            self.run += 1;
            let observed = self.worker.execute(&case);
            let judged = self.property.judge(&self.target, &case, &observed);
            if let Judgement::Violated(list) = judged {
                println!(
                    "    smaller: {} · {}",
                    list[0].identity,
                    serde_json::to_string(&case).expect("JSON")
                );
                return true;
            }
            return false;
        }
        for at in beginning.choices.len()..tape.choices.len() {
            let choice = tape.choices[at];
            for rank in 1..=choice.last_rank().min(VALUES) {
                let mut choices = tape.choices[..at].to_vec();
                choices.push(proofhouse::tape::Choice { value: choice.at_rank(rank), ..choice });
                // Without spans a tape is replayed as a plain sequence.
                if self.with_changes(&Tape { choices, spans: Vec::new() }, more - 1) {
                    return true;
                }
            }
        }
        false
    }

    fn is_over(&self) -> bool {
        self.run >= PROGRAMS || self.generated >= CASES
    }
}

fn main() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let body = move || {
        let (mut searched, mut smaller, mut programs) = (0, 0, 0);
        for (id, mutant, least) in table().into_iter().filter(|(_, mutant, _)| mutant.contains(&only)) {
            let name = format!("mutant:{mutant}");
            let launch = proofhouse_scenarios::catalogue().into_iter().find(|target| target.name() == name);
            let property = property::all().into_iter().find(|property| property.id() == id);
            let (Some(launch), Some(property)) = (launch, property) else {
                println!("{id:<22} {mutant:<30} not in this build");
                continue;
            };
            let worker = Worker::start(launch, Arc::new(Embedded::new()), 0).expect("it starts");
            let target = worker.capabilities().clone();
            let (seen, generated, run) = (HashSet::new(), 0, 0);
            let property = property.as_ref();
            let mut search = Search { property, target, worker, least, seen, generated, run };
            let mut complete = 0;
            let mut found = false;
            for changes in 0..=CHANGES {
                found = search.with_changes(&Tape::default(), changes);
                if found || search.is_over() {
                    break;
                }
                complete = changes;
            }
            searched += 1;
            smaller += usize::from(found);
            programs += search.run;
            println!(
                "{id:<22} {mutant:<30} least {least:>2} · {:>6} smaller programs of {:>7} cases, all of up to {complete} changes · {}",
                search.run,
                search.generated,
                if found { "ONE OF THEM SHOWS IT" } else { "none shows it" }
            );
        }
        println!(
            "{searched} mutants, {programs} programs run, {smaller} with a smaller program than the table's"
        );
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(body);
    thread.expect("a thread").join().expect("no panic");
}
