//! A saved finding once more: the same rows, the same program, twenty times.

use super::bench::{Bench, Problem};
use super::contract::{Contract, ContractError};
use super::data::{Made, Owner};
use super::finding::{self, Finding, Saved};
use super::pair::{Pair, Stage};
use crate::backend::postgres::Choice;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a saved finding is replayed at most.
const REPLAYING: Duration = Duration::from_secs(30);

/// What a replay showed.
#[derive(Debug)]
pub struct Replayed {
    /// The finding, with what was seen this time.
    pub finding: Finding,
    /// Name of the contract.
    pub contract: String,
    /// Name and version of the backend.
    pub backend: String,
}

/// Whether a file is a finding of `isolate`; nothing where it is not JSON or something else.
pub fn is_saved(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| {
        serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|value| value["kind"] == "isolate")
    })
}

/// Runs a saved finding.
///
/// # Errors
/// A file or a contract that cannot be read, rows that the schema refuses, a backend that fails.
pub fn replay(path: &Path, postgres: &Choice) -> Result<Replayed, Problem> {
    let wrong = |reason: String| ContractError { place: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let saved: Saved = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let contract = Contract::read(&contract_of(path, &saved))?;
    let bench = Bench::prepare(contract, postgres, 0)?;
    let mut finding = restored(&saved);
    let mut pair = Pair::exactly(&bench, &finding.base_rows, (&finding.rows.0, &finding.rows.1))?;
    pair.start_beside(&finding.program)?;
    finding::replay(&bench, &mut pair, &mut finding, Instant::now() + REPLAYING)?;
    Ok(Replayed { contract: bench.contract.name(), backend: bench.backend.clone(), finding })
}

/// The contract as the case names it, else beside the case's report.
fn contract_of(path: &Path, saved: &Saved) -> PathBuf {
    let named = PathBuf::from(&saved.contract);
    if named.is_file() {
        return named;
    }
    let beside = path.ancestors().skip(1).map(|folder| folder.join(&named));
    beside.into_iter().find(|candidate| candidate.is_file()).unwrap_or(named)
}

fn restored(saved: &Saved) -> Finding {
    let rows = |list: &[String]| -> Vec<Made> {
        list.iter()
            .map(|sql| Made {
                table: 0,
                owner: Owner::Everyone,
                cells: Vec::new(),
                sql: sql.clone(),
                again: sql.clone(),
            })
            .collect()
    };
    Finding {
        channels: saved.channels.clone(),
        object: saved.object.clone(),
        program: saved.program.clone(),
        step: 0,
        seen: (saved.seen_1.clone(), saved.seen_2.clone()),
        base: 0,
        base_rows: rows(&saved.base_rows),
        rows: (rows(&saved.world_1), rows(&saved.world_2)),
        stage: Stage::default(),
        shrink: (0, 0, 0),
        stable: 0,
        replays: 0,
        tests: 0,
        ms: 0,
        hint: None,
        accepted: None,
    }
}
