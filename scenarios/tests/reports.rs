//! A run leaves its evidence in one folder, in each format, and they agree.

use std::path::Path;
use std::process::Command;

/// Runs a planted bug and returns the status.
fn run(folder: &Path, arguments: &[&str]) -> Option<i32> {
    Command::new(env!("CARGO_BIN_EXE_proofhouse"))
        .current_dir(folder)
        .args(["run", "--report", "out", "--property", "frame", "presence", "--cases", "150", "--seed", "7"])
        .args(arguments)
        .output()
        .expect("the command runs")
        .status
        .code()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join("out").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_format_tells_the_finding_of_a_planted_bug() {
    let folder = tempfile::tempdir().expect("a folder");
    let bug = ["--target", "mutant:partial-clears-omittable", "--target", "control"];
    assert_eq!(run(folder.path(), &bug), Some(1));
    let results = read(folder.path(), "results.jsonl");
    let lines: Vec<serde_json::Value> =
        results.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    let findings: Vec<_> = lines.iter().filter(|line| line["verdict"] == "finding").collect();
    assert!(!findings.is_empty(), "{results}");

    let sarif: serde_json::Value = serde_json::from_str(&read(folder.path(), "results.sarif")).expect("JSON");
    let entries = sarif["runs"][0]["results"].as_array().expect("results");
    assert_eq!(entries.len(), findings.len());
    for (entry, finding) in entries.iter().zip(&findings) {
        assert_eq!(entry["ruleId"], finding["property"]);
        assert_eq!(entry["properties"]["identity"], finding["identity"]);
        let place = &entry["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(place, &finding["file"]);
        assert!(folder.path().join(place.as_str().expect("a path")).exists(), "{place}");
    }

    let failing: std::collections::BTreeSet<String> =
        findings.iter().map(|line| line["property"].to_string()).collect();
    let junit = read(folder.path(), "junit.xml");
    assert_eq!(junit.matches("<failure ").count(), failing.len(), "{junit}");
    assert_eq!(junit.matches("<testsuite ").count(), 2, "{junit}");

    let page = read(folder.path(), "index.html");
    assert_eq!(page.matches("<article ").count(), findings.len());
    for finding in findings {
        let file = finding["file"].as_str().expect("a file");
        let link = format!("href=\"{}\"", file.strip_prefix("out/").expect("in the folder"));
        assert!(page.contains(&link), "{link}");
    }
}

#[test]
fn the_reports_of_an_earlier_run_do_not_outlive_the_start_of_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(run(folder.path(), &["--target", "mutant:partial-clears-omittable"]), Some(1));
    assert!(read(folder.path(), "index.html").contains("<article "));
    assert_eq!(run(folder.path(), &["--target", "control"]), Some(0));
    assert!(!read(folder.path(), "index.html").contains("<article "));
    assert!(!read(folder.path(), "junit.xml").contains("<failure"));
    assert_eq!(read(folder.path(), "history.jsonl").lines().count(), 2);
}
