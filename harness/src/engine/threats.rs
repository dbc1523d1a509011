//! Threat models as TOML: each threat a row with the properties that would show it.
//!
//! ```toml
//! name    = "dynamorm"
//! title   = "DynamORM, a Go mapper for DynamoDB"
//! schemas = ["../postgres/store/tenancy.toml"]   # where the system has a Postgres schema
//!
//! [[threat]]
//! id         = "T-clobber"
//! title      = "An update overwrites attributes that it does not name"
//! properties = ["frame", "presence"]
//!
//! [[threat]]
//! id     = "T-supply"
//! title  = "A dependency is compromised"
//! status = "outside"
//! reason = "no program at run time shows it; cargo deny and its like do"
//! ```

use super::stores;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use toml::Spanned;

/// A threat model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreatModel {
    /// Where it was read.
    pub path: PathBuf,
    /// The short name.
    pub name: String,
    /// One line.
    pub title: String,
    /// Targets that a plain run uses for this model; empty for all shipped mapper targets.
    pub targets: Vec<String>,
    /// Tenancy contracts of schemas that stand for the system, resolved beside the file: stores.
    pub schemas: Vec<PathBuf>,
    /// Its rows.
    pub threats: Vec<Threat>,
}

/// A row of a threat model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threat {
    /// The row's id in its document: `T1`, `T-clobber`.
    pub id: String,
    /// The threat in one line.
    pub title: String,
    /// Properties that would show it.
    pub properties: Vec<String>,
    /// Whether something shows it, will, or cannot.
    pub status: Status,
    /// Why nothing shows it, or not all of it.
    pub reason: Option<String>,
}

/// Whether a threat is put to the proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Properties show it.
    #[default]
    Tested,
    /// Not yet.
    Planned,
    /// Outside of what a program at run time can show.
    Outside,
}

/// What is wrong with a file that a person wrote: file, line, what, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// From 1, where known.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    schemas: Vec<String>,
    #[serde(default)]
    threat: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: Spanned<String>,
    title: String,
    #[serde(default)]
    properties: Vec<Spanned<String>>,
    #[serde(default)]
    status: Status,
    reason: Option<String>,
}

impl ThreatModel {
    /// Reads a threat model; every property that it names must be one of `known`.
    ///
    /// # Errors
    /// [`FileError`] with the line.
    pub fn read(path: &Path, known: &[&str]) -> Result<Self, FileError> {
        let text = std::fs::read_to_string(path).map_err(|error| FileError {
            path: path.to_owned(),
            line: None,
            message: format!("cannot read the threat model: {error}"),
        })?;
        Self::parse(&text, path, known)
    }

