//! A campaign: targets × properties, one cell after the other, with one set of workers a target.

use super::accepted::Accepted;
use super::case_file::{CaseFile, CaseFileError, write_whole};
use super::cell::{self, Budget, Cell, CellOutcome, Events, Shard};
use super::finding::{Finding, Stability};
use super::minimise::{Suspect, show_case};
use super::row::empty;
pub use super::row::{CampaignOutcome, Row, Verdict};
use super::running::Running;
use super::stores::Leak;
use super::weights::{Weights, share};
use super::worker::Worker;
use crate::backend::{BackendChoice, BackendError};
use crate::case::Case;
use crate::property::Property;
use crate::target::{Launch, LaunchError};
use proofhouse_models::mapper::Capabilities;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A target, and whether the user asked for it by name.
pub type Chosen = (Arc<dyn Launch>, bool);

/// What is to be run.
pub struct Campaign<'a> {
    /// Targets in the order of the report; the flag says whether the user asked for it by name.
    pub targets: Vec<Chosen>,
    /// Properties in the order of the report.
    pub properties: Vec<&'a dyn Property>,
    /// The engine.
    pub backend: BackendChoice,
    /// For each cell, or for all together.
    pub budget: Allowance,
    /// How a budget for all together is shared out.
    pub weights: Weights,
    /// The run's seed.
    pub seed: u64,
    /// Workers.
    pub jobs: usize,
    /// A share of the cases.
    pub shard: Shard,
    /// Stop a cell at its first finding.
    pub first: bool,
    /// Known findings.
    pub accepted: Vec<Accepted>,
    /// Saved cases that run before generated ones.
    pub regressions: Vec<PathBuf>,
    /// Where cases are saved.
    pub failures: PathBuf,
}

/// The budget of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// For each property on each target.
    Each(Budget),
    /// For the whole campaign, shared out by weight.
    Whole(Duration),
}

/// As a person reads it, with all that tells two budgets apart.
impl std::fmt::Display for Allowance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Each(Budget::Cases(cases)) => write!(f, "{cases} cases each"),
            Self::Each(Budget::Time(time)) => write!(f, "{time:?} each"),
            Self::Whole(time) => write!(f, "{time:?} in all"),
        }
    }
}

/// Hears of a campaign's course, from any thread.
pub trait Listener: Sync {
    /// A line for a person about set-up and notices.
    fn say(&self, line: &str);
    /// A cell goes on.
    fn progress(&self, target: &str, property: &str, cases: u64);
    /// A finding is complete and saved.
    fn finding(&self, finding: &Finding);
    /// A leak of a store is complete and saved.
    fn leak(&self, leak: &Leak);
    /// A cell is over; the rows so far.
    fn rows(&self, rows: &[Row]);
}

/// Runs a campaign.
pub fn run(campaign: &Campaign<'_>, listener: &dyn Listener) -> CampaignOutcome {
    let mut outcome = CampaignOutcome::default();
    let start = Instant::now();
    report_interrupted(campaign, listener);
    let ids = || campaign.properties.iter().map(|property| property.id());
    let weights =
        campaign.targets.iter().map(|(launch, _)| campaign.weights.of_target(ids(), &launch.name()));
    let weights: Vec<f64> = weights.collect();
    for (number, (launch, by_name)) in campaign.targets.iter().enumerate() {
        let allowance = match campaign.budget {
            Allowance::Each(budget) => Allowance::Each(budget),
            Allowance::Whole(time) => {
                Allowance::Whole(share(time.saturating_sub(start.elapsed()), &weights[number..]))
            }
        };
        run_target(campaign, launch, *by_name, allowance, listener, &mut outcome);
    }
    outcome.stale = stale(&campaign.accepted, &outcome.rows);
    outcome
}

