//! Programs of findings hold nothing that the finding does not need, also where other values were drawn from it.

use proofhouse_scenarios::catalogue;

#[test]
fn an_item_that_only_lent_its_text_is_not_in_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    // It reads on behind a text that ends in a digit: such texts come from the sort keys of other items.
    for seed in 0..6 {
        let mutant = catalogue().into_iter().find(|target| target.name() == "mutant:begins-with-digit");
        let check = proofhouse::check("never_broader", mutant.expect("it is in the catalogue"));
        let outcome = check.cases(150).seed(seed).failures(folder.path()).outcome();
        for finding in &outcome.rows[0].findings {
            let run = &finding.case.runs[0];
            let kept = run.start.len();
            assert!(finding.stable.is_stable());
            assert!(kept <= 1 || !finding.violation.identity.ends_with("a row more"), "{:?}", finding.case);
        }
    }
}
