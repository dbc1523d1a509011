//! Comparing answers: order and noise made canonical, the rest counts.

use super::{Channel, Marks, describe};
use crate::backend::postgres::message::{Answer, Report};
use crate::isolate::data::Cells;
use crate::isolate::program::Step;
use std::collections::HashSet;

/// An answer with everything sorted that has no order, and without where in a function an error arose. Rows that
/// came before an error are those that the plan met first: they say nothing.
pub fn canonical(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    if answer.error.is_some() {
        answer.rows.clear();
        answer.lines.clear();
    }
    answer.rows.sort();
    answer.lines.sort();
    let plain = |report: &mut Report| {
        report.context = None;
        report.position = None;
    };
    if let Some(error) = &mut answer.error {
        plain(error);
    }
    answer.notices.iter_mut().for_each(plain);
    answer.notices.sort();
    answer.notifications.sort();
    answer
}

/// Whether two answers say the same.
pub fn same_answer(one: &Answer, two: &Answer) -> bool {
    one == two || {
        let (one, two) = (canonical(one), canonical(two));
        one == two || (loose(&one) == loose(&two))
    }
}

/// Lists inside a cell have no order either: aggregates follow the plan.
fn loose(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    for cell in answer.rows.iter_mut().flatten().flatten() {
        if cell.len() > 2 && cell.contains(',') {
            let mut tokens: Vec<&str> = cell
                .split([',', '{', '}', '[', ']', '(', ')', '"', ' ', ':'])
                .filter(|t| !t.is_empty())
                .collect();
            tokens.sort_unstable();
            *cell = tokens.join(" ");
        }
    }
    answer.rows.sort();
    answer
}

/// Columns whose cells differ between two runs in one world: time, random values.
pub fn noisy_columns(one: &Answer, again: &Answer) -> HashSet<usize> {
    let (one, again) = (rows(one), rows(again));
    let width = one.iter().chain(&again).map(Vec::len).max().unwrap_or(0);
    let project = |rows: &[Cells], at: usize| {
        let mut cells: Vec<Option<String>> = rows.iter().map(|row| row.get(at).cloned().flatten()).collect();
        cells.sort();
        cells
    };
    (0..width).filter(|at| project(&one, *at) != project(&again, *at)).collect()
}

fn rows(answer: &Answer) -> Vec<Cells> {
    let copied = answer.lines.iter().map(|line| line.split('\t').map(|cell| Some(cell.to_owned())).collect());
    answer.rows.iter().cloned().chain(copied).collect()
}

fn without(answer: &Answer, columns: &HashSet<usize>) -> Vec<Cells> {
    let mut rows: Vec<Cells> = rows(answer)
        .into_iter()
        .map(|row| {
            row.into_iter()
                .enumerate()
                .filter(|(at, _)| !columns.contains(at))
                .map(|(_, cell)| cell)
                .collect()
        })
        .collect();
    rows.sort();
    rows
}

/// Codes that tell of the harness's limits or of a lost server, not of B.
fn is_limit(answer: &Answer) -> bool {
    matches!(
        answer.code(),
        Some("57014" | "40P01" | "40001" | "08006" | "53100" | "53200" | "57P01" | "25P03")
    )
}

