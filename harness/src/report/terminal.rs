//! What a person reads: findings one by one, then the evidence.

use super::evidence::plural;
use super::show;
use super::visible::{clipped, plain};
use crate::case::{Case, Run};
use crate::engine::campaign::{CampaignOutcome, Row, Verdict};
use crate::engine::finding::{Class, Finding};
use crate::engine::threats::{Status, ThreatModel};
use crate::wire::Exchange;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// A finding: symptom first, then the shortest program, what is stored beside what is expected, what
/// matters, and one line to copy. Characters that would not show are named, so that no value drives the terminal.
pub fn finding(finding: &Finding, threats: &[String]) -> String {
    let word = match finding.class() {
        Class::Defect => "FINDING",
        Class::Hazard => "HAZARD",
        Class::Accepted => "ACCEPTED",
        Class::Flaky => "FLAKY",
    };
    let violation = &finding.violation;
    let mut head = format!("{word}  {}: {}", finding.property, violation.title);
    let mut place = finding.target.clone();
    for threat in threats {
        let _ = write!(place, " · {threat}");
    }
    let gap = 100usize.saturating_sub(head.chars().count() + place.chars().count()).max(3);
    let _ = writeln!(head, "{}{place}", " ".repeat(gap));
    let mut text = head;
    let case = &finding.case;
    if tells_model(case) {
        let _ = writeln!(text, "  model     {}", show::model(&case.model));
    }
    for (number, run) in case.runs.iter().enumerate() {
        if case.runs.len() > 1 {
            let same = show::same_as(case, number).filter(|_| violation.run != number);
            let as_before = same.as_ref().map(|earlier| format!(": as {earlier}")).unwrap_or_default();
            let _ = writeln!(text, "  {}{as_before}", run_label(number, run));
            if same.is_some() {
                continue;
            }
        }
        for line in show::run(run, &case.model, (violation.run == number).then_some(violation.step)) {
            let _ =
                writeln!(text, "{} {:<2} {}", if line.marked { ">" } else { " " }, line.number, line.text);
        }
    }
    block(&mut text, "observed", &violation.observed);
    block(&mut text, "expected", &violation.expected);
    for (place, request) in finding.wire.iter().take(REQUESTS).enumerate() {
        let word = if place == 0 { "wire" } else { "" };
        let _ = writeln!(text, "  {word:<9} {}", exchange(request));
    }
    let more = finding.wire.len().saturating_sub(REQUESTS);
    if more > 0 {
        let _ = writeln!(text, "            and {more} more {}", plural(more as u64, "request", "requests"));
    }
    explanation(&mut text, finding);
    if let Some(hazard) = &violation.hazard {
        let _ = writeln!(text, "  contract  {hazard}");
    }
    if let Some(reason) = &finding.accepted {
        let _ = writeln!(text, "  accepted  {reason}");
    }
    let _ = write!(text, "  stable {} of {} · ", finding.stable.shown, finding.stable.of);
    let shrink = finding.shrink;
    let _ = match finding.regression {
        true => writeln!(text, "a saved case of {} operations", shrink.to),
        false => writeln!(
            text,
            "case {} · shrunk {} → {} operations in {} runs",
            finding.first + 1,
            shrink.from,
            shrink.to,
            shrink.runs
        ),
    };
    if let Some(file) = &finding.file {
        if !finding.regression {
            let _ =
                writeln!(text, "  saved     {}   (--save keeps it in snapshots/failures)", file.display());
        }
        let _ = writeln!(text, "  replay    {}", replay_line(file));
    }
    plain(&text)
}

/// Whether the case's data model says more than its program does.
pub(super) fn tells_model(case: &Case) -> bool {
    let model = &case.model;
    !model.indexes.is_empty() || model.version.is_some() || model.fields.len() > 1
}

/// What tells a run from the others of its case.
pub(super) fn run_label(number: usize, run: &Run) -> String {
    let label = if run.label.is_empty() { format!("run {}", number + 1) } else { run.label.clone() };
    let times = if run.repeat > 1 { format!(", {} times", run.repeat) } else { String::new() };
    let fresh = if run.fresh { ", in a fresh process" } else { "" };
    format!("{label}{times}{fresh}")
}

