//! `index.html`: the evidence as one page that needs nothing but itself.
//!
//! | module | holds |
//! |---|---|
//! | this one | the page: sentence, filters, threats with their rows |
//! | `story` | a finding |
//! | `timeline` | the requests of a step as a picture |
//! | `trend` | earlier runs as a picture |
//! | `page.css`, `page.js` | what it looks like; filters |
//!
//! No part of the page comes from the network: the page's policy forbids it, and allows its own style and script alone,
//! by their digests. So a value that got past the escaping would still not run. Without the script the page shows all
//! rows and has no filters.

mod story;
mod timeline;
mod trend;

use super::evidence::{Evidence, Section, grouped, plural, ran, statement};
use super::history::Past;
use super::mutants::{self, Mutant};
use super::sarif::uri;
use super::visible::html as shown;
use crate::engine::campaign::{Row, Verdict};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Bytes of a name, of a sentence.
const NAME: usize = 200;
const SENTENCE: usize = 1_000;

/// Findings that are told in full; the rest are named with their saved case.
const TOLD: usize = 200;

/// Labels of a row that are shown.
const LABELS: usize = 40;

/// The page. `runs` are all runs of the folder, this one last; `folder` is where the page will be, for links.
pub fn page(evidence: &Evidence<'_>, runs: &[Past], folder: &Path) -> String {
    let mut writer = Writer { evidence, folder, rows: BTreeSet::new(), told: 0 };
    let sections = evidence.sections();
    let title = format!("Proofhouse: {}", evidence.result());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                // Without this a browser would ask the server for an icon.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (evidence.result()) }
                    p { (shown(&evidence.scope(), SENTENCE)) " " (evidence.gaps()) }
                    (trend::picture(runs))
                }
                (notices(evidence))
                (filters(evidence, &sections))
                main {
                    div.grid.head aria-hidden="true" {
                        span { "property" } span { "target" } span { "engine" } span { "cases" }
                        span { "planted bugs found" } span { "verdict" }
                    }
                    @for (place, section) in sections.iter().enumerate() {
                        @if place == 0 || name_of(&sections[place - 1]) != name_of(section) {
                            h2 { (shown(name_of(section), NAME)) }
                        }
                        (writer.section(section))
                    }
                }
                (planted(evidence.mutants))
                footer {
                    p {
                        "Beside this page: "
                        @for (place, name) in ["results.jsonl", "junit.xml", "results.sarif", "history.jsonl"].iter().enumerate() {
                            @if place > 0 { ", " }
                            a href=(name) { (name) }
                        }
                        "."
                        @if evidence.outcome.rows.iter().any(|row| !row.findings.is_empty()) {
                            " Each finding has its case in " a href="failures/" { "failures/" } ", where it was not a saved one before."
                        }
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// The page's policy: nothing from anywhere, this style and this script.
fn policy() -> String {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

fn name_of<'a>(section: &Section<'a>) -> &'a str {
    match section.model {
        Some(model) if model.title.is_empty() => &model.name,
        Some(model) => &model.title,
        None => "Properties that no threat names",
    }
}

/// The word of a verdict on the page and in the filters' values.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Error => "error",
        Verdict::Finding => "finding",
        Verdict::Flaky => "flaky",
        Verdict::Hazard => "hazard",
        Verdict::Accepted => "accepted",
        Verdict::Held => "held",
        Verdict::Unspecified => "unspecified",
        Verdict::NotApplicable => "not applicable",
        Verdict::NotRun => "not run",
    }
}

/// The colour of a word: bad, doubtful, good, or a gap.
fn tone(word: &str) -> &'static str {
    match word {
        "error" | "finding" | "flaky" => "bad",
        "hazard" | "accepted" => "known",
        "held" => "good",
        _ => "gap",
    }
}

fn notices(evidence: &Evidence<'_>) -> Markup {
    let outcome = evidence.outcome;
    html! {
        @if !outcome.errors.is_empty() || !outcome.stale.is_empty() {
            section.notices {
                @for error in &outcome.errors {
                    p.bad { b { "error" } " " (shown(error, SENTENCE)) }
                }
                @for entry in &outcome.stale {
                    p.known {
                        b { "stale" } " "
                        (shown(&format!(
                            "{}:{}: {} on {} no longer shows {:?}; remove the entry",
                            entry.path.display(), entry.line, entry.property, entry.target, entry.identity
                        ), SENTENCE))
                    }
                }
            }
        }
    }
}

