//! `run`: threat models become findings.

use super::console::Console;
use super::{Catalogue, FAILED, FINDINGS, Failure};
use crate::backend::BackendChoice;
use crate::engine::accepted::Accepted;
use crate::engine::campaign::{self, Allowance, Campaign, CampaignOutcome, Chosen, Verdict, write_report};
use crate::engine::cell::{Budget, Shard};
use crate::engine::check::case_files;
use crate::engine::finding::{Class, Finding};
use crate::engine::stores::{self, Stores};
use crate::engine::threats::{ThreatModel, nearest};
use crate::engine::weights::{Weight, Weights};
use crate::property::{self, Property};
use crate::report::evidence::Evidence;
use crate::report::folder::{Folder, FolderError};
use crate::report::mutants::Mutant;
use crate::report::run_file::{self, RunFile};
use crate::report::{jsonl, terminal};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a plain run may take in all, set-up of targets aside.
const WHOLE: Duration = Duration::from_secs(165);

/// What of it one store may take.
const STORE: Duration = Duration::from_secs(20);

/// One store takes an eighth of the time that `--total` gives to all.
const STORES: u32 = 8;

#[derive(Args)]
pub(super) struct Arguments {
    /// Threat models; without one the shipped ones
    threats: Vec<PathBuf>,
    /// A target's name, a target.toml, or a command that speaks the target protocol; repeatable
    #[arg(long = "target", value_name = "NAME|FILE.toml|\"COMMAND\"")]
    targets: Vec<String>,
    /// Only these properties; repeatable
    #[arg(long = "property", value_name = "ID", num_args = 1..)]
    properties: Vec<String>,
    /// The engine: embedded, reference, dynamodb-local, or the URL of a DynamoDB endpoint
    #[arg(long, default_value = "embedded", value_name = "NAME|URL")]
    backend: String,
    /// Allow a backend that is not on this machine
    #[arg(long)]
    allow_remote: bool,
    /// Cases for each property and target
    #[arg(long, conflicts_with = "time")]
    cases: Option<u64>,
    /// Time for each property and target: 30s, 5m, 500ms
    #[arg(long, value_parser = duration)]
    time: Option<Duration>,
    /// Time for all properties and targets together, shared out by weight
    #[arg(long, value_parser = duration, conflicts_with_all = ["cases", "time"], value_name = "TIME")]
    total: Option<Duration>,
    /// How many times the share of others a property, a target or one on the other gets; those that name the same cell
    /// multiply; repeatable
    #[arg(long = "weight", value_name = "PROPERTY[@TARGET]=N", conflicts_with_all = ["cases", "time"])]
    weights: Vec<Weight>,
    /// Stop each property at its first finding
    #[arg(long)]
    first: bool,
    /// The seed; the same seed gives the same cases
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Workers; each has an engine and a target of its own
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Only the I-th of N shares of the cases, I from 1
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Print the distribution of the cases
    #[arg(long)]
    labels: bool,
    /// The folder of the report: index.html, junit.xml, results.sarif, results.jsonl, history.jsonl,
    /// run.json
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// The table of planted bugs that ci/mutants wrote, for the page
    #[arg(long, value_name = "TABLE.jsonl")]
    mutants: Option<PathBuf>,
    /// Keep the cases of findings in snapshots/failures
    #[arg(long)]
    save: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 =
        text[..split].parse().map_err(|_| format!("{text:?} is no time: say 30s, 5m or 500ms"))?;
    let unit = match &text[split..] {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("{other:?} is no unit of time: say ms, s, m or h")),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string())
}

