//! Systems under test. The trait, and the outcome of one call.

pub(crate) mod capabilities;
mod manifest;
mod process;
pub mod protocol;

pub use manifest::{Manifest, ManifestError, house};
pub(crate) use process::message::NOTE;
pub use process::{Limits, ProcessLaunch, split};

use proofhouse_models::mapper::{Capabilities, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where a target finds its endpoint, with credentials made for this run only.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// `us-east-1`.
    pub region: String,
    /// Made anew for each run.
    pub access_key_id: String,
    /// Made anew for each run.
    pub secret_access_key: String,
}

/// The class of errors that come from the harness itself: a step that had nothing to take up was not sent.
pub const OWN_CLASS: &str = "proofhouse";

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallError {
    /// An error that the target reported, in the protocol's shape.
    Reported {
        /// `data.kind`.
        kind: ErrorKind,
        /// The library's text.
        message: String,
        /// The library's own error class.
        #[serde(default)]
        class: String,
        /// The error's other public fields.
        #[serde(default)]
        fields: BTreeMap<String, String>,
    },
    /// A crash, a hang, junk or no answer: what `total` speaks of. The text says which, and what was seen.
    Broken {
        /// `crashed`, `hung`, `junk`, `no_answer`, `flooded`; `panicked` of a target in this process.
        how: String,
        /// Exit status, excerpt of the junk, last lines of standard error.
        detail: String,
    },
}

impl CallError {
    /// The kind that the target reported, where it did.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Reported { kind, .. } => Some(*kind),
            Self::Broken { .. } => None,
        }
    }

    /// What is said of a target that did not answer; one of [`Self::UNANSWERED`].
    pub fn unanswered(&self) -> Option<&'static str> {
        let Self::Broken { how, .. } = self else { return None };
        let [crashed, panicked, hung, junk, flooded, no_answer] = Self::UNANSWERED;
        Some(match how.as_str() {
            "crashed" => crashed,
            "panicked" => panicked,
            "hung" => hung,
            "junk" => junk,
            "flooded" => flooded,
            _ => no_answer,
        })
    }

    /// The ways of not answering, in words.
    pub const UNANSWERED: [&str; 6] = [
        "the target crashed",
        "the target panicked",
        "the target did not answer in time",
        "the target answered what is no JSON",
        "the target answered without end",
        "the target gave no answer",
    ];
}

/// The outcome of one call: the protocol's `result`, or why there is none.
pub type Outcome = Result<Value, CallError>;

/// A running target, owned by one worker. Built by a [`Launch`].
pub trait Target: Send {
    /// The answer to `initialize`.
    fn capabilities(&self) -> &Capabilities;

    /// One call of the protocol. `params` carry `tenant` where the target has tenancy. Returns within
    /// the call's time limit; after a crash or a hang the next call finds a restarted target with its
    /// models defined again.
    fn call(&mut self, method: &str, params: &Value) -> Outcome;

    /// What the target wrote to standard error since the last time, capped; empty for in-process targets.
    fn take_log(&mut self) -> String {
        String::new()
    }

    /// What an adapter's author should mend though it is tolerated; no findings.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Why a target could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// A language, a registry or a package is missing on this machine: *not run*.
    #[error("not run: {reason}")]
    Missing {
        /// What is missing, and what to install.
        reason: String,
    },
    /// It started wrongly: does not start, or fails `initialize`.
    #[error("{0}")]
    Failed(String),
}

/// How to start a target. Cheap to share between workers; each worker launches its own.
pub trait Launch: Send + Sync {
    /// The name in reports and for `--target`.
    fn name(&self) -> String;

    /// Whether a plain run takes the target; mutants and variants for tests say no.
    fn is_shipped(&self) -> bool {
        true
    }

    /// Prepares what is needed once on a machine (a private folder with a compiled adapter). Called once
    /// before any `launch`; `progress` prints a line for a person.
    ///
    /// # Errors
    /// [`LaunchError::Missing`] where the machine lacks something.
    fn prepare(&self, progress: &dyn Fn(&str)) -> Result<(), LaunchError> {
        let _ = progress;
        Ok(())
    }

    /// Starts the target against a wire.
    ///
    /// # Errors
    /// [`LaunchError`] says why it does not run.
    fn launch(
        &self,
        wire: &std::sync::Arc<crate::wire::Wire>,
        seed: u64,
    ) -> Result<Box<dyn Target>, LaunchError>;
}