/// The line that replays a saved case.
pub(super) fn replay_line(file: &Path) -> String {
    format!("cargo run --release -- replay {}", file.display())
}

fn explanation(text: &mut String, finding: &Finding) {
    let explain = &finding.explain;
    let matters = (!explain.matters.is_empty()).then(|| explain.matters.join(", "));
    let any = (!explain.any.is_empty()).then(|| format!("any value: {}", explain.any.join(", ")));
    let parts: Vec<String> = matters.into_iter().chain(any).collect();
    if !parts.is_empty() {
        let _ = writeln!(text, "  matters   {}", parts.join(" · "));
    }
}

fn block(text: &mut String, word: &str, lines: &str) {
    for (number, line) in lines.lines().enumerate() {
        let word = if number == 0 { word } else { "" };
        let _ = writeln!(text, "      {word:<9} {}", clipped(line, LINE));
    }
}

/// A request in a line: operation, expressions, what else of its body decides, and what it was answered.
pub fn exchange(exchange: &Exchange) -> String {
    let mut text = exchange.operation.clone();
    for part in [
        "KeyConditionExpression",
        "UpdateExpression",
        "ConditionExpression",
        "FilterExpression",
        "ProjectionExpression",
        "IndexName",
    ] {
        if let Some(expression) = exchange.request.get(part).and_then(Value::as_str) {
            let short = part.strip_suffix("Expression").unwrap_or(part);
            let _ = write!(text, " {short}: {expression}");
        }
    }
    for part in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        let Some(map) = exchange.request.get(part).and_then(Value::as_object) else { continue };
        let parts: Vec<String> = map
            .iter()
            .take(8)
            .map(|(name, value)| format!("{name} = {}", clipped(&value.to_string(), VALUE)))
            .collect();
        if !parts.is_empty() {
            let _ = write!(text, " [{}]", parts.join(", "));
        }
    }
    for part in
        ["Item", "Key", "ExclusiveStartKey", "Limit", "ScanIndexForward", "RequestItems", "TransactItems"]
    {
        if let Some(value) = exchange.request.get(part) {
            let _ = write!(text, " {part}: {}", body_part(value));
        }
    }
    let _ = write!(text, " → {}", answer(exchange));
    text
}

/// A part of a request's body: a value as it is, of a batch or a transaction the number of entries and the first.
fn body_part(value: &Value) -> String {
    let entries: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        // `RequestItems`: by table, of a read below `Keys`.
        Value::Object(tables) => {
            let lists = tables.values().filter_map(|table| table.get("Keys").unwrap_or(table).as_array());
            lists.flatten().collect()
        }
        _ => Vec::new(),
    };
    match entries.as_slice() {
        [] => clipped(&value.to_string(), VALUE),
        [only] => clipped(&only.to_string(), VALUE),
        [first, ..] => format!("{} entries, the first {}", entries.len(), clipped(&first.to_string(), VALUE)),
    }
}

/// What a request was answered, in few words: the error, else rows, and whether there are more.
fn answer(exchange: &Exchange) -> String {
    if let Some(error) = exchange.reply.error_name() {
        return error.to_owned();
    }
    let body = &exchange.reply.body;
    let mut words: Vec<String> = Vec::new();
    if let Some(rows) = body.get("Items").and_then(Value::as_array) {
        words.push(format!("{} {}", rows.len(), plural(rows.len() as u64, "row", "rows")));
    }
    if let Some(item) = body.get("Item") {
        words.push(clipped(&item.to_string(), VALUE));
    }
    if let Some(key) = body.get("LastEvaluatedKey") {
        words.push(format!("LastEvaluatedKey: {}", clipped(&key.to_string(), VALUE)));
    }
    for part in ["UnprocessedItems", "UnprocessedKeys"] {
        let left = body.get(part).and_then(Value::as_object).is_some_and(|tables| !tables.is_empty());
        words.extend(left.then(|| part.to_owned()));
    }
    if words.is_empty() { exchange.reply.status.to_string() } else { words.join(", ") }
}

/// Characters of an observed or expected line; the case file and `results.jsonl` have all of it.
const LINE: usize = 400;

