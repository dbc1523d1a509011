//! One property on one running target, fed with bytes.

use crate::backend::{BackendChoice, BackendError};
use crate::case::{Case, StepObservation};
use crate::engine::accepted::Accepted;
use crate::engine::campaign::promote;
use crate::engine::case_file::CaseFileError;
use crate::engine::cell::{Budget, Cell, Events, Shard};
use crate::engine::finding::{Finding, operations};
use crate::engine::minimise::{Effort, Suspect, minimise};
use crate::engine::threats::nearest;
use crate::engine::worker::Worker;
use crate::property::{self, Judgement, Property};
use crate::tape::{Discard, Source};
use crate::target::{Launch, LaunchError};
use proofhouse_models::mapper::Capabilities;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time that the shrinker, the replays and the explanation of one finding may take, each: below libFuzzer's limit
/// of 1,200 s for one input.
const SHRINK: Duration = Duration::from_secs(60);

/// What is fuzzed.
#[derive(Clone)]
pub struct Setting {
    /// The property's id.
    pub property: String,
    /// The target.
    pub target: Arc<dyn Launch>,
    /// The engine.
    pub backend: BackendChoice,
    /// Findings that are known: fuzzing goes on past them.
    pub accepted: Vec<Accepted>,
}

/// Why nothing can be fuzzed.
#[derive(Debug, thiserror::Error)]
pub enum FuzzError {
    /// No such property.
    #[error("no property is called {name:?}{near} (`proofhouse list properties` shows all)")]
    Property {
        /// As it was given.
        name: String,
        /// The nearest one, as a question; or nothing.
        near: String,
    },
    /// The target lacks what the property needs.
    #[error("{property} does not apply to {target}: {reason}; name another target")]
    NotApplicable {
        /// The property.
        property: String,
        /// The target.
        target: String,
        /// What is missing.
        reason: String,
    },
    /// The target does not start.
    #[error("{target}: {source}")]
    Launch {
        /// The target.
        target: String,
        /// Why.
        source: LaunchError,
    },
    /// The engine does not open.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl FuzzError {
    /// Whether another command line, or another environment variable, helps.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Property { .. } | Self::NotApplicable { .. } => true,
            Self::Backend(error) => error.is_usage(),
            Self::Launch { .. } => false,
        }
    }
}

