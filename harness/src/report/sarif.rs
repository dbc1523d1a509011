//! `results.sarif`: findings for code scanning. Rules are properties, a result is a finding at its saved case, and an
//! accepted finding is suppressed with its reason.

use super::evidence::{Evidence, ran, statement};
use super::terminal;
use super::visible::{clipped, plain};
use crate::engine::campaign::Verdict;
use crate::engine::finding::{Class, Finding};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;
use serde_sarif::sarif::{
    ArtifactLocation, Invocation, Location, Message, MultiformatMessageString, Notification,
    PhysicalLocation, PropertyBag, Region, ReportingDescriptor, Result as Entry, ResultKind, ResultLevel,
    Run, Sarif, Suppression, Tool, ToolComponent,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Characters of one message; the page and the saved case have all of it.
const STORY: usize = 8_000;

/// What a path must not hold in a URI.
const RESERVED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b':');

/// A path as a URI: relative ones to where the command ran.
pub(super) fn uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    let scheme = if path.is_absolute() { "file://" } else { "" };
    format!("{scheme}{}", utf8_percent_encode(&text, RESERVED))
}

/// The file's text.
///
/// # Errors
/// What the JSON writer says.
pub fn text(evidence: &Evidence<'_>) -> Result<String, serde_json::Error> {
    let rules: Vec<ReportingDescriptor> =
        evidence.properties().into_iter().map(|id| rule(evidence, id)).collect();
    let findings = evidence.outcome.rows.iter().flat_map(|row| &row.findings);
    let entries: Vec<Entry> = findings
        .map(|finding| {
            let index = evidence.properties().iter().position(|id| *id == finding.property);
            entry(evidence, finding, index.and_then(|index| i64::try_from(index).ok()))
        })
        .collect();
    let driver = ToolComponent::builder()
        .name("proofhouse")
        .version(env!("CARGO_PKG_VERSION"))
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .rules(rules)
        .build();
    let run = Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .column_kind(json!("unicodeCodePoints"))
        .invocations(vec![invocation(evidence)])
        .results(entries)
        .build();
    let sarif = Sarif::builder()
        .schema(serde_sarif::sarif::SCHEMA_URL)
        .version(json!("2.1.0"))
        .runs(vec![run])
        .build();
    Ok(serde_json::to_string_pretty(&sarif)? + "\n")
}

fn message(text: &str) -> Message {
    Message::builder().text(clipped(&plain(text), STORY)).build()
}

fn rule(evidence: &Evidence<'_>, id: &str) -> ReportingDescriptor {
    let mut rule = ReportingDescriptor::builder().id(id).name(id).build();
    let statement = statement(id);
    if !statement.is_empty() {
        rule.short_description = Some(MultiformatMessageString::builder().text(statement).build());
    }
    let threats: Vec<String> = evidence.threats_of(id).iter().map(|threat| plain(threat)).collect();
    if !threats.is_empty() {
        rule.properties = Some(PropertyBag::builder().tags(threats).build());
    }
    rule
}

fn entry(evidence: &Evidence<'_>, finding: &Finding, index: Option<i64>) -> Entry {
    let violation = &finding.violation;
    let key = format!("{}\n{}\n{}", finding.property, finding.target, violation.identity);
    let digest: String = Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let threats = evidence.threats_of(&finding.property);
    let story = terminal::finding(finding, &threats);
    let mut entry = Entry::builder()
        .rule_id(finding.property.clone())
        .kind(ResultKind::Fail)
        .level(match finding.class() {
            Class::Defect | Class::Accepted => ResultLevel::Error,
            Class::Flaky => ResultLevel::Warning,
            Class::Hazard => ResultLevel::Note,
        })
        .message(message(&format!("{}: {}\n\n{story}", finding.target, violation.title)))
        .partial_fingerprints(BTreeMap::from([("proofhouseIdentity/v1".to_owned(), digest)]))
        .build();
    entry.rule_index = index;
    entry.occurrence_count = i64::try_from(finding.count).ok().filter(|count| *count > 0);
    entry.properties = Some(
        PropertyBag::builder()
            .additional_properties(BTreeMap::from([
                ("target".to_owned(), json!(plain(&finding.target))),
                ("library".to_owned(), json!(plain(&finding.library))),
                ("backend".to_owned(), json!(plain(&finding.backend))),
                ("identity".to_owned(), json!(plain(&violation.identity))),
                ("stable".to_owned(), json!(format!("{} of {}", finding.stable.shown, finding.stable.of))),
            ]))
            .build(),
    );
    if let Some(file) = &finding.file {
        let place = PhysicalLocation::builder()
            .artifact_location(ArtifactLocation::builder().uri(uri(file)).build())
            .region(Region::builder().start_line(1).build())
            .build();
        entry.locations = Some(vec![Location::builder().physical_location(place).build()]);
    }
    if let Some(reason) = &finding.accepted {
        let suppression = Suppression::builder()
            .kind(json!("external"))
            .status(json!("accepted"))
            .justification(plain(reason))
            .build();
        entry.suppressions = Some(vec![suppression]);
    }
    entry
}

