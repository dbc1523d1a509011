//! `NAME.case.json`: a finding's case as a file that anyone can read, edit and replay.
//!
//! The *value* is the regression; the tape is kept as a hint only, since a format of choices goes stale
//! with each change of a generator.

use crate::case::Case;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The version of the format that this build reads and writes.
pub const VERSION: u32 = 1;

/// What a case file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// Always [`VERSION`].
    pub proofhouse: u32,
    /// The property that the case breaks.
    pub property: String,
    /// The target's name, as `--target` takes it.
    pub target: String,
    /// Library and version under test when the case was found.
    #[serde(default)]
    pub library: String,
    /// The engine on which it was found.
    pub backend: String,
    /// The finding's identity.
    pub identity: String,
    /// The symptom in one sentence.
    pub title: String,
    /// The case.
    pub case: Case,
    /// The tape as a hint for the shrinker; may be stale.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tape: String,
}

/// Why a case file cannot be used. Each text names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CaseFileError {
    /// It cannot be read.
    #[error("{path}: cannot read the case file: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It is no JSON of this shape.
    #[error("{path}:{line}:{column}: not a case file: {message}")]
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
    /// It was written by another version of the format.
    #[error(
        "{path}: a case file of format {found}, this build reads format {VERSION}; replay it with the build \
         that wrote it, or find the case anew"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The format that the file names.
        found: u64,
    },
    /// It cannot be written.
    #[error("{path}: cannot write: {source}; free some space or name another folder with --report")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl CaseFile {
    /// Reads a case file.
    ///
    /// # Errors
    /// [`CaseFileError`] with file, line and what to do.
    pub fn read(path: &Path) -> Result<Self, CaseFileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CaseFileError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, CaseFileError> {
        let shape = |error: serde_json::Error| {
            let text = error.to_string();
            let message =
                text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
            CaseFileError::Shape {
                path: path.to_owned(),
                line: error.line(),
                column: error.column(),
                message,
            }
        };
        let value: serde_json::Value = serde_json::from_str(text).map_err(shape)?;
        match value.get("proofhouse").and_then(serde_json::Value::as_u64) {
            Some(found) if found != u64::from(VERSION) => {
                return Err(CaseFileError::Version { path: path.to_owned(), found });
            }
            _ => {}
        }
        serde_json::from_str(text).map_err(shape)
    }

    /// Writes the file as a whole or not at all: to a neighbour first, then renamed.
    ///
    /// # Errors
    /// [`CaseFileError::Write`] where the disk does not take it.
    pub fn write(&self, path: &Path) -> Result<(), CaseFileError> {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        write_whole(path, text.as_bytes())
    }
}

/// Writes a file as a whole or not at all.
///
/// # Errors
/// [`CaseFileError::Write`] where the disk does not take it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CaseFileError> {
    let failed = |source| CaseFileError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let neighbour = path.with_extension(format!("tmp-{}", std::process::id()));
    let written = std::fs::File::create(&neighbour)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&neighbour, path));
    written.map_err(|source| {
        // A half file is of no use; the error about the write is the one to report.
        let _ = std::fs::remove_file(&neighbour);
        failed(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_refused_with_the_way_out() {
        let error = CaseFile::parse(r#"{"proofhouse": 7}"#, Path::new("x.case.json")).expect_err("refused");
        let text = error.to_string();
        assert!(
            text.contains("x.case.json") && text.contains("format 7") && text.contains("reads format 1"),
            "{text}"
        );
    }

    #[test]
    fn broken_json_is_named_by_line() {
        let error = CaseFile::parse("{\n  \"proofhouse\": 1,\n  oops\n}", Path::new("x.case.json"))
            .expect_err("refused");
        assert!(error.to_string().starts_with("x.case.json:3:"), "{error}");
    }
}