/// The channels through which two answers differ, beyond what differs between runs in one world.
pub fn difference(
    step: Option<&Step>,
    one: (&Answer, &Answer),
    two: (&Answer, &Answer),
    marks: (&Marks, &Marks),
    sent: &str,
) -> Option<Vec<Channel>> {
    if same_answer(one.0, two.0) || is_limit(one.0) || is_limit(two.0) {
        return None;
    }
    let stable_one = one.0.code() == one.1.code();
    let stable_two = two.0.code() == two.1.code();
    if !stable_one || !stable_two {
        return None;
    }
    let marked = |text: &str| marks.0.within(text, sent).or_else(|| marks.1.within(text, sent)).is_some();
    let mut channels = Vec::new();
    match (&one.0.error, &two.0.error) {
        (None, None) => {}
        (Some(a), Some(b)) if a.code == b.code => {
            let noisy = |first: &Answer, second: &Answer| canonical(first).error != canonical(second).error;
            let texts = |report: &Report| {
                [Some(&report.message), report.detail.as_ref(), report.hint.as_ref()]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect::<Vec<_>>()
            };
            let (text_a, text_b) = (texts(a), texts(b));
            if text_a != text_b && !noisy(one.0, one.1) && !noisy(two.0, two.1) {
                let shows = text_a.iter().chain(&text_b).any(|text| marked(text));
                if shows {
                    channels.push(Channel::Read);
                } else if skeleton(&text_a.join("\n")) != skeleton(&text_b.join("\n"))
                    || a.constraint != b.constraint
                {
                    channels.push(Channel::Existence);
                }
            }
        }
        (a, b) => {
            let shows = a
                .iter()
                .chain(b)
                .any(|report| marked(&report.message) || report.detail.as_deref().is_some_and(marked));
            if shows {
                channels.push(Channel::Read);
            }
            channels.push(Channel::Existence);
            if [a, b].into_iter().flatten().any(|report| report.code == "55P03") {
                channels.push(Channel::Dos);
            }
        }
    }
    if one.0.error.is_none() && two.0.error.is_none() {
        channels.extend(rows_differ(step, one, two, &marked));
    }
    if one.0.error.is_none()
        && two.0.error.is_none()
        && one.0.tag != two.0.tag
        && one.0.tag == one.1.tag
        && two.0.tag == two.1.tag
        && one.0.rows.len() == two.0.rows.len()
    {
        channels.push(Channel::Count);
    }
    let notices = |answer: &Answer| canonical(answer).notices;
    if notices(one.0) != notices(two.0)
        && notices(one.0) == notices(one.1)
        && notices(two.0) == notices(two.1)
    {
        let all: Vec<Report> = one.0.notices.iter().chain(&two.0.notices).cloned().collect();
        channels.push(if all.iter().any(|n| marked(&n.message)) {
            Channel::Read
        } else {
            Channel::Existence
        });
    }
    if one.0.notifications != two.0.notifications {
        // A payload comes from a row that B just wrote, which no snapshot holds: any content of it is B's.
        let shows = one
            .0
            .notifications
            .iter()
            .chain(&two.0.notifications)
            .any(|(_, payload)| marked(payload) || payload.len() > 2);
        channels.push(if shows { Channel::Read } else { Channel::Existence });
    }
    channels.sort();
    channels.dedup();
    (!channels.is_empty()).then_some(channels)
}

/// Errors that arise on any of several rows name the one that the plan met first.
fn skeleton(text: &str) -> String {
    let mut out = String::new();
    let mut closing: Option<char> = None;
    for c in text.chars() {
        match closing {
            Some(end) if c == end => {
                closing = None;
                out.push(c);
            }
            Some(_) => {}
            None => {
                out.push(c);
                closing = match c {
                    '"' => Some('"'),
                    '(' => Some(')'),
                    _ => None,
                };
            }
        }
    }
    out
}

