//! Tenant isolation of a Postgres schema, from its contract alone.

pub mod bench;
pub mod catalogue;
pub mod contract;
pub mod data;
pub mod finding;
mod foreign;
mod init;
pub mod oracle;
mod pair;
pub mod program;
mod replay;
pub mod report;
mod run;
mod script;
mod self_check;
pub mod timing;
mod verdict;
pub mod world;

pub use bench::Problem;
pub use init::init;
pub use replay::{Replayed, is_saved, replay};
pub use report::Report;
pub use run::{Options, run};
