//! What all reports tell of a run: threats with their rows, gaps, and counts.

use super::mutants::Mutant;
use crate::engine::campaign::{CampaignOutcome, Row, Verdict};
use crate::engine::finding::Class;
use crate::engine::stores;
use crate::engine::threats::{Status, Threat, ThreatModel};
use crate::property;
use std::collections::BTreeMap;

/// A run, as reports tell it.
pub struct Evidence<'a> {
    /// The threat models; none where properties were named instead.
    pub models: &'a [ThreatModel],
    /// What was seen.
    pub outcome: &'a CampaignOutcome,
    /// The run's seed.
    pub seed: u64,
    /// The engine, as `--backend` names it.
    pub backend: String,
    /// Wall time.
    pub seconds: f64,
    /// Planted bugs that were measured; none where no table was given.
    pub mutants: &'a [Mutant],
}

/// A threat, or what no threat names, with its rows.
pub struct Section<'a> {
    /// The model of the threat.
    pub model: Option<&'a ThreatModel>,
    /// The threat; nothing for rows that no threat names.
    pub threat: Option<&'a Threat>,
    /// In the order of the threat's properties, then of the run.
    pub rows: Vec<&'a Row>,
    /// Properties of the threat that were no part of the run.
    pub left_out: Vec<&'a str>,
}

impl Section<'_> {
    /// Why nothing stands for the threat, with the word for it.
    pub fn gap(&self) -> Option<(&'static str, &str)> {
        let threat = self.threat?;
        let word = match threat.status {
            Status::Tested => return None,
            Status::Planned => "planned",
            Status::Outside => "outside",
        };
        Some((word, threat.reason.as_deref().unwrap_or_default()))
    }
}

impl Evidence<'_> {
    /// The threats in the order of their models, then the rows that no threat names.
    pub fn sections(&self) -> Vec<Section<'_>> {
        let rows = &self.outcome.rows;
        let mut sections = Vec::new();
        for model in self.models {
            for threat in &model.threats {
                let is_run = |id: &&str| rows.iter().any(|row| row.property == *id);
                let named = threat.properties.iter().map(String::as_str);
                let left_out: Vec<&str> = named.filter(|id| !is_run(id)).collect();
                let mut mine: Vec<&Row> = Vec::new();
                for property in &threat.properties {
                    mine.extend(rows.iter().filter(|row| row.property == *property));
                }
                sections.push(Section { model: Some(model), threat: Some(threat), rows: mine, left_out });
            }
        }
        let named = |row: &Row| {
            let mut threats = self.models.iter().flat_map(|model| &model.threats);
            threats.any(|threat| threat.properties.contains(&row.property))
        };
        let mut rest: Vec<&Row> = rows.iter().filter(|row| !named(row)).collect();
        let mut order: Vec<&str> = Vec::new();
        for row in &rest {
            if !order.contains(&row.property.as_str()) {
                order.push(&row.property);
            }
        }
        rest.sort_by_key(|row| order.iter().position(|id| *id == row.property));
        if !rest.is_empty() {
            sections.push(Section { model: None, threat: None, rows: rest, left_out: Vec::new() });
        }
        sections
    }

    /// Rows by verdict.
    pub fn verdicts(&self) -> BTreeMap<Verdict, u64> {
        let mut counts = BTreeMap::new();
        for row in &self.outcome.rows {
            *counts.entry(row.verdict).or_default() += 1;
        }
        counts
    }

    /// Findings that fail the run: distinct identities, defects and flaky ones.
    pub fn findings(&self) -> u64 {
        let findings = self.outcome.rows.iter().flat_map(|row| &row.findings);
        let leaks = self.outcome.rows.iter().flat_map(|row| &row.leaks);
        let failing =
            findings.filter(|finding| matches!(finding.class(), Class::Defect | Class::Flaky)).count()
                + leaks.filter(|leak| matches!(leak.verdict, Verdict::Finding | Verdict::Flaky)).count();
        failing as u64
    }

    /// Cases of all rows.
    pub fn cases(&self) -> u64 {
        self.outcome.rows.iter().map(|row| row.cases).sum()
    }

    /// Targets in the order of the run.
    pub fn targets(&self) -> Vec<&str> {
        distinct(self.outcome.rows.iter().map(|row| row.target.as_str()))
    }

    /// Properties in the order of the run.
    pub fn properties(&self) -> Vec<&str> {
        distinct(self.outcome.rows.iter().map(|row| row.property.as_str()))
    }

    /// Threats that name the property, as `model/threat`.
    pub fn threats_of(&self, property: &str) -> Vec<String> {
        let all =
            self.models.iter().flat_map(|model| model.threats.iter().map(move |threat| (model, threat)));
        all.filter(|(_, threat)| threat.properties.iter().any(|id| id == property))
            .map(|(model, threat)| format!("{}/{}", model.name, threat.id))
            .collect()
    }

    /// What came out, in a sentence. A check is a property on a target.
    pub fn result(&self) -> String {
        let counts = self.verdicts();
        let of = |verdict| counts.get(&verdict).copied().unwrap_or(0);
        let failing = of(Verdict::Finding) + of(Verdict::Flaky);
        let ran: u64 = counts.iter().filter(|(verdict, _)| ran(**verdict)).map(|(_, count)| count).sum();
        let errors = of(Verdict::Error) + self.outcome.errors.len() as u64;
        let failed = match errors {
            0 => String::new(),
            n => format!(" The harness failed {n} {}.", plural(n, "time", "times")),
        };
        if ran == 0 {
            return format!("Nothing was tested.{failed}");
        }
        let what = match self.findings() {
            0 => format!("No unexpected finding in the {ran} {} that ran.", plural(ran, "check", "checks")),
            n => {
                format!("{n} {} in {failing} of the {ran} checks that ran.", plural(n, "finding", "findings"))
            }
        };
        format!("{what}{failed}")
    }

    /// What was run, in a sentence.
    pub fn scope(&self) -> String {
        let (targets, properties) = (self.targets().len() as u64, self.properties().len() as u64);
        let models: Vec<&str> = self.models.iter().map(|model| model.name.as_str()).collect();
        let models = match models.as_slice() {
            [] => String::new(),
            [one] => format!(" of the threat model {one}"),
            list => format!(" of the threat models {}", list.join(" and ")),
        };
        format!(
            "{properties} {}{models} {} put to {targets} {} on the engine {}: {} cases in {:.0} s, seed {}.",
            plural(properties, "property", "properties"),
            plural(properties, "was", "were"),
            plural(targets, "target", "targets"),
            self.backend,
            grouped(self.cases()),
            self.seconds,
            self.seed
        )
    }

    /// What the run says nothing about, in a sentence; empty where there is nothing.
    pub fn gaps(&self) -> String {
        let sections = self.sections();
        let threats =
            |word| sections.iter().filter(|s| s.gap().is_some_and(|gap| gap.0 == word)).count() as u64;
        let counts = self.verdicts();
        let of = |verdict| counts.get(&verdict).copied().unwrap_or(0);
        let left_out =
            distinct(sections.iter().flat_map(|section| section.left_out.iter().copied())).len() as u64;
        let (planned, outside) = (threats("planned"), threats("outside"));
        let (not_run, other) = (of(Verdict::NotRun), of(Verdict::NotApplicable) + of(Verdict::Unspecified));
        let parts: Vec<String> = [
            (planned, format!("{planned} {} planned", plural(planned, "threat", "threats"))),
            (outside, format!("{outside} {} outside", plural(outside, "threat", "threats"))),
            (not_run, format!("{not_run} {} not run", plural(not_run, "check", "checks"))),
            (left_out, format!("{left_out} {} left out", plural(left_out, "property", "properties"))),
            (other, format!("{other} {} not applicable or unspecified", plural(other, "check", "checks"))),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(_, text)| text)
        .collect();
        if parts.is_empty() { String::new() } else { format!("Not tested: {}.", parts.join(", ")) }
    }
}

