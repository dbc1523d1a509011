//! One conversation with a running process: requests, answers, and all that can go wrong between them.

use super::child::{Child, Start};
use super::message::{self, Answer};
use super::output::{Event, excerpt};
use super::system::Exit;
use super::{Limits, ProcessLaunch, initialize_params};
use crate::target::Outcome;
use crate::wire::{Listener, Wire};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the rest of the output is read after the process ended, and its end is waited for after it closed
/// its output. What it started is dead by then, so this is never used up.
const DRAIN: Duration = Duration::from_secs(2);

/// Characters of standard error in an explanation.
const LOG_EXCERPT: usize = 2_000;

/// Junk of which excerpts are kept, for one call.
const JUNK: usize = 20;

/// Why a request got no answer.
pub(super) struct Broken {
    /// `crashed`, `hung`, `no_answer`, `flooded`.
    pub how: &'static str,
    pub detail: String,
}

pub(super) struct Session {
    child: Child,
    listener: Listener,
    limits: Limits,
    noisy: Arc<AtomicBool>,
    next_id: u64,
    /// The last request that was answered, for answers that come twice.
    answered: Option<(u64, String)>,
    junk: Vec<String>,
    unversioned: bool,
    exit: Option<Exit>,
    closed: bool,
}

impl Session {
    /// Starts the process with an endpoint of its own: whatever an earlier process left in flight can reach
    /// neither this one's table nor its record.
    pub fn start(launch: &ProcessLaunch, limits: Limits, wire: &Arc<Wire>) -> io::Result<Self> {
        let listener = Listener::start(wire.clone())?;
        let child = Child::start(&Start {
            command: &launch.command,
            cwd: launch.cwd.as_ref(),
            env: &launch.env,
            endpoint: listener.endpoint(),
            limits: &limits,
        })?;
        Ok(Self {
            child,
            listener,
            limits,
            noisy: launch.noisy.clone(),
            next_id: 1,
            answered: None,
            junk: Vec::new(),
            unversioned: false,
            exit: None,
            closed: false,
        })
    }

    /// The first request.
    pub fn initialize(&mut self, seed: u64) -> Result<Outcome, Broken> {
        let params = initialize_params(self.listener.endpoint(), seed);
        self.call("initialize", &params, self.limits.initialize)
    }

    /// One request and its answer, within the limit.
    pub fn call(&mut self, method: &str, params: &Value, limit: Duration) -> Result<Outcome, Broken> {
        let id = self.next_id;
        self.next_id += 1;
        while let Some(event) = self.child.pending() {
            self.between(event)?;
        }
        self.child.send(message::request(id, method, params));
        let outcome = self.wait_for(id, Instant::now() + limit, limit)?;
        self.answered = Some((id, method.to_owned()));
        if self.noisy.load(Ordering::Relaxed) || !self.junk.is_empty() {
            let settled = Instant::now() + self.limits.settle;
            while !self.closed
                && let Some(event) = self.child.next(settled)
            {
                // An end that shows here is told with the next request.
                if self.between(event).is_err() {
                    break;
                }
            }
        }
        Ok(outcome)
    }

    fn wait_for(&mut self, id: u64, deadline: Instant, limit: Duration) -> Result<Outcome, Broken> {
        let mut deadline = deadline;
        let mut misnumbered = None;
        loop {
            let Some(event) = self.child.next(deadline) else {
                return Err(self.timed_out(id, limit, misnumbered));
            };
            match event {
                Event::Line(line) => match message::parse(&line) {
                    Ok(answer) if answer.is_for(id) => {
                        self.unversioned |= answer.unversioned;
                        return Ok(answer.outcome);
                    }
                    Ok(answer) => {
                        let words = self.misplaced(&answer, &line);
                        if !self.is_second(&answer) {
                            misnumbered = Some(words.clone());
                            deadline = deadline.min(Instant::now() + self.limits.grace);
                        }
                        self.note_junk(words);
                    }
                    Err(words) => self.note_junk(words),
                },
                Event::Flooded(what) => return Err(self.flooded(what)),
                Event::Exited(exit) => {
                    // What it started may hold its output open; without that the end of the output comes now.
                    self.exit = Some(exit);
                    self.child.end();
                    deadline = Instant::now() + DRAIN;
                    if self.closed {
                        return Err(self.crashed());
                    }
                }
                Event::Closed => {
                    self.closed = true;
                    if self.exit.is_some() {
                        return Err(self.crashed());
                    }
                    deadline = deadline.min(Instant::now() + DRAIN);
                }
            }
        }
    }