/// Filters by verdict, target and text. The script shows them: without it they would do nothing.
fn filters(evidence: &Evidence<'_>, sections: &[Section<'_>]) -> Markup {
    let mut words: Vec<(&str, u64)> =
        evidence.verdicts().into_iter().map(|(verdict, count)| (word(verdict), count)).collect();
    for gap in ["left out", "planned", "outside"] {
        let count: usize = sections
            .iter()
            .map(|section| match gap {
                "left out" => section.left_out.len(),
                gap => usize::from(section.gap().is_some_and(|(word, _)| word == gap)),
            })
            .sum();
        if count > 0 {
            words.push((gap, count as u64));
        }
    }
    html! {
        form #filters hidden role="search" aria-label="Filters" {
            div.chips {
                @for (word, count) in words {
                    label.chip.(tone(word)) {
                        input type="checkbox" name="verdict" value=(word);
                        span { (word) " " b { (count) } }
                    }
                }
            }
            div.fields {
                select #target name="target" aria-label="Target" {
                    option value="" { "all targets" }
                    @for target in evidence.targets() { option value=(target) { (shown(target, NAME)) } }
                }
                input #text type="search" placeholder="text in threats, checks and findings" aria-label="Text";
                button #all type="button" { "open all" }
                output #count {}
            }
        }
    }
}

struct Writer<'a> {
    evidence: &'a Evidence<'a>,
    folder: &'a Path,
    /// Rows that are told, by property and target: where another threat names the property, it links there.
    rows: BTreeSet<(&'a str, &'a str)>,
    told: usize,
}

impl<'a> Writer<'a> {
    fn section(&mut self, section: &Section<'a>) -> Markup {
        let gap = section.gap();
        let words: Vec<&str> = section
            .rows
            .iter()
            .map(|row| word(row.verdict))
            .chain(section.left_out.iter().map(|_| "left out"))
            .chain(gap.map(|gap| gap.0))
            .collect();
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for tone_wanted in ["bad", "known", "gap", "good"] {
            for word in words.iter().copied().filter(|word| tone(word) == tone_wanted) {
                match counts.iter_mut().find(|(known, _)| *known == word) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((word, 1)),
                }
            }
        }
        // What calls for a reader is in sight: findings, and threats that nothing stands for.
        let open = words.iter().any(|word| tone(word) == "bad")
            || section.rows.is_empty()
            || !section.left_out.is_empty();
        html! {
            details.threat open[open] {
                summary {
                    @match section.threat {
                        Some(threat) => { code.id { (shown(&threat.id, NAME)) } " " span.title { (shown(&threat.title, SENTENCE)) } }
                        None => span.title { "checks beside the threats" },
                    }
                    span.counts {
                        @for (word, count) in counts {
                            span.tag.(tone(word)) {
                                @if gap.is_none() { (count) " " }
                                (word)
                            }
                        }
                    }
                }
                @if let Some((word, reason)) = gap {
                    div.row.gap data-verdict=(word) data-target="" {
                        div.line { span.tag.gap { (word) } " " (shown(reason, SENTENCE)) }
                    }
                }
                @for row in &section.rows { (self.row(row)) }
                @for id in &section.left_out {
                    div.row.gap data-verdict="left out" data-target="" {
                        div.line { code { (shown(id, NAME)) } " " span.tag.gap { "left out" } " was no part of this run" }
                    }
                }
            }
        }
    }

    fn row(&mut self, row: &'a Row) -> Markup {
        let first = self.rows.insert((&row.property, &row.target));
        let word = word(row.verdict);
        let anchor = anchor(row);
        let checked = row.cases.saturating_sub(row.discarded);
        let found = row.findings.len() + row.leaks.len();
        html! {
            details.row.(tone(word)) data-verdict=(word) data-target=(row.target) data-check=(anchor) id=[first.then_some(anchor.as_str())] {
                summary.grid {
                    code { (row.property) }
                    span { (shown(&row.target, NAME)) " " small { (shown(&row.version, 40)) } }
                    span.engine { (shown(&row.backend, NAME)) }
                    span.cases {
                        @if row.cases > 0 {
                            (grouped(checked)) @if row.discarded > 0 { small { " of " (grouped(row.cases)) } }
                            span.unit { " cases" }
                        } @else { small { "none" } }
                    }
                    span.planted { (planted_of(&row.property, self.evidence.mutants)) }
                    span { span.tag.(tone(word)) { (word) @if found > 1 { " · " (found) } } }
                }
                div.body {
                    @if first { (self.body(row)) } @else {
                        p { "Told above: " a href={ "#" (anchor) } { (row.property) " on " (shown(&row.target, NAME)) } "." }
                    }
                }
            }
        }
    }

    fn body(&mut self, row: &'a Row) -> Markup {
        let statement = statement(&row.property);
        let mutants: Vec<&Mutant> =
            self.evidence.mutants.iter().filter(|mutant| mutant.property == row.property).collect();
        html! {
            @if !statement.is_empty() { p.statement { b { (row.property) } ": " (statement) } }
            @if let Some(reason) = &row.reason { p { b { (word(row.verdict)) } ": " (shown(reason, 2 * SENTENCE)) } }
            @for finding in &row.findings {
                ({
                    self.told += 1;
                    let whole = self.told <= TOLD;
                    let threats = self.evidence.threats_of(&finding.property);
                    story::article(finding, &threats, self.link(finding.file.as_deref()), whole)
                })
            }
            @for leak in &row.leaks {
                pre { @for line in leak.text.lines() { (shown(line, 4 * SENTENCE)) "\n" } }
            }
            @if !row.more.is_empty() {
                p { "Seen and not shrunk:" }
                ul { @for (identity, count) in row.more.iter().take(LABELS) { li { (shown(identity, NAME)) " (" (grouped(*count)) ")" } } }
                @if row.more.len() > LABELS { p { "and " (row.more.len() - LABELS) " more" } }
            }
            @if row.cases > 0 { (labels(row)) }
            @if !mutants.is_empty() {
                p { "Planted bugs that " code { (row.property) } " has to find: " a href={ "#planted-" (row.property) } { (planted_of(&row.property, self.evidence.mutants)) } }
            }
            @if !ran(row.verdict) && row.cases == 0 && row.reason.is_none() { p { "No case ran." } }
        }
    }

    /// The saved case as a link from the page, where it lies in the folder.
    fn link(&self, file: Option<&Path>) -> Option<String> {
        file.and_then(|file| file.strip_prefix(self.folder).ok()).map(uri)
    }
}