/// Whether a verdict stands for cases that ran.
pub fn ran(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Finding | Verdict::Flaky | Verdict::Hazard | Verdict::Accepted | Verdict::Held)
}

/// A property's statement; empty where this build does not know the property.
pub fn statement(id: &str) -> &'static str {
    let of_store =
        stores::PROPERTIES.iter().find(|(known, _)| *known == id).map_or("", |(_, statement)| statement);
    property::all()
        .iter()
        .find(|property| property.id() == id)
        .map_or(of_store, |property| property.statement())
}

/// A number with its thousands apart: `41,233`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(super) fn plural(count: u64, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut list = Vec::new();
    for word in words {
        if !list.contains(&word) {
            list.push(word);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn thousands_stand_apart() {
        let shown: Vec<String> = [0, 999, 1_000, 41_233, 1_000_000].map(grouped).to_vec();
        assert_eq!(shown, ["0", "999", "1,000", "41,233", "1,000,000"]);
    }

    #[test]
    fn a_threat_whose_property_was_no_part_of_the_run_shows_a_gap() {
        let sample = sample::run();
        let evidence = sample.evidence();
        let sections = evidence.sections();
        let section = sections.iter().find(|section| section.threat.is_some_and(|t| t.id == "T-scan"));
        assert_eq!(section.expect("the threat").left_out, ["no_such_property"]);
        assert!(evidence.gaps().contains("1 property left out"), "{}", evidence.gaps());
    }

    #[test]
    fn every_row_stands_somewhere() {
        let sample = sample::run();
        let evidence = sample.evidence();
        let sections = evidence.sections();
        for row in &sample.outcome.rows {
            let shown =
                sections.iter().flat_map(|section| &section.rows).any(|other| std::ptr::eq(*other, row));
            assert!(shown, "{} on {}", row.property, row.target);
        }
    }

    #[test]
    fn a_run_without_a_row_that_ran_does_not_read_as_a_success() {
        let mut sample = sample::run();
        sample.outcome.rows.retain(|row| row.verdict == Verdict::NotRun);
        assert!(sample.evidence().result().starts_with("Nothing was tested."));
    }
}
