//! Tenant isolation of a Postgres schema, from its contract alone.

pub mod bench;
pub mod catalogue;
pub mod contract;
pub mod data;
pub mod finding;
mod init;
pub mod oracle;
pub mod program;
pub mod report;
mod run;
mod script;
mod self_check;
pub mod world;

pub use bench::Problem;
pub use init::init;
pub use report::Report;
pub use run::{Options, run};
