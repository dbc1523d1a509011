//! Fuzzing without a fuzzer: the corpora hold on correct mappers, changed bytes find planted bugs, and cases and bytes
//! lead to each other.

use proofhouse::backend::BackendChoice;
use proofhouse::engine::case_file::CaseFile;
use proofhouse::fuzz::mutate::Mutator;
use proofhouse::fuzz::{Answer, Bench, FuzzError, Ran, Session, Setting, corpus, models, on_deep_stack};
use proofhouse::property;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Inputs of each corpus that are replayed here; `ci/fuzz` replays all.
const SLICE: usize = 30;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let path = folder().join(format!("seeds/{name}.hex"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    corpus::from_text(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn setting(property: &str, target: &str) -> Setting {
    let found = proofhouse_scenarios::catalogue().into_iter().find(|launch| launch.name() == target);
    Setting {
        property: property.to_owned(),
        target: found.unwrap_or_else(|| panic!("no target {target}")),
        backend: BackendChoice::Embedded,
        accepted: Vec::new(),
    }
}

/// The correct mapper to which a property applies.
fn open_control(property: &str) -> Bench {
    Bench::open(setting(property, proofhouse_scenarios::correct_mapper(property)))
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn each_property_is_a_fuzz_target_with_a_corpus() {
    for property in property::all() {
        let id = property.id();
        let target = folder().join(format!("fuzz_targets/{id}.rs"));
        let text = std::fs::read_to_string(&target).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert!(text.contains(&format!("property!(\"{id}\")")), "{id}");
        assert!(seeds(id).len() >= 10, "{id}");
    }
}

#[test]
fn the_corpora_hold_on_the_correct_mapper() {
    on_deep_stack(|| {
        for property in property::all() {
            let mut bench = open_control(property.id());
            let mut held = 0;
            for (number, input) in seeds(property.id()).iter().take(SLICE).enumerate() {
                match bench.run(input) {
                    Ran::Broken(suspect) => {
                        panic!("{} input {}: {:?}", property.id(), number + 1, suspect.violation)
                    }
                    Ran::Held => held += 1,
                    Ran::NoCase(_) | Ran::Discarded(_) | Ran::Known(_) => {}
                }
            }
            assert!(held > 0, "{}: no input checks anything", property.id());
        }
    });
}

#[test]
fn the_corpora_of_texts_are_taken_by_the_models() {
    type Reads = fn(&str);
    let targets: [(&str, Reads); 4] = [
        ("expressions", models::expressions),
        ("values", models::value),
        ("conditions", models::condition),
        ("requests", models::requests),
    ];
    for (name, body) in targets {
        let inputs = corpus::read_folder(&folder().join("seeds").join(name)).expect("a folder of texts");
        assert!(!inputs.is_empty(), "{name}");
        for input in inputs {
            body(std::str::from_utf8(&input).expect("text"));
        }
    }
}

/// Planted bugs, and the inputs within which changed bytes of the corpus have to find them: several times what it takes.
const FOUND: &[(&str, &str, u64)] = &[
    ("frame", "partial-clears-omittable", 1_000),
    ("presence", "absent-becomes-null", 1_000),
    ("guard", "version-loses-brackets", 1_000),
    ("well_formed", "literal-names", 200),
    ("meaning", "second-or-loses-brackets", 2_000),
    ("never_broader", "scan-ignores-filter", 200),
    ("round_trip", "integers-through-double", 1_000),
    ("valid_values", "duplicate-members", 500),
    ("total", "null-in-map-crashes", 2_000),
    ("canary", "key-in-failure", 200),
    ("rewrite", "null-lost-on-read", 500),
    ("key_injective", "tenant-lowercased", 500),
    ("cursor_confined", "cursor-unsealed", 1_000),
];

#[test]
fn changed_bytes_find_planted_bugs() {
    on_deep_stack(|| {
        for (property, mutant, most) in FOUND {
            let mut bench =
                Bench::open(setting(property, &format!("mutant:{mutant}"))).expect("a mutant that starts");
            let (corpus, mut mutator) = (seeds(property), Mutator::new(1));
            let found = (1..=*most).find(|_| matches!(bench.run(&mutator.next(&corpus)), Ran::Broken(_)));
            let found = found.unwrap_or_else(|| panic!("{mutant} is not found within {most} inputs"));
            println!("{property} {mutant}: input {found}");
        }
    });
}

#[test]
fn a_finding_out_of_bytes_is_shrunk_saved_and_read_as_bytes_again() {
    let failures = tempfile::tempdir().expect("a folder");
    on_deep_stack(|| {
        let mut bench = Bench::open(setting("frame", "mutant:partial-clears-omittable")).expect("starts");
        let (corpus, mut mutator) = (seeds("frame"), Mutator::new(2));
        let (bytes, suspect) = (0..4_000)
            .find_map(|_| {
                let bytes = mutator.next(&corpus);
                match bench.run(&bytes) {
                    Ran::Broken(suspect) => Some((bytes, *suspect)),
                    _ => None,
                }
            })
            .expect("the mutant is found");
        let mut finding = bench.minimise(suspect);
        assert!(finding.stable.is_stable() && finding.stable.of == 20, "{:?}", finding.stable);
        assert_eq!(finding.shrink.to, 2, "an item and an update");
        let path = Bench::save(&mut finding, failures.path()).expect("saved");
        let file = CaseFile::read(&path).expect("a case file");
        let encoded = corpus::encode(&file, bench.capabilities()).expect("bytes");
        assert_eq!(encoded.property, "frame");
        assert!(encoded.bytes.len() <= bytes.len(), "{} > {}", encoded.bytes.len(), bytes.len());
        assert_eq!(bench.case(&encoded.bytes).as_ref(), Ok(&file.case));
        assert!(matches!(bench.run(&encoded.bytes), Ran::Broken(_)), "the bytes show the bug");

        let edited = CaseFile { tape: "0".to_owned(), ..file.clone() };
        assert_eq!(corpus::encode(&edited, bench.capabilities()), Err(corpus::EncodeError::Stale));
        let by_hand = CaseFile { tape: String::new(), ..file };
        assert_eq!(corpus::encode(&by_hand, bench.capabilities()), Err(corpus::EncodeError::NoTape));
    });
}

#[test]
fn a_session_saves_and_tells_what_it_finds_and_goes_on() {
    let failures = tempfile::tempdir().expect("a folder");
    let start = setting("frame", "mutant:partial-clears-omittable");
    let session = Session::start(start, failures.path().to_owned()).expect("starts");
    let (corpus, mut mutator) = (seeds("frame"), Mutator::new(2));
    let mut found = (0..4_000).filter_map(|_| match session.run(&mutator.next(&corpus)) {
        Answer::Found { text } => Some(text),
        Answer::Fine | Answer::NoCase => None,
    });
    let text = found.next().expect("the mutant is found");
    assert!(text.contains("FINDING  frame") && text.contains("replay"), "{text}");
    let saved = std::fs::read_dir(failures.path()).expect("the folder").count();
    assert_eq!(saved, 1);
    assert!(found.next().is_some(), "it goes on");
}

#[test]
fn what_cannot_be_fuzzed_is_named() {
    let unknown = Bench::open(setting("frome", "control")).err().expect("refused");
    assert!(unknown.is_usage() && unknown.to_string().contains("did you mean \"frame\"?"), "{unknown}");
    let lacks = Bench::open(setting("key_injective", "control")).err().expect("refused");
    assert!(matches!(lacks, FuzzError::NotApplicable { .. }), "{lacks}");
}

#[test]
fn seeds_go_out_of_the_command_into_folders_and_texts_and_crashes_come_back_as_cases() {
    let folder = tempfile::tempdir().expect("a folder");
    let proofhouse = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_proofhouse"))
            .current_dir(folder.path())
            .arg("corpus")
            .args(arguments)
            .output()
            .expect("the command runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let mutant = "mutant:partial-clears-omittable";
    let out = proofhouse(&["seeds", "out", "--target", mutant, "--property", "frame", "--cases", "300"]);
    assert_eq!(out.0, Some(0), "{}", out.1);
    assert_eq!(proofhouse(&["pack", "out/frame", "--output", "frame.hex"]).0, Some(0));
    assert_eq!(proofhouse(&["unpack", "frame.hex", "--output", "again"]).0, Some(0));
    let read = |name: &str| corpus::read_folder(&folder.path().join(name)).expect("a corpus");
    let inputs = read("out/frame");
    assert!(inputs.len() >= 10, "{}", inputs.len());
    assert_eq!(read("again"), inputs);

    let decode = |bytes: &[u8]| {
        std::fs::write(folder.path().join("input"), bytes).expect("written");
        proofhouse(&["decode", "input", "--property", "frame", "--target", mutant, "--failures", "failures"])
    };
    let results: Vec<_> = inputs.iter().map(|input| decode(input)).collect();
    assert!(results.iter().all(|(status, _)| matches!(status, Some(0 | 1))), "{results:?}");
    let (_, text) = results.iter().find(|(status, _)| *status == Some(1)).expect("some seed shows the bug");
    assert!(text.contains("FINDING  frame"), "{text}");
    let saved = std::fs::read_dir(folder.path().join("failures")).expect("failures");
    let saved = saved.map(|entry| entry.expect("a file").path()).next().expect("a saved case");
    let saved = saved.to_str().expect("a path");
    assert_eq!(proofhouse(&["encode", saved, "--output", "least"]).0, Some(0));
    let least = std::fs::read(folder.path().join("least")).expect("bytes");
    assert_eq!(decode(&least).0, Some(1), "the least case shows the bug");

    let bad = proofhouse(&["unpack", saved, "--output", "x"]);
    assert_eq!(bad.0, Some(2));
    assert!(bad.1.contains("line 1: not an input"), "{}", bad.1);
}