    fn parse(text: &str, path: &Path, known: &[&str]) -> Result<Self, FileError> {
        let fail = |line, message| FileError { path: path.to_owned(), line, message };
        let document: Document = parse_toml(text, path)?;
        let mut threats: Vec<Threat> = Vec::new();
        for row in document.threat {
            let line = Some(line_of(text, row.id.span().start));
            let id = row.id.into_inner();
            if threats.iter().any(|threat| threat.id == id) {
                return Err(fail(
                    line,
                    format!("the threat {id:?} stands twice; give each row an id of its own"),
                ));
            }
            for property in &row.properties {
                if !known.contains(&property.as_ref().as_str()) {
                    let name = property.as_ref();
                    let near = nearest(name, known)
                        .map(|near| format!("; did you mean {near:?}?"))
                        .unwrap_or_default();
                    return Err(fail(
                        Some(line_of(text, property.span().start)),
                        format!(
                            "no property is called {name:?}{near} (`proofhouse list properties` shows all)"
                        ),
                    ));
                }
                let of_stores = stores::PROPERTIES.iter().any(|(id, _)| id == property.as_ref());
                if of_stores && document.schemas.is_empty() {
                    return Err(fail(
                        Some(line_of(text, property.span().start)),
                        format!(
                            "the property {:?} is judged on a schema; name its contract: schemas = [\"…/tenancy.toml\"]",
                            property.as_ref()
                        ),
                    ));
                }
            }
            match (row.status, row.properties.is_empty(), &row.reason) {
                (Status::Tested, true, _) => {
                    return Err(fail(
                        line,
                        format!(
                            "the threat {id:?} names no property; name some, or say status = \"planned\" or \"outside\" with a reason"
                        ),
                    ));
                }
                (Status::Planned | Status::Outside, false, _) => {
                    return Err(fail(
                        line,
                        format!("the threat {id:?} names properties, so its status is \"tested\""),
                    ));
                }
                (Status::Planned | Status::Outside, true, None) => {
                    return Err(fail(
                        line,
                        format!("the threat {id:?} is not tested; say why with reason = \"…\""),
                    ));
                }
                _ => {}
            }
            threats.push(Threat {
                id,
                title: row.title,
                properties: row.properties.into_iter().map(Spanned::into_inner).collect(),
                status: row.status,
                reason: row.reason,
            });
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        Ok(Self {
            path: path.to_owned(),
            name: document.name,
            title: document.title,
            targets: document.targets,
            schemas: document.schemas.iter().map(|schema| folder.join(schema)).collect(),
            threats,
        })
    }
}

/// Parses a TOML file that a person wrote.
///
/// # Errors
/// [`FileError`] with the line and the parser's words.
pub fn parse_toml<T: serde::de::DeserializeOwned>(text: &str, path: &Path) -> Result<T, FileError> {
    toml::from_str(text).map_err(|error| FileError {
        path: path.to_owned(),
        line: error.span().map(|span| line_of(text, span.start)),
        message: error.message().to_owned(),
    })
}

/// The line, from 1, of a byte offset.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// The known word that differs least, if it is near enough to be a slip.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(d, _)| *d <= 3)
        .min()
        .map(|(_, c)| c)
}

fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (above + 1).min(row[j] + 1).min(diagonal + usize::from(a != *b));
            diagonal = above;
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ThreatModel, FileError> {
        ThreatModel::parse(text, Path::new("t.toml"), &["frame", "guard"])
    }

    #[test]
    fn an_unknown_property_is_named_by_line_with_the_nearest() {
        let error = parse("name = \"x\"\n[[threat]]\nid = \"T\"\ntitle = \"t\"\nproperties = [\"frome\"]\n");
        let text = error.expect_err("refused").to_string();
        assert!(text.starts_with("t.toml:5: ") && text.contains("did you mean \"frame\""), "{text}");
    }

    #[test]
    fn an_untested_threat_needs_a_reason() {
        let error = parse("name = \"x\"\n[[threat]]\nid = \"T\"\ntitle = \"t\"\nstatus = \"outside\"\n");
        assert!(error.expect_err("refused").to_string().contains("say why"));
    }

    #[test]
    fn a_property_of_stores_needs_a_schema() {
        let row = "[[threat]]\nid = \"T\"\ntitle = \"t\"\nproperties = [\"isolation_read\"]\n";
        let known = ["isolation_read"];
        let read = |text: &str| ThreatModel::parse(text, Path::new("models/t.toml"), &known);
        let error = read(&format!("name = \"x\"\n{row}")).expect_err("refused").to_string();
        assert!(error.starts_with("models/t.toml:5: ") && error.contains("schemas"), "{error}");
        let model =
            read(&format!("name = \"x\"\nschemas = [\"shop/tenancy.toml\"]\n{row}")).expect("accepted");
        assert_eq!(model.schemas, [Path::new("models/shop/tenancy.toml")]);
    }

    #[test]
    fn broken_toml_is_named_by_line() {
        let error = parse("name = \"x\"\nthreat = [\n").expect_err("refused");
        assert_eq!(error.path, Path::new("t.toml"));
        assert!(error.line.is_some_and(|line| line >= 2), "{error}");
    }
}
