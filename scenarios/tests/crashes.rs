//! A bug that crashes is shrunk as far as any other.

use std::process::Command;

#[test]
fn the_least_program_of_a_crash_is_an_item_and_a_read() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in ["0", "3", "5"] {
        let ran = Command::new(env!("CARGO_BIN_EXE_proofhouse"))
            .current_dir(folder.path())
            .args([
                "run",
                "--target",
                "mutant:empty-list-crashes",
                "--property",
                "total",
                "--cases",
                "300",
                "--first",
            ])
            .args(["--seed", seed, "--report", seed])
            .status()
            .expect("the command runs");
        assert_eq!(ran.code(), Some(1));
        let results =
            std::fs::read_to_string(folder.path().join(seed).join("results.jsonl")).expect("results");
        let line: serde_json::Value =
            results.lines().map(|line| serde_json::from_str(line).expect("JSON")).next().expect("a line");
        assert_eq!(line["shrink"]["to"], 2, "seed {seed}: {line}");
    }
}
