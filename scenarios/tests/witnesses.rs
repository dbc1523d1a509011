//! Frozen witnesses: for each planted bug a least case that the mutant fails and the correct mapper passes.
//!
//! `ci/mutants 10 20 "" /dev/null scenarios/tests/witnesses` writes them. They prove the judges and the case format
//! without a generator; that generators find the bugs is shown by `ci/mutants` itself.

use proofhouse::backend::Embedded;
use proofhouse::engine::campaign::replay;
use proofhouse::engine::case_file::CaseFile;
use proofhouse::engine::worker::{STACK, Worker};
use proofhouse::property;
use proofhouse_scenarios::correct_mapper;
use proofhouse_scenarios::mutants::MUTANTS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/witnesses")
}

fn worker(target: &str) -> Worker {
    let all = proofhouse_scenarios::catalogue();
    let launch = all.into_iter().find(|launch| launch.name() == target).expect("it is in the catalogue");
    Worker::start(launch, Arc::new(Embedded::new()), 0).expect("a target in this process starts")
}

/// What is wrong with the witness of a mutant; nothing where it shows the bug, and only the bug.
fn fault(mutant: &str, property: &str) -> Option<String> {
    let file = match CaseFile::read(&folder().join(format!("{mutant}.case.json"))) {
        Ok(file) => file,
        Err(error) => return Some(error.to_string()),
    };
    if file.property != property {
        return Some(format!("{mutant}: a case of {}", file.property));
    }
    let all = property::all();
    let judge = all.iter().find(|known| known.id() == property).expect("the property of a mutant is known");
    let shown = replay(judge.as_ref(), &file, &mut worker(&format!("mutant:{mutant}")));
    match shown {
        None => return Some(format!("{mutant}: the witness does not show it")),
        Some(finding) if finding.stable.shown != finding.stable.of => {
            return Some(format!("{mutant}: shown {} of {}", finding.stable.shown, finding.stable.of));
        }
        Some(_) => {}
    }
    let alarm = replay(judge.as_ref(), &file, &mut worker(correct_mapper(property)))?;
    Some(format!("{mutant}: the correct mapper is blamed: {}", alarm.violation.identity))
}

#[test]
fn every_mutant_fails_its_witness_and_the_correct_mapper_passes_it() {
    let all = || MUTANTS.iter().filter_map(|mutant| fault(mutant.name, mutant.property)).collect::<Vec<_>>();
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(all).expect("a thread");
    let faults = thread.join().expect("no panic");
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_witness_belongs_to_a_mutant() {
    let names: BTreeSet<String> = MUTANTS.iter().map(|mutant| format!("{}.case.json", mutant.name)).collect();
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert!(names.contains(&name), "{name}: no mutant of that name");
    }
}
