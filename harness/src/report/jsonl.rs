//! `results.jsonl`: one line a row, and one line a finding identity where there are findings.

use crate::engine::campaign::{Row, Verdict};
use crate::engine::cell::Shard;
use crate::engine::finding::{Class, Finding};
use crate::engine::stores::Leak;
use crate::engine::threats::ThreatModel;
use serde::Serialize;
use serde_json::{Value, json};

/// A line of `results.jsonl`; keys without a value are left out.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the keys of the report, under their names")]
pub struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threat: Option<String>,
    pub property: String,
    pub target: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    pub backend: String,
    pub verdict: Value,
    pub cases: u64,
    pub discarded: u64,
    pub seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    pub ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests_to_failure: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms_to_failure: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrink: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
}

/// The lines of a run: for each threat the rows of its properties, or the rows alone without a threat model.
///
/// The lines of a share say which: `"shard": "2/3"`. Where a passive property judged the case of another one's
/// generator, `generator` names that one: `tests_to_failure` is a number among its cases.
pub fn lines(models: &[ThreatModel], rows: &[Row], seed: u64, shard: Shard) -> Vec<Line> {
    let mut lines = plain_lines(models, rows, seed);
    if shard != Shard::WHOLE {
        lines.iter_mut().for_each(|line| line.shard = Some(shard.to_string()));
    }
    lines
}

fn plain_lines(models: &[ThreatModel], rows: &[Row], seed: u64) -> Vec<Line> {
    if models.is_empty() {
        return rows.iter().flat_map(|row| row_lines(None, row, seed)).collect();
    }
    let mut lines = Vec::new();
    for model in models {
        for threat in &model.threats {
            let id = format!("{}/{}", model.name, threat.id);
            for property in &threat.properties {
                let of_property = rows.iter().filter(|row| row.property == *property);
                lines.extend(of_property.flat_map(|row| row_lines(Some(&id), row, seed)));
            }
        }
    }
    // Properties that a person asked for beside the model's own.
    let named =
        |row: &Row| models.iter().flat_map(|m| &m.threats).any(|t| t.properties.contains(&row.property));
    lines.extend(rows.iter().filter(|row| !named(row)).flat_map(|row| row_lines(None, row, seed)));
    lines
}

fn row_lines(threat: Option<&str>, row: &Row, seed: u64) -> Vec<Line> {
    let plain = Line {
        threat: threat.map(str::to_owned),
        property: row.property.clone(),
        target: row.target.clone(),
        version: row.version.clone(),
        backend: row.backend.clone(),
        verdict: json!(row.verdict),
        cases: row.cases,
        discarded: row.discarded,
        seed,
        ms: row.ms,
        reason: row.reason.clone(),
        ..Line::default()
    };
    if row.findings.is_empty() && row.leaks.is_empty() {
        return vec![plain];
    }
    let findings = row.findings.iter().map(|finding| finding_line(&plain, finding));
    findings.chain(row.leaks.iter().map(|leak| leak_line(&plain, leak))).collect()
}

fn finding_line(row: &Line, finding: &Finding) -> Line {
    let verdict = match finding.class() {
        Class::Defect => Verdict::Finding,
        Class::Hazard => Verdict::Hazard,
        Class::Accepted => Verdict::Accepted,
        Class::Flaky => Verdict::Flaky,
    };
    let shrink = finding.shrink;
    Line {
        verdict: json!(verdict),
        tests_to_failure: Some(finding.first + 1),
        ms_to_failure: Some(finding.ms_to_failure),
        shrink: Some(json!({ "from": shrink.from, "to": shrink.to, "runs": shrink.runs })),
        file: finding.file.as_ref().map(|file| file.display().to_string()),
        title: Some(finding.violation.title.clone()),
        identity: Some(finding.violation.identity.clone()),
        generator: (finding.generator != finding.property).then(|| finding.generator.clone()),
        count: Some(finding.count),
        stable: Some(format!("{} of {}", finding.stable.shown, finding.stable.of)),
        reason: finding.accepted.clone().or_else(|| finding.violation.hazard.clone()),
        ..row.clone()
    }
}

fn leak_line(row: &Line, leak: &Leak) -> Line {
    let (from, to, runs) = leak.shrink;
    Line {
        verdict: json!(leak.verdict),
        tests_to_failure: Some(leak.tests),
        ms_to_failure: Some(leak.ms),
        shrink: Some(json!({ "from": from, "to": to, "runs": runs })),
        file: Some(leak.file.display().to_string()),
        title: Some(leak.title.clone()),
        identity: Some(leak.identity.clone()),
        stable: Some(format!("{} of {}", leak.stable, leak.replays)),
        reason: leak.reason.clone(),
        channel: leak.channels.first().cloned(),
        channels: Some(leak.channels.clone()),
        ..row.clone()
    }
}

/// The file's text.
pub fn text(lines: &[Line]) -> String {
    let line = |line: &Line| serde_json::to_string(line).unwrap_or_default() + "\n";
    lines.iter().map(line).collect()
}
