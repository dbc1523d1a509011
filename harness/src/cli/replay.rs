//! `replay`: a saved case once more, narrated.

use super::run::choose_backend;
use super::{Catalogue, FAILED, FINDINGS, Failure};
use crate::case::Observation;
use crate::engine::campaign::replay;
use crate::engine::case_file::CaseFile;
use crate::engine::worker::{STACK, Worker};
use crate::isolate;
use crate::property;
use crate::report::{show, terminal};
use crate::target::LaunchError;
use clap::Args;
use proofhouse_models::value::item_to_json;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Arguments {
    /// The saved case
    #[arg(value_name = "FILE.case.json")]
    file: PathBuf,
    /// Another target than the one that the case names
    #[arg(long, value_name = "NAME|FILE.toml|\"COMMAND\"")]
    target: Option<String>,
    /// The engine: embedded, reference, dynamodb-local, or the URL of a DynamoDB endpoint
    #[arg(long, default_value = "embedded", value_name = "NAME|URL")]
    backend: String,
    /// For a finding of `isolate`, which Postgres: embedded[@VERSION], local, container, or a URL for --allow-foreign
    #[arg(long, default_value = "embedded", value_name = "NAME|URL")]
    postgres: String,
    /// Make databases and roles on the server behind the URL of --postgres, and remove them at the end
    #[arg(long)]
    allow_foreign: bool,
    /// Allow a backend that is not on this machine
    #[arg(long)]
    allow_remote: bool,
}

pub(super) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<u8, Failure> {
    if isolate::is_saved(&arguments.file) {
        let postgres =
            super::isolate::choose(&arguments.postgres, arguments.allow_foreign).map_err(Failure::usage)?;
        return super::isolate::replay(&arguments.file, &postgres);
    }
    let file = CaseFile::read(&arguments.file).map_err(Failure::usage)?;
    let all = property::all();
    let Some(property) = all.iter().find(|property| property.id() == file.property) else {
        return Err(Failure::usage(format!(
            "{}: the case is of a property {:?} that this build does not know",
            arguments.file.display(),
            file.property
        )));
    };
    let launch = catalogue.find(arguments.target.as_deref().unwrap_or(&file.target))?;
    let backend = choose_backend(&arguments.backend, arguments.allow_remote)?;
    let ready = launch.prepare(&|line| eprintln!("{line}"));
    if let Err(error) = ready {
        return Err(Failure::failed(format!("{}: {error}", launch.name())));
    }
    let thread = std::thread::Builder::new().stack_size(STACK);
    let body = || -> Result<u8, Failure> {
        let engine = backend.open().map_err(Failure::failed)?;
        let mut worker = Worker::start(launch.clone(), engine, 0).map_err(|error| match error {
            LaunchError::Missing { reason } => {
                Failure::failed(format!("{}: not run: {reason}", launch.name()))
            }
            LaunchError::Failed(reason) => Failure::failed(format!("{}: {reason}", launch.name())),
        })?;
        println!("{}: {}\n", file.property, property.statement());
        print!("{}", show::case(&file.case));
        let observed = worker.execute(&file.case);
        narrate(&file, &observed);
        match replay(property.as_ref(), &file, &mut worker) {
            Some(mut finding) => {
                finding.file = Some(arguments.file.clone());
                println!("{}", terminal::finding(&finding, &[]));
                Ok(FINDINGS)
            }
            None => {
                println!(
                    "the property holds: the case no longer shows {:?} on {}",
                    file.identity,
                    launch.name()
                );
                Ok(0)
            }
        }
    };
    std::thread::scope(|scope| match thread.spawn_scoped(scope, body) {
        Ok(handle) => {
            handle.join().unwrap_or(Err(Failure { status: FAILED, message: "the replay panicked".into() }))
        }
        Err(error) => Err(Failure::failed(format!("no thread for the replay: {error}"))),
    })
}

/// What happened, step by step: the call, its requests, its answer, the table.
fn narrate(file: &CaseFile, observed: &Observation) {
    for run in &observed.runs {
        let Some(program) = file.case.runs.get(run.of) else { continue };
        println!();
        if !program.label.is_empty() {
            println!("run: {}", program.label);
        }
        if let Some(refused) = &run.refused {
            println!("  not run: {refused}");
            continue;
        }
        for (step, seen) in program.program.iter().zip(&run.steps) {
            println!("  {}", show::step(step));
            for exchange in &seen.exchanges {
                println!("    wire    {}", terminal::exchange(exchange));
            }
            match &seen.outcome {
                Ok(result) => println!("    answer  {result}"),
                Err(error) => println!("    error   {}", serde_json::to_string(error).unwrap_or_default()),
            }
            for item in &seen.after {
                println!("    stored  {}", item_to_json(item));
            }
        }
    }
    println!();
}
