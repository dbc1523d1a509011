//! The same seed gives the same results, on any number of workers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Runs and returns `results.jsonl` without its times.
fn results(folder: &Path, jobs: &str, arguments: &[&str]) -> Vec<BTreeMap<String, serde_json::Value>> {
    let out = folder.join("out");
    let _ = std::fs::remove_dir_all(&out);
    let status = Command::new(env!("CARGO_BIN_EXE_proofhouse"))
        .current_dir(folder)
        .args(["run", "--report", "out", "--jobs", jobs])
        .args(arguments)
        .output()
        .expect("the command runs");
    assert!(matches!(status.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&status.stderr));
    let text = std::fs::read_to_string(out.join("results.jsonl")).expect("results");
    assert!(!text.is_empty(), "no results");
    text.lines()
        .map(|line| {
            let mut line: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).expect("a line");
            line.retain(|key, _| !key.starts_with("ms"));
            line
        })
        .collect()
}

#[test]
fn one_two_and_eight_workers_give_the_same_results() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = [
        "--target",
        "mutant:partial-clears-omittable",
        "--property",
        "frame",
        "--cases",
        "150",
        "--seed",
        "7",
    ];
    let one = results(folder.path(), "1", &arguments);
    assert!(one.iter().any(|line| line["verdict"] == "finding"), "the mutant is found: {one:?}");
    for jobs in ["2", "8"] {
        assert_eq!(results(folder.path(), jobs, &arguments), one, "{jobs} workers");
    }
}

#[test]
fn the_same_seed_gives_the_same_labels_and_counts_and_another_seed_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments =
        |seed: &'static str| ["--target", "control", "--property", "frame", "--cases", "300", "--seed", seed];
    let first = results(folder.path(), "2", &arguments("1"));
    assert_eq!(results(folder.path(), "2", &arguments("1")), first);
    assert!(first.iter().all(|line| line["verdict"] == "held"), "{first:?}");
}
