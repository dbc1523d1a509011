//! `junit.xml`: a suite a target, a test case a property; what CI systems read.
//!
//! A finding or a flaky one is a failure, an error an error, what did not run or does not apply is skipped with its
//! reason, and accepted findings and hazards pass with their text. Threats that nothing tests are skipped cases of a
//! suite of their own, so that they stay in sight.

use super::evidence::Evidence;
use super::terminal;
use super::visible::{clipped, plain};
use crate::engine::campaign::{Row, Verdict};
use crate::engine::finding::Class;
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// Characters of one story; the page and the saved case have all of it.
const STORY: usize = 8_000;

/// The file's text.
///
/// # Errors
/// What the XML writer says.
pub fn text(evidence: &Evidence<'_>) -> Result<String, SerializeError> {
    let mut report = Report::new("proofhouse");
    report.set_time(Duration::try_from_secs_f64(evidence.seconds).unwrap_or_default());
    for target in evidence.targets() {
        let rows: Vec<&Row> = evidence.outcome.rows.iter().filter(|row| row.target == target).collect();
        let mut suite = TestSuite::new(plain(target));
        suite.set_time(Duration::from_millis(rows.iter().map(|row| row.ms).sum()));
        if let Some(version) = rows.iter().map(|row| &row.version).find(|version| !version.is_empty()) {
            suite.add_property(("version", plain(version).as_str()));
        }
        suite.add_property(("backend", plain(&evidence.backend).as_str()));
        suite.add_property(("seed", evidence.seed.to_string().as_str()));
        suite.add_test_cases(rows.into_iter().map(|row| case(evidence, row)));
        report.add_test_suite(suite);
    }
    report.add_test_suites(gaps(evidence));
    report.add_test_suites(faults(evidence));
    report.to_string()
}

fn case(evidence: &Evidence<'_>, row: &Row) -> TestCase {
    let mut case = TestCase::new(plain(&row.property), status(evidence, row));
    case.set_classname(plain(&row.target)).set_time(Duration::from_millis(row.ms));
    for threat in evidence.threats_of(&row.property) {
        case.add_property(("threat", plain(&threat).as_str()));
    }
    case.add_property(("verdict", terminal::word(row.verdict).to_lowercase().as_str()));
    case.add_property(("cases", row.cases.to_string().as_str()));
    let passes: Vec<String> = row
        .findings
        .iter()
        .filter(|finding| matches!(finding.class(), Class::Accepted | Class::Hazard))
        .map(|finding| story(&terminal::finding(finding, &[])))
        .collect();
    if !passes.is_empty() {
        case.set_system_out(passes.join("\n"));
    }
    case
}

fn status(evidence: &Evidence<'_>, row: &Row) -> TestCaseStatus {
    let reason = plain(row.reason.as_deref().unwrap_or_default());
    let word = terminal::word(row.verdict).to_lowercase();
    match row.verdict {
        Verdict::Held | Verdict::Hazard | Verdict::Accepted => TestCaseStatus::success(),
        Verdict::Finding | Verdict::Flaky => {
            let failing: Vec<_> = row
                .findings
                .iter()
                .filter(|finding| matches!(finding.class(), Class::Defect | Class::Flaky))
                .collect();
            let leaks: Vec<_> = row
                .leaks
                .iter()
                .filter(|leak| matches!(leak.verdict, Verdict::Finding | Verdict::Flaky))
                .collect();
            let titles = failing.iter().map(|finding| &finding.violation.title);
            let title = titles.chain(leaks.iter().map(|leak| &leak.title)).next();
            let title = title.map(|title| plain(title)).unwrap_or_default();
            let message = match failing.len() + leaks.len() {
                0 | 1 => title,
                more => format!("{title} (and {} more)", more - 1),
            };
            let threats = evidence.threats_of(&row.property);
            let told = failing.iter().map(|finding| story(&terminal::finding(finding, &threats)));
            let stories: Vec<String> = told.chain(leaks.iter().map(|leak| story(&leak.text))).collect();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(word).set_message(message).set_description(stories.join("\n"));
            status
        }
        Verdict::Error => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type(word).set_message(reason);
            status
        }
        Verdict::NotRun | Verdict::NotApplicable | Verdict::Unspecified => {
            let mut status = TestCaseStatus::skipped();
            status.set_type(word.clone()).set_message(format!("{word}: {reason}"));
            status
        }
    }
}

/// Threats that nothing tests, and properties that were no part of the run.
fn gaps(evidence: &Evidence<'_>) -> Option<TestSuite> {
    let mut suite = TestSuite::new("threats that are not tested");
    for section in evidence.sections() {
        let (Some(model), Some(threat)) = (section.model, section.threat) else { continue };
        let left_out =
            section.left_out.iter().map(|id| ("left out", format!("{id} was no part of this run")));
        let gap = section.gap().map(|(word, reason)| (word, reason.to_owned()));
        for (word, reason) in gap.into_iter().chain(left_out) {
            let mut status = TestCaseStatus::skipped();
            status.set_type(word).set_message(plain(&format!("{word}: {reason}")));
            let mut case = TestCase::new(plain(&threat.id), status);
            case.set_classname(plain(&model.name));
            suite.add_test_case(case);
        }
    }
    (!suite.test_cases.is_empty()).then_some(suite)
}

/// Faults of the harness that belong to no row: the run failed, and so does this case.
fn faults(evidence: &Evidence<'_>) -> Option<TestSuite> {
    let errors = &evidence.outcome.errors;
    if errors.is_empty() {
        return None;
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("error").set_message(plain(&errors[0])).set_description(story(&errors.join("\n")));
    let mut suite = TestSuite::new("proofhouse");
    suite.add_test_case(TestCase::new("the harness itself", status));
    Some(suite)
}

fn story(text: &str) -> String {
    clipped(&plain(text), STORY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_sample_reads_well() {
        let sample = sample::run();
        sample::snapshot("junit.xml", &text(&sample.evidence()).expect("written"));
    }

    #[test]
    fn each_verdict_has_its_place() {
        let sample = sample::run();
        let xml = text(&sample.evidence()).expect("written");
        let report = Report::deserialize_from_str(&xml).expect("read again");
        let cases: Vec<&TestCase> = report.test_suites.iter().flat_map(|suite| &suite.test_cases).collect();
        for row in &sample.outcome.rows {
            let mine = cases
                .iter()
                .find(|case| {
                    case.name.as_str() == row.property
                        && case.classname.as_ref().is_some_and(|name| name.as_str() == row.target)
                })
                .expect("a case a row");
            let fits = match row.verdict {
                Verdict::Finding | Verdict::Flaky => {
                    matches!(&mine.status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. })
                }
                Verdict::Error => {
                    matches!(&mine.status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. })
                }
                Verdict::NotRun | Verdict::NotApplicable | Verdict::Unspecified => {
                    matches!(&mine.status, TestCaseStatus::Skipped { message: Some(_), .. })
                }
                Verdict::Held => {
                    matches!(&mine.status, TestCaseStatus::Success { .. }) && mine.system_out.is_none()
                }
                Verdict::Hazard | Verdict::Accepted => {
                    matches!(&mine.status, TestCaseStatus::Success { .. }) && mine.system_out.is_some()
                }
            };
            assert!(fits, "{} on {}: {:?}", row.property, row.target, mine.status);
        }
    }
}
