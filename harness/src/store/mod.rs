//! What nights leave behind, in one place: findings, corpora, the history, runs of shards.
//!
//! | module | holds |
//! |---|---|
//! | this one | what of a report's folder is an object, and under which name |
//! | [`place`] | where objects are: a folder, S3, GCS |
//!
//! ```text
//! failures/STEM-SHA256.case.json    a saved case, or another file beside it
//! corpus/TARGET/SHA256              an input of a fuzz target
//! history/SHA256.json               a line of history.jsonl
//! runs/SHA256.json                  a run.json: of a shard that is to be merged
//! ```
//!
//! A name holds the SHA-256 digest of its content, in 64 hexadecimal digits. So what is pushed twice is there once, two
//! nights never overwrite each other whatever their order, and an object that was changed in the store is noticed. To
//! pull is to add: no file of the folder is changed but `history.jsonl`, which gets the lines that it lacks.

pub mod place;

use crate::engine::case_file::write_whole;
use crate::fuzz::corpus::{read_folder, write_folder};
use crate::report::run_file::RunFile;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::str::FromStr;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Saved cases.
    Failures,
    /// Inputs of fuzz targets.
    Corpus,
    /// A line for each run.
    History,
    /// Runs of shards, for `merge`.
    Runs,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Failures, Self::Corpus, Self::History, Self::Runs];

    /// The folder in the store.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Corpus => "corpus",
            Self::History => "history",
            Self::Runs => "runs",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kind = Self::ALL.into_iter().find(|kind| kind.folder() == text);
        kind.ok_or_else(|| format!("{text:?} is nothing that is kept: say failures, corpus, history or runs"))
    }
}

/// Something to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name in the store, with the digest in it.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Why an object of a store is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its name is none of this layout.
    #[error("{0}: no name that `store push` gives; left out")]
    Name(String),
    /// It holds something else than its name says.
    #[error("{0}: its content is not what its name says: it was changed or cut short in the store; left out")]
    Content(String),
}

/// A digest as the names hold it.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Digits of the digest in the name of a saved case that was pulled.
const SHORT: usize = 16;

/// The objects of a report's folder, by name.
///
/// # Errors
/// What the system answers, with the path.
pub fn gather(folder: &Path, kinds: &[Kind]) -> io::Result<Vec<Object>> {
    let mut objects = Vec::new();
    for kind in kinds {
        match kind {
            Kind::Failures => {
                for path in list(&folder.join("failures"), Path::is_file)? {
                    let bytes = read(&path)?;
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    objects.push(Object { name: failure_name(&name, &digest(&bytes)), bytes });
                }
            }
            Kind::Corpus => {
                for path in list(&folder.join("corpus"), Path::is_dir)? {
                    let target = plain(&path.file_name().unwrap_or_default().to_string_lossy());
                    for bytes in read_folder(&path).map_err(|error| at(&path, &error))? {
                        objects.push(Object { name: format!("corpus/{target}/{}", digest(&bytes)), bytes });
                    }
                }
            }
            Kind::History => {
                for line in lines(&folder.join("history.jsonl"))? {
                    let name = format!("history/{}.json", digest(line.as_bytes()));
                    objects.push(Object { name, bytes: line.into_bytes() });
                }
            }
            Kind::Runs => {
                let path = RunFile::path(folder);
                if path.is_file() {
                    let bytes = read(&path)?;
                    objects.push(Object { name: format!("runs/{}.json", digest(&bytes)), bytes });
                }
            }
        }
    }
    objects.sort_by(|one, other| one.name.cmp(&other.name));
    objects.dedup();
    Ok(objects)
}