/// Requests of the step that are told; the case file has all.
const REQUESTS: usize = 3;

/// Characters of one value on the wire.
const VALUE: usize = 80;

/// The word for a verdict, as the table shows it.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "held",
        Verdict::Finding => "FINDING",
        Verdict::Hazard => "hazard",
        Verdict::Accepted => "accepted",
        Verdict::Flaky => "FLAKY",
        Verdict::NotApplicable => "not applicable",
        Verdict::NotRun => "not run",
        Verdict::Unspecified => "unspecified",
        Verdict::Error => "ERROR",
    }
}

/// The evidence: threat → property → target → cases → verdict, with gaps visible.
pub fn evidence(models: &[ThreatModel], outcome: &CampaignOutcome) -> String {
    let mut text = String::new();
    for model in models {
        let _ = writeln!(text, "\n{}", if model.title.is_empty() { &model.name } else { &model.title });
        for threat in &model.threats {
            let _ = writeln!(text, "  {:<14} {}", threat.id, threat.title);
            match threat.status {
                Status::Tested => {}
                Status::Planned => {
                    let _ = writeln!(text, "      planned: {}", threat.reason.as_deref().unwrap_or_default());
                }
                Status::Outside => {
                    let _ = writeln!(text, "      outside: {}", threat.reason.as_deref().unwrap_or_default());
                }
            }
            let width = threat.properties.iter().map(String::len).max().unwrap_or(0);
            for property in &threat.properties {
                property_rows(&mut text, property, width, &outcome.rows);
            }
        }
    }
    if models.is_empty() {
        let mut seen: Vec<&str> = Vec::new();
        for row in &outcome.rows {
            if !seen.contains(&row.property.as_str()) {
                seen.push(&row.property);
                property_rows(&mut text, &row.property, 0, &outcome.rows);
            }
        }
    }
    for entry in &outcome.stale {
        let _ = writeln!(
            text,
            "\nstale     {}:{}: {} on {} no longer shows {:?}; remove the entry",
            entry.path.display(),
            entry.line,
            entry.property,
            entry.target,
            entry.identity
        );
    }
    for error in &outcome.errors {
        let _ = writeln!(text, "\nerror     {error}");
    }
    plain(&text)
}

/// The rows of a property; its name takes `width` columns, or 14 where that is more.
fn property_rows(text: &mut String, property: &str, width: usize, rows: &[Row]) {
    let width = width.max(14);
    let is_gap =
        |row: &Row| matches!(row.verdict, Verdict::NotApplicable | Verdict::NotRun) && row.reason.is_some();
    let mine: Vec<&Row> = rows.iter().filter(|row| row.property == property).collect();
    for (at, row) in mine.iter().enumerate() {
        // Targets that lack the same are one line.
        let alike = |other: &&&Row| other.verdict == row.verdict && other.reason == row.reason;
        if is_gap(row) && mine[..at].iter().any(|earlier| alike(&earlier)) {
            continue;
        }
        let others = if is_gap(row) { mine[at + 1..].iter().filter(alike).count() } else { 0 };
        let checked = row.cases.saturating_sub(row.discarded);
        let mut note = String::new();
        let found = (row.findings.len() + row.leaks.len()) as u64;
        if found > 0 {
            let _ = write!(note, "{found} {}", plural(found, "identity", "identities"));
            if !row.more.is_empty() {
                let _ = write!(note, " and {} more not shrunk", row.more.len());
            }
        } else if let Some(reason) = &row.reason {
            let line: String = reason.split_whitespace().collect::<Vec<_>>().join(" ");
            note = if line.chars().count() > 110 {
                line.chars().take(110).collect::<String>() + "…"
            } else {
                line
            };
        }
        if others > 0 {
            let names: Vec<&str> = mine.iter().filter(alike).map(|row| row.target.as_str()).collect();
            note = format!("{note} ({})", names.join(", "));
        }
        let cases = if row.cases > 0 && others == 0 {
            format!("{checked} of {} cases", row.cases)
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "      {:<width$} {:<20} {:<14} {:>20}   {note}",
            row.property,
            if others > 0 { format!("{} targets", others + 1) } else { row.target.clone() },
            word(row.verdict),
            cases
        );
    }
}