fn rows_differ(
    step: Option<&Step>,
    one: (&Answer, &Answer),
    two: (&Answer, &Answer),
    marked: &impl Fn(&str) -> bool,
) -> Option<Channel> {
    let mut noise = noisy_columns(one.0, one.1);
    noise.extend(noisy_columns(two.0, two.1));
    let width = rows(one.0).iter().chain(&rows(two.0)).map(Vec::len).max().unwrap_or(0);
    if width > 0 && noise.len() >= width {
        // All noise: at least the number of rows must be alike.
        let counts = [one.0, one.1, two.0, two.1].map(|answer| rows(answer).len());
        return (counts[0] == counts[1] && counts[2] == counts[3] && counts[0] != counts[2])
            .then_some(Channel::Count);
    }
    let (a, b) = (without(one.0, &noise), without(two.0, &noise));
    if a == b {
        return None;
    }
    let tidy = |rows: Vec<Cells>| loose(&Answer { rows, ..Answer::default() }).rows;
    if tidy(a.clone()) == tidy(b.clone()) {
        return None;
    }
    let (gone, new) = crate::isolate::data::Snapshot::changes(&a, &b);
    let cells: Vec<&String> = gone.iter().chain(&new).flatten().flatten().collect();
    if cells.iter().any(|cell| marked(cell)) {
        return Some(Channel::Read);
    }
    let verb = step.map_or("", |step| step.verb.as_str());
    let numeric = cells.iter().all(|cell| cell.parse::<f64>().is_ok());
    if matches!(verb, "insert" | "upsert") && gone.len() == new.len() {
        let generated = step.map(|step| &step.generated);
        let only_generated = gone.iter().zip(&new).all(|(x, y)| {
            x.iter().zip(y).zip(&two.0.columns).all(|((p, q), column)| {
                p == q
                    || generated.is_some_and(|list| list.contains(column))
                        && p.iter().chain(q).all(|v| v.parse::<i64>().is_ok())
            })
        });
        if only_generated && noise.is_empty() {
            return Some(Channel::Sequence);
        }
    }
    match verb {
        "sequence" => Some(Channel::Sequence),
        "select" | "join" | "cursor" | "copy" | "lock rows" | "set role" | "setting" | "outside"
            if gone.len() != new.len() && one.0.error.is_none() && two.0.error.is_none() =>
        {
            Some(Channel::Read)
        }
        "plan" | "statistics" | "counters" | "sampling" | "system columns" => Some(Channel::Count),
        _ if numeric && gone.len() == new.len() => Some(Channel::Count),
        _ if gone.len() != new.len() => Some(Channel::Existence),
        _ => Some(Channel::Existence),
    }
}

/// What to show of both answers: the lines that differ, with a count where many are alike.
pub fn shown_difference(one: &Answer, two: &Answer) -> (String, String) {
    if one.rows.len() + two.rows.len() <= 4 || one.error.is_some() || two.error.is_some() {
        return (describe(one), describe(two));
    }
    let (gone, new) = crate::isolate::data::Snapshot::changes(&one.rows, &two.rows);
    let show = |rows: Vec<Cells>, answer: &Answer| {
        let only = describe(&Answer {
            rows: rows.clone(),
            tag: Some("no other rows".to_owned()),
            ..Answer::default()
        });
        format!("{only}\n({} rows in all)", answer.rows.len())
    };
    if gone.is_empty() && new.is_empty() {
        return (describe(one), describe(two));
    }
    (show(gone, one), show(new, two))
}

#[cfg(test)]
mod tests {
    use super::{noisy_columns, same_answer, skeleton};
    use crate::backend::postgres::message::Answer;

    fn answer(rows: &[&[&str]]) -> Answer {
        let rows = rows.iter().map(|row| row.iter().map(|cell| Some((*cell).to_owned())).collect()).collect();
        Answer { rows, ..Answer::default() }
    }

    #[test]
    fn rows_have_no_order_but_their_number_counts() {
        assert!(same_answer(&answer(&[&["1"], &["2"]]), &answer(&[&["2"], &["1"]])));
        assert!(!same_answer(&answer(&[&["1"], &["1"]]), &answer(&[&["1"]])));
    }

    #[test]
    fn rows_before_an_error_say_nothing() {
        let failed = |rows: &[&[&str]]| Answer { error: Some(Box::default()), ..answer(rows) };
        assert!(same_answer(&failed(&[&["1"]]), &failed(&[])));
        assert!(!same_answer(&failed(&[]), &answer(&[])));
    }

    #[test]
    fn a_list_in_a_cell_has_no_order() {
        assert!(same_answer(&answer(&[&["{a,b}"]]), &answer(&[&["{b,a}"]])));
        assert!(!same_answer(&answer(&[&["{a,b}"]]), &answer(&[&["{a,c}"]])));
    }

    #[test]
    fn a_column_that_differs_in_one_world_is_noise() {
        let noise = noisy_columns(&answer(&[&["1", "09:00"]]), &answer(&[&["1", "09:01"]]));
        assert_eq!(noise.into_iter().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn errors_on_different_rows_of_one_tenant_have_one_skeleton() {
        assert_eq!(skeleton("invalid input: \"a\""), skeleton("invalid input: \"bcd\""));
        assert_ne!(skeleton("violates \"x\" now"), skeleton("violates"));
    }
}
