//! From a case that broke a property to a finding: shrunk, replayed, explained.

use super::cell::{Cell, words};
use super::explain::explain;
use super::finding::{Finding, Shrink, Stability, operations};
use super::prune::{Pruned, on_an_empty_table, prune};
use super::worker::Worker;
use crate::case::{Case, Observation, StepObservation};
use crate::property::{Judgement, Property, Violation};
use crate::tape::{Source, Tape};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Replays before a finding is called one.
const REPLAYS: u32 = 20;

/// Replays that have to do where each takes long.
const FEWEST_REPLAYS: u32 = 3;

/// Runs of a suspect's own case, until one shows it once more.
const ASKS: u32 = 6;

/// A case that broke a property in a way not seen before.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// Position of the property among the cell's judges.
    pub judge: usize,
    /// The property's id.
    pub property: String,
    /// The finding's identity.
    pub identity: String,
    /// As the case showed it.
    pub violation: Violation,
    /// The case's number.
    pub index: u64,
    /// The case's tape.
    pub tape: Tape,
    /// Its operations.
    pub operations: usize,
    /// Milliseconds since the cell began.
    pub ms: u64,
    /// Whether each run of it will cost as much as hundreds of others.
    pub costly: bool,
}

/// How much may be spent on one finding.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Runs of the shrinker.
    pub evaluations: usize,
    /// Time of the shrinker, of pruning, of the replays, and of the explanation, each.
    pub time: Duration,
    /// What calls may cost beyond answers ([`crate::case::StepObservation::cost`]), for the shrinker and for the
    /// explanation, each.
    pub cost: u64,
}

impl Effort {
    /// For a budget in cases: bounded by runs alone, so that the least case is the same on any machine.
    pub const STEADY: Self =
        Self { evaluations: 3_000, time: Duration::from_secs(600), cost: 12 * StepObservation::LIMIT };

    /// For a budget in time: a share of it, at least a few seconds, and of what earlier findings have left.
    ///
    /// `spent` is what they took. All findings of a cell together take one and a half times its budget, or
    /// what many quick ones need.
    pub fn within(time: Duration, spent: Duration) -> Self {
        let share = (time / 3).clamp(Duration::from_secs(3), Duration::from_secs(20));
        let left = (time * 3 / 2).max(Duration::from_secs(6)).saturating_sub(spent);
        Self { time: share.min(left / 3).max(Duration::from_millis(300)), ..Self::STEADY }
    }

    /// For a case that uses up limits, or of a target that ends in every case.
    pub fn frugal(self) -> Self {
        Self { time: self.time.min(Duration::from_secs(1)), cost: 3 * StepObservation::LIMIT, ..self }
    }
}

/// What a case showed when it was run once more.
pub struct Shown {
    /// The case.
    pub case: Case,
    /// What was observed.
    pub observed: Observation,
    /// How it broke the property.
    pub violation: Violation,
}

/// Runs the case that the source's choices give, and says how it breaks the property with this identity.
pub fn show(
    generator: &dyn Property,
    judge: &dyn Property,
    identity: &str,
    worker: &mut Worker,
    source: &mut Source,
) -> Option<Shown> {
    let capabilities = worker.capabilities().clone();
    let case = generator.generate(source, &capabilities).ok()?;
    show_case(judge, identity, worker, case)
}

/// Runs a case, and says how it breaks the property with this identity.
pub fn show_case(judge: &dyn Property, identity: &str, worker: &mut Worker, case: Case) -> Option<Shown> {
    let capabilities = worker.capabilities().clone();
    let observed = worker.execute(&case);
    match judge.judge(&capabilities, &case, &observed) {
        Judgement::Violated(list) => {
            let violation = list.into_iter().find(|violation| violation.identity == identity)?;
            Some(Shown { case, observed, violation })
        }
        Judgement::Held | Judgement::Discarded(_) => None,
    }
}

/// The suspect's tape without what makes its case costly, where it shows the same so too.
fn cheaper(
    generator: &dyn Property,
    judge: &dyn Property,
    worker: &mut Worker,
    suspect: &Suspect,
) -> Option<Tape> {
    let tapes = generator.cheaper(&suspect.tape, &suspect.violation);
    // What shows by chance may need some tries.
    tapes.into_iter().flat_map(|tape| vec![tape; ASKS as usize / 2]).find_map(|tape| {
        let mut source = Source::replay(tape);
        show(generator, judge, &suspect.identity, worker, &mut source).map(|_| source.into_tape())
    })
}

/// Runs a case again and again, as long as the time lasts.
fn replays(
    judge: &dyn Property,
    identity: &str,
    worker: &mut Worker,
    case: &Case,
    effort: Effort,
    shown: &mut Option<Shown>,
) -> Stability {
    let mut stable = Stability::default();
    let begin = Instant::now();
    for _ in 0..REPLAYS {
        // A case that hangs would take minutes: then fewer replays have to do, and the report says how many.
        if begin.elapsed() > effort.time && stable.of >= FEWEST_REPLAYS {
            break;
        }
        stable.of += 1;
        if let Some(again) = show_case(judge, identity, worker, case.clone()) {
            stable.shown += 1;
            shown.get_or_insert(again);
        }
    }
    stable
}

