//! The public shrinking challenge, and programs as the product has them, 20 seeds each: 95 % at the least counterexample, and a pinned ceiling on the
//! median of evaluations, so that a slower or weaker shrinker is seen at once.

mod challenge;
mod measure;

#[test]
fn every_challenge_ends_at_its_least_counterexample_within_its_ceiling_of_evaluations() {
    const SEEDS: u64 = 20;
    let mut misses = Vec::new();
    for challenge in challenge::CHALLENGES.iter().chain(&challenge::PROGRAMS) {
        let measured = measure::measure(challenge, SEEDS);
        if measured.at_least * 100 < 95 * SEEDS as usize || measured.median > challenge.ceiling {
            misses.push(format!(
                "{}: {} of {SEEDS} at the least, median {} (ceiling {}), most {}, first failure at the median after {} cases, results {:?}",
                challenge.name,
                measured.at_least,
                measured.median,
                challenge.ceiling,
                measured.most,
                measured.cases,
                measured.results
            ));
        }
    }
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}
