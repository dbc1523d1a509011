//! `merge`: the union of the shards is the run that was never sharded.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

fn proofhouse(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
    command.current_dir(folder).args(arguments).output().expect("the command starts")
}

fn done(folder: &Path, arguments: &[&str]) -> i32 {
    let output = proofhouse(folder, arguments);
    let status = output.status.code().expect("a status");
    assert!(status <= 1, "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    status
}

fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = proofhouse(folder, arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    text
}

/// What of a run's lines may not depend on shards: all but times, the shrinker's runs and the folder of the case.
fn lines(report: &Path) -> Vec<BTreeMap<String, Value>> {
    let text = std::fs::read_to_string(report.join("results.jsonl")).expect("results");
    let line = |line: &str| {
        let mut line: BTreeMap<String, Value> = serde_json::from_str(line).expect("a line");
        line.retain(|key, _| !["ms", "ms_to_failure", "shrink"].contains(&key.as_str()));
        if let Some(file) = line.get_mut("file") {
            *file = file.as_str().and_then(|file| file.rsplit('/').next()).into();
        }
        line
    };
    text.lines().map(line).collect()
}

/// Labels, reasons of discards and identities that were not shrunk, of each row; the rest stands in the lines.
fn counts(report: &Path) -> Vec<[Value; 5]> {
    let text = std::fs::read_to_string(report.join("run.json")).expect("a run");
    let run: Value = serde_json::from_str(&text).expect("a run");
    let rows = run["rows"].as_array().expect("rows");
    let keys = ["property", "target", "labels", "discards", "more"];
    rows.iter().map(|row| keys.map(|key| row[key].clone())).collect()
}

const RUN: [&str; 12] = [
    "run",
    "--target",
    "mutant:partial-clears-omittable",
    "--target",
    "control",
    "--property",
    "frame",
    "--property",
    "canary",
    "--property",
    "total",
    "--cases",
];

fn run(folder: &Path, cases: &str, report: &str, more: &[&str]) -> i32 {
    let arguments = [&RUN[..], &[cases, "--report", report], more].concat();
    done(folder, &arguments)
}

#[test]
fn three_shards_merge_into_the_run_that_was_never_sharded() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let alone = run(folder, "200", "alone", &[]);
    assert_eq!(alone, 1, "the mutant is found");
    for shard in ["1/3", "2/3", "3/3"] {
        let report = format!("shard-{}", &shard[..1]);
        run(folder, "200", &report, &["--shard", shard]);
        assert!(lines(&folder.join(&report)).iter().all(|line| line["shard"] == *shard), "{shard} is named");
    }
    let merge = ["merge", "shard-2", "shard-3", "shard-1", "--report", "merged"];
    assert_eq!(done(folder, &merge), alone, "the same status");
    assert_eq!(lines(&folder.join("merged")), lines(&folder.join("alone")));
    assert_eq!(counts(&folder.join("merged")), counts(&folder.join("alone")));
    for name in ["index.html", "junit.xml", "results.sarif", "history.jsonl"] {
        assert!(folder.join("merged").join(name).exists(), "{name}");
    }
    let found: Vec<_> = lines(&folder.join("merged"))
        .into_iter()
        .filter_map(|line| line.get("file").and_then(Value::as_str).map(str::to_owned))
        .collect();
    assert!(!found.is_empty());
    for file in found {
        let read =
            |report: &str| std::fs::read(folder.join(report).join("failures").join(&file)).expect("a case");
        assert_eq!(read("merged"), read("alone"), "{file}: the same least case");
    }
}

#[test]
fn shards_that_do_not_make_one_run_are_refused_with_what_to_do() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let one = |shard: &str, report: &str, seed: &str| {
        let arguments = [
            "run",
            "--target",
            "control",
            "--property",
            "frame",
            "--cases",
            "20",
            "--shard",
            shard,
            "--seed",
            seed,
            "--report",
            report,
        ];
        assert_eq!(done(folder, &arguments), 0);
    };
    one("1/2", "a", "0");
    one("2/2", "b", "0");
    one("2/2", "other-seed", "5");

    let text = refused(folder, &["merge", "a", "nowhere", "--report", "out"]);
    assert!(text.contains("nowhere: no such folder"), "{text}");
    let text = refused(folder, &["merge", "a", "--report", "out"]);
    assert!(text.contains("1 of 2 shares missing: 2/2"), "{text}");
    let text = refused(folder, &["merge", "a", "b", "b", "--report", "out"]);
    assert!(text.contains("are both the share 2/2"), "{text}");
    let text = refused(folder, &["merge", "a", "other-seed", "--report", "out"]);
    assert!(text.contains("its seed is 5"), "{text}");
    let text = refused(folder, &["merge", "a", "b", "--report", "a"]);
    assert!(text.contains("the folder of a shard"), "{text}");
    assert!(folder.join("a/run.json").exists(), "nothing was taken away");

    let whole = std::fs::read_to_string(folder.join("b/run.json")).expect("a run");
    std::fs::write(folder.join("b/run.json"), &whole[..whole.len() / 2]).expect("written");
    let text = refused(folder, &["merge", "a", "b", "--report", "out"]);
    assert!(text.contains("b/run.json:1:") && text.contains("not a whole run"), "{text}");
    std::fs::remove_file(folder.join("b/run.json")).expect("removed");
    let text = refused(folder, &["merge", "a", "b", "--report", "out"]);
    assert!(text.contains("b: no finished run"), "{text}");
    assert!(!folder.join("out").exists(), "a refused merge leaves nothing");
}

#[test]
fn a_missing_share_can_be_left_out_and_is_an_error_of_the_run() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    run(folder, "60", "a", &["--shard", "1/2"]);
    let output = proofhouse(folder, &["merge", "a", "--partial", "--report", "out"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("the share 2/2 is missing"), "{text}");
    assert!(folder.join("out/index.html").exists());
}

#[test]
fn corpora_and_saved_cases_of_all_shards_are_kept_once() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let arguments = |shard, report| {
        [
            "run",
            "--target",
            "control",
            "--property",
            "frame",
            "--cases",
            "4",
            "--shard",
            shard,
            "--report",
            report,
        ]
    };
    for (shard, report, inputs) in [("1/2", "a", ["x", "y"]), ("2/2", "b", ["y", "z"])] {
        assert_eq!(done(folder, &arguments(shard, report)), 0);
        let corpus = folder.join(report).join("corpus/frame");
        std::fs::create_dir_all(&corpus).expect("made");
        for input in inputs {
            std::fs::write(corpus.join(format!("{report}-{input}")), input).expect("written");
        }
        std::fs::create_dir_all(folder.join(report).join("failures")).expect("made");
        std::fs::write(folder.join(report).join(format!("failures/fuzz-{report}.case.json")), "{}")
            .expect("written");
    }
    assert_eq!(done(folder, &["merge", "a", "b", "--report", "out"]), 0);
    let inputs = std::fs::read_dir(folder.join("out/corpus/frame")).expect("a corpus").count();
    assert_eq!(inputs, 3, "x, y, z");
    assert!(folder.join("out/failures/fuzz-a.case.json").exists());
    assert!(folder.join("out/failures/fuzz-b.case.json").exists());
}
