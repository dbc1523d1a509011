//! A small run with each verdict, and with hostile text wherever a target or a generator puts text: for tests.

use super::evidence::Evidence;
use super::mutants::Mutant;
use super::run_file::{self, RunFile};
use crate::case::Case;
use crate::engine::accepted::Accepted;
use crate::engine::campaign::{CampaignOutcome, Row, Verdict};
use crate::engine::finding::{Explanation, Finding, Shrink, Stability};
use crate::engine::threats::{Status, Threat, ThreatModel};
use crate::property::Violation;
use crate::wire::{Exchange, Reply};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Markup, quotes, and marks that turn the direction of what follows.
pub(super) const HOSTILE: &str = "</pre></code><script>document.title='owned'</script><img src=x onerror=\"alert(1)\">\u{202e}&amp;\u{200b}";

/// A target whose name is a command of a user.
pub(super) const COMMAND: &str = "python3 \"my adapter.py\" <x> & 'y'";

pub(super) struct Sample {
    pub models: Vec<ThreatModel>,
    pub outcome: CampaignOutcome,
    pub mutants: Vec<Mutant>,
}

impl Sample {
    pub(super) fn evidence(&self) -> Evidence<'_> {
        Evidence {
            models: &self.models,
            outcome: &self.outcome,
            seed: 7,
            backend: "embedded".to_owned(),
            seconds: 12.3,
            mutants: &self.mutants,
        }
    }
}

/// Compares with the snapshot that a reviewer reads, in `snapshots/reports`.
pub(super) fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/reports"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

pub(super) fn case() -> Case {
    let case = json!({
        "model": {
            "name": "User", "table": "users", "partition_key": "id",
            "fields": [
                { "name": "id", "attribute": "id", "type": "string" },
                { "name": "tags", "attribute": "tags", "type": { "list": "string" }, "omit_empty": true },
            ],
        },
        "runs": [{
            "start": [{ "record": { "id": { "S": "a" }, "tags": { "L": [{ "S": "x" }] } } }],
            "program": [
                { "method": "get", "params": { "model": "User", "key": { "id": { "S": HOSTILE } } } },
                { "method": "update", "params": {
                    "model": "User", "key": { "id": { "S": "a" } }, "form": "partial",
                    "record": { "tags": { "L": [] } },
                } },
            ],
        }],
    });
    serde_json::from_value(case).expect("a case")
}

pub(super) fn exchange(operation: &str, sequence: u64, reply: Reply) -> Exchange {
    let request = json!({
        "TableName": "users",
        "UpdateExpression": "SET #n1 = :v1",
        "ExpressionAttributeNames": { "#n1": HOSTILE },
        "ExpressionAttributeValues": { ":v1": { "L": [] } },
    });
    Exchange { operation: operation.to_owned(), request, reply, sequence, at_micros: 300 + 1_700 * sequence }
}

pub(super) fn finding(property: &str, target: &str, identity: &str) -> Finding {
    Finding {
        property: property.to_owned(),
        generator: property.to_owned(),
        target: target.to_owned(),
        library: format!("{target} 1.2.3"),
        backend: "embedded".to_owned(),
        violation: Violation {
            identity: identity.to_owned(),
            title: "an update changed an attribute that it did not name".to_owned(),
            run: 0,
            step: 1,
            observed: "tags = L[]".to_owned(),
            expected: "tags = L[\"x\"]".to_owned(),
            hazard: None,
        },
        case: case(),
        wire: vec![
            exchange("GetItem", 0, Reply::ok(json!({}))),
            exchange("UpdateItem", 1, Reply::error(400, "ValidationException", "no")),
            exchange("UpdateItem", 2, Reply::ok(json!({}))),
        ],
        first: 228,
        count: 17,
        ms_to_failure: 190,
        shrink: Shrink { from: 31, to: 3, runs: 143 },
        stable: Stability { shown: 20, of: 20 },
        explain: Explanation {
            matters: vec!["tags empty but present".to_owned()],
            any: vec!["name".to_owned(), "id".to_owned()],
        },
        tape: String::new(),
        file: Some(PathBuf::from(format!("out/failures/{property}-3fa1 #1.case.json"))),
        regression: false,
        accepted: None,
        faults: Vec::new(),
    }
}

pub(super) fn row(property: &str, target: &str, verdict: Verdict) -> Row {
    let ran = super::evidence::ran(verdict);
    Row {
        property: property.to_owned(),
        target: target.to_owned(),
        version: if ran { "1.2.3".to_owned() } else { String::new() },
        backend: "embedded".to_owned(),
        verdict,
        reason: None,
        cases: if ran { 1_234 } else { 0 },
        discarded: if ran { 34 } else { 0 },
        discards: Default::default(),
        labels: Default::default(),
        floors: Default::default(),
        ms: if ran { 900 } else { 0 },
        findings: Vec::new(),
        leaks: Vec::new(),
        more: Vec::new(),
        by_name: false,
    }
}

