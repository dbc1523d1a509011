//! `run.json`: a run that is over, as data. All other formats can be made of it anew: that is what `merge` does.
//!
//! It is the last file that a run writes, and the first that the next one takes away. So a folder with a `run.json`
//! holds a whole run.

use crate::engine::accepted::Accepted;
use crate::engine::campaign::Row;
use crate::engine::cell::Shard;
use crate::engine::threats::ThreatModel;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The version of the format that this build reads and writes.
pub const VERSION: u32 = 1;

/// A run that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// Always [`VERSION`].
    pub proofhouse: u32,
    /// The version of the build that ran.
    pub build: String,
    /// The share of the cases that ran; `1/1` for all.
    pub shard: Shard,
    /// The seed.
    pub seed: u64,
    /// The engine, as `--backend` names it.
    pub backend: String,
    /// The budget, as a person reads it: `300 cases each`, `30s each`.
    pub budget: String,
    /// Whether each property stopped at its first finding.
    pub first: bool,
    /// Wall time.
    pub seconds: f64,
    /// The threat models; none where properties were named instead.
    pub models: Vec<ThreatModel>,
    /// Findings that were accepted beforehand.
    pub accepted: Vec<Accepted>,
    /// One row a property and target.
    pub rows: Vec<Row>,
    /// Errors of the harness itself.
    pub errors: Vec<String>,
}

/// Why a run cannot be read, in words that name the file and the way out.
#[derive(Debug, thiserror::Error)]
pub enum RunFileError {
    /// There is no such folder.
    #[error("{}: no such folder; name the folders that `run --report` wrote", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// No run ended there.
    #[error(
        "{}: no finished run: there is no run.json, so the run goes on, has died, or was of an older build; run the \
         share again (cases of a run that died are in its folder failures)", folder.display()
    )]
    Unfinished {
        /// The folder.
        folder: PathBuf,
    },
    /// The system does not give the file.
    #[error("{}: cannot read the run: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It is half a file, or none of this shape.
    #[error("{}:{line}:{column}: not a whole run: {message}; copy the folder again, or run the share again", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What was expected.
        message: String,
    },
    /// Another version of the format.
    #[error("{}: a run of format {found}, this build reads format {VERSION}; merge with the build that ran", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The format that the file names.
        found: u64,
    },
}

impl RunFile {
    /// The file in a folder of a report.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join("run.json")
    }

    /// Reads the run of a folder.
    ///
    /// # Errors
    /// [`RunFileError`] with the file and what to do.
    pub fn read(folder: &Path) -> Result<Self, RunFileError> {
        if !folder.is_dir() {
            return Err(RunFileError::NoFolder { folder: folder.to_owned() });
        }
        let path = Self::path(folder);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(RunFileError::Unfinished { folder: folder.to_owned() });
            }
            Err(source) => return Err(RunFileError::Read { path, source }),
        };
        Self::parse(&text, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, RunFileError> {
        let shape = |error: serde_json::Error| {
            let words = error.to_string();
            let message = words.rsplit_once(" at line ").map_or(words.as_str(), |(message, _)| message);
            RunFileError::Shape {
                path: path.to_owned(),
                line: error.line(),
                column: error.column(),
                message: message.to_owned(),
            }
        };
        let value: serde_json::Value = serde_json::from_str(text).map_err(shape)?;
        match value.get("proofhouse").and_then(serde_json::Value::as_u64) {
            Some(found) if found != u64::from(VERSION) => {
                Err(RunFileError::Version { path: path.to_owned(), found })
            }
            // From the text, so that the error has a place.
            _ => serde_json::from_str(text).map_err(shape),
        }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = sample::run_file("2/3");
        std::fs::write(RunFile::path(folder.path()), run.text()).expect("written");
        assert_eq!(RunFile::read(folder.path()).expect("read"), run);
    }

    #[test]
    fn half_a_file_is_named_with_its_end() {
        let text = sample::run_file("1/1").text();
        let error = RunFile::parse(&text[..text.len() / 2], Path::new("x/run.json")).expect_err("refused");
        let words = error.to_string();
        assert!(words.starts_with("x/run.json:1:") && words.contains("not a whole run"), "{words}");
    }

    #[test]
    fn another_format_is_told_with_the_way_out() {
        let error = RunFile::parse(r#"{"proofhouse":7}"#, Path::new("x/run.json")).expect_err("refused");
        let words = error.to_string();
        assert!(words.contains("format 7") && words.contains("merge with the build that ran"), "{words}");
    }
}
