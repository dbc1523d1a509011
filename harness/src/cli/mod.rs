//! The command: one file a subcommand.
//!
//! A proof house of one's own, with one's own Rust targets, is a two-line `main`:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     proofhouse::cli::main(proofhouse::cli::Catalogue::default())
//! }
//! ```

mod catalogue;
mod console;
mod corpus;
pub mod doctor;
pub mod isolate;
mod list;
mod merge;
mod replay;
mod run;
mod serve;
mod store;

pub use catalogue::Catalogue;

use crate::report::visible::plain;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Exit status: findings.
pub const FINDINGS: u8 = 1;
/// Exit status: bad usage or configuration.
pub const USAGE: u8 = 2;
/// Exit status: the harness or a backend failed, or a target asked for by name could not be run.
pub const FAILED: u8 = 3;

#[derive(Parser)]
#[command(
    name = "proofhouse",
    version,
    about = "Turns a threat model of a data layer into evidence",
    after_help = "Exit status: 0 all held, 1 findings, 2 bad usage or configuration, 3 the harness, a backend or a \
                  target asked for by name failed."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run threat models: the main job. Without an argument: the shipped ones
    Run(Box<run::Arguments>),
    /// One report out of the shards of a run
    Merge(merge::Arguments),
    /// Test tenant isolation of a Postgres schema from its contract
    Isolate(isolate::Args),
    /// Run a saved case, narrated
    Replay(replay::Arguments),
    /// Inputs of the fuzz targets: seeds, saved cases as bytes, crashes as cases
    Corpus(corpus::Arguments),
    /// Serve an engine as a DynamoDB endpoint on loopback
    Serve(serve::Arguments),
    /// Keep findings, corpora and history in a folder or a bucket
    Store(store::Arguments),
    /// List threats, properties, targets or backends
    List(list::Arguments),
    /// Say what this machine offers, or check an adapter method by method
    Doctor(doctor::Arguments),
}

/// An error that ends a command: the text says what, where and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    /// Bad usage or configuration.
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self { status: USAGE, message: message.to_string() }
    }

    /// The harness or an engine failed.
    pub(crate) fn failed(message: impl ToString) -> Self {
        Self { status: FAILED, message: message.to_string() }
    }
}

/// Runs the command with the process's arguments.
pub fn main(catalogue: Catalogue) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Clap prints help to standard output with status 0, errors to standard error with status 2.
            let status = u8::try_from(error.exit_code()).unwrap_or(USAGE);
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    let done = match arguments.command {
        Command::Run(arguments) => run::run(&arguments, &catalogue),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Isolate(arguments) => return isolate::run(arguments),
        Command::Replay(arguments) => replay::run(&arguments, &catalogue),
        Command::Corpus(arguments) => corpus::run(&arguments, &catalogue),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Store(arguments) => store::run(&arguments),
        Command::List(arguments) => list::run(&arguments, &catalogue),
        Command::Doctor(arguments) => doctor::run(&arguments, &catalogue),
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("error: {}", plain(&failure.to_string()));
            ExitCode::from(failure.status)
        }
    }
}
