//! Stores: schemas that stand for the system of a threat model, judged by [`isolate`].
//!
//! A store is run as a whole, since one program may break any of its properties. Its rows stand in the evidence beside
//! those of targets, with the leaks that were found.

use super::campaign::Listener;
use super::cell::Budget;
use super::row::{Row, Verdict, empty};
use crate::backend::postgres::Choice;
use crate::isolate::finding::{Finding, print, property_of};
use crate::isolate::{self, Options, Problem, Report};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The properties of stores, with what must hold.
pub const PROPERTIES: [(&str, &str); 6] = [
    ("isolation_read", "a tenant's statements return no row of another"),
    (
        "isolation_write",
        "a tenant's program leaves others' rows as they are, and what others do next works as without it",
    ),
    ("isolation_infer", "a tenant observes the same whatever rows others have"),
    ("tenant_partition", "the owner's answer is the disjoint union of the tenants' answers"),
    ("pool_hygiene", "on a shared connection the next tenant starts without the last one's identity"),
    ("isolation_fail_closed", "without a tenant there are no rows and no writes"),
];

/// Where a store runs, before a server has said its version.
const BACKEND: &str = "postgres";

/// What is to be run.
pub struct Stores<'a> {
    /// Tenancy contracts.
    pub contracts: Vec<PathBuf>,
    /// Whether a property is wanted.
    pub wanted: &'a dyn Fn(&str) -> bool,
    /// For each store.
    pub budget: Budget,
    /// The run's seed.
    pub seed: u64,
    /// Workers.
    pub jobs: usize,
    /// Stop at the first leak.
    pub first: bool,
    /// Why nothing is run, where the command line rules it out.
    pub left_out: Option<String>,
    /// Where leaks are saved.
    pub failures: PathBuf,
}

/// Replays of a leak that an earlier version reported.
fn replays() -> usize {
    isolate::finding::REPLAYS
}

/// A leak of a store, for reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leak {
    /// The symptom in one sentence.
    pub title: String,
    /// Channel and object: what tells it from others.
    pub identity: String,
    /// Channels, worst first.
    pub channels: Vec<String>,
    /// The verdict on it alone.
    pub verdict: Verdict,
    /// Why it is accepted, where the contract says so.
    pub reason: Option<String>,
    /// Programs up to the first that showed it, from 1.
    pub tests: u64,
    /// Milliseconds up to it.
    pub ms: u64,
    /// Statements and rows of B when found, in the least program, and the runs between.
    pub shrink: (usize, usize, usize),
    /// How many replays showed it again.
    pub stable: usize,
    /// How many there were.
    #[serde(default = "replays")]
    pub replays: usize,
    /// The saved case.
    pub file: PathBuf,
    /// The story, as `isolate` prints it.
    pub text: String,
}

/// Runs the stores one after the other; a row for each property that is wanted.
///
/// # Errors
/// A contract that cannot be used: file, line and reason.
pub fn run(stores: &Stores<'_>, listener: &dyn Listener) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for contract in &stores.contracts {
        let name = name(contract);
        let time = match (&stores.left_out, stores.budget) {
            (Some(reason), _) => Err(reason.clone()),
            (None, Budget::Cases(_)) => Err("isolation runs by time: give --time, or no budget".to_owned()),
            (None, Budget::Time(time)) => Ok(time),
        };
        let seen = match time {
            Err(reason) => Err((Verdict::NotRun, reason)),
            Ok(time) => match one(stores, contract, time) {
                Ok(report) => Ok(report),
                Err(Problem::Contract(error)) => return Err(error.to_string()),
                Err(Problem::Missing(reason)) => Err((Verdict::NotRun, reason)),
                Err(Problem::Harness(reason) | Problem::Usage(reason)) => Err((Verdict::Error, reason)),
            },
        };
        if let Err((verdict, reason)) = &seen {
            let word = if *verdict == Verdict::Error { "error" } else { "not run" };
            listener.say(&format!("{name}: {word} — {reason}"));
        }
        let wanted = PROPERTIES.iter().filter(|(id, _)| (stores.wanted)(id));
        for (id, _) in wanted {
            let row = match &seen {
                Ok(report) => judged(id, &name, report, &stores.failures),
                Err((verdict, reason)) => {
                    Row { verdict: *verdict, reason: Some(reason.clone()), ..empty(id, &name, BACKEND) }
                }
            };
            row.leaks
                .iter()
                .filter(|leak| leak.verdict != Verdict::Accepted)
                .for_each(|leak| listener.leak(leak));
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The contract's name, as in its own reports.
fn name(contract: &Path) -> String {
    isolate::contract::Contract::read(contract)
        .map_or_else(|_| contract.display().to_string(), |read| read.name())
}

fn one(stores: &Stores<'_>, contract: &Path, time: Duration) -> Result<Report, Problem> {
    isolate::run(&Options {
        contract: contract.to_owned(),
        time,
        seed: stores.seed,
        jobs: stores.jobs,
        report: None,
        failures: stores.failures.clone(),
        postgres: Choice::default(),
        fail_fast: stores.first,
        quiet: true,
    })
}

/// The row of a property, from what a run of the store saw.
fn judged(id: &str, name: &str, report: &Report, failures: &Path) -> Row {
    let mine =
        report.findings.iter().filter(|finding| property_of(finding.channel(), &finding.program) == id);
    let leaks: Vec<Leak> = mine.map(|finding| leak(finding, name, failures)).collect();
    let cases = report.cases_of.get(id).copied().unwrap_or(0) as u64;
    let mut row =
        Row { backend: report.backend.clone(), cases, ms: report.ms as u64, ..empty(id, name, BACKEND) };
    row.verdict = leaks.iter().map(|leak| leak.verdict).min().unwrap_or(Verdict::Held);
    if let (Verdict::Held, Some(reason)) = (row.verdict, &report.ended_early) {
        row.verdict = Verdict::Error;
        row.reason = Some(reason.clone());
    } else if row.verdict == Verdict::Held && cases == 0 {
        row.verdict = Verdict::NotRun;
        row.reason = Some("no program of this kind was run in the time".to_owned());
    }
    row.leaks = leaks;
    row
}

fn leak(finding: &Finding, name: &str, failures: &Path) -> Leak {
    let stem = failures.join(format!("{name}-{}", finding.file_name()));
    let verdict = match (&finding.accepted, finding.is_stable()) {
        (Some(_), _) => Verdict::Accepted,
        (None, true) => Verdict::Finding,
        (None, false) => Verdict::Flaky,
    };
    Leak {
        title: finding.title(),
        identity: format!("{} {}", finding.channel().name(), finding.object),
        channels: finding.channels.iter().map(|channel| channel.name().to_owned()).collect(),
        verdict,
        reason: finding.accepted.clone(),
        tests: finding.tests as u64,
        ms: finding.ms as u64,
        shrink: finding.shrink,
        stable: finding.stable,
        replays: finding.replays,
        file: stem.with_extension("case.json"),
        text: print(finding, name, &stem.display().to_string()),
    }
}
