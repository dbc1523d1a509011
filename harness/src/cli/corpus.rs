//! `corpus`: inputs of the fuzz targets: seeds out of property runs, saved cases as bytes, crashes as cases, corpora
//! as text and back.

use super::run::choose_backend;
use super::{Catalogue, FINDINGS, Failure};
use crate::engine::case_file::{CaseFile, write_whole};
use crate::fuzz::{Bench, FuzzError, Ran, Setting, corpus, on_deep_stack};
use crate::property;
use crate::report::{show, terminal};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write seeds of each property that applies to the target into FOLDER/PROPERTY
    Seeds(Seeds),
    /// Write a saved case as the bytes from which a fuzz target draws it
    Encode(Encode),
    /// Run the case that a fuzz target draws from a file; where it breaks the property, shrink and save it
    Decode(Decode),
    /// Write the inputs of a folder as text, a line each
    Pack(Pack),
    /// Write the inputs of a text into a folder, a file each
    Unpack(Unpack),
}

#[derive(Args)]
struct Seeds {
    /// Where the folders of the properties are made
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The target whose data models are generated
    #[arg(long, value_name = "NAME|FILE.toml|\"COMMAND\"")]
    target: String,
    /// Only this property; may be given more than once
    #[arg(long, value_name = "ID")]
    property: Vec<String>,
    /// Cases of which the seeds are chosen
    #[arg(long, default_value_t = 2_000)]
    cases: u64,
    /// Seeds of a property at most
    #[arg(long, default_value_t = 100)]
    most: usize,
    /// The seed of the cases
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Args)]
struct Encode {
    /// The saved case
    #[arg(value_name = "FILE.case.json")]
    file: PathBuf,
    /// Where the bytes go
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Another target than the one that the case names
    #[arg(long, value_name = "NAME|FILE.toml|\"COMMAND\"")]
    target: Option<String>,
}

#[derive(Args)]
struct Decode {
    /// The input: a crash that a fuzzer saved, or one of a corpus
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The property of the fuzz target
    #[arg(long, value_name = "ID")]
    property: String,
    /// The target that was fuzzed
    #[arg(long, value_name = "NAME|FILE.toml|\"COMMAND\"")]
    target: String,
    /// The engine: embedded, reference, or the URL of a DynamoDB endpoint
    #[arg(long, default_value = "embedded", value_name = "NAME|URL")]
    backend: String,
    /// The folder for the shrunk case
    #[arg(long, default_value = "target/proofhouse/failures", value_name = "FOLDER")]
    failures: PathBuf,
}