/// The closing line: counts of verdicts.
pub fn summary(outcome: &CampaignOutcome, seconds: f64) -> String {
    let count = |verdict: Verdict| outcome.rows.iter().filter(|row| row.verdict == verdict).count();
    let parts: Vec<String> = [
        Verdict::Held,
        Verdict::Finding,
        Verdict::Flaky,
        Verdict::Hazard,
        Verdict::Accepted,
        Verdict::NotApplicable,
        Verdict::NotRun,
        Verdict::Unspecified,
        Verdict::Error,
    ]
    .into_iter()
    .map(|verdict| (verdict, count(verdict)))
    .filter(|(_, count)| *count > 0)
    .map(|(verdict, count)| format!("{count} {}", word(verdict)))
    .collect();
    let cases: u64 = outcome.rows.iter().map(|row| row.cases).sum();
    format!("{} · {cases} cases in {seconds:.0} s", parts.join(" · "))
}

/// The distribution of a row's cases (`--labels`).
pub fn labels(row: &Row) -> String {
    let mut text = format!(
        "{} on {}: {} cases, {} checked nothing\n",
        row.property, row.target, row.cases, row.discarded
    );
    let share = |count: u64| if row.cases == 0 { 0.0 } else { count as f64 * 100.0 / row.cases as f64 };
    for (label, count) in &row.labels {
        let _ = writeln!(text, "  {:>6.1} %  {label}", share(*count));
    }
    for (reason, count) in &row.discards {
        let _ = writeln!(text, "  {:>6.1} %  discarded: {reason}", share(*count));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::wire::Reply;
    use serde_json::json;

    #[test]
    fn targets_that_lack_the_same_are_one_line() {
        let sample = sample::run();
        let evidence = sample.evidence();
        let lacking = evidence.outcome.rows.iter().find(|row| row.verdict == Verdict::NotApplicable);
        let lacking = lacking.expect("the sample has such a row");
        let rows = ["one", "two", "three"].map(|target| Row { target: target.to_owned(), ..lacking.clone() });
        let mut text = String::new();
        property_rows(&mut text, &lacking.property, 0, &rows);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("3 targets") && text.contains("(one, two, three)"), "{text}");
    }

    #[test]
    fn a_request_tells_what_decides_and_what_it_was_answered() {
        let told = |operation: &str, request: Value, body: Value| {
            let reply = Reply::ok(body);
            exchange(&Exchange { operation: operation.to_owned(), request, reply, sequence: 0, at_micros: 0 })
        };
        let key = json!({ "id": { "S": "a" } });
        let page = json!({ "IndexName": "by_org", "Limit": 2, "ExclusiveStartKey": key });
        assert_eq!(
            told("Query", page, json!({ "Items": [key, key], "LastEvaluatedKey": key })),
            "Query IndexName: by_org ExclusiveStartKey: {\"id\":{\"S\":\"a\"}} Limit: 2 → 2 rows, \
             LastEvaluatedKey: {\"id\":{\"S\":\"a\"}}"
        );
        let batch = json!({ "RequestItems": { "users": { "Keys": [key, key, key] } } });
        assert_eq!(
            told("BatchGetItem", batch, json!({ "UnprocessedKeys": { "users": { "Keys": [key] } } })),
            "BatchGetItem RequestItems: 3 entries, the first {\"id\":{\"S\":\"a\"}} → UnprocessedKeys"
        );
        let put = json!({ "TableName": "users", "Item": key });
        assert_eq!(told("PutItem", put, json!({})), "PutItem Item: {\"id\":{\"S\":\"a\"}} → 200");
    }

    #[test]
    fn the_sample_reads_well() {
        let sample = sample::run();
        let evidence = sample.evidence();
        let mut text = String::new();
        for row in &evidence.outcome.rows {
            for found in &row.findings {
                text += &finding(found, &[]);
                text.push('\n');
            }
        }
        text += &super::evidence(evidence.models, evidence.outcome);
        text.push('\n');
        text += &summary(evidence.outcome, 12.3);
        sample::snapshot("terminal.txt", &text);
    }
}
