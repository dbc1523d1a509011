//! A cell: one property on one target, run by all workers of the target.
//!
//! Workers take case numbers from one counter, and what they saw is committed in the order of these
//! numbers. So the first case of each identity, the counts and the statistics are the same for any number
//! of workers; only a budget in time lets the end vary.

use super::finding::Finding;
use super::minimise::{Effort, Suspect, minimise};
use super::seed::case_seed;
use super::worker::{STACK, Worker};
use crate::case::{Case, Observation, StepObservation};
use crate::property::{Judgement, Property, Violation};
use crate::tape::{Source, Tape};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Identities of one property that are shrunk in one cell; more are counted and named, not shrunk.
pub(crate) const IDENTITIES: usize = 20;

/// How long a cell goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// This many cases, whatever it takes.
    Cases(u64),
    /// This long.
    Time(Duration),
}

/// What a cell needs to know.
pub struct Cell<'a> {
    /// The property whose generator runs.
    pub property: &'a dyn Property,
    /// Properties that judge its cases besides.
    pub passive: &'a [&'a dyn Property],
    /// The run's seed.
    pub seed: u64,
    /// How long.
    pub budget: Budget,
    /// Only every `of`-th case, beginning with `index` (from 0).
    pub shard: Shard,
    /// Stop at the first finding.
    pub first: bool,
    /// The target's name.
    pub target: String,
    /// The backend's name.
    pub backend: String,
    /// Findings of this target so far, by property and identity: they are counted, not shrunk again.
    pub known: &'a BTreeSet<(String, String)>,
    /// Hears what happens, from any worker.
    pub events: &'a dyn Events,
}

/// A share of the cases of a run; in text it counts from one: `1/3`, `2/3`, `3/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    /// From 0.
    pub index: u64,
    /// At least 1.
    pub of: u64,
}

impl Shard {
    /// All cases.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Option<(u64, u64)> =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if index >= 1 && index <= of => Ok(Self { index: index - 1, of }),
            _ => Err(format!("{text:?} is no share: say 1/4 to 4/4")),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

/// Hears what happens in a cell.
pub trait Events: Sync {
    /// The case is about to run on this worker: it is on disk before.
    fn before_case(&self, worker: usize, property: &str, case: &Case);
    /// A case of an identity not seen before, before it is shrunk.
    fn suspected(&self, suspect: &Suspect);
    /// A finding is complete.
    fn found(&self, finding: &mut Finding);
    /// So many cases have run.
    fn progress(&self, cases: u64);
    /// Whether a finding is accepted, and why.
    fn accepted(&self, property: &str, identity: &str) -> Option<String>;
}

/// What a cell saw.
#[derive(Debug, Default)]
pub struct CellOutcome {
    /// Cases that were generated.
    pub cases: u64,
    /// Cases that checked nothing, by reason.
    pub discarded: BTreeMap<String, u64>,
    /// Cases by label.
    pub labels: BTreeMap<String, u64>,
    /// Findings in the order of their first case.
    pub findings: Vec<Finding>,
    /// Identities that were not shrunk, known ones among them: property, identity, cases.
    pub more: Vec<(String, String, u64)>,
    /// Cases that each passive property judged here.
    pub judged: u64,
    /// Wall time.
    pub ms: u64,
    /// Faults of the harness itself: panics that were caught.
    pub faults: Vec<String>,
}

impl CellOutcome {
    /// The number of cases that checked nothing.
    pub fn discards(&self) -> u64 {
        self.discarded.values().sum()
    }
}

struct Ran {
    discarded: Option<String>,
    labels: Vec<String>,
    violations: Vec<(usize, Violation)>,
    tape: Tape,
    operations: usize,
    at: Duration,
    cost: u64,
}

impl Ran {
    fn nothing(reason: &str) -> Self {
        Self {
            discarded: Some(reason.to_owned()),
            labels: Vec::new(),
            violations: Vec::new(),
            tape: Tape::default(),
            operations: 0,
            at: Duration::ZERO,
            cost: 0,
        }
    }
}

/// What a panic said.
pub(super) fn words(panic: &Box<dyn std::any::Any + Send>) -> String {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a word").to_owned()
}

#[derive(Default)]
struct Ledger {
    waiting: BTreeMap<u64, Ran>,
    next: u64,
    seen: BTreeMap<(usize, String), Identity>,
    queue: VecDeque<Suspect>,
    findings: Vec<Finding>,
    outcome: CellOutcome,
    /// Whether every case so far cost the target a start or a limit.
    always_costly: bool,
    /// What all findings have taken so far.
    minimising: Duration,
}

struct Identity {
    count: u64,
}

/// Runs the cell on its workers.
pub fn run(cell: &Cell<'_>, workers: &mut [Worker]) -> CellOutcome {
    let start = Instant::now();
    let ledger = Mutex::new(Ledger { always_costly: true, ..Ledger::default() });
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (number, worker) in workers.iter_mut().enumerate() {
            let (ledger, next, stop) = (&ledger, &next, &stop);
            let body = move || work(cell, number, worker, ledger, next, stop, start);
            let spawned = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, body);
            spawned.expect("a thread for each worker: the system has no more threads");
        }
    });
    let mut ledger = ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut outcome = std::mem::take(&mut ledger.outcome);
    outcome.findings = std::mem::take(&mut ledger.findings);
    outcome.findings.sort_by(|a, b| {
        (a.first, &a.property, &a.violation.identity).cmp(&(b.first, &b.property, &b.violation.identity))
    });
    for finding in &mut outcome.findings {
        let key = |(judge, identity): &(usize, String)| {
            judges(cell)[*judge].id() == finding.property && *identity == finding.violation.identity
        };
        if let Some((_, identity)) = ledger.seen.iter().find(|(k, _)| key(k)) {
            finding.count = identity.count;
        }
    }
    for ((judge, identity), entry) in &ledger.seen {
        let property = judges(cell)[*judge].id();
        let shown =
            outcome.findings.iter().any(|f| f.property == property && f.violation.identity == *identity);
        if !shown {
            outcome.more.push((property.to_owned(), identity.clone(), entry.count));
        }
    }
    outcome.ms = start.elapsed().as_millis() as u64;
    outcome
}

