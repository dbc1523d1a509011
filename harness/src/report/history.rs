//! `history.jsonl`: a line a run in the folder of the report, for the trend.

use super::evidence::Evidence;
use crate::engine::campaign::Verdict;
use crate::engine::seed::short_name;
use crate::engine::threats::FileError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A run that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// When it ended, in seconds since 1970, UTC.
    pub at: i64,
    /// A short name of what was put to what on which engine. Runs of the same name compare.
    pub scope: String,
    /// The seed.
    pub seed: u64,
    /// Cases.
    pub cases: u64,
    /// Wall time.
    pub seconds: f64,
    /// Findings that fail a run.
    pub findings: u64,
    /// Rows by verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
}

impl Past {
    /// The line of a run that ended at a time.
    pub fn of(evidence: &Evidence<'_>, at: i64) -> Self {
        let models = evidence.models.iter().map(|model| model.name.clone());
        let rows = evidence.outcome.rows.iter();
        let mut parts: Vec<String> = rows
            .map(|row| format!("{}\t{}\t{}", row.property, row.target, row.backend))
            .chain(models)
            .collect();
        parts.sort();
        Self {
            at,
            scope: short_name(&parts.join("\n")),
            seed: evidence.seed,
            cases: evidence.cases(),
            seconds: (evidence.seconds * 10.0).round() / 10.0,
            findings: evidence.findings(),
            verdicts: evidence.verdicts(),
        }
    }

    /// The day and time, `2026-11-25 04:05` in UTC.
    pub fn date(&self) -> String {
        chrono::DateTime::from_timestamp(self.at, 0)
            .map(|date| date.format("%Y-%m-%d %H:%M").to_string())
            .unwrap_or_default()
    }
}

/// Reads the runs of a folder, oldest first; none where there is no file.
///
/// # Errors
/// [`FileError`] with the line.
pub fn read(path: &Path) -> Result<Vec<Past>, FileError> {
    let fail = |line, message| FileError { path: path.to_owned(), line, message };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(None, format!("cannot read the runs before this one: {error}"))),
    };
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            fail(Some(number + 1), format!("not a run: {error}; mend the line or take it away"))
        })
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
}

/// The file's text.
pub fn text(runs: &[Past]) -> String {
    runs.iter().map(|run| serde_json::to_string(run).unwrap_or_default() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.jsonl");
        assert_eq!(read(&path), Ok(Vec::new()));
        let sample = sample::run();
        let runs = [Past::of(&sample.evidence(), 0), Past::of(&sample.evidence(), 1_764_043_200)];
        std::fs::write(&path, text(&runs)).expect("written");
        assert_eq!(read(&path).expect("read"), runs);
        assert_eq!(runs[1].date(), "2025-11-25 04:00");
    }

    #[test]
    fn a_broken_line_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.jsonl");
        std::fs::write(&path, "{\"at\":1}\n").expect("written");
        let error = read(&path).expect_err("refused").to_string();
        assert!(error.contains("history.jsonl:1: ") && error.contains("take it away"), "{error}");
    }

    #[test]
    fn runs_of_other_targets_do_not_compare() {
        let sample = sample::run();
        let mut other = sample::run();
        other.outcome.rows.pop();
        assert_ne!(Past::of(&sample.evidence(), 0).scope, Past::of(&other.evidence(), 0).scope);
    }
}
