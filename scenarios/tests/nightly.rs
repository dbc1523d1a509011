//! `ci/nightly`: a night is void without its canary; its shares meet in a store; its configuration is checked.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Python 3.11 reads TOML; without it the tests say so and check nothing.
fn python() -> Option<&'static str> {
    let has = |name: &&str| {
        Command::new(name).args(["-c", "import tomllib"]).output().is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "python"].into_iter().find(has);
    if found.is_none() {
        eprintln!("ci/nightly: not run: there is no Python 3.11");
    }
    found
}

/// Runs `ci/nightly` in a folder; nothing where there is no Python.
fn nightly(folder: &Path, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(python()?);
    command.arg(root().join("ci/nightly")).current_dir(folder).args(arguments);
    Some(command.env("PROOFHOUSE", env!("CARGO_BIN_EXE_proofhouse")).output().expect("ci/nightly starts"))
}

fn said(output: &Output, status: i32) -> String {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{text}");
    text
}

fn config(folder: &Path, canary: &str) {
    let text = format!(
        "minutes = 0.05\nproperties = [\"frame\", \"guard\"]\ntargets = [\"control\"]\n\n[canary]\nproperty = \"frame\"\n\
         target = \"{canary}\"\nseconds = 20\n\n[weights]\nframe = 2\n"
    );
    std::fs::write(folder.join("night.toml"), text).expect("written");
}

const CANARY: &str = "mutant:partial-clears-omittable";

#[test]
fn a_night_whose_canary_is_not_found_is_void_and_runs_nothing_else() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    config(folder, "control");
    let text = std::fs::read_to_string(folder.join("night.toml")).expect("read");
    std::fs::write(folder.join("night.toml"), text.replace("seconds = 20", "seconds = 0.5"))
        .expect("written");
    // The canary of an earlier night does not stand for this one.
    std::fs::create_dir_all(folder.join("out/canary")).expect("made");
    let old = "{\"property\":\"frame\",\"verdict\":\"finding\"}\n";
    std::fs::write(folder.join("out/canary/results.jsonl"), old).expect("written");
    let arguments = ["--config", "night.toml", "--report", "out", "--store", "store"];
    let Some(output) = nightly(folder, &arguments) else { return };
    let text = said(&output, 3);
    assert!(text.contains("VOID: the canary control was not found by frame"), "{text}");
    assert!(
        !folder.join("out/results.jsonl").exists() && !folder.join("store").exists(),
        "nothing else was run"
    );
}

#[test]
fn the_shares_of_a_night_meet_in_the_store_and_become_one_report() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    config(folder, CANARY);
    let common = ["--config", "night.toml", "--night", "1st night", "--store", "store"];
    for (shard, report) in [("1/2", "one"), ("2/2", "two")] {
        let arguments = [&common[..], &["--shard", shard, "--report", report]].concat();
        let Some(output) = nightly(folder, &arguments) else { return };
        let text = said(&output, 0);
        assert!(text.contains(&format!("the canary {CANARY} was found")), "{text}");
    }
    let merge = [&common[..], &["--merge", "--report", "all"]].concat();
    let text = said(&nightly(folder, &merge).expect("Python"), 0);
    assert!(text.contains("2 shares"), "{text}");
    assert!(folder.join("all/index.html").exists());
    // The history of the nights is in the store: a line for the night, not one for each share.
    let history = std::fs::read_dir(folder.join("store/history")).expect("a history").count();
    assert_eq!(history, 1);
    // By folder it is the same; a share that is missing is an error of the night.
    let merge = [&common[..4], &["--merge", "one", "two", "--report", "again"]].concat();
    said(&nightly(folder, &merge).expect("Python"), 0);
    let merge = [&common[..4], &["--merge", "one", "--report", "half"]].concat();
    let text = said(&nightly(folder, &merge).expect("Python"), 3);
    assert!(text.contains("the share 2/2 is missing"), "{text}");
    // A share that was void has no run.
    std::fs::create_dir_all(folder.join("void/canary")).expect("made");
    let merge = [&common[..4], &["--merge", "one", "void", "--report", "half"]].concat();
    let text = said(&nightly(folder, &merge).expect("Python"), 3);
    assert!(text.contains("no finished share is in void") && text.contains("2/2 is missing"), "{text}");
    let other =
        ["--config", "night.toml", "--night", "2nd", "--store", "store", "--merge", "--report", "none"];
    let text = said(&nightly(folder, &other).expect("Python"), 3);
    assert!(text.contains("name the night as the shares did"), "{text}");
}