    /// An event that came before the request was sent.
    fn between(&mut self, event: Event) -> Result<(), Broken> {
        match event {
            Event::Line(line) => self.stray(&line),
            Event::Flooded(what) => return Err(self.flooded(what)),
            Event::Exited(exit) => {
                self.exit = Some(exit);
                self.child.end();
            }
            Event::Closed => self.closed = true,
        }
        if self.exit.is_some() && self.closed { Err(self.crashed()) } else { Ok(()) }
    }

    /// A line that belongs to no request.
    fn stray(&mut self, line: &[u8]) {
        let words = match message::parse(line) {
            Ok(answer) => self.misplaced(&answer, line),
            Err(words) => words,
        };
        self.note_junk(words);
    }

    fn misplaced(&self, answer: &Answer, line: &[u8]) -> String {
        match &self.answered {
            Some((id, method)) if answer.is_for(*id) => {
                format!("a second answer to request {id} (`{method}`): {}", excerpt(line))
            }
            _ => format!("an answer to no request, with the id {}: {}", answer.id, excerpt(line)),
        }
    }

    fn is_second(&self, answer: &Answer) -> bool {
        self.answered.as_ref().is_some_and(|(id, _)| answer.is_for(*id))
    }

    fn note_junk(&mut self, words: String) {
        if self.junk.len() < JUNK {
            self.junk.push(words);
        }
    }

    fn flooded(&mut self, what: String) -> Broken {
        self.child.finish();
        Broken { how: "flooded", detail: what }
    }

    fn crashed(&mut self) -> Broken {
        let how = match self.exit {
            Some(exit) => format!("it ended with {exit}"),
            None => "it closed its standard output".to_owned(),
        };
        let after = match &self.answered {
            Some((id, method)) => format!("; the last request that it answered was {id} (`{method}`)"),
            None => String::new(),
        };
        let detail = format!("{how}{after}{}", self.log_excerpt());
        Broken { how: "crashed", detail }
    }

    fn timed_out(&mut self, id: u64, limit: Duration, misnumbered: Option<String>) -> Broken {
        if self.exit.is_some() || self.closed {
            return self.crashed();
        }
        if let Some(words) = misnumbered {
            let detail = format!("request {id} got no answer; instead came {words}");
            return Broken { how: "no_answer", detail };
        }
        let detail = format!("no answer to request {id} within {limit:?}{}", self.log_excerpt());
        self.child.finish();
        Broken { how: "hung", detail }
    }

    /// What was seen on standard output that was no answer, since the last time.
    pub fn take_junk(&mut self) -> Vec<String> {
        std::mem::take(&mut self.junk)
    }

    /// Bytes of standard output since the last request was sent.
    pub fn bytes(&self) -> u64 {
        self.child.bytes()
    }

    /// Standard error since the last time.
    pub fn log(&self) -> String {
        self.child.log().take()
    }

    /// The last lines of standard error, to be put behind an explanation.
    pub fn log_excerpt(&self) -> String {
        let tail = self.child.log().tail(LOG_EXCERPT);
        if tail.is_empty() { String::new() } else { format!("; standard error ends with:\n{tail}") }
    }

    /// What is tolerated but should be mended.
    pub fn notes(&self) -> Vec<String> {
        if self.unversioned {
            vec!["answers should carry \"jsonrpc\":\"2.0\"".to_owned()]
        } else {
            Vec::new()
        }
    }

    /// Asks the target to end, waits a little, and ends it.
    pub fn shut_down(mut self) {
        if self.exit.is_none() {
            let id = self.next_id;
            self.child.send(message::request(id, "shutdown", &json!({})));
            let deadline = Instant::now() + self.limits.shutdown;
            while let Some(event) = self.child.next(deadline) {
                if matches!(event, Event::Exited(_) | Event::Flooded(_)) {
                    break;
                }
            }
        }
        self.child.finish();
    }

    #[cfg(test)]
    pub fn mark(&self) -> &str {
        self.child.mark()
    }
}