pub(super) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<u8, Failure> {
    let all = property::all();
    let known = known_properties(&all);
    let models = threat_models(arguments, catalogue, &known)?;
    let properties = choose_properties(arguments, &models, &all, &known)?;
    let contracts: Vec<PathBuf> = models.iter().flat_map(|model| model.schemas.clone()).collect();
    let targets = if properties.is_empty() {
        only_stores(arguments, &contracts)?;
        Vec::new()
    } else {
        choose_targets(arguments, &models, catalogue)?
    };
    check_weights(&arguments.weights, &known, &targets, catalogue)?;
    let backend = choose_backend(&arguments.backend, arguments.allow_remote)?;
    let mut accepted = Vec::new();
    for model in &models {
        let folder = model.path.parent().unwrap_or(Path::new("."));
        for entry in Accepted::read(&folder.join("accepted.toml")).map_err(Failure::usage)? {
            if !accepted.contains(&entry) {
                accepted.push(entry);
            }
        }
    }
    let folder = arguments.report.clone().unwrap_or_else(|| PathBuf::from("target/proofhouse"));
    let mutants = match &arguments.mutants {
        Some(path) => Mutant::read(path).map_err(Failure::usage)?,
        None => Vec::new(),
    };
    let report = open_folder(&folder)?;
    let store = arguments.total.map_or(STORE, |total| total / STORES);
    let budget = match (arguments.cases, arguments.time) {
        (Some(cases), _) => Allowance::Each(Budget::Cases(cases)),
        (None, Some(time)) => Allowance::Each(Budget::Time(time)),
        (None, None) => {
            let whole = arguments.total.unwrap_or(WHOLE);
            Allowance::Whole(whole.saturating_sub(store * contracts.len() as u32))
        }
    };
    let campaign = Campaign {
        targets,
        properties,
        backend,
        budget,
        weights: Weights(arguments.weights.clone()),
        seed: arguments.seed,
        jobs: arguments.jobs as usize,
        shard: arguments.shard.unwrap_or(Shard::WHOLE),
        first: arguments.first,
        accepted,
        regressions: catalogue.failures.as_deref().map(case_files).unwrap_or_default(),
        failures: folder.join("failures"),
    };
    let results = report.results();
    let console = Console::new(models.clone(), Some(results.clone()), arguments.seed, campaign.shard);
    let start = Instant::now();
    let mut outcome = campaign::run(&campaign, &console);
    let wanted = |id: &str| wanted(arguments, &models, id);
    let stores = Stores {
        contracts,
        wanted: &wanted,
        budget: match campaign.budget {
            Allowance::Each(budget) => budget,
            Allowance::Whole(_) => Budget::Time(store),
        },
        seed: arguments.seed,
        jobs: arguments.jobs as usize,
        first: arguments.first,
        left_out: left_out(arguments),
        failures: campaign.failures.clone(),
    };
    outcome.rows.extend(stores::run(&stores, &console).map_err(Failure::usage)?);
    console.finish();
    let lines = jsonl::lines(&models, &outcome.rows, arguments.seed, campaign.shard);
    let written = write_report(&results, &jsonl::text(&lines));
    let evidence = Evidence {
        models: &models,
        outcome: &outcome,
        seed: arguments.seed,
        backend: campaign.backend.to_string(),
        seconds: start.elapsed().as_secs_f64(),
        mutants: &mutants,
    };
    let run = RunFile {
        proofhouse: run_file::VERSION,
        build: env!("CARGO_PKG_VERSION").to_owned(),
        shard: campaign.shard,
        seed: arguments.seed,
        backend: evidence.backend.clone(),
        budget: campaign.budget.to_string(),
        first: arguments.first,
        seconds: evidence.seconds,
        models: models.clone(),
        accepted: campaign.accepted.clone(),
        rows: outcome.rows.clone(),
        errors: outcome.errors.clone(),
    };
    let reported = report.write(&evidence, &run, now());
    print!("{}", terminal::evidence(&models, &outcome));
    if arguments.labels {
        for row in outcome.rows.iter().filter(|row| row.cases > 0) {
            print!("\n{}", terminal::labels(row));
        }
    }
    if arguments.save {
        save(&outcome, catalogue)?;
    }
    println!("\n{}", terminal::summary(&outcome, start.elapsed().as_secs_f64()));
    println!("seed {} · backend {} · {}", arguments.seed, campaign.backend, results.display());
    println!("page {}", report.page().display());
    written.map_err(Failure::failed)?;
    reported.map_err(Failure::failed)?;
    Ok(status(&outcome))
}

/// Opens the folder of a report.
pub(super) fn open_folder(folder: &Path) -> Result<Folder, Failure> {
    Folder::open(folder).map_err(|error| match error {
        FolderError::Clear { .. } => Failure::failed(error),
        FolderError::Make { .. } | FolderError::History(_) => Failure::usage(error),
    })
}

fn save(outcome: &CampaignOutcome, catalogue: &Catalogue) -> Result<(), Failure> {
    let folder = catalogue.failures.clone().unwrap_or_else(|| PathBuf::from("snapshots/failures"));
    let findings: Vec<&Finding> = outcome
        .rows
        .iter()
        .flat_map(|row| &row.findings)
        .filter(|finding| matches!(finding.class(), Class::Defect | Class::Accepted))
        .collect();
    for path in campaign::promote(&findings, &folder).map_err(Failure::failed)? {
        println!("saved {}", path.display());
    }
    Ok(())
}

/// Now, in seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or_default()
}

/// The exit status of a run.
pub(super) fn status(outcome: &CampaignOutcome) -> u8 {
    let any = |verdicts: &[Verdict]| outcome.rows.iter().any(|row| verdicts.contains(&row.verdict));
    let failed = outcome
        .rows
        .iter()
        .any(|row| row.verdict == Verdict::Error || (row.verdict == Verdict::NotRun && row.by_name));
    if failed || !outcome.errors.is_empty() {
        FAILED
    } else if any(&[Verdict::Finding, Verdict::Flaky]) {
        FINDINGS
    } else {
        0
    }
}

