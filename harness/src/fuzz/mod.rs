//! Fuzzing: bytes through the byte driver to a case, the case to a target, what was observed to a property.
//!
//! | module | holds |
//! |---|---|
//! | `bench` | one property on one running target, fed with bytes |
//! | `session` | a bench on a thread of its own, as an entry point of libFuzzer needs it |
//! | [`corpus`] | seeds out of property runs, saved cases as bytes and back, corpora as text |
//! | [`mutate`] | changes of bytes as libFuzzer makes them, without coverage |
//! | [`models`] | the models' parsers and evaluator on any text |
//!
//! Nothing here knows libFuzzer: the package `fuzz/` does, and is no part of the workspace. A corpus belongs to a
//! generator. When the generator changes, its bytes still lead to cases, but to other ones; what pins a failure is
//! its case file.

mod bench;
pub mod corpus;
pub mod models;
pub mod mutate;
mod session;

pub use bench::{Bench, FuzzError, Ran, Setting, property_named};
pub use session::{Answer, Session};

/// Runs `body` on a thread whose stack is deep enough for every engine, and hands back what it gives.
///
/// # Panics
/// Where `body` does, and where the system has no more threads.
pub fn on_deep_stack<R: Send>(body: impl FnOnce() -> R + Send) -> R {
    let thread = std::thread::Builder::new().stack_size(crate::engine::worker::STACK);
    std::thread::scope(|scope| {
        let running = thread.spawn_scoped(scope, body).expect("a thread: the system has no more");
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
