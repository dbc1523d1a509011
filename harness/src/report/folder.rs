//! The folder of the report: `results.jsonl`, `index.html`, `junit.xml`, `results.sarif`, `history.jsonl`, `run.json`.

use super::evidence::Evidence;
use super::history::{self, Past};
use super::run_file::RunFile;
use super::{html, junit, sarif};
use crate::engine::campaign::write_report;
use crate::engine::threats::FileError;
use std::path::{Path, PathBuf};

/// The folder of a report.
pub struct Folder {
    path: PathBuf,
    earlier: Vec<Past>,
}

/// Why the folder cannot be used, in words that name the file.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made.
    #[error("{}: cannot make the folder of the report: {source}", path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The runs before this one cannot be read.
    #[error(transparent)]
    History(#[from] FileError),
    /// A report of an earlier run cannot be taken away.
    #[error("{}: cannot take away the earlier report: {source}", path.display())]
    Clear {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl Folder {
    /// Makes the folder, reads its history, and takes the reports of an earlier run away: where this run dies, nobody
    /// must read them as its own. Saved cases and the history stay.
    ///
    /// # Errors
    /// [`FolderError`] with the file.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        std::fs::create_dir_all(path)
            .map_err(|source| FolderError::Make { path: path.to_owned(), source })?;
        let folder = Self { path: path.to_owned(), earlier: history::read(&path.join("history.jsonl"))? };
        let run = RunFile::path(path);
        for file in [run, folder.results(), folder.page(), folder.junit(), folder.sarif()] {
            match std::fs::remove_file(&file) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(FolderError::Clear { path: file, source });
                }
                _ => {}
            }
        }
        Ok(folder)
    }

    /// `results.jsonl`.
    pub fn results(&self) -> PathBuf {
        self.path.join("results.jsonl")
    }

    /// `index.html`.
    pub fn page(&self) -> PathBuf {
        self.path.join("index.html")
    }

    fn junit(&self) -> PathBuf {
        self.path.join("junit.xml")
    }

    fn sarif(&self) -> PathBuf {
        self.path.join("results.sarif")
    }

    /// Writes all formats but `results.jsonl`, adds the run to the history, and last writes `run.json`, which says that
    /// the run is whole. `at` is now, in seconds since 1970.
    ///
    /// # Errors
    /// What could not be written, a line a file; the other files are written all the same.
    pub fn write(&self, evidence: &Evidence<'_>, run: &RunFile, at: i64) -> Result<(), String> {
        let mut runs = self.earlier.clone();
        runs.push(Past::of(evidence, at));
        let page = html::page(evidence, &runs, &self.path);
        let files = [
            (self.page(), Ok(page)),
            (self.junit(), junit::text(evidence).map_err(|error| error.to_string())),
            (self.sarif(), sarif::text(evidence).map_err(|error| error.to_string())),
            (self.path.join("history.jsonl"), Ok(history::text(&runs))),
            (RunFile::path(&self.path), Ok(run.text())),
        ];
        let mut errors = Vec::new();
        for (path, text) in files {
            let written = match text {
                Ok(text) => write_report(&path, &text).map_err(|error| error.to_string()),
                Err(error) => Err(format!("{}: {error}", path.display())),
            };
            errors.extend(written.err());
        }
        if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_run_is_added_to_the_history_and_the_other_files_are_replaced() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("out");
        let sample = sample::run();
        for run in 1..=3 {
            let folder = Folder::open(&path).expect("opened");
            for name in ["index.html", "junit.xml", "results.sarif", "results.jsonl", "run.json"] {
                assert!(!path.join(name).exists(), "{name} of an earlier run");
            }
            folder.write(&sample.evidence(), &sample::run_file("1/1"), run).expect("written");
            for name in ["index.html", "junit.xml", "results.sarif", "run.json"] {
                assert!(path.join(name).exists(), "{name}");
            }
            std::fs::write(path.join("results.jsonl"), "{}").expect("written");
            assert_eq!(history::read(&path.join("history.jsonl")).expect("read").len(), run as usize);
        }
    }

    #[test]
    fn one_file_that_cannot_be_written_is_named_and_does_not_keep_the_others_from_it() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(place.path()).expect("opened");
        std::fs::create_dir_all(place.path().join("junit.xml/occupied")).expect("made");
        let sample = sample::run();
        let error = folder.write(&sample.evidence(), &sample::run_file("1/1"), 1).expect_err("refused");
        assert!(error.contains("junit.xml") && error.lines().count() == 1, "{error}");
        assert!(place.path().join("index.html").exists() && place.path().join("results.sarif").exists());
    }
}
