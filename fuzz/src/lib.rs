//! Entry points of libFuzzer: what a fuzz target of a few lines needs.
//!
//! The work is done by `proofhouse::fuzz`; here is only what libFuzzer, and this repository's targets, ask for.

use libfuzzer_sys::Corpus;
use proofhouse::backend::BackendError;
use proofhouse::engine::accepted::Accepted;
use proofhouse::fuzz::corpus::read_folder;
use proofhouse::fuzz::mutate::Mutator;
use proofhouse::fuzz::{Answer, Session, Setting};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// Inputs that are changed in place of libFuzzer's own; nothing where libFuzzer does it.
static CORPUS: OnceLock<Option<Vec<Vec<u8>>>> = OnceLock::new();

static SESSION: OnceLock<Mutex<Session>> = OnceLock::new();

/// A property as a fuzz target: `property!("frame")`, or on another target than the correct mapper:
/// `property!("round_trip", "serde_dynamo")`.
///
/// `PROOFHOUSE_TARGET` names another target, `PROOFHOUSE_BACKEND` another engine than the embedded one,
/// `PROOFHOUSE_FAILURES` the folder for findings.
#[macro_export]
macro_rules! property {
    ($property:literal) => {
        $crate::property!($property, proofhouse_scenarios::correct_mapper($property));
    };
    ($property:literal, $target:expr) => {
        libfuzzer_sys::fuzz_target!(
            init: $crate::start($property, $target),
            |bytes: &[u8]| -> libfuzzer_sys::Corpus { $crate::run(bytes) }
        );
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::mutate(data, size, max_size, seed)
        });
    };
}

/// A function over text as a fuzz target: `text!(proofhouse::fuzz::models::value)`.
#[macro_export]
macro_rules! text {
    ($body:path) => {
        libfuzzer_sys::fuzz_target!(|text: &str| $body(text));
    };
}

/// Starts target and engine; ends the process with status 2 where the environment names what is not there.
pub fn start(property: &str, target: &str) {
    let started = setting(property, target).and_then(|setting| {
        let failures =
            variable("PROOFHOUSE_FAILURES").unwrap_or_else(|| "target/proofhouse/failures".to_owned());
        Session::start(setting, PathBuf::from(failures)).map_err(|error| error.to_string())
    });
    match started {
        Ok(session) => drop(SESSION.set(Mutex::new(session))),
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(2);
        }
    }
}

fn setting(property: &str, target: &str) -> Result<Setting, String> {
    let wanted = variable("PROOFHOUSE_TARGET").unwrap_or_else(|| target.to_owned());
    let target = proofhouse_scenarios::catalogue()
        .into_iter()
        .find(|target| target.name() == wanted)
        .ok_or_else(|| {
            format!(
                "PROOFHOUSE_TARGET: no target in process is called {wanted:?}; `proofhouse list targets` shows all"
            )
        })?;
    let backend = variable("PROOFHOUSE_BACKEND").unwrap_or_else(|| "embedded".to_owned());
    let backend = backend.parse().map_err(|error: BackendError| format!("PROOFHOUSE_BACKEND: {error}"))?;
    let accepted = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/threats/accepted.toml");
    let accepted = Accepted::read(&accepted).map_err(|error| error.to_string())?;
    Ok(Setting { property: property.to_owned(), target, backend, accepted })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs one input.
///
/// # Panics
/// With a finding, after it was shrunk, saved and printed: so libFuzzer saves the input.
pub fn run(bytes: &[u8]) -> Corpus {
    let session = SESSION.get().expect("`start` ran before").lock().expect("no run panicked before");
    match session.run(bytes) {
        Answer::NoCase => Corpus::Reject,
        Answer::Fine => Corpus::Keep,
        Answer::Found { text } => panic!("\n\n{text}"),
    }
}

/// Changes an input, and gives its length: libFuzzer's way; where `PROOFHOUSE_CORPUS` names a folder, one of its inputs
/// is changed in place of the given one. Without coverage libFuzzer finds no input interesting and forgets its corpus.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let corpus = CORPUS.get_or_init(|| {
        let folder = variable("PROOFHOUSE_CORPUS")?;
        Some(read_folder(Path::new(&folder)).unwrap_or_else(|error| {
            eprintln!("error: PROOFHOUSE_CORPUS: {folder}: {error}");
            std::process::exit(2);
        }))
    });
    let Some(corpus) = corpus else { return libfuzzer_sys::fuzzer_mutate(data, size, max_size) };
    let changed = Mutator::new(seed.into()).next(corpus);
    let length = changed.len().min(max_size);
    data[..length].copy_from_slice(&changed[..length]);
    length
}
