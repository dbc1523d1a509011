//! Programs of A while B is at work on a connection of its own.

use super::{Options, Shared, lock};
use crate::isolate::bench::{Bench, Problem};
use crate::isolate::contract::{Family, Level};
use crate::isolate::finding::Finding;
use crate::isolate::oracle::Leak;
use crate::isolate::pair::{AT_WORK, Pair};
use crate::isolate::program::{Actor, Kind, Program, Step};
use crate::isolate::verdict::{finding_of, is_new};
use crate::report::visible::plain;
use std::time::{Duration, Instant};

/// How long a finding is replayed at most: its statements may each wait for a lock that B holds.
const REPLAYING: Duration = Duration::from_secs(3);

/// B at work while A runs, in world 2 only.
pub(super) fn neighbour(
    bench: &Bench,
    shared: &Shared,
    pair: &mut Pair<'_>,
    programs: &[Program],
    options: &Options,
    deadline: Instant,
    found: &mut Vec<Finding>,
) -> Result<(), Problem> {
    let contract = &bench.contract;
    let seen = contract.adversary.level == Level::Sql
        && (contract.sends(Family::Backends) || contract.sends(Family::Locks));
    if contract.neighbour.concurrent.is_empty() && !seen {
        return Ok(());
    }
    let mut statements = contract.neighbour.concurrent.clone();
    if statements.is_empty() {
        statements = vec![format!("SELECT '{AT_WORK}', pg_advisory_lock(7741)")];
    }
    pair.put_to_work(&statements)?;
    let mut seen_here: Vec<(&Program, Finding)> = Vec::new();
    let enough = || options.fail_fast && shared.failed.load(std::sync::atomic::Ordering::Relaxed);
    'programs: for program in
        programs.iter().filter(|program| matches!(program.kind, Kind::Requests | Kind::Transaction))
    {
        if Instant::now() > deadline || enough() {
            break;
        }
        if shared.ends_never(program, 2) {
            continue;
        }
        let mut marked = program.clone();
        marked.steps.splice(
            0..0,
            statements
                .iter()
                .map(|sql| Step { actor: Actor::Beside, ..Step::new("beside", "", sql.clone()) }),
        );
        super::count(shared, program);
        let revivals = (pair.one.revivals(), pair.two.revivals());
        let lost = |pair: &Pair<'_>| (pair.one.revivals(), pair.two.revivals()) != revivals;
        let leaks = pair.leaks(program)?;
        if lost(pair) {
            // B is not at work any more, and what it had committed is gone: that would look like A's doing.
            break;
        }
        lock(&shared.coverage).saw(program, pair.two.last_codes());
        for leak in leaks {
            if is_new(bench, &mut lock(&shared.known), &leak) {
                let shifted = Leak { step: leak.step + statements.len(), ..leak };
                let mut finding =
                    finding_of(bench, pair, &marked, &shifted, (0, shared.start.elapsed().as_millis()));
                finding.tests = shared.cases.load(std::sync::atomic::Ordering::Relaxed);
                // Where B must be at work for it, it is replayed here and not shrunk.
                let until = Instant::now() + REPLAYING;
                while finding.wants_replay(until) {
                    let again = pair.leaks(program)?;
                    finding.replays += 1;
                    finding.stable +=
                        usize::from(again.iter().any(|leak| leak.identity() == finding.identity()));
                }
                if lost(pair) {
                    lock(&shared.known).remove(&finding.identity());
                    break 'programs;
                }
                if finding.accepted.is_none() {
                    shared.failed.store(true, std::sync::atomic::Ordering::Relaxed);
                    if !options.quiet {
                        println!("  {:>6} ms  {}", finding.ms, plain(&finding.title()));
                    }
                }
                seen_here.push((program, finding));
            }
        }
    }
    pair.two.end_beside()?;
    pair.two.renew()?;
    pair.learn()?;
    // What shows without B at work is told, and shrunk, without it.
    for (program, finding) in seen_here {
        let same = pair.leaks(program)?.into_iter().find(|leak| leak.identity() == finding.identity());
        found.push(match same {
            Some(leak) => {
                Finding { tests: finding.tests, ..finding_of(bench, pair, program, &leak, (0, finding.ms)) }
            }
            None => finding,
        });
    }
    Ok(())
}
