//! `proofhouse isolate`: tenant isolation of a Postgres schema, from its contract.

use super::{FINDINGS, Failure};
use crate::backend::postgres::Choice;
use crate::isolate::{self, Options, Problem};
use crate::report::visible::plain;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Tests whether tenants of a Postgres schema are isolated.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The contract: a TOML file beside the schema.
    #[arg(required_unless_present = "init")]
    pub contract: Option<PathBuf>,
    /// Writes a first contract for the database behind this URL to standard output.
    #[arg(long, value_name = "URL")]
    pub init: Option<String>,
    /// How long to look for leaks: 30s, 2m.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub time: Duration,
    /// Seed of rows and random programs.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Workers; each has two servers.
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Folder for results.jsonl and saved findings.
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Stop looking at the first finding.
    #[arg(long)]
    pub fail_fast: bool,
    /// Which Postgres: `embedded[@VERSION]`, local, container, or the URL of a server for --allow-foreign.
    #[arg(long, default_value = "embedded", value_name = "NAME|URL")]
    pub postgres: String,
    /// Make databases and roles on the server behind the URL, and remove them at the end.
    #[arg(long)]
    pub allow_foreign: bool,
}

/// The Postgres that the words on the command line mean. Read here and not by clap, which quotes what it refuses,
/// passwords included.
pub(super) fn choose(word: &str, allowed: bool) -> Result<Choice, String> {
    let choice: Choice = word.parse().map_err(|error| format!("--postgres: {error}"))?;
    Ok(choice.allow_foreign(allowed))
}

/// A duration such as `30s`, `2m`, `1h`, `500ms`.
///
/// # Errors
/// Something else.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| format!("{text}: not a duration such as 30s"))?;
    match &text[digits..] {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(60 * number)),
        "h" => Ok(Duration::from_secs(3600 * number)),
        unit => Err(format!("{text}: {unit} is not one of ms, s, m, h")),
    }
}

/// Runs the command.
pub fn run(args: Args) -> ExitCode {
    if let Some(url) = &args.init {
        return match isolate::init(url) {
            Ok(text) => {
                print!("{text}");
                ExitCode::SUCCESS
            }
            Err(problem) => fail(&problem),
        };
    }
    let postgres = match choose(&args.postgres, args.allow_foreign) {
        Ok(choice) => choice,
        Err(error) => return fail(&Problem::Usage(error)),
    };
    let jobs =
        args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from).min(4));
    let options = Options {
        contract: args.contract.unwrap_or_default(),
        time: args.time,
        seed: args.seed,
        jobs,
        report: args.report,
        failures: PathBuf::from("target/proofhouse/failures"),
        postgres,
        fail_fast: args.fail_fast,
        quiet: false,
    };
    match isolate::run(&options) {
        Ok(report) => {
            print!("{}", plain(&report.print(&report.objects, &options)));
            if let Some(reason) = &report.ended_early {
                return fail(&Problem::Harness(format!("the run ended before its time: {reason}")));
            }
            if let Some(reason) = &report.unsaved {
                return fail(&Problem::Harness(format!("the report cannot be kept: {reason}")));
            }
            ExitCode::from(report.exit_code())
        }
        Err(problem) => fail(&problem),
    }
}

/// Replays a saved finding and tells it. Exit status 1 where it still shows, 0 where it does not any more.
pub(super) fn replay(file: &Path, postgres: &Choice) -> Result<u8, Failure> {
    let replayed = isolate::replay(file, postgres).map_err(|problem| match problem {
        Problem::Contract(_) | Problem::Usage(_) => Failure::usage(&problem),
        Problem::Missing(_) | Problem::Harness(_) => Failure::failed(&problem),
    })?;
    let finding = &replayed.finding;
    if finding.stable == 0 {
        println!("the finding no longer shows on {}: {}", replayed.backend, plain(&finding.title()));
        return Ok(0);
    }
    let name = file.display().to_string();
    let name = name.strip_suffix(".case.json").unwrap_or(&name);
    print!("{}", plain(&isolate::finding::print(finding, &replayed.contract, name)));
    println!("replayed on {}", replayed.backend);
    Ok(FINDINGS)
}

fn fail(problem: &Problem) -> ExitCode {
    eprintln!("error: {}", plain(&problem.to_string()));
    ExitCode::from(match problem {
        Problem::Contract(_) | Problem::Usage(_) => 2,
        Problem::Missing(_) | Problem::Harness(_) => 3,
    })
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::time::Duration;

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("2 weeks").is_err());
    }
}
