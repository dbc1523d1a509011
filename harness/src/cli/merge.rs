//! `merge`: the shards of a run become one report.

use super::Failure;
use super::run::{now, open_folder, status};
use crate::engine::campaign::{CampaignOutcome, save, write_report};
use crate::engine::cell::Shard;
use crate::fuzz::corpus::{read_folder, write_folder};
use crate::report::evidence::Evidence;
use crate::report::merge::{self, Part};
use crate::report::mutants::Mutant;
use crate::report::run_file::RunFile;
use crate::report::{jsonl, terminal};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(super) struct Arguments {
    /// The folders that `run --shard I/N --report DIR` wrote, in any order
    #[arg(value_name = "DIR", required = true)]
    shards: Vec<PathBuf>,
    /// The folder of the report of all: as `run` writes it, with the corpora of the shards
    #[arg(long, value_name = "DIR")]
    report: PathBuf,
    /// Take the shards that are there: those that are missing are errors of the run, with status 3
    #[arg(long)]
    partial: bool,
    /// The table of planted bugs that ci/mutants wrote, for the page
    #[arg(long, value_name = "TABLE.jsonl")]
    mutants: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let folder = &arguments.report;
    let parts: Vec<Part> = arguments
        .shards
        .iter()
        .map(|shard| Ok((shard.clone(), RunFile::read(shard).map_err(Failure::usage)?)))
        .collect::<Result<_, Failure>>()?;
    let mut merged = merge::merge(parts, arguments.partial).map_err(Failure::usage)?;
    let mutants = match &arguments.mutants {
        Some(path) => Mutant::read(path).map_err(Failure::usage)?,
        None => Vec::new(),
    };
    // The report is opened after all is read: it takes away what lies in its folder.
    let real = |path: &Path| path.canonicalize().ok();
    if let Some(shard) = arguments.shards.iter().find(|shard| real(shard) == real(folder)) {
        return Err(Failure::usage(format!(
            "--report {}: that is the folder of a shard; name another one",
            shard.display()
        )));
    }
    let report = open_folder(folder)?;
    keep(&mut merged, &arguments.shards, folder)?;
    let inputs = corpora(&arguments.shards, folder)?;
    let outcome = merge::outcome(&merged);
    let lines = jsonl::lines(&merged.models, &merged.rows, merged.seed, Shard::WHOLE);
    let results = report.results();
    write_report(&results, &jsonl::text(&lines)).map_err(Failure::failed)?;
    let evidence = Evidence {
        models: &merged.models,
        outcome: &outcome,
        seed: merged.seed,
        backend: merged.backend.clone(),
        seconds: merged.seconds,
        mutants: &mutants,
    };
    report.write(&evidence, &merged, now()).map_err(Failure::failed)?;
    told(&merged, &outcome, arguments.shards.len(), inputs);
    println!("seed {} · backend {} · {}", merged.seed, merged.backend, results.display());
    println!("page {}", report.page().display());
    Ok(status(&outcome))
}

fn told(merged: &RunFile, outcome: &CampaignOutcome, shards: usize, inputs: usize) {
    for finding in outcome.rows.iter().flat_map(|row| &row.findings) {
        println!("{}", terminal::finding(finding, &[]));
    }
    for leak in outcome.rows.iter().flat_map(|row| &row.leaks) {
        println!("{}", leak.text);
    }
    print!("{}", terminal::evidence(&merged.models, outcome));
    let corpora = if inputs > 0 { format!(" · {inputs} inputs of fuzz targets") } else { String::new() };
    println!("\n{} · {shards} shares{corpora}", terminal::summary(outcome, merged.seconds));
}

/// Keeps the cases of the findings beside the report, and whatever else the shards saved.
fn keep(merged: &mut RunFile, shards: &[PathBuf], folder: &Path) -> Result<(), Failure> {
    let failures = folder.join("failures");
    for finding in merged.rows.iter_mut().flat_map(|row| &mut row.findings) {
        // A saved case stays where it is: in the repository.
        if !finding.regression {
            finding.file = Some(save(finding, &failures).map_err(Failure::failed)?);
        }
    }
    for leak in merged.rows.iter_mut().flat_map(|row| &mut row.leaks) {
        let Some(name) = leak.file.file_name() else { continue };
        let here = failures.join(name);
        // The story names the files beside it.
        let stem = |path: &Path| path.display().to_string().trim_end_matches(".case.json").to_owned();
        leak.text = leak.text.replace(&stem(&leak.file), &stem(&here));
        leak.file = here;
    }
    for shard in shards {
        let from = shard.join("failures");
        for file in files(&from)? {
            let to = failures.join(file.file_name().unwrap_or_default());
            if to.exists() {
                continue;
            }
            std::fs::create_dir_all(&failures).and_then(|()| std::fs::copy(&file, &to)).map_err(|error| {
                Failure::failed(format!("{}: cannot copy to {}: {error}", file.display(), to.display()))
            })?;
        }
    }
    Ok(())
}

/// The files of a folder by name; none where there is no folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    entries(folder, Path::is_file)
}

fn entries(folder: &Path, wanted: fn(&Path) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::usage(format!("{}: cannot read the folder: {error}", folder.display()));
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if wanted(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Unites `corpus/NAME` of the shards, each input once; gives the number of inputs.
fn corpora(shards: &[PathBuf], folder: &Path) -> Result<usize, Failure> {
    let failed = |path: &Path, error| Failure::failed(format!("{}: {error}", path.display()));
    let united = folder.join("corpus");
    for shard in shards {
        for corpus in entries(&shard.join("corpus"), Path::is_dir)? {
            let to = united.join(corpus.file_name().unwrap_or_default());
            let inputs = read_folder(&corpus).map_err(|error| failed(&corpus, error))?;
            write_folder(&to, &inputs).map_err(|error| failed(&to, error))?;
        }
    }
    let mut count = 0;
    for corpus in entries(&united, Path::is_dir)? {
        count += files(&corpus)?.len();
    }
    Ok(count)
}
