//! Rows of the evidence: the verdict of one property on one target or store.

use super::accepted::Accepted;
use super::finding::{Class, Finding};
use super::stores::Leak;
use crate::target::CallError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The verdict of one property on one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// What share of the cases must carry a label, in percent: else they are not what they claim.
    pub floors: BTreeMap<String, u32>,
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

/// Cases below which a floor says nothing.
const CASES_OF_A_FLOOR: u64 = 1_000;

/// Checked cases below which *held* says so little that the row tells.
const FEW_CASES: u64 = 100;

impl Row {
    /// The verdict that the findings add up to; `held` where there are none.
    pub(crate) fn verdict_of_findings(&self) -> Verdict {
        let classes = self.findings.iter().map(Finding::class);
        classes
            .map(|class| match class {
                Class::Defect => Verdict::Finding,
                Class::Flaky => Verdict::Flaky,
                Class::Hazard => Verdict::Hazard,
                Class::Accepted => Verdict::Accepted,
            })
            .min()
            .unwrap_or(Verdict::Held)
    }

    /// Gives the row of a cell that is over its verdict: from its findings, else from what its cases were.
    pub(crate) fn settle(&mut self) {
        self.verdict = self.verdict_of_findings();
        if self.verdict != Verdict::Held {
            return;
        }
        if self.cases == self.discarded {
            let worst = self.discards.iter().max_by_key(|(_, count)| **count);
            let why = worst
                .map(|(reason, count)| format!("{reason} ({count} of {})", self.cases))
                .unwrap_or_default();
            // Not to apply is a choice; not to answer is none.
            let unanswered =
                worst.is_some_and(|(reason, _)| CallError::UNANSWERED.contains(&reason.as_str()));
            self.verdict = if unanswered { Verdict::Error } else { Verdict::NotApplicable };
            self.reason = Some(format!("no case checked anything: {why}"));
        } else if let Some(missed) = self.missed_floor() {
            self.verdict = Verdict::Error;
            self.reason = Some(missed);
        } else if self.cases - self.discarded < FEW_CASES {
            let checked = self.cases - self.discarded;
            self.reason = Some(format!("{checked} checked cases say little: needs more time"));
        } else if let Some((reason, count)) = self.most_unanswered() {
            self.reason = Some(format!("{reason} in {count} cases, which `total` judges"));
        }
    }

    /// The most frequent way in which calls were not answered, of the cases that checked nothing.
    fn most_unanswered(&self) -> Option<(&String, &u64)> {
        let unanswered = |reason: &str| CallError::UNANSWERED.contains(&reason);
        self.discards.iter().filter(|(reason, _)| unanswered(reason)).max_by_key(|(_, count)| **count)
    }

    fn missed_floor(&self) -> Option<String> {
        if self.cases < CASES_OF_A_FLOOR {
            return None;
        }
        self.floors.iter().find_map(|(label, percent)| {
            let share = self.labels.get(label).copied().unwrap_or(0) * 100 / self.cases;
            (share < u64::from(*percent)).then(|| {
                format!(
                    "the cases are not what they claim: {share} % are {label:?}, at least {percent} % should be"
                )
            })
        })
    }
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
        floors: BTreeMap::new(),
        ms: 0,
        findings: Vec::new(),
        leaks: Vec::new(),
        more: Vec::new(),
        by_name: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(cases: u64, discards: &[(&str, u64)]) -> Row {
        let discards: BTreeMap<String, u64> =
            discards.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
        let discarded = discards.values().sum();
        let mut row = Row { cases, discarded, discards, ..empty("frame", "mine", "embedded") };
        row.settle();
        row
    }

    #[test]
    fn a_target_that_answers_nothing_is_an_error_and_one_that_refuses_is_none() {
        let crashed = settled(22, &[("the target crashed", 20), ("no update went through", 2)]);
        assert_eq!(crashed.verdict, Verdict::Error);
        assert!(crashed.reason.is_some_and(|why| why.contains("the target crashed (20 of 22)")));
        assert_eq!(settled(22, &[("update is unsupported", 22)]).verdict, Verdict::NotApplicable);
    }

    #[test]
    fn a_row_that_holds_says_what_was_not_answered() {
        let row = settled(500, &[("the target crashed", 3), ("no update went through", 90)]);
        assert_eq!(row.verdict, Verdict::Held);
        assert_eq!(row.reason.as_deref(), Some("the target crashed in 3 cases, which `total` judges"));
    }
}
