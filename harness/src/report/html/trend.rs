//! Earlier runs of the same scope as a picture: a column a run, its rows stacked by what they say.

use crate::engine::campaign::Verdict;
use crate::report::evidence::plural;
use crate::report::history::Past;
use maud::{Markup, html};

/// Runs in the picture; older ones are left out.
const MOST: usize = 30;

const WIDTH: usize = 8;
const HEIGHT: u64 = 36;

/// From the bottom up: tone and rows.
fn parts(run: &Past) -> [(&'static str, u64); 4] {
    let of = |verdicts: &[Verdict]| {
        verdicts.iter().map(|verdict| run.verdicts.get(verdict).copied().unwrap_or(0)).sum::<u64>()
    };
    [
        ("bad", of(&[Verdict::Error, Verdict::Finding, Verdict::Flaky])),
        ("known", of(&[Verdict::Hazard, Verdict::Accepted])),
        ("gap", of(&[Verdict::NotRun, Verdict::NotApplicable, Verdict::Unspecified])),
        ("good", of(&[Verdict::Held])),
    ]
}

/// The runs of the last one's scope, oldest first; nothing where there is no other to compare with.
pub(super) fn picture(runs: &[Past]) -> Markup {
    let Some(last) = runs.last() else { return html! {} };
    let mut same: Vec<&Past> = runs.iter().filter(|run| run.scope == last.scope).collect();
    let other = runs.len() - same.len();
    same.drain(..same.len().saturating_sub(MOST));
    let earlier = same.len() - 1;
    let most = same.iter().map(|run| run.verdicts.values().sum::<u64>()).max().unwrap_or(0).max(1);
    html! {
        p.trend {
            @if earlier == 0 {
                "No earlier run of the same threats, targets and engine in this folder."
            } @else {
                svg viewBox={ "0 0 " (same.len() * WIDTH) " " (HEIGHT) } width=(same.len() * WIDTH) height=(HEIGHT)
                    role="img" aria-label="checks by verdict in earlier runs" {
                    @for (place, run) in same.iter().enumerate() {
                        g {
                            title { (run.date()) " UTC, seed " (run.seed) ", " (run.cases) " cases: " (run.findings) " " (plural(run.findings, "finding", "findings")) }
                            @for (tone, from, to) in columns(run, most) {
                                @if to > from { rect.(tone) x=(place * WIDTH) y=(HEIGHT - to) width=(WIDTH - 1) height=(to - from) {} }
                            }
                        }
                    }
                }
                span {
                    (earlier) " earlier " (plural(earlier as u64, "run", "runs")) " since " (same[0].date()) " UTC; findings "
                    @for (place, run) in same.iter().rev().take(6).rev().enumerate() {
                        @if place > 0 { " → " }
                        (run.findings)
                    }
                }
            }
            @if other > 0 { span { " " (other) " " (plural(other as u64, "run", "runs")) " of another scope " (plural(other as u64, "is", "are")) " not compared." } }
        }
    }
}

/// The parts of a column, each with its lower and upper edge. A part with rows is at least one unit high.
fn columns(run: &Past, most: u64) -> Vec<(&'static str, u64, u64)> {
    let mut rows = 0;
    let mut edge = 0;
    parts(run)
        .into_iter()
        .map(|(tone, count)| {
            rows += count;
            let from = edge;
            let least = from + u64::from(count > 0);
            edge = (rows * HEIGHT / most).max(least).min(HEIGHT);
            (tone, from, edge)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn past(scope: &str, findings: u64, held: u64) -> Past {
        let verdicts = BTreeMap::from([(Verdict::Finding, findings), (Verdict::Held, held)]);
        Past { at: 0, scope: scope.to_owned(), seed: 0, cases: 10, seconds: 1.0, findings, verdicts }
    }

    #[test]
    fn one_finding_among_many_rows_is_seen() {
        let columns = columns(&past("a", 1, 999), 1_000);
        assert_eq!(columns, [("bad", 0, 1), ("known", 1, 1), ("gap", 1, 1), ("good", 1, 36)]);
    }

    #[test]
    fn only_runs_of_the_same_scope_compare() {
        let shown = picture(&[past("a", 3, 1), past("b", 9, 9), past("a", 2, 2)]).into_string();
        assert!(shown.contains("1 earlier run ") && shown.contains("findings 3 → 2"), "{shown}");
        assert!(shown.contains("1 run of another scope is not compared"), "{shown}");
        assert!(picture(&[past("b", 1, 1), past("a", 1, 1)]).into_string().contains("No earlier run"));
    }
}