/// Adds objects to a report's folder; gives how many it did not have.
///
/// A run goes to `runs/DIGEST/run.json`, so that `merge FOLDER/runs/*` takes it.
///
/// # Errors
/// What the system answers, with the path.
pub fn scatter(folder: &Path, objects: &[Object]) -> io::Result<usize> {
    let there: BTreeSet<String> = gather(folder, &Kind::ALL)?.into_iter().map(|object| object.name).collect();
    let mut history: Vec<String> = lines(&folder.join("history.jsonl"))?;
    let before = history.len();
    let mut fresh = 0;
    for object in objects.iter().filter(|object| !there.contains(&object.name)) {
        let Some((kind, parts)) = parse(&object.name) else { continue };
        let (path, what) = match kind {
            Kind::Failures => (folder.join("failures").join(local_failure(&parts)), &object.bytes),
            Kind::Runs => (RunFile::path(&folder.join("runs").join(&parts.digest[..SHORT])), &object.bytes),
            Kind::Corpus => {
                let corpus = folder.join("corpus").join(&parts.stem);
                write_folder(&corpus, std::slice::from_ref(&object.bytes)).map_err(|e| at(&corpus, &e))?;
                fresh += 1;
                continue;
            }
            Kind::History => {
                history.push(String::from_utf8_lossy(&object.bytes).into_owned());
                fresh += 1;
                continue;
            }
        };
        if !path.exists() {
            write_whole(&path, what).map_err(io::Error::other)?;
            fresh += 1;
        }
    }
    if history.len() > before {
        // Oldest first, as runs are added.
        history.sort_by_key(|line| {
            let run: Option<serde_json::Value> = serde_json::from_str(line).ok();
            run.and_then(|run| run["at"].as_i64()).unwrap_or_default()
        });
        let text: String = history.iter().map(|line| format!("{line}\n")).collect();
        write_whole(&folder.join("history.jsonl"), text.as_bytes()).map_err(io::Error::other)?;
    }
    Ok(fresh)
}

/// Whether an object that came from a store is what its name says.
///
/// # Errors
/// [`Refused`]: a store may hold what others put there.
pub fn check(object: &Object) -> Result<(), Refused> {
    match parse(&object.name) {
        None => Err(Refused::Name(object.name.clone())),
        Some((_, parts)) if parts.digest != digest(&object.bytes) => {
            Err(Refused::Content(object.name.clone()))
        }
        Some(_) => Ok(()),
    }
}

struct Parts {
    /// The stem of a saved case, the target of an input; empty for others.
    stem: String,
    digest: String,
    /// `case.json`, `sql`, …; empty for inputs.
    ending: String,
}

/// The parts of a name; nothing where `gather` gives no such name. No part can lead out of a folder.
fn parse(name: &str) -> Option<(Kind, Parts)> {
    let (folder, rest) = name.split_once('/')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.folder() == folder)?;
    let (stem, digest, ending) = match kind {
        Kind::Corpus => {
            let (target, digest) = rest.split_once('/')?;
            (target, digest, "")
        }
        Kind::Failures => {
            let (whole, ending) = rest.split_once('.')?;
            let (stem, digest) = whole.rsplit_once('-')?;
            (stem, digest, ending)
        }
        Kind::History | Kind::Runs => ("", rest.strip_suffix(".json")?, "json"),
    };
    let is_digest =
        digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let named = matches!(kind, Kind::History | Kind::Runs) || !stem.is_empty();
    let is_plain = plain(stem) == stem && plain(ending) == ending;
    (is_digest && named && is_plain).then(|| {
        (kind, Parts { stem: stem.to_owned(), digest: digest.to_owned(), ending: ending.to_owned() })
    })
}

/// The name of a file of the folder `failures` in the store. A file that was pulled keeps its name there.
fn failure_name(file: &str, digest: &str) -> String {
    let (stem, ending) = file.split_once('.').unwrap_or((file, "txt"));
    let pulled = format!("-{}", &digest[..SHORT]);
    let stem = plain(stem.strip_suffix(&pulled).unwrap_or(stem));
    format!("failures/{}-{digest}.{}", if stem.is_empty() { "case" } else { &stem }, plain(ending))
}