/// Shrinks the suspect, replays the least case, and says what of it matters.
pub fn minimise(
    cell: &Cell<'_>,
    worker: &mut Worker,
    judge: &dyn Property,
    suspect: Suspect,
    effort: Effort,
) -> Finding {
    let generator = cell.property;
    let budget = crate::tape::Budget { evaluations: effort.evaluations, time: effort.time };
    let mut faults = Vec::new();
    let cost = worker.cost();
    let start = cheaper(generator, judge, worker, &suspect).unwrap_or_else(|| suspect.tape.clone());
    // A case that shows by chance is asked a few times before it is given up: what is left of it may show always.
    let mut asks = ASKS;
    let shrunk = catch_unwind(AssertUnwindSafe(|| {
        crate::tape::shrink(start.clone(), &budget, |source| {
            if worker.cost() - cost > effort.cost {
                return false;
            }
            let mut shows = show(generator, judge, &suspect.identity, worker, source).is_some();
            while !shows && asks > 1 {
                asks -= 1;
                let mut again = Source::replay(start.clone());
                shows = show(generator, judge, &suspect.identity, worker, &mut again).is_some();
            }
            asks = 1;
            shows
        })
    }));
    let (mut tape, mut runs) = match shrunk {
        Ok(shrunk) => (shrunk.tape, shrunk.evaluations as u64),
        Err(panic) => {
            faults.push(format!(
                "shrinking case {} of {} panicked: {}",
                suspect.index + 1,
                judge.id(),
                words(&panic)
            ));
            (suspect.tape.clone(), 0)
        }
    };
    let mut shown = show(generator, judge, &suspect.identity, worker, &mut Source::replay(tape.clone()));
    if shown.is_none() {
        // The least case does not show it again: fall back to what was found, and let the replays count.
        tape = suspect.tape.clone();
        shown = show(generator, judge, &suspect.identity, worker, &mut Source::replay(tape.clone()));
    }
    let mut whole = None;
    let mut parts = Vec::new();
    if let Some(found) = shown.take() {
        whole = Some((tape.clone(), found.case.clone()));
        let mut pruned = prune(judge, &suspect.identity, worker, found, effort);
        runs += pruned.runs;
        let least = (&tape, &pruned.shown.case);
        if let Some((other, empty)) =
            on_an_empty_table(generator, judge, &suspect.identity, worker, least, effort)
        {
            runs += empty.runs;
            let steps = prune(judge, &suspect.identity, worker, empty.shown, effort);
            runs += steps.runs;
            let parts = empty.parts.into_iter().chain(steps.parts).collect();
            if operations(&steps.shown.case) < operations(&pruned.shown.case) {
                tape = other;
                pruned = Pruned { shown: steps.shown, parts, runs };
            }
        }
        parts = pruned.parts;
        shown = Some(pruned.shown);
    }
    let capabilities = worker.capabilities().clone();
    let least = match &shown {
        Some(shown) => Some(shown.case.clone()),
        None => generator.generate(&mut Source::replay(tape.clone()), &capabilities).ok(),
    };
    let mut least = least.unwrap_or_else(|| unreachable!("a tape that gave a case gives it again"));
    let mut case = least.clone();
    let mut stable = replays(judge, &suspect.identity, worker, &case, effort, &mut shown);
    let mut surer = 0;
    // Without a stable case of few tries, one of many may be stable.
    while !stable.is_stable() && stable.shown > 0 {
        let Some(more) = generator.surer(&case) else { break };
        let mut seen = None;
        let again = replays(judge, &suspect.identity, worker, &more, effort, &mut seen);
        if seen.is_none() {
            break;
        }
        (case, stable, shown) = (more, again, seen);
        surer += 1;
    }
    // What shows by chance may have lost what makes it likely.
    if let Some((before, whole)) = whole.filter(|_| !stable.is_stable() && !parts.is_empty()) {
        let mut seen = None;
        let again = replays(judge, &suspect.identity, worker, &whole, effort, &mut seen);
        if again.shown > stable.shown {
            (case, least, stable, shown) = (whole.clone(), whole, again, seen);
            // The tape on an empty table leads to another case.
            tape = before;
            parts.clear();
            surer = 0;
        }
    }
    let explanation = if stable.is_stable() {
        explain(generator, judge, &suspect.identity, worker, (&tape, &least, &parts, surer), effort)
    } else {
        Default::default()
    };
    let (violation, wire) = match shown {
        Some(shown) => {
            let step = shown
                .observed
                .runs
                .get(shown.violation.run)
                .and_then(|run| run.steps.get(shown.violation.step));
            let wire = step.map(|step| step.exchanges.clone()).unwrap_or_default();
            (shown.violation, wire)
        }
        None => (suspect.violation, Vec::new()),
    };
    let library = &capabilities.library;
    Finding {
        property: judge.id().to_owned(),
        generator: generator.id().to_owned(),
        target: cell.target.clone(),
        library: format!("{} {}", library.name, library.version).trim().to_owned(),
        backend: cell.backend.clone(),
        violation,
        wire,
        first: suspect.index,
        count: 1,
        ms_to_failure: suspect.ms,
        shrink: Shrink { from: suspect.operations, to: operations(&case), runs },
        stable,
        explain: explanation,
        tape: tape.to_hint(),
        case,
        file: None,
        regression: false,
        accepted: None,
        faults,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_of_a_cell_share_its_time() {
        let minute = Duration::from_secs(60);
        assert_eq!(Effort::within(minute, Duration::ZERO).time, Duration::from_secs(20));
        assert_eq!(Effort::within(minute, minute).time, Duration::from_secs(10));
        assert_eq!(Effort::within(minute, minute * 3).time, Duration::from_millis(300));
        assert_eq!(Effort::within(Duration::from_secs(1), Duration::ZERO).time, Duration::from_secs(2));
        assert_eq!(Effort::within(minute, Duration::ZERO).frugal().time, Duration::from_secs(1));
    }
}
