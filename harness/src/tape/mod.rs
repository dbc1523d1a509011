//! The tape: recorded random choices, from which cases are generated and on which they are shrunk.

mod pool;
mod source;

pub use pool::Pool;
pub use source::{Choice, Discard, Source, Tape};