/// Entries of `accepted.toml` whose target and property were run well enough to show them, and did not.
pub(crate) fn stale(accepted: &[Accepted], rows: &[Row]) -> Vec<Accepted> {
    let ran = |entry: &Accepted| {
        rows.iter()
            .any(|row| row.target == entry.target && row.property == entry.property && row.cases >= 1_000)
    };
    let seen = |entry: &Accepted| {
        rows.iter().any(|row| {
            row.findings.iter().any(|f| entry.matches(&f.property, &f.target, &f.violation.identity))
                || row.more.iter().any(|(identity, _)| entry.matches(&row.property, &row.target, identity))
        })
    };
    accepted.iter().filter(|entry| ran(entry) && !seen(entry)).cloned().collect()
}

/// Cases that were running when an earlier run died.
fn report_interrupted(campaign: &Campaign<'_>, listener: &dyn Listener) {
    let folder = running_folder(&campaign.failures);
    let Ok(entries) = std::fs::read_dir(&folder) else { return };
    let mut died: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    died.sort();
    for path in died {
        let owner = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('-').next());
        let alive = owner.is_some_and(|pid| Path::new("/proc").join(pid).exists());
        if alive || path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let kept = campaign.failures.join(format!(
            "interrupted-{}",
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        ));
        if std::fs::rename(&path, &kept).is_ok() {
            listener.say(&format!(
                "an earlier run ended while it ran {}: replay it if that was a crash",
                kept.display()
            ));
        }
    }
}

fn running_folder(failures: &Path) -> PathBuf {
    failures.join("running")
}

struct TargetRun<'a, 'b> {
    campaign: &'a Campaign<'b>,
    listener: &'a dyn Listener,
    target: String,
    rows: Mutex<Vec<Row>>,
    now: Mutex<String>,
    earlier: Vec<Row>,
    /// The file of each worker that holds the case which runs.
    running: Vec<Mutex<Option<Running>>>,
}

impl TargetRun<'_, '_> {
    /// The stable findings so far, by property and identity.
    fn known(&self) -> BTreeSet<(String, String)> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let stable = rows.iter().flat_map(|row| &row.findings).filter(|finding| finding.stable.is_stable());
        stable.map(|finding| (finding.property.clone(), finding.violation.identity.clone())).collect()
    }
}

impl Events for TargetRun<'_, '_> {
    fn before_case(&self, worker: usize, property: &str, case: &Case) {
        // Written without a sync: it has to outlive this process, not the machine.
        let text = serde_json::to_vec(&CaseFile {
            proofhouse: super::case_file::VERSION,
            property: property.to_owned(),
            target: self.target.clone(),
            library: String::new(),
            backend: self.campaign.backend.to_string(),
            identity: String::new(),
            title: "was running".to_owned(),
            case: case.clone(),
            tape: String::new(),
        });
        let Some(slot) = self.running.get(worker) else { return };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            let folder = running_folder(&self.campaign.failures);
            let file = File::create(folder.join(format!("{}-{worker}.case.json", std::process::id())));
            *slot = file.ok().map(Running::new);
        }
        if let (Some(running), Ok(text)) = (slot.as_mut(), text) {
            // A full disk is reported where findings are saved.
            let _ = running.write(text);
        }
    }

    fn suspected(&self, _suspect: &Suspect) {}

    fn found(&self, finding: &mut Finding) {
        match save(finding, &self.campaign.failures) {
            Ok(path) => finding.file = Some(path),
            // A finding that cannot be kept is a fault of the run: status 3.
            Err(error) => finding.faults.push(error.to_string()),
        }
        let rows = {
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(row) = rows.iter_mut().find(|row| row.property == finding.property) {
                row.findings.push(finding.clone());
                row.verdict = row.verdict_of_findings();
            }
            self.earlier.iter().chain(rows.iter()).cloned().collect::<Vec<_>>()
        };
        self.listener.rows(&rows);
        self.listener.finding(finding);
    }

    fn progress(&self, cases: u64) {
        let property = self.now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.listener.progress(&self.target, &property, cases);
    }

    fn accepted(&self, property: &str, identity: &str) -> Option<String> {
        let mut entries = self.campaign.accepted.iter();
        entries
            .find(|entry| entry.matches(property, &self.target, identity))
            .map(|entry| entry.reason.clone())
    }
}