#[derive(Args)]
struct Pack {
    /// A fuzzer's corpus
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The text
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Args)]
struct Unpack {
    /// The text
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder; what is there stays
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<u8, Failure> {
    match &arguments.what {
        What::Seeds(arguments) => on_deep_stack(|| seeds(arguments, catalogue)),
        What::Encode(arguments) => on_deep_stack(|| encode(arguments, catalogue)),
        What::Decode(arguments) => on_deep_stack(|| decode(arguments, catalogue)),
        What::Pack(arguments) => pack(arguments),
        What::Unpack(arguments) => unpack(arguments),
    }
}

/// A bench for the property on the target, over an engine.
fn bench(catalogue: &Catalogue, target: &str, property: &str, backend: &str) -> Result<Bench, Failure> {
    let backend = choose_backend(backend, false)?;
    let target = catalogue.find(target)?;
    let setting = Setting { property: property.to_owned(), target, backend, accepted: Vec::new() };
    Bench::open(setting)
        .map_err(|error| if error.is_usage() { Failure::usage(error) } else { Failure::failed(error) })
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Failure + '_ {
    move |error| Failure::failed(format!("{}: {error}", path.display()))
}

fn seeds(arguments: &Seeds, catalogue: &Catalogue) -> Result<u8, Failure> {
    let by_name = !arguments.property.is_empty();
    let known = property::all();
    let ids: Vec<String> = if by_name {
        arguments.property.clone()
    } else {
        known.iter().map(|property| property.id().to_owned()).collect()
    };
    for id in ids {
        let backend = choose_backend("reference", false)?;
        let target = catalogue.find(&arguments.target)?;
        let setting = Setting { property: id.clone(), target, backend, accepted: Vec::new() };
        let bench = match Bench::open(setting) {
            Ok(bench) => bench,
            Err(error @ FuzzError::NotApplicable { .. }) if !by_name => {
                println!("not written: {error}");
                continue;
            }
            Err(error) if error.is_usage() => return Err(Failure::usage(error)),
            Err(error) => return Err(Failure::failed(error)),
        };
        let (property, capabilities) = (bench.property(), bench.capabilities());
        let inputs = corpus::seeds(property, capabilities, arguments.seed, arguments.cases, arguments.most);
        let folder = arguments.folder.join(&id);
        corpus::write_folder(&folder, &inputs).map_err(failed(&folder))?;
        let bytes: usize = inputs.iter().map(Vec::len).sum();
        println!("{id}: {} inputs, {bytes} bytes, in {}", inputs.len(), folder.display());
    }
    Ok(0)
}

fn encode(arguments: &Encode, catalogue: &Catalogue) -> Result<u8, Failure> {
    let file = CaseFile::read(&arguments.file).map_err(Failure::usage)?;
    let target = arguments.target.as_deref().unwrap_or(&file.target);
    let bench = bench(catalogue, target, &file.property, "reference")?;
    let encoded = corpus::encode(&file, bench.capabilities())
        .map_err(|error| Failure::usage(format!("{}: {error}", arguments.file.display())))?;
    write_whole(&arguments.output, &encoded.bytes).map_err(Failure::failed)?;
    println!(
        "{} bytes for the fuzz target {} in {}",
        encoded.bytes.len(),
        encoded.property,
        arguments.output.display()
    );
    Ok(0)
}

fn decode(arguments: &Decode, catalogue: &Catalogue) -> Result<u8, Failure> {
    let path = &arguments.file;
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::usage(format!("{}: cannot read the input: {error}", path.display())))?;
    let mut bench = bench(catalogue, &arguments.target, &arguments.property, &arguments.backend)?;
    if let Ok(case) = bench.case(&bytes) {
        print!("{}", show::case(&case));
    }
    match bench.run(&bytes) {
        Ran::NoCase(reason) => println!("the bytes lead to no case: {reason}"),
        Ran::Discarded(reason) => println!("nothing was checked: {reason}"),
        Ran::Held => println!("the property holds"),
        Ran::Known(identity) => println!("a documented hazard: {identity}"),
        Ran::Broken(suspect) => {
            let mut finding = bench.minimise(*suspect);
            Bench::save(&mut finding, &arguments.failures).map_err(Failure::failed)?;
            println!("{}", terminal::finding(&finding, &[]));
            return Ok(FINDINGS);
        }
    }
    Ok(0)
}

fn pack(arguments: &Pack) -> Result<u8, Failure> {
    let mut inputs = corpus::read_folder(&arguments.folder).map_err(|error| {
        Failure::usage(format!("{}: cannot read the folder: {error}", arguments.folder.display()))
    })?;
    inputs.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    inputs.dedup();
    write_whole(&arguments.output, corpus::to_text(&inputs).as_bytes()).map_err(Failure::failed)?;
    println!("{} inputs in {}", inputs.len(), arguments.output.display());
    Ok(0)
}

fn unpack(arguments: &Unpack) -> Result<u8, Failure> {
    let path = &arguments.file;
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{}: cannot read the corpus: {error}", path.display())))?;
    let inputs =
        corpus::from_text(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    corpus::write_folder(&arguments.output, &inputs).map_err(failed(&arguments.output))?;
    println!("{} inputs in {}", inputs.len(), arguments.output.display());
    Ok(0)
}