fn local_failure(parts: &Parts) -> String {
    format!("{}-{}.{}", parts.stem, &parts.digest[..SHORT], parts.ending)
}

/// A text as part of a name: letters, digits, `_`, `-`, and dots that do not begin it or stand side by side.
fn plain(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        let dot = c == '.' && !name.is_empty() && !name.ends_with('.');
        name.push(if c.is_ascii_alphanumeric() || c == '_' || c == '-' || dot { c } else { '_' });
    }
    name
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| at(path, &error))
}

fn lines(path: &Path) -> io::Result<Vec<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(at(path, &error)),
    }
}

fn list(folder: &Path, wanted: fn(&Path) -> bool) -> io::Result<Vec<std::path::PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| at(folder, &error))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| at(folder, &error))?.path();
        if wanted(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let place = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        place
    }

    fn names(objects: &[Object]) -> Vec<&str> {
        objects.iter().map(|object| object.name.as_str()).collect()
    }

    #[test]
    fn what_is_gathered_is_taken_and_gathered_again_under_the_same_names() {
        let one = folder(&[
            ("failures/frame-3fa1.case.json", "{}"),
            ("failures/claims-update orders.sql", "select 1"),
            ("failures/running/9-0.case.json", "left out: it runs"),
            ("corpus/frame/a", "input"),
            ("history.jsonl", "{\"at\":2}\n{\"at\":9}\n"),
            ("run.json", "{\"proofhouse\":1}"),
        ]);
        let objects = gather(one.path(), &Kind::ALL).expect("gathered");
        assert_eq!(objects.len(), 6, "{:?}", names(&objects));
        assert!(objects.iter().all(|object| check(object) == Ok(())));
        let two = folder(&[("history.jsonl", "{\"at\":5}\n")]);
        assert_eq!(scatter(two.path(), &objects).expect("taken"), 6);
        assert_eq!(scatter(two.path(), &objects).expect("taken twice"), 0);
        let history = std::fs::read_to_string(two.path().join("history.jsonl")).expect("read");
        assert_eq!(history, "{\"at\":2}\n{\"at\":5}\n{\"at\":9}\n");
        let kinds = [Kind::Failures, Kind::Corpus];
        let again = gather(two.path(), &kinds).expect("gathered");
        assert_eq!(names(&again), names(&gather(one.path(), &kinds).expect("gathered")));
    }

    #[test]
    fn two_nights_with_a_case_of_the_same_name_keep_both() {
        let nights = ["first", "second"].map(|text| folder(&[("failures/frame-1.case.json", text)]));
        let objects =
            nights.each_ref().map(|night| gather(night.path(), &Kind::ALL).expect("gathered")).concat();
        let all = tempfile::tempdir().expect("a folder");
        assert_eq!(scatter(all.path(), &objects).expect("taken"), 2);
        assert_eq!(gather(all.path(), &Kind::ALL).expect("gathered").len(), 2);
    }

    #[test]
    fn a_name_that_leads_elsewhere_and_a_changed_content_are_refused() {
        let good = digest(b"x");
        for name in [
            format!("corpus/../{good}"),
            format!("corpus/.ssh/{good}"),
            format!("corpus/a/b/{good}"),
            format!("failures/../../etc-{good}.json"),
            format!("failures/a-{good}.case/../x"),
            format!("failures/-{good}.json"),
            format!("/corpus/a/{good}"),
            format!("elsewhere/{good}.json"),
            "runs/short.json".to_owned(),
            String::new(),
        ] {
            let object = Object { name: name.clone(), bytes: b"x".to_vec() };
            assert_eq!(check(&object), Err(Refused::Name(name)));
        }
        let changed = Object { name: format!("corpus/frame/{good}"), bytes: b"y".to_vec() };
        assert!(matches!(check(&changed), Err(Refused::Content(_))));
    }
}