/// What the run says nothing about, and what failed of the harness itself.
fn invocation(evidence: &Evidence<'_>) -> Invocation {
    let outcome = evidence.outcome;
    let mut notes = Vec::new();
    for error in &outcome.errors {
        notes.push(note("error", error));
    }
    for row in outcome.rows.iter().filter(|row| !ran(row.verdict)) {
        let level = if row.verdict == Verdict::Error { "error" } else { "warning" };
        let reason = row.reason.as_deref().unwrap_or_default();
        let word = terminal::word(row.verdict).to_lowercase();
        notes.push(note(level, &format!("{} on {}: {word}: {reason}", row.property, row.target)));
    }
    for section in evidence.sections() {
        let Some(threat) = section.threat else { continue };
        if let Some((word, reason)) = section.gap() {
            notes.push(note("note", &format!("{}: {word}: {reason}", threat.id)));
        }
        for id in section.left_out {
            notes.push(note("warning", &format!("{}: {id} was no part of this run", threat.id)));
        }
    }
    for row in outcome.rows.iter().filter(|row| !row.more.is_empty()) {
        let count = row.more.len();
        notes.push(note("note", &format!("{} on {}: {count} more not shrunk", row.property, row.target)));
    }
    let failed = !outcome.errors.is_empty() || outcome.rows.iter().any(|row| row.verdict == Verdict::Error);
    let mut invocation = Invocation::builder().execution_successful(!failed).build();
    if !notes.is_empty() {
        invocation.tool_execution_notifications = Some(notes);
    }
    invocation
}

fn note(level: &str, text: &str) -> Notification {
    Notification::builder().level(json!(level)).message(message(text)).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn read(evidence: &Evidence<'_>) -> Run {
        let sarif: Sarif = serde_json::from_str(&text(evidence).expect("written")).expect("read again");
        sarif.runs.into_iter().next().expect("a run")
    }

    #[test]
    fn the_sample_reads_well() {
        let sample = sample::run();
        sample::snapshot("results.sarif", &text(&sample.evidence()).expect("written"));
    }

    #[test]
    fn a_result_is_a_finding_and_only_accepted_ones_are_suppressed() {
        let sample = sample::run();
        let run = read(&sample.evidence());
        let entries = run.results.expect("results");
        let findings: Vec<&Finding> = sample.outcome.rows.iter().flat_map(|row| &row.findings).collect();
        assert_eq!(entries.len(), findings.len());
        let rules = run.tool.driver.rules.expect("rules");
        for (entry, finding) in entries.iter().zip(findings) {
            assert_eq!(entry.suppressions.is_some(), finding.class() == Class::Accepted);
            let rule = &rules[entry.rule_index.expect("an index") as usize];
            assert_eq!(rule.id, finding.property);
        }
    }

    #[test]
    fn the_fingerprint_hangs_on_the_identity_alone() {
        let mut sample = sample::run();
        let prints = |run: Run| -> Vec<_> {
            run.results.expect("results").into_iter().map(|entry| entry.partial_fingerprints).collect()
        };
        let before = prints(read(&sample.evidence()));
        for finding in sample.outcome.rows.iter_mut().flat_map(|row| &mut row.findings) {
            finding.violation.title.push('!');
            finding.first += 1;
        }
        assert_eq!(prints(read(&sample.evidence())), before);
        for finding in sample.outcome.rows.iter_mut().flat_map(|row| &mut row.findings) {
            finding.violation.identity.push('!');
        }
        let after = prints(read(&sample.evidence()));
        assert!(after.iter().zip(&before).all(|(after, before)| after != before));
    }

    #[test]
    fn a_failed_harness_is_no_successful_execution() {
        let mut sample = sample::run();
        sample.outcome.rows.retain(|row| row.verdict != Verdict::Error);
        let successful = |sample: &sample::Sample| {
            read(&sample.evidence()).invocations.expect("one")[0].execution_successful
        };
        sample.outcome.errors.clear();
        assert!(successful(&sample));
        sample.outcome.errors.push("the disk is full".to_owned());
        assert!(!successful(&sample));
    }

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri(Path::new("out/a b#1%.case.json")), "out/a%20b%231%25.case.json");
        assert_eq!(uri(Path::new("/tmp/x.case.json")), "file:///tmp/x.case.json");
    }
}
