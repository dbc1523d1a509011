//! One property of one's own mapper in `cargo test`.
//!
//! ```no_run
//! # fn my_mapper() -> std::sync::Arc<dyn proofhouse::target::Launch> {
//! #     std::sync::Arc::new(proofhouse::target::ProcessLaunch::new("mine", vec!["my_adapter".into()]))
//! # }
//! #[test]
//! fn an_update_leaves_other_attributes_alone() {
//!     proofhouse::check("frame", my_mapper()).cases(1_000).run();
//! }
//! ```

use super::accepted::Accepted;
use super::campaign::{Allowance, Campaign, CampaignOutcome, Listener, Row, Verdict, run};
use super::cell::{Budget, Shard};
use super::finding::{Class, Finding};
use super::weights::Weights;
use crate::backend::BackendChoice;
use crate::property;
use crate::report::terminal;
use crate::target::Launch;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A check of one property on one target, for `cargo test`.
#[must_use = "nothing is checked before `run`"]
pub struct Check {
    property: String,
    target: Arc<dyn Launch>,
    budget: Budget,
    seed: u64,
    jobs: usize,
    backend: BackendChoice,
    regressions: PathBuf,
    failures: PathBuf,
    accepted: Vec<Accepted>,
}

/// Checks a property of a target: saved failures first, then 1,000 generated cases, or as told.
pub fn check(property: &str, target: Arc<dyn Launch>) -> Check {
    Check {
        property: property.to_owned(),
        target,
        budget: Budget::Cases(1_000),
        seed: 0,
        jobs: 2,
        backend: BackendChoice::Embedded,
        regressions: PathBuf::from("snapshots/failures"),
        failures: PathBuf::from("target/proofhouse/failures"),
        accepted: Vec::new(),
    }
}

impl Check {
    /// So many generated cases.
    pub fn cases(mut self, cases: u64) -> Self {
        self.budget = Budget::Cases(cases);
        self
    }

    /// Generated cases for this long.
    pub fn time(mut self, time: Duration) -> Self {
        self.budget = Budget::Time(time);
        self
    }

    /// Another seed than 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Another number of workers than 2.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Another engine than the embedded one.
    pub fn backend(mut self, backend: BackendChoice) -> Self {
        self.backend = backend;
        self
    }

    /// The folder of saved failures that run first (default `snapshots/failures`).
    pub fn regressions(mut self, folder: impl Into<PathBuf>) -> Self {
        self.regressions = folder.into();
        self
    }

    /// The folder in which new failures are saved (default `target/proofhouse/failures`).
    pub fn failures(mut self, folder: impl Into<PathBuf>) -> Self {
        self.failures = folder.into();
        self
    }

    /// Findings that are known and do not fail the test.
    pub fn accepted(mut self, accepted: Vec<Accepted>) -> Self {
        self.accepted = accepted;
        self
    }

    /// Runs the check and hands back what was seen, without a panic.
    pub fn outcome(&self) -> CampaignOutcome {
        let properties = property::all();
        let chosen = properties.iter().map(AsRef::as_ref).filter(|p| p.id() == self.property).collect();
        let campaign = Campaign {
            targets: vec![(self.target.clone(), true)],
            properties: chosen,
            backend: self.backend.clone(),
            budget: Allowance::Each(self.budget),
            weights: Weights::default(),
            seed: self.seed,
            jobs: self.jobs,
            shard: Shard::WHOLE,
            first: false,
            accepted: self.accepted.clone(),
            regressions: case_files(&self.regressions),
            failures: self.failures.clone(),
        };
        run(&campaign, &Silent::default())
    }

    /// Runs the check.
    ///
    /// # Panics
    /// With the finding, as a person reads it, where the property does not hold; with the reason where it
    /// could not be checked.
    pub fn run(self) {
        let known = property::all();
        if !known.iter().any(|property| property.id() == self.property) {
            let ids: Vec<&str> = known.iter().map(|property| property.id()).collect();
            panic!("no property is called {:?}; there are: {}", self.property, ids.join(", "));
        }
        let outcome = self.outcome();
        for row in &outcome.rows {
            let shown: Vec<String> = row
                .findings
                .iter()
                .filter(|finding| matches!(finding.class(), Class::Defect | Class::Flaky))
                .map(|finding| terminal::finding(finding, &[]))
                .collect();
            assert!(shown.is_empty(), "\n\n{}", shown.join("\n"));
            let reason = row.reason.as_deref().unwrap_or_default();
            assert!(
                matches!(row.verdict, Verdict::Held | Verdict::Accepted | Verdict::Hazard),
                "{} on {}: {}: {reason}",
                row.property,
                row.target,
                terminal::word(row.verdict)
            );
            println!("{}: {} cases on {} ({})", row.property, row.cases, row.target, row.backend);
        }
    }
}

/// The case files of a folder, by name; none where the folder does not exist.
pub fn case_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".case.json"))
        .collect();
    files.sort();
    files
}

/// Keeps what was said for whoever asks.
#[derive(Default)]
struct Silent {
    said: Mutex<Vec<String>>,
}

impl Listener for Silent {
    fn say(&self, line: &str) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }

    fn progress(&self, _target: &str, _property: &str, _cases: u64) {}

    fn finding(&self, _finding: &Finding) {}

    fn leak(&self, _leak: &super::stores::Leak) {}

    fn rows(&self, _rows: &[Row]) {}
}
