//! Mappers with tenants: planted leaks are found by generation, a correct mapper is silent, and a finding replays.

use proofhouse::backend::{Backend, BackendChoice, Embedded, Reference};
use proofhouse::engine::campaign::{CampaignOutcome, Verdict};
use proofhouse::engine::seed::case_seed;
use proofhouse::engine::worker::{STACK, Worker};
use proofhouse::property::{self, Judgement};
use proofhouse::tape::Source;
use proofhouse::target::Launch;
use proofhouse_scenarios::mutants::MUTANTS;
use std::path::Path;
use std::sync::Arc;

const PROPERTIES: [&str; 4] = ["key_injective", "tenant_noninterference", "cursor_confined", "fail_closed"];

fn target(name: &str) -> Arc<dyn Launch> {
    let found = proofhouse_scenarios::catalogue().into_iter().find(|target| target.name() == name);
    found.expect("it is in the catalogue")
}

/// The identity of the first violation within so many cases, and the share of cases in percent that checked nothing.
fn first_violation(
    property: &str,
    name: &str,
    backend: Arc<dyn Backend>,
    cases: u64,
) -> (Option<String>, u64) {
    let (property, target) = (property.to_owned(), target(name));
    let body = move || {
        let all = property::all();
        let property = all.iter().find(|known| known.id() == property).expect("it is built in");
        let mut worker = Worker::start(target, backend, 0).expect("it starts");
        let capabilities = worker.capabilities().clone();
        let mut nothing = 0;
        for index in 0..cases {
            let mut source = Source::seeded(case_seed(0, property.id(), index));
            let Ok(case) = property.generate(&mut source, &capabilities) else {
                nothing += 1;
                continue;
            };
            match property.judge(&capabilities, &case, &worker.execute(&case)) {
                Judgement::Held => {}
                Judgement::Discarded(_) => nothing += 1,
                Judgement::Violated(list) => return (Some(list[0].identity.clone()), 0),
            }
        }
        (None, nothing * 100 / cases)
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(body).expect("a thread");
    thread.join().expect("it does not panic")
}

fn check(property: &str, name: &str, cases: u64, folder: &Path) -> CampaignOutcome {
    let check = proofhouse::check(property, target(name)).cases(cases).backend(BackendChoice::Embedded);
    check.regressions(folder).failures(folder).outcome()
}

#[test]
fn every_planted_leak_between_tenants_is_found_by_generation() {
    let planted: Vec<_> = MUTANTS.iter().filter(|mutant| PROPERTIES.contains(&mutant.property)).collect();
    assert!(planted.len() >= 20, "{}", planted.len());
    for mutant in planted {
        let name = format!("mutant:{}", mutant.name);
        let (found, _) = first_violation(mutant.property, &name, Arc::new(Embedded::new()), 1_500);
        assert!(found.is_some(), "{name} is not found");
    }
}

#[test]
fn a_correct_mapper_with_tenants_is_silent_on_both_engines() {
    let backends: [fn() -> Arc<dyn Backend>; 2] =
        [|| Arc::new(Embedded::new()), || Arc::new(Reference::new())];
    for property in PROPERTIES {
        for backend in backends {
            let (found, nothing) = first_violation(property, "control-tenants", backend(), 150);
            assert_eq!(found, None, "{property}");
            assert!(nothing < 25, "{property}: {nothing} % of the cases checked nothing");
        }
    }
}

#[test]
fn a_mapper_without_tenants_is_not_judged_and_the_reason_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for property in PROPERTIES {
        let outcome = check(property, "control", 5, folder.path());
        let row = &outcome.rows[0];
        assert_eq!(row.verdict, Verdict::NotApplicable, "{property}");
        assert!(row.reason.as_ref().is_some_and(|reason| reason.contains("features.tenancy")), "{row:?}");
    }
}

#[test]
fn a_case_with_a_foreign_cursor_and_one_with_two_worlds_fail_again_when_replayed() {
    for (property, name) in
        [("cursor_confined", "mutant:cursor-unsealed"), ("tenant_noninterference", "mutant:scan-of-everyone")]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let found = check(property, name, 40, folder.path());
        let first = &found.rows[0].findings;
        assert!(first.iter().any(|finding| finding.stable.is_stable()), "{name}: {first:?}");
        // No case is generated now: what fails is the saved one.
        let again = check(property, name, 0, folder.path());
        assert_eq!(again.rows[0].cases, 0);
        assert!(!again.rows[0].findings.is_empty(), "{name}");
    }
}