/// What one input came to.
#[derive(Debug)]
pub enum Ran {
    /// The bytes lead to no case.
    NoCase(&'static str),
    /// The case ran and nothing was checked.
    Discarded(&'static str),
    /// The property held.
    Held,
    /// It was broken in ways that are documented or accepted: the first one's identity.
    Known(String),
    /// It was broken.
    Broken(Box<Suspect>),
}

/// One property on one running target.
pub struct Bench {
    property: Box<dyn Property>,
    worker: Worker,
    capabilities: Capabilities,
    setting: Setting,
    runs: u64,
    begin: Instant,
}

impl Bench {
    /// Starts the target against an engine of its own.
    ///
    /// # Errors
    /// [`FuzzError`] where the property is not known or does not apply, and where target or engine do not start.
    pub fn open(setting: Setting) -> Result<Self, FuzzError> {
        let property = property_named(&setting.property)?;
        let target = setting.target.name();
        let launched = |source| FuzzError::Launch { target: target.clone(), source };
        setting.target.prepare(&|line| eprintln!("{line}")).map_err(launched)?;
        let backend = setting.backend.open()?;
        let worker = Worker::start(setting.target.clone(), backend, 0).map_err(launched)?;
        let capabilities = worker.capabilities().clone();
        if let Err(reason) = property.needs(&capabilities) {
            return Err(FuzzError::NotApplicable { property: setting.property, target, reason });
        }
        Ok(Self { property, worker, capabilities, setting, runs: 0, begin: Instant::now() })
    }

    /// What the target says of itself, which the generators go by.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The property.
    pub fn property(&self) -> &dyn Property {
        self.property.as_ref()
    }

    /// Inputs so far.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// The case of some bytes.
    ///
    /// # Errors
    /// [`Discard`] where they lead to none.
    pub fn case(&self, bytes: &[u8]) -> Result<Case, Discard> {
        self.property.generate(&mut Source::from_bytes(bytes), &self.capabilities)
    }

    /// Runs the case of some bytes.
    pub fn run(&mut self, bytes: &[u8]) -> Ran {
        let source = Source::from_bytes(bytes);
        self.run_source(source)
    }

    /// Runs the case that a source's choices give.
    pub fn run_source(&mut self, mut source: Source) -> Ran {
        let index = self.runs;
        self.runs += 1;
        let case = match self.property.generate(&mut source, &self.capabilities) {
            Ok(case) => case,
            Err(Discard(reason)) => return Ran::NoCase(reason),
        };
        let observed = self.worker.execute(&case);
        let list = match self.property.judge(&self.capabilities, &case, &observed) {
            Judgement::Held => return Ran::Held,
            Judgement::Discarded(reason) => return Ran::Discarded(reason),
            Judgement::Violated(list) => list,
        };
        let known = list.first().map(|violation| violation.identity.clone()).unwrap_or_default();
        let target = self.setting.target.name();
        let accepted = &self.setting.accepted;
        let fresh = list.into_iter().find(|violation| {
            violation.hazard.is_none()
                && !accepted.iter().any(|a| a.matches(self.property.id(), &target, &violation.identity))
        });
        let Some(violation) = fresh else { return Ran::Known(known) };
        Ran::Broken(Box::new(Suspect {
            judge: 0,
            property: self.property.id().to_owned(),
            identity: violation.identity.clone(),
            violation,
            index,
            tape: source.into_tape(),
            operations: operations(&case),
            ms: self.begin.elapsed().as_millis() as u64,
            costly: observed.cost() >= StepObservation::LIMIT,
        }))
    }

    /// Shrinks what was broken, replays it and says what of it matters.
    pub fn minimise(&mut self, suspect: Suspect) -> Finding {
        let known = BTreeSet::new();
        let cell = Cell {
            property: self.property.as_ref(),
            passive: &[],
            seed: 0,
            budget: Budget::Cases(1),
            shard: Shard::WHOLE,
            first: true,
            target: self.setting.target.name(),
            backend: self.setting.backend.to_string(),
            known: &known,
            events: &Unheard,
        };
        let effort = Effort { time: SHRINK, ..Effort::STEADY };
        let effort = if suspect.costly { effort.frugal() } else { effort };
        minimise(&cell, &mut self.worker, self.property.as_ref(), suspect, effort)
    }

    /// Saves a finding's case as `NAME.case.json`.
    ///
    /// # Errors
    /// [`CaseFileError::Write`] where the disk does not take it.
    pub fn save(finding: &mut Finding, folder: &Path) -> Result<PathBuf, CaseFileError> {
        let path = promote(&[&*finding], folder)?.swap_remove(0);
        finding.file = Some(path.clone());
        Ok(path)
    }
}

/// A property by its id.
///
/// # Errors
/// [`FuzzError::Property`] with the nearest one.
pub fn property_named(id: &str) -> Result<Box<dyn Property>, FuzzError> {
    let mut all = property::all();
    let ids: Vec<&str> = all.iter().map(|property| property.id()).collect();
    match ids.iter().position(|known| *known == id) {
        Some(at) => Ok(all.swap_remove(at)),
        None => {
            let near = nearest(id, &ids).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            Err(FuzzError::Property { name: id.to_owned(), near })
        }
    }
}

/// Nobody listens: a fuzzer has its own progress, and saves what it finds itself.
struct Unheard;

impl Events for Unheard {
    fn before_case(&self, _worker: usize, _property: &str, _case: &Case) {}

    fn suspected(&self, _suspect: &Suspect) {}

    fn found(&self, _finding: &mut Finding) {}

    fn progress(&self, _cases: u64) {}

    fn accepted(&self, _property: &str, _identity: &str) -> Option<String> {
        None
    }
}
