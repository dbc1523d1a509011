//! The table of planted bugs: what `ci/mutants` measured, as JSON lines.
//!
//! ```json
//! {"property":"frame","mutant":"update-clears-set","seeds":10,"found":10,"cases":41,"seconds":0.31}
//! ```

use crate::engine::threats::FileError;
use serde::Deserialize;
use std::path::Path;

/// A planted bug, and how well its property found it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Mutant {
    /// The property that has to find it.
    pub property: String,
    /// The mutant's name.
    pub mutant: String,
    /// Runs, each with a seed of its own.
    pub seeds: u32,
    /// Runs that found it.
    pub found: u32,
    /// Median of the cases up to the first that showed it; nothing where no run found it.
    pub cases: Option<f64>,
    /// Median of the seconds up to it; nothing where no run found it.
    pub seconds: Option<f64>,
}

impl Mutant {
    /// Reads a table.
    ///
    /// # Errors
    /// [`FileError`] with the line.
    pub fn read(path: &Path) -> Result<Vec<Self>, FileError> {
        let fail = |line, message| FileError { path: path.to_owned(), line, message };
        let text = std::fs::read_to_string(path).map_err(|error| {
            fail(None, format!("cannot read the table of planted bugs: {error}; `ci/mutants` writes one"))
        })?;
        let mut list = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let mutant: Self = serde_json::from_str(line)
                .map_err(|error| fail(Some(number + 1), format!("not a line of the table: {error}")))?;
            list.push(mutant);
        }
        Ok(list)
    }
}

/// What was found of a property's planted bugs.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Bugs that every seed found.
    pub found: usize,
    /// Bugs.
    pub planted: usize,
    /// Median of the medians of seconds; nothing where none was found.
    pub seconds: Option<f64>,
}

/// What was found of a property's planted bugs; nothing where the table does not name the property.
pub fn of(property: &str, mutants: &[Mutant]) -> Option<Found> {
    let mine: Vec<&Mutant> = mutants.iter().filter(|mutant| mutant.property == property).collect();
    if mine.is_empty() {
        return None;
    }
    let found = mine.iter().filter(|mutant| mutant.seeds > 0 && mutant.found == mutant.seeds).count();
    let mut seconds: Vec<f64> = mine.iter().filter_map(|mutant| mutant.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    let median = match seconds.len() {
        0 => None,
        even if even % 2 == 0 => Some((seconds[middle - 1] + seconds[middle]) / 2.0),
        _ => Some(seconds[middle]),
    };
    Some(Found { found, planted: mine.len(), seconds: median })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(found: u32, seconds: Option<f64>) -> Mutant {
        let property = "frame".to_owned();
        Mutant {
            property,
            mutant: "m".to_owned(),
            seeds: 10,
            found,
            cases: seconds.map(|s| s * 100.0),
            seconds,
        }
    }

    #[test]
    fn a_bug_that_some_seed_missed_does_not_count_as_found() {
        let table = [mutant(10, Some(1.0)), mutant(9, Some(3.0)), mutant(0, None)];
        assert_eq!(of("frame", &table), Some(Found { found: 1, planted: 3, seconds: Some(2.0) }));
        assert_eq!(of("guard", &table), None);
        assert_eq!(of("frame", &[mutant(0, None)]), Some(Found { found: 0, planted: 1, seconds: None }));
    }

    #[test]
    fn a_broken_line_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mutants.jsonl");
        let good = r#"{"property":"frame","mutant":"m","seeds":1,"found":0,"cases":null,"seconds":null}"#;
        std::fs::write(&path, format!("{good}\n\n{{\"property\":3}}\n")).expect("written");
        let error = Mutant::read(&path).expect_err("refused").to_string();
        assert!(error.contains("mutants.jsonl:3: "), "{error}");
        std::fs::write(&path, format!("{good}\n")).expect("written");
        assert_eq!(Mutant::read(&path).expect("read").len(), 1);
    }
}
