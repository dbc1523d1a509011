//! What a run says: the terminal, `results.jsonl`, saved cases.

use super::bench::Bench;
use super::finding::{self, Finding, property_of};
use super::program::{Kind, Program};
use super::run::Options;
use super::timing::{self, Timing};
use crate::backend::postgres::message::Answer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The outcome of a run.
#[derive(Debug)]
pub struct Report {
    /// Name of the contract.
    pub contract: String,
    /// Name and version of the backend.
    pub backend: String,
    /// Findings, accepted ones last.
    pub findings: Vec<Finding>,
    /// Programs that ran.
    pub cases: usize,
    /// Programs that ran for each property.
    pub cases_of: BTreeMap<&'static str, usize>,
    /// The seed.
    pub seed: u64,
    /// Milliseconds in all.
    pub ms: u128,
    /// What was reached.
    pub coverage: Coverage,
    /// Tables, views and functions that the role may use.
    pub objects: Vec<String>,
    /// Tables in which no row could be made.
    pub empty: Vec<String>,
    /// Fallbacks.
    pub notes: Vec<String>,
    /// What time tells of B, for information: no finding, and no line of `results.jsonl`.
    pub timings: Vec<Timing>,
    /// Why the run ended before its time, where it did: what was found until then is told all the same.
    pub ended_early: Option<String>,
    /// Why the report could not be written, where it could not.
    pub unsaved: Option<String>,
}

/// Which objects the programs reached, by kind of statement: accepted and refused.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// By object and kind of statement.
    pub reached: BTreeMap<(String, String), (usize, usize)>,
}

impl Coverage {
    /// Notes the outcome of a program in world 2.
    pub fn saw(&mut self, program: &Program, codes: &[(usize, bool)]) {
        for (at, accepted) in codes {
            let Some(step) = program.steps.get(*at) else { continue };
            let entry = self.reached.entry((step.object.clone(), step.verb.clone())).or_default();
            if *accepted {
                entry.0 += 1;
            } else {
                entry.1 += 1;
            }
        }
    }

    /// Whether a statement on the object was accepted.
    pub fn has(&self, object: &str) -> bool {
        self.reached.iter().any(|((name, _), (accepted, _))| name == object && *accepted > 0)
    }
}

/// Whether each answer was accepted.
pub fn outcomes(answers: &[(usize, Answer)]) -> Vec<(usize, bool)> {
    answers.iter().map(|(at, answer)| (*at, answer.error.is_none())).collect()
}

/// The properties that a run gives evidence for.
pub const PROPERTIES: [&str; 6] = [
    "isolation_read",
    "isolation_write",
    "isolation_infer",
    "isolation_fail_closed",
    "pool_hygiene",
    "tenant_partition",
];

/// The properties that a program of this kind gives evidence for.
pub fn properties_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Requests | Kind::Transaction => &PROPERTIES[..3],
        Kind::Outside => &PROPERTIES[3..4],
        Kind::Session => &PROPERTIES[4..5],
        Kind::Partition => &PROPERTIES[5..],
    }
}

