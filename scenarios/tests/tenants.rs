//! Mappers with tenants: planted leaks are found, and a correct mapper is silent.

use proofhouse::backend::BackendChoice;
use proofhouse::engine::campaign::{CampaignOutcome, Verdict};

const PROPERTIES: [&str; 4] = ["key_injective", "tenant_noninterference", "cursor_confined", "fail_closed"];

fn check(property: &str, name: &str, cases: u64, backend: BackendChoice) -> CampaignOutcome {
    let folder = tempfile::tempdir().expect("a folder");
    let target = proofhouse_scenarios::catalogue().into_iter().find(|target| target.name() == name);
    let check = proofhouse::check(property, target.expect("it is in the catalogue"));
    let check = check.cases(cases).backend(backend).regressions(folder.path()).failures(folder.path());
    check.outcome()
}

#[test]
fn a_correct_mapper_with_tenants_is_silent_on_both_engines() {
    for property in PROPERTIES {
        for backend in [BackendChoice::Embedded, BackendChoice::Reference] {
            let outcome = check(property, "control-tenants", 120, backend.clone());
            let row = &outcome.rows[0];
            assert_eq!(row.verdict, Verdict::Held, "{property} on {backend}: {row:?}");
            assert!(
                row.discarded * 4 < row.cases,
                "{property}: {} of {} discarded",
                row.discarded,
                row.cases
            );
        }
    }
}

#[test]
fn a_mapper_without_tenants_is_not_judged_and_the_reason_is_told() {
    for property in PROPERTIES {
        let outcome = check(property, "control", 5, BackendChoice::Embedded);
        let row = &outcome.rows[0];
        assert_eq!(row.verdict, Verdict::NotApplicable, "{property}");
        assert!(row.reason.as_ref().is_some_and(|reason| reason.contains("features.tenancy")), "{row:?}");
    }
}