/// The cell's own property first, then the passive ones.
fn judges<'a>(cell: &Cell<'a>) -> Vec<&'a dyn Property> {
    std::iter::once(cell.property).chain(cell.passive.iter().copied()).collect()
}

fn work(
    cell: &Cell<'_>,
    number: usize,
    worker: &mut Worker,
    ledger: &Mutex<Ledger>,
    next: &AtomicU64,
    stop: &AtomicBool,
    start: Instant,
) {
    let judges = judges(cell);
    loop {
        let suspect = lock(ledger).queue.pop_front();
        if let Some(suspect) = suspect {
            let effort = match cell.budget {
                Budget::Cases(_) => Effort::STEADY,
                Budget::Time(time) => {
                    let effort = Effort::within(time, lock(ledger).minimising);
                    if suspect.costly { effort.frugal() } else { effort }
                }
            };
            let begin = Instant::now();
            let judge = judges[suspect.judge];
            let mut finding = minimise(cell, worker, judge, suspect, effort);
            finding.accepted = cell.events.accepted(&finding.property, &finding.violation.identity);
            cell.events.found(&mut finding);
            let mut ledger = lock(ledger);
            ledger.minimising += begin.elapsed();
            ledger.outcome.faults.append(&mut finding.faults);
            ledger.findings.push(finding);
            continue;
        }
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let position = next.fetch_add(1, Ordering::SeqCst);
        let over = match cell.budget {
            Budget::Cases(cases) => position * cell.shard.of + cell.shard.index >= cases,
            // One case at least, so that a slow start is not taken for a check.
            Budget::Time(time) => position > 0 && start.elapsed() >= time,
        };
        if over {
            // What other workers still find, they shrink themselves.
            return;
        }
        let caught =
            catch_unwind(AssertUnwindSafe(|| run_case(cell, &judges, number, worker, position, start)));
        let ran = caught.unwrap_or_else(|panic| {
            let index = position * cell.shard.of + cell.shard.index;
            let fault = format!("{} panicked in case {}: {}", cell.property.id(), index + 1, words(&panic));
            lock(ledger).outcome.faults.push(fault);
            Ran::nothing("the harness panicked")
        });
        commit(cell, &judges, ledger, stop, position, ran);
    }
}

