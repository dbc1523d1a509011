//! Targets in a process of their own, in any language, over the target protocol.
//!
//! A target under test may do anything: crash, hang, answer twice, print in between, leave children behind.
//! Whatever it does, a call returns within its time limit, memory stays bounded, and nothing is left running.
//!
//! | module | holds |
//! |---|---|
//! | `once` | commands of a set-up |
//! | `session` | one conversation: requests, answers, junk, and how it can end |
//! | `child` | the process: start, watch, end |
//! | `descendants` | all that it started |
//! | `output` | capped lines and log |
//! | `message` | the lines |
//! | `environment` | what its AWS client sees |
//! | `system` | system calls |

mod child;
mod command;
mod descendants;
mod environment;
pub(crate) mod message;
pub(super) mod once;
mod output;
mod session;
mod system;
#[cfg(test)]
mod tests;

pub use command::split;

use super::{CallError, Launch, LaunchError, Outcome, Target};
use crate::wire::Wire;
use proofhouse_models::mapper::Capabilities;
use serde_json::{Value, json};
use session::{Broken, Session};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Models that a restarted target is told again. A case has one; the rest is room.
const REMEMBERED: usize = 16;

/// After so many hangs of one method, or twice as many of all, the time limit is short: the target is known
/// not to answer some requests.
const HANGS: u32 = 3;

/// The short limit is so many times the longest that any answer has taken.
const SLACK: u32 = 8;

/// After a flood the limits of size are so many times smaller: a flood is found many times over while its program
/// is shrunk, and each costs what is read of it.
const AFTER_FLOOD: u32 = 16;

/// After so many failed starts in a row, no further one is tried.
const FAILED_STARTS: u32 = 3;

/// What a target's process is granted.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Time of one call.
    pub call: Duration,
    /// Time from the start to the answer to `initialize`.
    pub initialize: Duration,
    /// Time of a call after one of any method has hung, at least.
    pub call_after_hang: Duration,
    /// Time of a call of a method that has hung several times, at least.
    pub call_after_hangs: Duration,
    /// How much longer the right answer is waited for after one with a wrong id.
    pub grace: Duration,
    /// How long an adapter that was seen to write junk is listened to after each answer, so that the junk is
    /// blamed on the request that led to it.
    pub settle: Duration,
    /// How long a target may take to end by itself after `shutdown`.
    pub shutdown: Duration,
    /// Bytes of one line of standard output.
    pub line: usize,
    /// Bytes of standard output for one request.
    pub flood: u64,
    /// Bytes of standard error that are kept, the last ones.
    pub log: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(10),
            initialize: Duration::from_secs(60),
            call_after_hang: Duration::from_secs(2),
            call_after_hangs: Duration::from_millis(250),
            grace: Duration::from_millis(500),
            settle: Duration::from_millis(20),
            shutdown: Duration::from_millis(300),
            line: 16 * 1024 * 1024,
            flood: 48 * 1024 * 1024,
            log: 64 * 1024,
        }
    }
}

/// How to start a target that speaks the protocol on its standard input and output.
#[derive(Clone, Debug)]
pub struct ProcessLaunch {
    name: String,
    command: Vec<String>,
    cwd: Option<PathBuf>,
    env: BTreeMap<String, String>,
    limits: Limits,
    /// Whether a process of this target has written junk; shared, since workers start several.
    noisy: Arc<AtomicBool>,
    /// How long its calls take; shared for the same reason.
    pace: Arc<Mutex<Pace>>,
}

/// How long the calls of a target take.
#[derive(Clone, Debug, Default)]
struct Pace {
    /// Calls without an answer in time, by method.
    hangs: BTreeMap<String, u32>,
    /// The longest that an answer has taken.
    slowest: Duration,
    /// Whether a request was answered with a flood.
    flooded: bool,
    /// The most bytes of standard output that came with an answer.
    largest: u64,
}

impl Pace {
    /// The time limit of a call. After a hang the target is waited for less, after several less still, yet well
    /// longer than any answer took.
    fn limit(&self, method: &str, limits: &Limits) -> Duration {
        let hangs = self.hangs.get(method).copied().unwrap_or(0);
        let all = self.hangs.values().sum::<u32>();
        let least = if hangs >= HANGS || all >= 2 * HANGS {
            limits.call_after_hangs
        } else if all > 0 {
            limits.call_after_hang
        } else {
            limits.call
        };
        least.max(self.slowest * SLACK).min(limits.call)
    }