#[test]
fn the_shares_of_a_night_have_one_seed_and_another_night_has_another() {
    let plan = |night: &str, shard: &str| {
        let output = nightly(&root(), &["--plan", "--night", night, "--shard", shard, "--no-fuzz"])?;
        let text = said(&output, 0);
        let seed = text.lines().last()?.split("--seed ").nth(1)?.split(' ').next()?.to_owned();
        Some(seed)
    };
    let Some(seed) = plan("monday", "1/2") else { return };
    assert_eq!(plan("monday", "2/2"), Some(seed.clone()));
    assert_ne!(plan("tuesday", "1/2"), Some(seed));
}

#[test]
fn the_shipped_night_names_what_there_is_and_its_shares_grow_each_corpus_once() {
    let mut fuzzed = Vec::new();
    for shard in ["1/2", "2/2"] {
        let Some(output) = nightly(&root(), &["--plan", "--shard", shard]) else { return };
        let text = said(&output, 0);
        assert!(text.contains("--weight frame=2") && text.contains(&format!("--shard {shard}")), "{text}");
        let names = text.lines().filter_map(|line| line.split(" coverage ").nth(1)?.split(' ').next());
        fuzzed.extend(names.map(str::to_owned));
    }
    fuzzed.sort();
    let all = std::fs::read_dir(root().join("fuzz/fuzz_targets")).expect("the fuzz targets").count();
    assert_eq!(fuzzed.len(), all);
    fuzzed.dedup();
    assert_eq!(fuzzed.len(), all, "each once");
}

#[test]
fn a_wrong_configuration_is_told_with_file_and_line() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let good = |folder: &Path| {
        config(folder, CANARY);
        std::fs::read_to_string(folder.join("night.toml")).expect("read")
    };
    let text = good(folder);
    let faults = [
        ("minutes = 0.05", "minutes = = 1", "night.toml:1: no TOML"),
        ("minutes = 0.05", "minutes = -1", "night.toml:1: minutes is -1"),
        ("minutes = 0.05", "minutes = \"long\"", "night.toml:1: minutes is 'long': say a number"),
        ("minutes = 0.05\n", "", "there are no minutes"),
        ("properties =", "propertys =", "night.toml:2: unknown key 'propertys'; did you mean 'properties'?"),
        ("\"guard\"", "\"gard\"", "night.toml:2: no property is called 'gard'; did you mean 'guard'?"),
        (
            "[\"control\"]",
            "[\"contrl\"]",
            "night.toml:3: no target is called 'contrl'; did you mean 'control'?",
        ),
        ("property = \"frame\"", "property = \"fram\"", "night.toml:6: no property is called 'fram'"),
        ("seconds = 20", "second = 20", "night.toml:8: unknown key 'second'"),
        ("seconds = 20\n", "", "night.toml:5: [canary] has no seconds"),
        ("frame = 2", "frame = 0", "night.toml:11: the weight of frame is 0"),
        ("frame = 2", "farme = 2", "night.toml:11: no property is called 'farme'"),
        ("frame = 2", "\"@contrl\" = 2", "night.toml:11: no target is called 'contrl'"),
        (
            "frame = 2",
            "frame = 2\n[fuzz]\nminutes = 1\ntargets = [\"fram\"]",
            "night.toml:14: no fuzz target",
        ),
        ("[canary]", "[canary2]", "unknown key 'canary2'"),
    ];
    for (old, new, words) in faults {
        std::fs::write(folder.join("night.toml"), text.replacen(old, new, 1)).expect("written");
        let Some(output) = nightly(folder, &["--config", "night.toml", "--plan"]) else { return };
        let told = said(&output, 2);
        assert!(told.contains(words), "{old:?} → {new:?}: {told}");
    }
    for (arguments, words) in [
        (&["--config", "nowhere.toml"][..], "nowhere.toml: cannot read the configuration"),
        (&["--shard", "3/2"], "--shard 3/2: no share"),
        (&["--merge"], "--merge: name the folders"),
    ] {
        let told = said(&nightly(folder, arguments).expect("Python"), 2);
        assert!(told.contains(words), "{told}");
    }
}
