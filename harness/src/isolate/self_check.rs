//! Checks of the harness itself in every run: two equal worlds are silent, a planted leak is found.

use super::bench::{Bench, Problem};
use super::oracle::{self, Channel, Evidence};
use super::pair::Pair;
use super::program::{Kind, Program, Step};
use std::time::Instant;

/// A value that only the planted row has.
const CANARY: &str = "proofhouse-canary-b";

/// Plants a table without any protection, with a row of B in world 2, and expects it to be found.
///
/// # Errors
/// The leak is not found: `enter` does not work, or the harness is blind.
pub fn planted(bench: &Bench, pair: &mut Pair<'_>) -> Result<(), Problem> {
    let program = Program::one(Step::new("select", "canary", "SELECT * FROM proofhouse_canary.rows"));
    for (world, row) in [(&mut pair.one, false), (&mut pair.two, true)] {
        world.as_superuser(&format!(
            "CREATE SCHEMA proofhouse_canary; CREATE TABLE proofhouse_canary.rows (body text); \
             GRANT USAGE ON SCHEMA proofhouse_canary TO PUBLIC; GRANT SELECT ON proofhouse_canary.rows TO PUBLIC; \
             INSERT INTO proofhouse_canary.rows SELECT '{CANARY}' WHERE {row}"
        ))?;
    }
    pair.marks.1.add(CANARY);
    let found = pair.leaks(&program)?.iter().any(|leak| leak.channel() == Channel::Read);
    let trace = pair.two.run(&program)?;
    for world in [&mut pair.one, &mut pair.two] {
        world.as_superuser("DROP SCHEMA proofhouse_canary CASCADE")?;
    }
    if found {
        return Ok(());
    }
    if let Some((_, answer)) = trace.answers.first()
        && let Some(error) = &answer.error
    {
        return Err(bench
            .contract
            .error_at("enter", format!("enter or login does not work: {error}"))
            .into());
    }
    Err(Problem::Harness("self-check: a planted leak was not found".to_owned()))
}

/// Runs a sample of programs in one world, before and after it was made anew; of the sample what the time allows.
///
/// # Errors
/// The two differ: the harness takes noise for a leak.
pub fn identical(
    bench: &Bench,
    pair: &mut Pair<'_>,
    programs: &[&Program],
    until: Instant,
) -> Result<(), Problem> {
    let start = Instant::now();
    let half = start + until.saturating_duration_since(start) / 2;
    let plain: Vec<&Program> = programs
        .iter()
        .copied()
        .filter(|program| matches!(program.kind, Kind::Requests | Kind::Transaction) && !program.unaligned)
        .collect();
    let stride = (plain.len() / 40).max(1);
    let sample: Vec<&Program> = plain.into_iter().step_by(stride).take(40).collect();
    let mut before = Vec::new();
    for program in &sample {
        if !before.is_empty() && Instant::now() > half {
            break;
        }
        before.push((pair.two.run(program)?, pair.two.run(program)?));
    }
    pair.two.renew()?;
    pair.two.place_sequences(false)?;
    for (program, first) in sample.iter().zip(&before) {
        let second = (pair.two.run(program)?, pair.two.run(program)?);
        let evidence = Evidence {
            one: (&first.0, &first.1),
            two: (&second.0, &second.1),
            marks: (&pair.marks.1, &pair.marks.1),
        };
        let leaks = oracle::judge(&bench.catalogue, program, &evidence);
        if let Some(leak) = leaks.iter().find(|leak| !leak.direct) {
            return Err(Problem::Harness(format!(
                "self-check: equal worlds differ at {}: {} / {}",
                program.steps.get(leak.step).map_or("", |step| step.sql.as_str()),
                leak.seen.0,
                leak.seen.1
            )));
        }
    }
    Ok(())
}