    /// The limits of the next process. After a flood they are lower, yet well over any answer.
    fn sizes(&self, limits: &Limits) -> Limits {
        let mut limits = limits.clone();
        if self.flooded {
            let least = self.largest.saturating_mul(u64::from(SLACK));
            limits.flood = (limits.flood / u64::from(AFTER_FLOOD)).max(least).min(limits.flood);
            let least = usize::try_from(least).unwrap_or(usize::MAX);
            limits.line = (limits.line / AFTER_FLOOD as usize).max(least).min(limits.line);
        }
        limits
    }
}

impl ProcessLaunch {
    /// A target by its program and arguments, run in the current folder.
    pub fn new(name: impl Into<String>, command: Vec<String>) -> Self {
        let noisy = Arc::new(AtomicBool::new(false));
        let pace = Arc::new(Mutex::new(Pace::default()));
        Self {
            name: name.into(),
            command,
            cwd: None,
            env: BTreeMap::new(),
            limits: Limits::default(),
            noisy,
            pace,
        }
    }

    /// A target by a command line, `python3 my_adapter.py`; its name is the command line.
    ///
    /// # Errors
    /// The command line cannot be split.
    pub fn from_command_line(text: &str) -> Result<Self, String> {
        Ok(Self::new(text.trim(), split(text)?))
    }

    /// The folder in which it runs.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cwd = Some(folder.into());
        self
    }

    /// Variables beside the clean environment.
    #[must_use]
    pub fn env(mut self, variables: BTreeMap<String, String>) -> Self {
        self.env = variables;
        self
    }

    /// Limits of time and size.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    fn begin(
        &self,
        wire: &Arc<Wire>,
        seed: u64,
    ) -> Result<(Session, Capabilities, Vec<String>), LaunchError> {
        let shown = self.command.join(" ");
        let limits = self.pace.lock().unwrap_or_else(PoisonError::into_inner).sizes(&self.limits);
        let session = Session::start(self, limits, wire).map_err(|error| {
            let program = self.command.first().map_or("", String::as_str);
            let hint = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    format!("; is {program:?} on the PATH, and does its folder exist?")
                }
                std::io::ErrorKind::PermissionDenied => format!("; is {program:?} executable?"),
                _ => String::new(),
            };
            LaunchError::Failed(format!("`{shown}` does not start: {error}{hint}"))
        });
        let mut session = session?;
        let answer = session.initialize(seed);
        let failed = |why: String| LaunchError::Failed(format!("`{shown}` {why}"));
        let result = match answer {
            Ok(Ok(result)) => result,
            Ok(Err(CallError::Reported { message, class, .. })) => {
                let log = session.log_excerpt();
                return Err(failed(format!("answers `initialize` with an error: {class} {message}{log}")));
            }
            Ok(Err(CallError::Broken { detail, .. })) | Err(Broken { detail, .. }) => {
                let junk = session.take_junk();
                let detail = with_junk(detail, &junk);
                return Err(failed(format!("does not answer `initialize`: {detail}")));
            }
        };
        let (capabilities, notes) = super::capabilities::parse(&result)
            .map_err(|why| failed(format!("gives a wrong answer to `initialize`: {why}")))?;
        Ok((session, capabilities, notes))
    }
}

impl Launch for ProcessLaunch {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn launch(&self, wire: &Arc<Wire>, seed: u64) -> Result<Box<dyn Target>, LaunchError> {
        let (session, capabilities, notes) = self.begin(wire, seed)?;
        Ok(Box::new(ProcessTarget {
            launch: self.clone(),
            wire: wire.clone(),
            seed,
            session: Some(session),
            capabilities,
            notes,
            defined: VecDeque::new(),
            log: String::new(),
            junk: Vec::new(),
            failed_starts: 0,
        }))
    }
}

/// A running target, restarted after a crash or a hang.
struct ProcessTarget {
    launch: ProcessLaunch,
    wire: Arc<Wire>,
    seed: u64,
    session: Option<Session>,
    capabilities: Capabilities,
    notes: Vec<String>,
    /// Parameters of `define`, the latest last, one for each name.
    defined: VecDeque<Value>,
    /// The log of processes that have ended since it was last taken.
    log: String,
    /// Junk seen where no finding could be made of it: at the start, or while a model was defined.
    junk: Vec<String>,
    failed_starts: u32,
}

