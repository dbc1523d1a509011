//! The public shrinking challenge, and programs with planted bugs as the product has them, from 100 seeds each: how often the least counterexample is reached, how many
//! distinct results there are, and how often the test ran. `cargo bench -p proofhouse --bench shrinking`.

#[path = "../tests/challenge/mod.rs"]
mod challenge;
#[path = "../tests/measure/mod.rs"]
mod measure;

fn main() {
    let seeds = std::env::var("SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let only = std::env::var("ONLY").unwrap_or_default();
    println!(
        "{:<18} {:>6} {:>9} {:>7} {:>7} {:>5} {:>6}",
        "challenge", "least", "distinct", "median", "ceiling", "max", "cases"
    );
    for challenge in challenge::CHALLENGES
        .iter()
        .chain(&challenge::PROGRAMS)
        .filter(|challenge| challenge.name.contains(&only))
    {
        let measured = measure::measure(challenge, seeds);
        println!(
            "{:<18} {:>5}% {:>9} {:>7} {:>7} {:>5} {:>6}",
            challenge.name,
            measured.at_least * 100 / seeds as usize,
            measured.results.len(),
            measured.median,
            challenge.ceiling,
            measured.most,
            measured.cases
        );
        if std::env::var_os("DETAIL").is_some() {
            for (result, (count, seed)) in &measured.results {
                println!("      {count:>4} x {result}   (seed {seed})");
            }
        }
    }
}