impl Report {
    /// Findings that are not accepted.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.accepted.is_none())
    }

    /// 0 where all held, 1 with findings.
    pub fn exit_code(&self) -> u8 {
        u8::from(self.failures().next().is_some())
    }

    pub(super) fn save(&self, bench: &Bench, options: &Options) -> Result<(), String> {
        let write = |path: &Path, text: String| {
            std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
        };
        let folder_of = |path: &Path| {
            std::fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let mut lines = Vec::new();
        for finding in &self.findings {
            let path = self.file(options, finding);
            if let Some(folder) = path.parent() {
                folder_of(folder)?;
            }
            let saved = finding.saved(&options.contract);
            let text = serde_json::to_string_pretty(&saved).map_err(|error| error.to_string())?;
            write(&path.with_extension("case.json"), text + "\n")?;
            write(&path.with_extension("sql"), finding::script(bench, finding))?;
            lines.push(self.line(finding, &path.with_extension("case.json")));
        }
        for property in PROPERTIES {
            if self.findings.iter().any(|f| property_of(f.channel(), &f.program) == property) {
                continue;
            }
            let cases = self.cases_of.get(property).copied().unwrap_or(0);
            let mut line = json!({
                "property": property, "target": self.contract, "backend": self.backend, "verdict": "held",
                "cases": cases, "seed": self.seed, "ms": self.ms as u64,
            });
            if let Some(reason) = &self.ended_early {
                line["verdict"] = json!("error");
                line["reason"] = json!(reason);
            } else if cases == 0 {
                line["verdict"] = json!("not_run");
                line["reason"] =
                    json!("no program of this kind ran: none fits the contract, or the time was too short");
            }
            lines.push(line);
        }
        if let Some(folder) = &options.report {
            folder_of(folder)?;
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            write(&folder.join("results.jsonl"), text)?;
            // One of an earlier run would be read as this one's.
            let file = folder.join("timing.json");
            let _ = std::fs::remove_file(&file);
            if !self.timings.is_empty() {
                let text = serde_json::to_string_pretty(&self.timings).map_err(|error| error.to_string())?;
                write(&file, text + "\n")?;
            }
        }
        Ok(())
    }

    fn file(&self, options: &Options, finding: &Finding) -> PathBuf {
        let folder = options
            .report
            .as_ref()
            .map_or_else(|| options.failures.clone(), |folder| folder.join("failures"));
        folder.join(format!("{}-{}", self.contract, finding.file_name()))
    }

    fn line(&self, finding: &Finding, case: &Path) -> Value {
        let verdict = match (&finding.accepted, finding.is_stable()) {
            (Some(_), _) => "accepted",
            (None, true) => "finding",
            (None, false) => "flaky",
        };
        let channels: Vec<&str> = finding.channels.iter().map(|channel| channel.name()).collect();
        json!({
            "property": property_of(finding.channel(), &finding.program),
            "target": self.contract,
            "backend": self.backend,
            "verdict": verdict,
            "cases": self.cases,
            "seed": self.seed,
            "ms": self.ms as u64,
            "tests_to_failure": finding.tests,
            "ms_to_failure": finding.ms as u64,
            "shrink": { "from": finding.shrink.0, "to": finding.shrink.1, "runs": finding.shrink.2 },
            "case": case.display().to_string(),
            "title": finding.title(),
            "channel": finding.channel().name(),
            "channels": channels,
            "object": finding.object,
        })
    }

    /// The report as text.
    pub fn print(&self, bench_objects: &[String], options: &Options) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            let path = self.file(options, finding);
            out.push('\n');
            out.push_str(&finding::print(finding, &self.contract, &path.display().to_string()));
        }
        let failed = self.failures().count();
        let accepted = self.findings.len() - failed;
        out.push_str(&format!(
            "\n{} · {} findings, {accepted} accepted · {} programs in {:.1} s · {} · seed {}\n",
            self.contract,
            failed,
            self.cases,
            self.ms as f64 / 1000.0,
            self.backend,
            self.seed
        ));
        let reached = bench_objects.iter().filter(|name| self.coverage.has(name)).count();
        out.push_str(&format!(
            "reached {reached} of {} objects that the role may use\n",
            bench_objects.len()
        ));
        let never: Vec<&str> =
            bench_objects.iter().filter(|name| !self.coverage.has(name)).map(String::as_str).collect();
        if !never.is_empty() {
            out.push_str(&format!("never reached: {}\n", never.join(", ")));
        }
        if !self.empty.is_empty() {
            out.push_str(&format!("no row could be made in: {}\n", self.empty.join(", ")));
        }
        let counted: Vec<String> = PROPERTIES
            .iter()
            .map(|property| match self.cases_of.get(property) {
                Some(count) => format!("{property} {count}"),
                None => format!("{property} not run"),
            })
            .collect();
        out.push_str(&format!("programs: {}\n", counted.join(" · ")));
        out.push_str(&timing::print(&self.timings));
        for note in &self.notes {
            out.push_str(&format!("note: {note}\n"));
        }
        let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for ((_, verb), (accepted, refused)) in &self.coverage.reached {
            let entry = kinds.entry(verb).or_default();
            entry.0 += accepted;
            entry.1 += refused;
        }
        let kinds: Vec<String> =
            kinds.iter().map(|(verb, (accepted, refused))| format!("{verb} {accepted}+{refused}")).collect();
        out.push_str(&format!("statements (accepted+refused): {}\n", kinds.join(" · ")));
        out
    }
}