impl ProcessTarget {
    /// Starts the process again and defines the models again.
    fn restart(&mut self) -> Result<(), CallError> {
        let broken = |detail| CallError::Broken { how: "crashed".to_owned(), detail };
        if self.failed_starts >= FAILED_STARTS {
            return Err(broken(format!("it did not start again {FAILED_STARTS} times; no further start")));
        }
        let session = match self.launch.begin(&self.wire, self.seed) {
            Ok((session, ..)) => session,
            Err(error) => {
                self.failed_starts += 1;
                return Err(broken(format!("it did not start again: {error}")));
            }
        };
        self.failed_starts = 0;
        self.session = Some(session);
        for model in self.defined.clone() {
            // A refusal was seen when the model was defined first; only a broken target matters here.
            self.exchange("define", &model)?.ok();
        }
        Ok(())
    }

    /// One request of a running process. The inner result is what the target said.
    fn exchange(&mut self, method: &str, params: &Value) -> Result<Outcome, CallError> {
        let pace = self.launch.pace.clone();
        let pace = || pace.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = pace().limit(method, &self.launch.limits);
        let Some(session) = self.session.as_mut() else {
            let detail = "it is not running".to_owned();
            return Err(CallError::Broken { how: "crashed".to_owned(), detail });
        };
        let asked = Instant::now();
        let answer = session.call(method, params, limit);
        let (junk, bytes) = (session.take_junk(), session.bytes());
        if !junk.is_empty() {
            self.launch.noisy.store(true, Ordering::Relaxed);
            self.junk.extend(junk);
        }
        match answer {
            Ok(outcome) => {
                let mut pace = pace();
                pace.slowest = pace.slowest.max(asked.elapsed());
                pace.largest = pace.largest.max(bytes);
                Ok(outcome)
            }
            Err(Broken { how, detail }) => {
                match how {
                    "hung" => *pace().hangs.entry(method.to_owned()).or_default() += 1,
                    "flooded" => pace().flooded = true,
                    _ => {}
                }
                // Without an answer the process still runs and may be asked the next thing.
                if how != "no_answer" {
                    self.log += &session.log();
                    self.session = None;
                }
                let detail = with_junk(detail, &std::mem::take(&mut self.junk));
                Err(CallError::Broken { how: how.to_owned(), detail })
            }
        }
    }

    fn remember(&mut self, params: &Value) {
        let name = &params["model"]["name"];
        self.defined.retain(|known| known["model"]["name"] != *name);
        self.defined.push_back(params.clone());
        if self.defined.len() > REMEMBERED {
            self.defined.pop_front();
        }
    }
}

impl Target for ProcessTarget {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn call(&mut self, method: &str, params: &Value) -> Outcome {
        if self.session.is_none() {
            self.restart()?;
        }
        let answer = self.exchange(method, params)?;
        if method == "define" && answer.is_ok() {
            self.remember(params);
        }
        // No finding is made of `define` and `reset`, which every program begins with: their junk is told with
        // the next call.
        if matches!(method, "define" | "reset") || self.junk.is_empty() {
            return answer;
        }
        let answered = match &answer {
            Ok(_) => "the answer came too",
            Err(_) => "an error was answered too",
        };
        let detail = with_junk(answered.to_owned(), &std::mem::take(&mut self.junk));
        Err(CallError::Broken { how: "junk".to_owned(), detail })
    }

    fn take_log(&mut self) -> String {
        let mut log = std::mem::take(&mut self.log);
        if let Some(session) = &mut self.session {
            log += &session.log();
        }
        log
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        notes.extend(self.session.as_ref().map(Session::notes).unwrap_or_default());
        notes
    }
}

impl Drop for ProcessTarget {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.shut_down();
        }
    }
}

/// What was wrong on standard output, with the outcome beside it.
fn with_junk(outcome: String, junk: &[String]) -> String {
    match junk {
        [] => outcome,
        [first] => format!("{first}; {outcome}"),
        [first, rest @ ..] => format!("{first}, and {} more of the kind; {outcome}", rest.len()),
    }
}

/// The parameters of `initialize`.
fn initialize_params(endpoint: &super::Endpoint, seed: u64) -> Value {
    json!({
        "protocol": 1,
        "endpoint": {
            "url": endpoint.url,
            "region": endpoint.region,
            "access_key_id": endpoint.access_key_id,
            "secret_access_key": endpoint.secret_access_key,
        },
        "seed": seed,
    })
}
