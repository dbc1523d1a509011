//! The tape: recorded random choices, from which cases are generated and on which they are shrunk.

mod bytes;
mod choice;
mod cursor;
mod pool;
mod record;
mod shape;
pub mod shrink;
mod source;

pub use choice::Choice;
pub use pool::Pool;
pub use record::{Span, SpanKind, Tape};
pub use shrink::{Budget, Shrunk, Stopped, shrink};
pub use source::{Discard, Source};