fn because(property: &str, target: &str, verdict: Verdict, reason: &str) -> Row {
    Row { reason: Some(reason.to_owned()), ..row(property, target, verdict) }
}

fn threat(id: &str, title: &str, properties: &[&str]) -> Threat {
    Threat {
        id: id.to_owned(),
        title: title.to_owned(),
        properties: properties.iter().map(|&id| id.to_owned()).collect(),
        status: Status::Tested,
        reason: None,
    }
}

/// The sample as the share of a run.
pub(super) fn run_file(shard: &str) -> RunFile {
    let sample = run();
    RunFile {
        proofhouse: run_file::VERSION,
        build: "1.0.0".to_owned(),
        shard: shard.parse().expect("a share"),
        seed: 7,
        backend: "embedded".to_owned(),
        budget: "1234 cases each".to_owned(),
        first: false,
        seconds: 12.3,
        models: sample.models,
        accepted: sample.outcome.stale,
        rows: sample.outcome.rows,
        errors: sample.outcome.errors,
    }
}

pub(super) fn run() -> Sample {
    let mut hostile = finding("frame", "alpha", &format!("update partial: {HOSTILE}"));
    hostile.violation.title = format!("an update stored {HOSTILE}");
    hostile.violation.observed = format!("tags = {HOSTILE}\nsecond = line");
    let mut accepted = finding("presence", "alpha", "get: an empty list is absent");
    accepted.accepted = Some("alpha#4831, open upstream".to_owned());
    let mut hazard = finding("presence", "beta", "get: an empty list is absent");
    hazard.violation.hazard = Some("contract.empty_list = \"absent\"".to_owned());
    hazard.wire.clear();
    let mut flaky = finding("well_formed", "alpha", "request refused");
    flaky.stable.shown = 7;
    let mut held = row("frame", "beta", Verdict::Held);
    held.labels = [("form=partial".to_owned(), 640), ("with a condition".to_owned(), 301)].into();
    held.discards = [("refused".to_owned(), 34)].into();
    let rows = vec![
        Row {
            findings: vec![hostile, finding("frame", "alpha", "update whole: unnamed attribute removed")],
            more: vec![("update partial: one more".to_owned(), 3)],
            labels: [("form=partial".to_owned(), 640)].into(),
            ..row("frame", "alpha", Verdict::Finding)
        },
        Row { findings: vec![accepted], ..row("presence", "alpha", Verdict::Accepted) },
        Row { findings: vec![flaky], ..row("well_formed", "alpha", Verdict::Flaky) },
        because("total", "alpha", Verdict::Error, "the cases are not what they claim"),
        held,
        Row { findings: vec![hazard], ..row("presence", "beta", Verdict::Hazard) },
        because("well_formed", "beta", Verdict::NotApplicable, "the target has no conditional writes"),
        because("total", "beta", Verdict::Unspecified, "the specification leaves it open"),
        because("frame", COMMAND, Verdict::NotRun, "python3 is not installed"),
        because("presence", COMMAND, Verdict::NotRun, "python3 is not installed"),
        because("well_formed", COMMAND, Verdict::NotRun, "python3 is not installed"),
        because("total", COMMAND, Verdict::NotRun, "python3 is not installed"),
    ];
    let mut planned = threat("T-plan", "An old call is replayed", &[]);
    planned.status = Status::Planned;
    planned.reason = Some("needs a lost response after the write".to_owned());
    let mut outside = threat("T-supply", "A dependency is compromised", &[]);
    outside.status = Status::Outside;
    outside.reason = Some(format!("no program at run time shows it {HOSTILE}"));
    let model = ThreatModel {
        path: PathBuf::from("shop.toml"),
        name: "shop".to_owned(),
        title: "Shop: a mapper for <T>".to_owned(),
        targets: Vec::new(),
        schemas: Vec::new(),
        threats: vec![
            threat(
                "T-clobber",
                "An update overwrites attributes that it does not name",
                &["frame", "presence"],
            ),
            threat("T-expression", "An expression means something else", &["well_formed", "frame"]),
            threat("T-scan", "A query becomes a scan", &["no_such_property"]),
            planned,
            outside,
        ],
    };
    let mutant = |mutant: &str, found: u32, cases: Option<f64>| Mutant {
        property: "frame".to_owned(),
        mutant: mutant.to_owned(),
        seeds: 10,
        found,
        cases,
        seconds: cases.map(|cases| cases / 100.0),
    };
    Sample {
        models: vec![model],
        outcome: CampaignOutcome {
            rows,
            stale: vec![Accepted {
                path: PathBuf::from("accepted.toml"),
                line: 3,
                property: "frame".to_owned(),
                target: "beta".to_owned(),
                identity: "update: mended".to_owned(),
                reason: "beta#1".to_owned(),
            }],
            errors: vec![format!("alpha: the disk is full {HOSTILE}")],
        },
        mutants: vec![mutant("partial-clears-list", 10, Some(41.0)), mutant("rare", 8, Some(9_000.0))],
    }
}