/// Saves a finding's case under its stem.
///
/// # Errors
/// [`CaseFileError::Write`] where the disk does not take it.
pub fn save(finding: &Finding, failures: &Path) -> Result<PathBuf, CaseFileError> {
    let stem = Finding::stem(&finding.property, &finding.target, &finding.violation.identity);
    let path = failures.join(format!("{stem}.case.json"));
    case_file(finding).write(&path)?;
    Ok(path)
}

/// The finding as a case file.
pub fn case_file(finding: &Finding) -> CaseFile {
    CaseFile {
        proofhouse: super::case_file::VERSION,
        property: finding.property.clone(),
        target: finding.target.clone(),
        library: finding.library.clone(),
        backend: finding.backend.clone(),
        identity: finding.violation.identity.clone(),
        title: finding.violation.title.clone(),
        case: finding.case.clone(),
        tape: finding.tape.clone(),
    }
}

fn start_workers(campaign: &Campaign<'_>, launch: &Arc<dyn Launch>) -> Result<Vec<Worker>, Problem> {
    let mut workers = Vec::new();
    for _ in 0..campaign.jobs.max(1) {
        let backend = campaign.backend.open().map_err(Problem::Backend)?;
        workers.push(Worker::start(launch.clone(), backend, campaign.seed).map_err(Problem::Launch)?);
    }
    Ok(workers)
}

enum Problem {
    Backend(BackendError),
    Launch(LaunchError),
}

fn run_target(
    campaign: &Campaign<'_>,
    launch: &Arc<dyn Launch>,
    by_name: bool,
    allowance: Allowance,
    listener: &dyn Listener,
    outcome: &mut CampaignOutcome,
) {
    let target = launch.name();
    let ready = launch.prepare(&|line| listener.say(line)).map_err(Problem::Launch);
    let mut workers = match ready.and_then(|()| start_workers(campaign, launch)) {
        Ok(workers) => workers,
        Err(problem) => {
            let (verdict, reason) = match problem {
                Problem::Launch(LaunchError::Missing { reason }) => (Verdict::NotRun, reason),
                Problem::Launch(LaunchError::Failed(reason)) => (Verdict::Error, reason),
                Problem::Backend(error) => (Verdict::Error, error.to_string()),
            };
            listener.say(&format!(
                "{target}: {} — {reason}",
                if verdict == Verdict::Error { "error" } else { "not run" }
            ));
            let row = |property: &&dyn Property| Row {
                verdict,
                reason: Some(reason.clone()),
                ..empty_row(property.id(), &target, campaign, by_name)
            };
            outcome.rows.extend(campaign.properties.iter().map(row));
            listener.rows(&outcome.rows);
            return;
        }
    };
    let capabilities = workers[0].capabilities().clone();
    listener.say(&format!("{target}: {} on {}", describe(&capabilities), workers[0].engine()));
    if let Err(error) = std::fs::create_dir_all(running_folder(&campaign.failures)) {
        outcome.errors.push(format!("{}: cannot make the folder: {error}", campaign.failures.display()));
    }
    let mut rows: Vec<Row> = Vec::new();
    for property in &campaign.properties {
        let mut row = empty_row(property.id(), &target, campaign, by_name);
        row.version.clone_from(&capabilities.library.version);
        if let Err(reason) = property.needs(&capabilities) {
            row.verdict = Verdict::NotApplicable;
            row.reason = Some(reason);
        }
        rows.push(row);
    }
    let run = TargetRun {
        campaign,
        listener,
        target: target.clone(),
        rows: Mutex::new(rows),
        now: Mutex::new(String::new()),
        earlier: outcome.rows.clone(),
        running: workers.iter().map(|_| Mutex::default()).collect(),
    };
    replay_regressions(campaign, &run, &mut workers[0], &capabilities, listener);
    let applicable: Vec<&dyn Property> = campaign
        .properties
        .iter()
        .copied()
        .filter(|property| property.needs(&capabilities).is_ok())
        .collect();
    let start = Instant::now();
    let weights: Vec<f64> =
        applicable.iter().map(|property| campaign.weights.of(property.id(), &target)).collect();
    for (number, property) in applicable.iter().enumerate() {
        let passive: Vec<&dyn Property> = applicable
            .iter()
            .copied()
            .filter(|other| other.is_passive() && other.id() != property.id())
            .collect();
        let budget = match allowance {
            Allowance::Each(budget) => budget,
            Allowance::Whole(time) => {
                let mine = share(time.saturating_sub(start.elapsed()), &weights[number..]);
                Budget::Time(mine.max(Duration::from_millis(300)))
            }
        };
        *run.now.lock().unwrap_or_else(PoisonError::into_inner) = property.id().to_owned();
        let known = run.known();
        let cell = Cell {
            property: *property,
            passive: &passive,
            seed: campaign.seed,
            budget,
            shard: campaign.shard,
            first: campaign.first,
            target: target.clone(),
            backend: campaign.backend.to_string(),
            known: &known,
            events: &run,
        };
        let seen = cell::run(&cell, &mut workers);
        outcome.errors.extend(seen.faults.iter().map(|fault| format!("{target}: {fault}")));
        finish_cell(&run, *property, seen, &capabilities);
        let rows = run.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        listener.rows(&run.earlier.iter().cloned().chain(rows).collect::<Vec<_>>());
    }
    for worker in 0..workers.len() {
        let file = format!("{}-{worker}.case.json", std::process::id());
        let _ = std::fs::remove_file(running_folder(&campaign.failures).join(file));
    }
    let rows = run.rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.rows.extend(rows);
}

