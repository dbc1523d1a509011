//! One property of one's own mapper in `cargo test`, as the README shows it.

use proofhouse::backend::BackendChoice;
use proofhouse::target::Launch;
use std::sync::Arc;

fn target(name: &str) -> Arc<dyn Launch> {
    proofhouse_scenarios::catalogue()
        .into_iter()
        .find(|target| target.name() == name)
        .expect("it is in the catalogue")
}

#[test]
fn an_update_leaves_other_attributes_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    proofhouse::check("frame", target("control")).cases(200).failures(folder.path()).run();
}

#[test]
fn the_same_holds_on_the_reference_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = proofhouse::check("guard", target("control")).backend(BackendChoice::Reference);
    check.cases(200).failures(folder.path()).run();
}

#[test]
fn a_planted_bug_is_a_test_failure_that_reads_like_a_finding_and_its_case_fails_again_before_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |cases| {
        let check = proofhouse::check("frame", target("mutant:whole-is-put")).cases(cases);
        check.regressions(folder.path()).failures(folder.path())
    };
    let panic = std::panic::catch_unwind(|| check(300).run()).expect_err("the bug is found");
    let text = panic.downcast_ref::<String>().expect("a text");
    assert!(text.contains("FINDING  frame: ") && text.contains("stable 20 of 20"), "{text}");
    // No case is generated now: what fails is the saved one.
    let again = check(0).outcome();
    assert_eq!(again.rows[0].findings.len(), 1, "{:?}", again.rows);
    assert_eq!(again.rows[0].cases, 0);
}