fn threat_models(
    arguments: &Arguments,
    catalogue: &Catalogue,
    known: &[&str],
) -> Result<Vec<ThreatModel>, Failure> {
    let plain = arguments.threats.is_empty() && arguments.properties.is_empty();
    let paths = if plain { &catalogue.threats } else { &arguments.threats };
    paths.iter().map(|path| ThreatModel::read(path, known).map_err(Failure::usage)).collect()
}

fn choose_properties<'a>(
    arguments: &Arguments,
    models: &[ThreatModel],
    all: &'a [Box<dyn Property>],
    known: &[&str],
) -> Result<Vec<&'a dyn Property>, Failure> {
    for id in &arguments.properties {
        if !known.contains(&id.as_str()) {
            let near = nearest(id, known).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            return Err(Failure::usage(format!(
                "no property is called {id:?}{near} (`list properties` shows all)"
            )));
        }
    }
    Ok(all.iter().map(AsRef::as_ref).filter(|property| wanted(arguments, models, property.id())).collect())
}

/// Whether all that has a weight is there: a typing error would leave the time shared out as before.
fn check_weights(
    weights: &[Weight],
    known: &[&str],
    targets: &[Chosen],
    catalogue: &Catalogue,
) -> Result<(), Failure> {
    if weights.is_empty() {
        return Ok(());
    }
    let mut names = catalogue.names()?;
    names.extend(targets.iter().map(|(target, _)| target.name()));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for weight in weights {
        let words = [("property", &weight.property, known), ("target", &weight.target, names.as_slice())];
        for (what, word, known) in words {
            let Some(word) = word.as_deref().filter(|word| !known.contains(word)) else { continue };
            let near =
                nearest(word, known).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            return Err(Failure::usage(format!("--weight: no {what} is called {word:?}{near}")));
        }
    }
    Ok(())
}

/// Whether a property is to be run: named on the command line, else by a threat, else all are.
fn wanted(arguments: &Arguments, models: &[ThreatModel], id: &str) -> bool {
    match arguments.properties.as_slice() {
        [] => {
            let mut named =
                models.iter().flat_map(|model| &model.threats).flat_map(|threat| &threat.properties);
            models.is_empty() || named.any(|property| property == id)
        }
        list => list.iter().any(|property| property == id),
    }
}

/// The ids of all properties: of mappers, then of stores.
pub(super) fn known_properties(mappers: &[Box<dyn Property>]) -> Vec<&'static str> {
    mappers.iter().map(|property| property.id()).chain(stores::PROPERTIES.map(|(id, _)| id)).collect()
}

/// Whether a run without any property of mappers makes sense.
fn only_stores(arguments: &Arguments, contracts: &[PathBuf]) -> Result<(), Failure> {
    match arguments.properties.first() {
        Some(id) if contracts.is_empty() => Err(Failure::usage(format!(
            "the property {id:?} is judged on a schema: name a threat model that has `schemas`, or use `isolate`"
        ))),
        _ => Ok(()),
    }
}

/// Why stores are not run, where the command line says what else is.
fn left_out(arguments: &Arguments) -> Option<String> {
    if !arguments.targets.is_empty() {
        Some("left out by --target".to_owned())
    } else if arguments.shard.is_some_and(|shard| shard.index > 0) {
        Some("run in the first share".to_owned())
    } else {
        None
    }
}

fn choose_targets(
    arguments: &Arguments,
    models: &[ThreatModel],
    catalogue: &Catalogue,
) -> Result<Vec<Chosen>, Failure> {
    if !arguments.targets.is_empty() {
        return arguments.targets.iter().map(|word| Ok((catalogue.find(word)?, true))).collect();
    }
    let mut named: Vec<&String> = models.iter().flat_map(|model| &model.targets).collect();
    named.dedup();
    let everything = models.is_empty() || models.iter().any(|model| model.targets.is_empty());
    if everything {
        return Ok(catalogue.shipped()?.into_iter().map(|target| (target, false)).collect());
    }
    named.into_iter().map(|name| Ok((catalogue.find(name)?, false))).collect()
}

/// The engine that the words on the command line mean.
pub(super) fn choose_backend(word: &str, remote: bool) -> Result<BackendChoice, Failure> {
    let mut choice: BackendChoice = word.parse().map_err(Failure::usage)?;
    if let BackendChoice::Url { allow_remote, .. } = &mut choice {
        *allow_remote = remote;
    }
    // An engine that cannot be used ends the command before any target is started.
    match choice.open() {
        Ok(_) => Ok(choice),
        Err(error) if error.is_usage() => Err(Failure::usage(error)),
        Err(error) => Err(Failure::failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(duration("30 parsecs").is_err());
        assert!(duration("soon").is_err());
    }

    #[test]
    fn shares_count_from_one() {
        assert_eq!("1/4".parse(), Ok(Shard { index: 0, of: 4 }));
        for bad in ["0/4", "5/4", "x"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