fn run_case(
    cell: &Cell<'_>,
    judges: &[&dyn Property],
    number: usize,
    worker: &mut Worker,
    position: u64,
    start: Instant,
) -> Ran {
    let index = position * cell.shard.of + cell.shard.index;
    let mut source = Source::seeded(case_seed(cell.seed, cell.property.id(), index));
    let capabilities = worker.capabilities().clone();
    let generated = cell.property.generate(&mut source, &capabilities);
    let mut ran = Ran {
        discarded: None,
        labels: source.labels().to_vec(),
        tape: source.tape().clone(),
        ..Ran::nothing("")
    };
    match generated {
        Err(discard) => ran.discarded = Some(discard.0.to_owned()),
        Ok(case) => {
            cell.events.before_case(number, cell.property.id(), &case);
            let observed = worker.execute(&case);
            ran.operations = super::finding::operations(&case);
            ran.cost = observed.cost();
            for (judge, property) in judges.iter().enumerate() {
                match property.judge(&capabilities, &case, &observed) {
                    Judgement::Held => {}
                    Judgement::Discarded(reason) if judge == 0 => {
                        ran.discarded = Some(reason_of_discard(&case, &observed, reason));
                    }
                    Judgement::Discarded(_) => {}
                    Judgement::Violated(list) => ran.violations.extend(list.into_iter().map(|v| (judge, v))),
                }
            }
        }
    }
    ran.at = start.elapsed();
    ran
}

/// Why a case checked nothing: what the target did not answer or does not support says more than the property does.
fn reason_of_discard(case: &Case, observed: &Observation, reason: &str) -> String {
    match (observed.unanswered(), observed.unsupported(case)) {
        (Some(how), _) => how.to_owned(),
        (None, Some(method)) => format!("{method} is unsupported"),
        (None, None) => reason.to_owned(),
    }
}

fn commit(
    cell: &Cell<'_>,
    judges: &[&dyn Property],
    ledger: &Mutex<Ledger>,
    stop: &AtomicBool,
    position: u64,
    ran: Ran,
) {
    let mut guard = lock(ledger);
    let ledger = &mut *guard;
    ledger.waiting.insert(position, ran);
    while let Some(ran) = ledger.waiting.remove(&ledger.next) {
        let index = ledger.next * cell.shard.of + cell.shard.index;
        ledger.next += 1;
        if stop.load(Ordering::SeqCst) {
            continue;
        }
        ledger.always_costly &= ran.cost > 0 || ran.discarded.is_some();
        let outcome = &mut ledger.outcome;
        outcome.cases += 1;
        match ran.discarded {
            Some(reason) => *outcome.discarded.entry(reason).or_default() += 1,
            None => outcome.judged += 1,
        }
        let mut labels = ran.labels;
        labels.sort_unstable();
        labels.dedup();
        for label in labels {
            *outcome.labels.entry(label).or_default() += 1;
        }
        let mut here = Vec::new();
        for (judge, violation) in ran.violations {
            let key = (judge, violation.identity.clone());
            if here.contains(&key) {
                continue;
            }
            here.push(key.clone());
            if let Some(identity) = ledger.seen.get_mut(&key) {
                identity.count += 1;
                continue;
            }
            let fails = violation.hazard.is_none()
                && cell.events.accepted(judges[judge].id(), &violation.identity).is_none();
            let is_known = |(judge, identity): &(usize, String)| {
                cell.known.contains(&(judges[*judge].id().to_owned(), identity.clone()))
            };
            let fresh = ledger.seen.keys().filter(|seen| seen.0 == judge && !is_known(seen)).count();
            let known = is_known(&key);
            ledger.seen.insert(key, Identity { count: 1 });
            if known || fresh >= IDENTITIES {
                continue;
            }
            let suspect = Suspect {
                judge,
                property: judges[judge].id().to_owned(),
                identity: violation.identity.clone(),
                violation,
                index,
                tape: ran.tape.clone(),
                operations: ran.operations,
                ms: ran.at.as_millis() as u64,
                costly: ran.cost >= StepObservation::LIMIT || ledger.always_costly,
            };
            cell.events.suspected(&suspect);
            ledger.queue.push_back(suspect);
            if cell.first && fails {
                stop.store(true, Ordering::SeqCst);
            }
        }
        if outcome_tick(ledger.outcome.cases) {
            cell.events.progress(ledger.outcome.cases);
        }
    }
}

fn outcome_tick(cases: u64) -> bool {
    cases.is_power_of_two() || cases.is_multiple_of(50)
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    // A panic elsewhere is reported by the scope; what the ledger holds is whole after each statement.
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
