//! The wire between a target and its backend: one stream of exchanges, whatever the language.
//!
//! | module | holds |
//! |---|---|
//! | [`exchange`](Exchange) | one request with its answer |
//! | [`tamper`](Tamper) | where faults, delays and reorderings take hold |
//! | [`faults`] | faults that are built in |
//! | `http` | from the bytes of a request to the bytes of an answer |
//! | [`listener`](Listener) | the endpoint on loopback, for targets in a process of their own |
//! | [`connector`](WireClient) | the same for `aws-sdk-dynamodb` in this process, without a socket |
//! | `credentials` | made for each listener, and checked |

mod connector;
mod credentials;
mod exchange;
pub mod faults;
mod http;
mod listener;
mod tamper;

pub use connector::WireClient;
pub use exchange::{Exchange, Reply};
pub use listener::Listener;
pub use tamper::{After, Before, Tamper};

use crate::backend::Backend;
use serde_json::Value;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Exchanges kept of one step. A target that retries without end would fill the memory; what is beyond is
/// still answered, and counted by [`Wire::overflow`].
const KEPT: usize = 10_000;

/// The longest that a request is held back. A tamper that waits for a request which never comes must not
/// hang the run: then the held request goes on.
const HOLD_LIMIT: Duration = Duration::from_secs(2);

/// The recorder between a target and its backend. One for each worker.
pub struct Wire {
    backend: Arc<dyn Backend>,
    record: Mutex<Record>,
    tamper: Mutex<Option<Box<dyn Tamper>>>,
    /// Signalled when a request has finished: held requests ask again.
    finished: Condvar,
}

struct Record {
    exchanges: Vec<Exchange>,
    next: u64,
    dropped: u64,
    step_began: Instant,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// An answer reaches the target.
    Answer(Reply),
    /// The connection breaks before the answer; the request may have been applied.
    Lost,
}

impl Wire {
    /// A wire in front of a backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        let record = Record { exchanges: Vec::new(), next: 0, dropped: 0, step_began: Instant::now() };
        Self { backend, record: Mutex::new(record), tamper: Mutex::new(None), finished: Condvar::new() }
    }

    /// The engine behind the wire. Calls that the harness makes itself go there and are not recorded.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Begins a run: forgets what was recorded, the tamper, and the count of requests.
    pub fn begin_run(&self) {
        self.set_tamper(None);
        let mut record = lock(&self.record);
        *record = Record { exchanges: Vec::new(), next: 0, dropped: 0, step_began: Instant::now() };
    }

    /// Begins a step: the clock of the exchanges starts at zero. What was recorded since the last
    /// [`take_exchanges`](Self::take_exchanges) stays, so that a late request is not lost.
    pub fn begin_step(&self) {
        lock(&self.record).step_began = Instant::now();
    }

    /// What was recorded since the last time, in the order of arrival.
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        let mut exchanges = std::mem::take(&mut lock(&self.record).exchanges);
        exchanges.sort_by_key(|exchange| exchange.sequence);
        exchanges
    }

    /// How many exchanges of this run were answered but not kept, because a step sent too many.
    pub fn overflow(&self) -> u64 {
        lock(&self.record).dropped
    }

    /// Installs what breaks, delays or reorders the requests from now on; `None` takes it away.
    pub fn set_tamper(&self, tamper: Option<Box<dyn Tamper>>) {
        *lock(&self.tamper) = tamper;
        self.finished.notify_all();
    }

    /// Answers a request of a target and records it. A lost answer shows as an internal error; callers that
    /// can break a connection use [`deliver`](Self::deliver).
    pub fn handle(&self, operation: &str, request: &Value) -> Reply {
        match self.deliver(operation, request.clone()) {
            Delivery::Answer(reply) => reply,
            Delivery::Lost => lost(),
        }
    }

    /// Answers a request of a target, or loses the answer, and records it either way.
    pub fn deliver(&self, operation: &str, request: Value) -> Delivery {
        let (sequence, at_micros) = self.arrive();
        let delivery = match self.before(operation, &request, sequence) {
            Some(reply) => Delivery::Answer(reply),
            None => self.after(operation, &request, self.backend.call(operation, &request)),
        };
        let reply = match &delivery {
            Delivery::Answer(reply) => reply.clone(),
            Delivery::Lost => lost(),
        };
        self.keep(Exchange { operation: operation.to_owned(), request, reply, sequence, at_micros });
        self.finished.notify_all();
        delivery
    }

    /// Records a request that never got as far as the backend, such as one whose body is no JSON.
    pub(crate) fn refuse(&self, operation: &str, reply: Reply) -> Reply {
        let (sequence, at_micros) = self.arrive();
        let operation = operation.to_owned();
        self.keep(Exchange { operation, request: Value::Null, reply: reply.clone(), sequence, at_micros });
        reply
    }

    fn arrive(&self) -> (u64, u64) {
        let mut record = lock(&self.record);
        let sequence = record.next;
        record.next += 1;
        let micros = record.step_began.elapsed().as_micros();
        (sequence, u64::try_from(micros).unwrap_or(u64::MAX))
    }

    fn keep(&self, exchange: Exchange) {
        let mut record = lock(&self.record);
        if record.exchanges.len() < KEPT {
            record.exchanges.push(exchange);
        } else {
            record.dropped += 1;
        }
    }

    fn before(&self, operation: &str, request: &Value, sequence: u64) -> Option<Reply> {
        let deadline = Instant::now() + HOLD_LIMIT;
        let mut guard = lock(&self.tamper);
        loop {
            let tamper = guard.as_mut()?;
            match tamper.before(operation, request, sequence) {
                Before::Pass => return None,
                Before::Answer(reply) => return Some(reply),
                Before::Hold => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    let waited = self.finished.wait_timeout(guard, left);
                    guard = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn after(&self, operation: &str, request: &Value, reply: Reply) -> Delivery {
        match lock(&self.tamper).as_mut() {
            None => Delivery::Answer(reply),
            Some(tamper) => match tamper.after(operation, request, reply) {
                After::Deliver(reply) => Delivery::Answer(reply),
                After::Lose => Delivery::Lost,
            },
        }
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("backend", &self.backend.name()).finish_non_exhaustive()
    }
}

/// What the record shows of a lost answer.
fn lost() -> Reply {
    Reply::error(500, "ResponseLost", "the connection broke before the answer")
}

/// A lock that a panic elsewhere does not take away: what it guards is a plain list.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
