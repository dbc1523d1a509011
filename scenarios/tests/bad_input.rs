//! Bad input gets a clear error: what, where, what to do; status 2 for usage, 3 for what failed.

use std::path::Path;
use std::process::{Command, Output};

fn proofhouse(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
    command.current_dir(folder).args(arguments).output().expect("the command starts")
}

/// Runs the command and returns what it says on standard error, after checking its status.
fn refused(arguments: &[&str], status: i32) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    refused_in(folder.path(), arguments, status)
}

fn refused_in(folder: &Path, arguments: &[&str], status: i32) -> String {
    let output = proofhouse(folder, arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{text}");
    text
}

#[test]
fn a_broken_threat_model_is_named_by_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("t.toml"), "name = \"t\"\n[[threat]\n").expect("written");
    let text = refused_in(folder.path(), &["run", "t.toml"], 2);
    assert!(text.contains("t.toml:2"), "{text}");
}

#[test]
fn an_unknown_property_in_a_threat_model_is_named_by_line_with_the_nearest() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = "name = \"t\"\n[[threat]]\nid = \"T\"\ntitle = \"t\"\nproperties = [\"fram\"]\n";
    std::fs::write(folder.path().join("t.toml"), row).expect("written");
    let text = refused_in(folder.path(), &["run", "t.toml"], 2);
    assert!(text.contains("t.toml:5") && text.contains("did you mean \"frame\""), "{text}");
}

#[test]
fn an_unknown_target_is_told_with_the_nearest() {
    let text = refused(&["run", "--property", "frame", "--target", "contrl"], 2);
    assert!(text.contains("contrl") && text.contains("did you mean \"control\""), "{text}");
}

#[test]
fn an_unknown_property_is_told() {
    let text = refused(&["run", "--property", "framed", "--target", "control"], 2);
    assert!(text.contains("framed") && text.contains("list properties"), "{text}");
}

#[test]
fn an_address_where_nothing_listens_fails_before_any_target_starts() {
    // A port that was just free: bound once, then let go.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port")
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let text = refused(&["run", "--property", "frame", "--target", "control", "--backend", &url], 3);
    assert!(text.contains(&url), "{text}");
}

#[test]
fn an_endpoint_elsewhere_needs_a_flag() {
    let remote = "https://dynamodb.eu-west-1.amazonaws.com";
    let text = refused(&["run", "--property", "frame", "--target", "control", "--backend", remote], 2);
    assert!(text.contains("--allow-remote"), "{text}");
}

#[test]
fn a_case_of_another_format_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("x.case.json"), "{\"proofhouse\": 99}").expect("written");
    let text = refused_in(folder.path(), &["replay", "x.case.json"], 2);
    assert!(text.contains("x.case.json") && text.contains("format 99"), "{text}");
}

#[test]
fn a_report_that_cannot_be_written_fails_and_says_where() {
    let folder = tempfile::tempdir().expect("a folder");
    // A folder where the file should be: no disk takes that.
    std::fs::create_dir_all(folder.path().join("out/results.jsonl/occupied")).expect("made");
    let arguments = ["run", "--property", "frame", "--target", "control", "--cases", "3", "--report", "out"];
    let text = refused_in(folder.path(), &arguments, 3);
    assert!(text.contains("results.jsonl"), "{text}");
}

#[test]
fn a_page_that_cannot_be_written_fails_and_says_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["run", "--property", "frame", "--target", "control", "--cases", "3", "--report", "out"];
    for file in ["index.html", "junit.xml", "results.sarif"] {
        let place = folder.path().join("out").join(file);
        std::fs::create_dir_all(place.join("occupied")).expect("made");
        let text = refused_in(folder.path(), &arguments, 3);
        assert!(text.contains(file), "{text}");
        std::fs::remove_dir_all(place).expect("removed");
    }
}

#[test]
fn a_broken_history_and_a_broken_table_of_planted_bugs_are_named_by_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["run", "--property", "frame", "--target", "control", "--cases", "3", "--report", "out"];
    std::fs::create_dir(folder.path().join("out")).expect("made");
    std::fs::write(folder.path().join("out/history.jsonl"), "\n{\n").expect("written");
    assert!(refused_in(folder.path(), &arguments, 2).contains("history.jsonl:2: "));
    std::fs::write(folder.path().join("table.jsonl"), "{\"property\":\"frame\"}\n").expect("written");
    let text = refused_in(folder.path(), &[&arguments[..], &["--mutants", "table.jsonl"]].concat(), 2);
    assert!(text.contains("table.jsonl:1: ") && text.contains("mutant"), "{text}");
}

#[test]
fn a_target_by_name_that_does_not_start_fails() {
    let text = refused(&["run", "--property", "frame", "--target", "false --really", "--cases", "3"], 3);
    assert!(text.contains("false"), "{text}");
}

#[test]
fn a_weight_that_is_none_or_names_nothing_is_told() {
    let run = |weight| {
        let arguments =
            ["run", "--property", "frame", "--target", "control", "--total", "1s", "--weight", weight];
        refused(&arguments, 2)
    };
    let text = run("fram=2");
    assert!(text.contains("no property is called \"fram\"; did you mean \"frame\""), "{text}");
    let text = run("@contrl=2");
    assert!(text.contains("no target is called \"contrl\"; did you mean \"control\""), "{text}");
    let text = run("frame");
    assert!(text.contains("say frame=3, @boto3=2 or frame@boto3=5"), "{text}");
}
