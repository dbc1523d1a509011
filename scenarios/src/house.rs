//! This repository's proof house: its targets, threat models and saved failures.

use proofhouse::cli::Catalogue;
use std::path::PathBuf;

/// Everything that a plain run takes.
pub fn proof_house() -> Catalogue {
    let here = here();
    Catalogue {
        targets: crate::catalogue(),
        manifests: ["boto3", "pynamodb", "dynamorm"]
            .map(|target| here.join("targets").join(target).join("target.toml"))
            .to_vec(),
        threats: vec![here.join("threats/dynamorm.toml"), here.join("threats/dvt.toml")],
        failures: Some(here.parent().unwrap_or(&here).join("snapshots/failures")),
    }
}

/// The folder of the scenarios: beside the working directory where it is there, else where it was built.
fn here() -> PathBuf {
    let beside = PathBuf::from("scenarios");
    if beside.join("threats").is_dir() { beside } else { PathBuf::from(env!("CARGO_MANIFEST_DIR")) }
}
