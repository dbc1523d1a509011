//! Rows of the evidence: the verdict of one property on one target or store.

use super::accepted::Accepted;
use super::finding::Finding;
use super::stores::Leak;
use std::collections::BTreeMap;

/// The verdict of one property on one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the verdicts of the report, under their names")]
pub enum Verdict {
    Error,
    Finding,
    Flaky,
    Hazard,
    Accepted,
    Held,
    Unspecified,
    NotApplicable,
    NotRun,
}

/// A property on a target, with its verdict.
#[derive(Clone, Debug)]
pub struct Row {
    /// The property's id.
    pub property: String,
    /// The target's name.
    pub target: String,
    /// The library's version.
    pub version: String,
    /// The backend's name.
    pub backend: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not `held` or `finding`.
    pub reason: Option<String>,
    /// Cases of its own generator.
    pub cases: u64,
    /// Cases that checked nothing.
    pub discarded: u64,
    /// The reasons of discards.
    pub discards: BTreeMap<String, u64>,
    /// Cases by label.
    pub labels: BTreeMap<String, u64>,
    /// Wall time in milliseconds.
    pub ms: u64,
    /// Findings in the order of their first case.
    pub findings: Vec<Finding>,
    /// Leaks of a store.
    pub leaks: Vec<Leak>,
    /// Identities that were seen and not shrunk, with their counts.
    pub more: Vec<(String, u64)>,
    /// Whether the user asked for the target by name.
    pub by_name: bool,
}

/// What a campaign saw.
#[derive(Debug, Default)]
pub struct CampaignOutcome {
    /// One row a property and target.
    pub rows: Vec<Row>,
    /// Accepted findings that no longer occur: their entries.
    pub stale: Vec<Accepted>,
    /// Errors of the harness itself.
    pub errors: Vec<String>,
}

/// A row of which nothing is known yet: `held`, without cases.
pub(super) fn empty(property: &str, target: &str, backend: &str) -> Row {
    Row {
        property: property.to_owned(),
        target: target.to_owned(),
        version: String::new(),
        backend: backend.to_owned(),
        verdict: Verdict::Held,
        reason: None,
        cases: 0,
        discarded: 0,
        discards: BTreeMap::new(),
        labels: BTreeMap::new(),
        ms: 0,
        findings: Vec::new(),
        leaks: Vec::new(),
        more: Vec::new(),
        by_name: false,
    }
}