fn anchor(row: &Row) -> String {
    format!("row-{}", crate::engine::seed::short_name(&format!("{}\n{}", row.property, row.target)))
}

/// What of the cases was what: the labels of the generator and the reasons of discards.
fn labels(row: &Row) -> Markup {
    let share = |count: u64| format!("{:.1} %", count as f64 * 100.0 / row.cases as f64);
    let lines = row.labels.iter().map(|(label, count)| (label.clone(), *count));
    let discards = row.discards.iter().map(|(reason, count)| (format!("checked nothing: {reason}"), *count));
    let lines: Vec<(String, u64)> = lines.chain(discards).collect();
    html! {
        @if !lines.is_empty() {
            details.coverage {
                summary { "coverage: " (lines.len()) " " (plural(lines.len() as u64, "label", "labels")) " of " (grouped(row.cases)) " cases in " (format!("{:.1} s", row.ms as f64 / 1000.0)) }
                table {
                    @for (label, count) in lines.iter().take(LABELS) {
                        tr { td.n { (share(*count)) } td { meter max=(row.cases) value=(count) {} } td { (shown(label, NAME)) } }
                    }
                }
                @if lines.len() > LABELS { p { "and " (lines.len() - LABELS) " more" } }
            }
        }
    }
}

fn seconds(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.0} s") }
}

fn planted_of(property: &str, table: &[Mutant]) -> Markup {
    html! {
        @match mutants::of(property, table) {
            None => small { "not measured" },
            Some(found) => {
                (found.found) " of " (found.planted)
                @if let Some(median) = found.seconds { small { " · median " (seconds(median)) } }
            }
        }
    }
}

fn planted(table: &[Mutant]) -> Markup {
    let mut properties: Vec<&str> = table.iter().map(|mutant| mutant.property.as_str()).collect();
    properties.dedup();
    html! {
        @if !table.is_empty() {
            section.planted-bugs {
                h2 { "Planted bugs" }
                p { "Each property has to find bugs that were planted on purpose, by generation alone. A bug counts as found where every seed found it; times are medians over the seeds." }
                table {
                    tr { th { "property" } th { "planted bug" } th.n { "found by" } th.n { "cases" } th.n { "time" } }
                    @for (place, mutant) in table.iter().enumerate() {
                        @let first = place == 0 || table[place - 1].property != mutant.property;
                        tr id=[first.then(|| format!("planted-{}", mutant.property))] {
                            td { code { (shown(&mutant.property, NAME)) } }
                            td { (shown(&mutant.mutant, NAME)) }
                            td.n.(if mutant.found < mutant.seeds { "bad" } else { "good" }) { (mutant.found) " of " (mutant.seeds) " seeds" }
                            td.n { @match mutant.cases { Some(cases) => (grouped(cases.round() as u64)), None => "–" } }
                            td.n { @match mutant.seconds { Some(time) => (seconds(time)), None => "–" } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
