//! `accepted.toml`: findings that a team knows and lives with, each with a reason.
//!
//! ```toml
//! [[accepted]]
//! property = "meaning"
//! target   = "boto3"
//! identity = "update: value of the caller replaced"
//! reason   = "boto3#4831, open upstream"
//! ```
//!
//! An accepted finding is shown in full and does not fail a run; an entry that no longer occurs is stale.

use super::threats::{FileError, line_of, parse_toml};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use toml::Spanned;

/// An entry of `accepted.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The file.
    pub path: PathBuf,
    /// The line of the entry, from 1.
    pub line: usize,
    /// The property's id.
    pub property: String,
    /// The target's name.
    pub target: String,
    /// The finding's identity; a `*` stands for any text.
    pub identity: String,
    /// Why it is accepted.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    accepted: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    property: Spanned<String>,
    target: String,
    identity: String,
    reason: String,
}

impl Accepted {
    /// Reads the entries of a file; none where it does not exist.
    ///
    /// # Errors
    /// [`FileError`] with the line.
    pub fn read(path: &Path) -> Result<Vec<Self>, FileError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(FileError {
                    path: path.to_owned(),
                    line: None,
                    message: format!("cannot read the accepted findings: {error}"),
                });
            }
        };
        let document: Document = parse_toml(&text, path)?;
        let mut entries = Vec::new();
        for entry in document.accepted {
            let line = line_of(&text, entry.property.span().start);
            if entry.reason.trim().is_empty() {
                return Err(FileError {
                    path: path.to_owned(),
                    line: Some(line),
                    message: "an accepted finding needs a reason".to_owned(),
                });
            }
            entries.push(Self {
                path: path.to_owned(),
                line,
                property: entry.property.into_inner(),
                target: entry.target,
                identity: entry.identity,
                reason: entry.reason,
            });
        }
        Ok(entries)
    }

    /// Whether the entry speaks of the finding.
    pub fn matches(&self, property: &str, target: &str, identity: &str) -> bool {
        same(&self.identity, identity) && self.property == property && self.target == target
    }
}

/// Whether the text is the pattern, in which `*` stands for any text.
fn same(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.into_iter().any(|at| same(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_speaks_of_one_identity_or_of_a_family() {
        let mut entry = Accepted {
            path: PathBuf::new(),
            line: 1,
            property: "frame".into(),
            target: "t".into(),
            identity: "update partial: removed".into(),
            reason: "known".into(),
        };
        assert!(entry.matches("frame", "t", "update partial: removed"));
        assert!(!entry.matches("frame", "t", "update partial: removed twice"));
        assert!(!entry.matches("frame", "u", "update partial: removed"));
        entry.identity = "update partial: *".into();
        assert!(entry.matches("frame", "t", "update partial: changed"));
        entry.identity = "* partial: *ed".into();
        assert!(entry.matches("frame", "t", "update partial: removed"));
        assert!(!entry.matches("frame", "t", "update patch: removed"));
        assert!(!entry.matches("frame", "t", "update partial: removed twice"));
    }
}
