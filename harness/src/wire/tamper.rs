//! Where faults, delays and reorderings take hold of a request.

use super::Reply;
use serde_json::Value;

/// What happens to a request before the backend sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum Before {
    /// It goes on to the backend.
    Pass,
    /// It is answered at once; the backend never sees it.
    Answer(Reply),
    /// It waits until another request has finished, and then the tamper is asked again.
    Hold,
}

/// What happens to an answer of the backend.
#[derive(Clone, Debug, PartialEq)]
pub enum After {
    /// It reaches the target, as it is or changed.
    Deliver(Reply),
    /// The connection breaks instead; what the request did has happened.
    Lose,
}

/// Breaks, delays or reorders requests. Installed for a step by [`Wire::set_tamper`](super::Wire::set_tamper);
/// asked for one request at a time, so that it can count without locks.
pub trait Tamper: Send {
    /// Asked when a request arrives, and again after each wait. `sequence` tells requests apart.
    fn before(&mut self, operation: &str, request: &Value, sequence: u64) -> Before {
        let _ = (operation, request, sequence);
        Before::Pass
    }

    /// Asked with the backend's answer.
    fn after(&mut self, operation: &str, request: &Value, reply: Reply) -> After {
        let _ = (operation, request);
        After::Deliver(reply)
    }
}
