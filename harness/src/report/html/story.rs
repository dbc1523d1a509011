//! A finding on the page: symptom, program, stored beside expected, wire, what matters, one line to copy.

use super::timeline;
use crate::engine::finding::{Class, Finding};
use crate::report::evidence::plural;
use crate::report::visible::{Ration, clipped};
use crate::report::{show, terminal};
use maud::{Markup, PreEscaped, html};

/// Bytes of a finding on the page; 50 of them stay far below the 2 MB that a page may have.
const WHOLE: usize = 32_000;

/// Bytes of the program, of one of its lines, of what was observed or expected, of a sentence.
const PROGRAM: usize = 12_000;
const STEP: usize = 1_500;
const SEEN: usize = 5_000;
const SENTENCE: usize = 1_000;

/// Requests that are told in words below their picture, and the bytes of one.
const REQUESTS: usize = 8;
const REQUEST: usize = 900;

fn word(class: Class) -> (&'static str, &'static str) {
    match class {
        Class::Defect => ("finding", "bad"),
        Class::Flaky => ("flaky", "bad"),
        Class::Hazard => ("hazard", "known"),
        Class::Accepted => ("accepted", "known"),
    }
}

/// The finding; `link` leads to its saved case. Where it is not `whole`, only its symptom and its case are told.
pub(super) fn article(finding: &Finding, threats: &[String], link: Option<String>, whole: bool) -> Markup {
    let ration = Ration::new(WHOLE);
    let violation = &finding.violation;
    let (word, tone) = word(finding.class());
    let stem = Finding::stem(&finding.property, &finding.target, &violation.identity);
    html! {
        article.(tone) id=(stem) {
            h3 { span.tag.(tone) { (word) } " " (ration.text(&violation.title, SENTENCE)) }
            p.place {
                (ration.text(&finding.library, 200)) " on " (ration.text(&finding.backend, 200))
                @for threat in threats { " · " (ration.text(threat, 200)) }
                " · " (ration.text(&violation.identity, 400))
            }
            @if whole {
                (program(finding, &ration))
                (seen(finding, &ration))
                (wire(finding, &ration))
                (facts(finding, &ration))
            }
            p.place {
                "stable " (finding.stable.shown) " of " (finding.stable.of) " · "
                @if finding.regression { "a saved case of " (finding.shrink.to) " operations" } @else {
                    "first shown by case " (finding.first + 1) ", by " (finding.count) " in all · shrunk "
                    (finding.shrink.from) " → " (finding.shrink.to) " operations in " (finding.shrink.runs) " runs"
                }
            }
            @for fault in &finding.faults { p.bad { b { "error" } " " (ration.text(fault, SENTENCE)) } }
            @if let Some(file) = &finding.file {
                p.replay {
                    code { (ration.text(&terminal::replay_line(file), SENTENCE)) }
                    @if let Some(link) = link { " " a href=(link) { "the saved case" } }
                }
            }
        }
    }
}

fn program(finding: &Finding, ration: &Ration) -> Markup {
    let case = &finding.case;
    let violation = &finding.violation;
    let ration = ration.part(PROGRAM);
    html! {
        pre.program {
            @if terminal::tells_model(case) {
                span.model { "model  " (ration.text(&show::model(&case.model), STEP)) "\n" }
            }
            @for (number, run) in case.runs.iter().enumerate() {
                @let same = show::same_as(case, number).filter(|_| case.runs.len() > 1 && violation.run != number);
                @if case.runs.len() > 1 && !ration.is_empty() {
                    span.run {
                        (ration.text(&terminal::run_label(number, run), STEP))
                        @if let Some(earlier) = &same { ": as " (ration.text(earlier, STEP)) }
                        "\n"
                    }
                }
                @if same.is_none() {
                    (steps(&show::run(run, &case.model, (violation.run == number).then_some(violation.step)), &ration))
                }
            }
        }
    }
}

/// The lines of a run as far as the ration goes; the one that shows the finding is marked, and always shown.
fn steps(lines: &[show::Line], ration: &Ration) -> Markup {
    let mut left_out = 0;
    let mut shown = String::new();
    for line in lines {
        let (text, is_marked) = (&line.text, line.marked);
        if ration.is_empty() && !is_marked {
            left_out += 1;
            continue;
        }
        // A line takes its number and its end besides its words.
        let own = Ration::new(STEP);
        let words = if is_marked { own.text(text, STEP) } else { ration.text(text, STEP) };
        ration.take(16);
        let number = format!("{:<3}", line.number);
        let line = html! {
            @if is_marked { mark { "> " (number) (words) } } @else { "  " (number) (words) }
            "\n"
        };
        shown.push_str(&line.into_string());
    }
    html! {
        (PreEscaped(shown))
        @if left_out > 0 { "     … " (left_out) " more " (plural(left_out, "line", "lines")) "\n" }
    }
}

/// What was observed beside what was expected, line by line as they belong together.
fn seen(finding: &Finding, ration: &Ration) -> Markup {
    html! {
        div.beside {
            @for (word, tone, text) in [
                ("observed", "bad", &finding.violation.observed), ("expected", "good", &finding.violation.expected),
            ] {
                div.(tone) { h4 { (word) } pre { (ration.text(text, SEEN)) } }
            }
        }
    }
}

fn wire(finding: &Finding, ration: &Ration) -> Markup {
    let wire = &finding.wire;
    html! {
        h4 { "wire" }
        @if wire.is_empty() { p { "The step sent no request." } } @else {
            (timeline::picture(wire))
            ol.requests {
                @for exchange in wire.iter().take(REQUESTS) {
                    li { code { (ration.text(&terminal::exchange(exchange), REQUEST)) } }
                }
            }
            @if wire.len() > REQUESTS { p { "and " (wire.len() - REQUESTS) " more requests" } }
        }
    }
}

fn facts(finding: &Finding, ration: &Ration) -> Markup {
    let explain = &finding.explain;
    let lines: Vec<(&str, String)> = [
        ("matters", explain.matters.join(", ")),
        ("any value", explain.any.join(", ")),
        ("contract", finding.violation.hazard.clone().unwrap_or_default()),
        ("accepted", finding.accepted.clone().unwrap_or_default()),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(word, text)| (word, clipped(&text, 2 * SENTENCE)))
    .collect();
    html! {
        @if !lines.is_empty() {
            dl { @for (word, text) in &lines { dt { (word) } dd { (ration.text(text, 2 * SENTENCE)) } } }
        }
    }
}