fn describe(capabilities: &Capabilities) -> String {
    let library = &capabilities.library;
    format!("{} {} ({})", library.name, library.version, capabilities.language).replace("  ", " ")
}

fn empty_row(property: &str, target: &str, campaign: &Campaign<'_>, by_name: bool) -> Row {
    Row { by_name, ..empty(property, target, &campaign.backend.to_string()) }
}

fn finish_cell(
    run: &TargetRun<'_, '_>,
    property: &dyn Property,
    seen: CellOutcome,
    capabilities: &Capabilities,
) {
    let mut rows = run.rows.lock().unwrap_or_else(PoisonError::into_inner);
    // The counts of findings are final only now; what was pushed when found has the count of that moment.
    for finding in &seen.findings {
        if let Some(row) = rows.iter_mut().find(|row| row.property == finding.property) {
            merge_finding(row, finding);
        }
    }
    for row in rows.iter_mut() {
        // They were pushed as workers completed them.
        row.findings.sort_by(|a, b| (a.first, &a.violation.identity).cmp(&(b.first, &b.violation.identity)));
    }
    for (judged, identity, count) in &seen.more {
        let Some(row) = rows.iter_mut().find(|row| row.property == *judged) else { continue };
        let shown = row.findings.iter_mut().find(|finding| finding.violation.identity == *identity);
        let named = row.more.iter_mut().find(|(name, _)| name == identity);
        match (shown, named) {
            (Some(finding), _) => finding.count += count,
            (None, Some((_, known))) => *known += count,
            (None, None) => row.more.push((identity.clone(), *count)),
        }
    }
    let Some(row) = rows.iter_mut().find(|row| row.property == property.id()) else { return };
    row.cases = seen.cases;
    row.discarded = seen.discards();
    row.ms = seen.ms;
    row.discards = seen.discarded;
    row.labels = seen.labels;
    let floors = property.floors(capabilities).into_iter();
    row.floors = floors.map(|(label, percent)| (label.to_owned(), percent)).collect();
    row.settle();
}

