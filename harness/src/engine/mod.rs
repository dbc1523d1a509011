//! Budget, workers, regressions, statistics, stability.

pub mod execute;

pub use execute::{Relaunch, execute};
