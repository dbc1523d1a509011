//! This repository's proof house: its targets, threat models and saved failures.

use proofhouse::cli::Catalogue;
use std::path::{Path, PathBuf};

/// Everything that a plain run takes.
pub fn proof_house() -> Catalogue {
    let here = here();
    Catalogue {
        targets: crate::catalogue(),
        manifests: manifests(&here.join("targets")),
        threats: vec![here.join("threats/dynamorm.toml"), here.join("threats/dvt.toml")],
        failures: Some(here.join("../snapshots/failures")),
    }
}

/// The folder of the scenarios: beside the working directory where it is there, else where it was built.
fn here() -> PathBuf {
    let beside = PathBuf::from("scenarios");
    if beside.join("threats").is_dir() { beside } else { PathBuf::from(env!("CARGO_MANIFEST_DIR")) }
}

/// The `target.toml` files below a folder, by name.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path().join("target.toml"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}