/// The same identity from two cells is one finding: the least case stays, the counts add up.
fn merge_finding(row: &mut Row, finding: &Finding) {
    let same = |other: &&mut Finding| other.violation.identity == finding.violation.identity;
    let mut others = row.findings.iter_mut().filter(same);
    match others.next() {
        Some(first) if first.tape == finding.tape && first.first == finding.first => {
            first.count = finding.count
        }
        Some(first) => {
            first.count += finding.count;
            let identity = finding.violation.identity.clone();
            let mut kept = false;
            row.findings.retain(|other| {
                let this = other.violation.identity == identity;
                let keep = !this || !kept;
                kept |= this;
                keep
            });
        }
        None => row.findings.push(finding.clone()),
    }
}

/// Saved cases first: a regression is found before anything is generated.
fn replay_regressions(
    campaign: &Campaign<'_>,
    run: &TargetRun<'_, '_>,
    worker: &mut Worker,
    capabilities: &Capabilities,
    listener: &dyn Listener,
) {
    for path in &campaign.regressions {
        let file = match CaseFile::read(path) {
            Ok(file) => file,
            Err(error) => {
                listener.say(&format!("error: {error}"));
                continue;
            }
        };
        if file.target != run.target {
            continue;
        }
        let Some(property) = campaign.properties.iter().find(|property| property.id() == file.property)
        else {
            continue;
        };
        if property.needs(capabilities).is_err() {
            continue;
        }
        let Some(mut finding) = replay(*property, &file, worker) else { continue };
        finding.file = Some(path.clone());
        finding.accepted = run.accepted(&finding.property, &finding.violation.identity);
        let mut rows = run.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = rows.iter_mut().find(|row| row.property == finding.property) {
            row.findings.push(finding.clone());
        }
        drop(rows);
        listener.finding(&finding);
    }
}

/// Replays a saved case; a finding where it still shows its identity.
pub fn replay(property: &dyn Property, file: &CaseFile, worker: &mut Worker) -> Option<Finding> {
    let first = show_case(property, &file.identity, worker, file.case.clone())?;
    let mut stable = Stability { shown: 1, of: 1 };
    for _ in 1..20 {
        stable.of += 1;
        stable.shown += u32::from(show_case(property, &file.identity, worker, file.case.clone()).is_some());
    }
    let operations = super::finding::operations(&file.case);
    let step =
        first.observed.runs.get(first.violation.run).and_then(|run| run.steps.get(first.violation.step));
    Some(Finding {
        property: file.property.clone(),
        generator: file.property.clone(),
        target: file.target.clone(),
        library: file.library.clone(),
        backend: worker.backend_name(),
        wire: step.map(|step| step.exchanges.clone()).unwrap_or_default(),
        violation: first.violation,
        case: file.case.clone(),
        first: 0,
        count: 1,
        ms_to_failure: 0,
        shrink: super::finding::Shrink { from: operations, to: operations, runs: 0 },
        stable,
        explain: Default::default(),
        tape: file.tape.clone(),
        file: None,
        regression: true,
        accepted: None,
        faults: Vec::new(),
    })
}

/// Copies the saved cases of findings into a folder of regressions (`--save`).
///
/// # Errors
/// [`CaseFileError::Write`] where the disk does not take it.
pub fn promote(findings: &[&Finding], folder: &Path) -> Result<Vec<PathBuf>, CaseFileError> {
    findings.iter().map(|finding| save(finding, folder)).collect()
}

/// Writes a report's file as a whole.
///
/// # Errors
/// [`CaseFileError::Write`] where the disk does not take it.
pub fn write_report(path: &Path, text: &str) -> Result<(), CaseFileError> {
    write_whole(path, text.as_bytes())
}
