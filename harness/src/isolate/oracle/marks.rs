//! Values that only B has: one of them in A's answer is a leak, whatever the other world says.

use crate::backend::postgres::message::Answer;
use crate::isolate::catalogue::Catalogue;
use crate::isolate::data::{Cells, Owner, Snapshot};
use crate::isolate::program::Step;
use std::collections::{HashMap, HashSet};

/// B's values and rows in one world.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    values: HashSet<String>,
    /// Those of its first rows in each table that are looked for inside of longer texts, the longest first.
    parts: Vec<String>,
    /// B's rows by the label of their table, that are not equal to a row that A may see.
    rows: HashMap<String, HashSet<Cells>>,
    /// Rows that B may not see, by the label of their table.
    not_of_b: HashMap<String, HashSet<Cells>>,
}

impl Marks {
    /// Collects them: cells of foreign rows that stand in no row that A may see. `known` is what A knows anyway;
    /// a cell of a secret column counts however small it is.
    pub fn new(
        catalogue: &Catalogue,
        snapshot: &Snapshot,
        owners: &[Vec<Owner>],
        public: &Snapshot,
        words: &[Vec<String>],
        secrets: &[(usize, usize)],
    ) -> Self {
        let mut visible: HashSet<&str> = HashSet::new();
        let mut foreign: HashSet<&str> = HashSet::new();
        let mut secret_values: HashSet<&str> = HashSet::new();
        let mut rows: HashMap<String, HashSet<Cells>> = HashMap::new();
        let mut not_of_b: HashMap<String, HashSet<Cells>> = HashMap::new();
        for (at, table) in snapshot.tables.iter().enumerate() {
            let mut own: HashSet<&Cells> = HashSet::new();
            for (row, owner) in table.iter().zip(&owners[at]) {
                let secret = owner.is_foreign() && !public.tables[at].contains(row);
                let set = if secret { &mut foreign } else { &mut visible };
                set.extend(row.iter().flatten().map(String::as_str));
                if secret {
                    let columns = secrets.iter().filter(|(table, _)| *table == at);
                    secret_values.extend(columns.filter_map(|(_, column)| row[*column].as_deref()));
                } else {
                    own.insert(row);
                }
            }
            let label = catalogue.tables[at].label();
            let hidden = |row: &Cells, owner: &Owner| {
                matches!(owner, Owner::Tenants(tenants) if !tenants.contains(&1))
                    && !public.tables[at].contains(row)
            };
            let of_b: HashSet<&Cells> = table
                .iter()
                .zip(&owners[at])
                .filter(|(row, owner)| !hidden(row, owner))
                .map(|(row, _)| row)
                .collect();
            for (row, owner) in table.iter().zip(&owners[at]) {
                if hidden(row, owner) && !of_b.contains(row) {
                    not_of_b.entry(label.clone()).or_default().insert(row.clone());
                }
            }
            for (row, owner) in table.iter().zip(&owners[at]) {
                if owner.is_foreign() && !public.tables[at].contains(row) && !own.contains(row) {
                    rows.entry(label.clone()).or_default().insert(row.clone());
                }
            }
        }
        let known: HashSet<&str> = words.first().into_iter().flatten().map(String::as_str).collect();
        let own_words = catalogue.own_words();
        let values: HashSet<String> = foreign
            .into_iter()
            .filter(|value| !visible.contains(value) && !known.contains(value))
            .filter(|value| tells(value) && !own_words.contains(value) || secret_values.contains(value))
            .map(str::to_owned)
            .collect();
        let mut parts = Vec::new();
        for (at, table) in snapshot.tables.iter().enumerate() {
            let foreign = table.iter().zip(&owners[at]).filter(|(_, owner)| owner.is_foreign());
            let cells = foreign.take(SEARCHED).flat_map(|(row, _)| row.iter().flatten());
            parts.extend(cells.filter(|cell| may_be_part(cell) && values.contains(*cell)).cloned());
        }
        in_order(&mut parts);
        Self { values, parts, rows, not_of_b }
    }

    /// Adds a value that only B has.
    pub fn add(&mut self, value: &str) {
        if tells(value) && self.values.insert(value.to_owned()) {
            self.parts.extend(may_be_part(value).then(|| value.to_owned()));
            in_order(&mut self.parts);
        }
    }

    /// Whether the text holds a value of B that A did not send.
    pub fn within(&self, text: &str, sent: &str) -> Option<String> {
        self.within_unless(text, &|value| sent.contains(value))
    }

    fn within_unless(&self, text: &str, known: &dyn Fn(&str) -> bool) -> Option<String> {
        if self.values.contains(text) && !known(text) {
            return Some(text.to_owned());
        }
        if text.len() < 6 {
            return None;
        }
        let hit = self.parts.iter().find(|part| holds(text, part) && !known(part));
        hit.cloned()
    }

    /// Whether an answer to B shows a row that is not B's.
    pub fn shown_to_b(&self, step: &Step, answer: &Answer) -> bool {
        // Where B has nothing, that A does not see B's rows says nothing about how the table is meant.
        if !self.rows.contains_key(&step.object) {
            return false;
        }
        let rows = self.not_of_b.get(&step.object);
        rows.is_some_and(|rows| answer.rows.iter().any(|row| rows.contains(row)))
    }

    /// What of B the answer shows. A value that the other world's answer holds too tells nothing of B: it was computed
    /// from what A sent, or is a word of the schema that B has in both worlds.
    pub fn shown(&self, step: Option<&Step>, answer: &Answer, sent: &str, other: &Answer) -> Option<String> {
        let known =
            |value: &str| sent.contains(value) || texts(other).iter().any(|text| text.contains(value));
        if let Some(value) = texts(answer).into_iter().find_map(|text| self.within_unless(text, &known)) {
            return Some(format!("B's value {value}"));
        }
        let step = step.filter(|step| step.verb == "select" && step.sql.starts_with("SELECT * FROM"))?;
        let rows = self.rows.get(&step.object)?;
        answer.rows.iter().any(|row| rows.contains(row)).then(|| "a row of B".to_owned())
    }
}

/// Everything in an answer that may hold a value.
fn texts(answer: &Answer) -> Vec<&str> {
    let cells = answer.rows.iter().flatten().flatten().map(String::as_str);
    let mut texts: Vec<&str> = cells.chain(answer.lines.iter().map(String::as_str)).collect();
    for report in answer.error.iter().map(|error| &**error).chain(&answer.notices) {
        texts.push(&report.message);
        texts.extend(report.detail.as_deref());
        texts.extend(report.hint.as_deref());
    }
    texts.extend(answer.notifications.iter().map(|(_, payload)| payload.as_str()));
    texts
}

/// Of how many of B's rows in a table values are looked for inside of longer texts: each costs a search a cell.
const SEARCHED: usize = 60;

/// Whether a value stands in a text: digits not as a part of a longer number or of a hash.
fn holds(text: &str, value: &str) -> bool {
    if !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return text.contains(value);
    }
    let within = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    text.match_indices(value).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        !within(before) && !within(bytes.get(at + value.len()))
    })
}

fn may_be_part(value: &str) -> bool {
    value.len() >= 6
}

fn in_order(parts: &mut Vec<String>) {
    parts.sort_by_key(|part| (std::cmp::Reverse(part.len()), part.clone()));
    parts.dedup();
}

/// Whether a value points to someone: not a small number, not a flag.
fn tells(value: &str) -> bool {
    if value.parse::<f64>().is_ok() {
        return value.len() >= 5;
    }
    value.len() >= 3 && !matches!(value, "true" | "false" | "NULL" | "null")
}

#[cfg(test)]
mod tests {
    use super::{Answer, Marks};

    #[test]
    fn a_value_that_a_sent_itself_is_no_leak() {
        let mut marks = Marks::default();
        marks.add("zebra2-7");
        assert_eq!(marks.within("say zebra2-7!", "SELECT 1").as_deref(), Some("zebra2-7"));
        assert_eq!(marks.within("say zebra2-7!", "SELECT 'zebra2-7'"), None);
    }

    #[test]
    fn what_both_worlds_answer_is_no_leak() {
        let mut marks = Marks::default();
        marks.add("'22':2 'zebra2':1");
        let answer = Answer { rows: vec![vec![Some("'22':2 'zebra2':1".to_owned())]], ..Answer::default() };
        let sent = "INSERT INTO m VALUES ('zebra2-22') RETURNING *";
        assert_eq!(marks.shown(None, &answer, sent, &answer), None);
        assert!(marks.shown(None, &answer, sent, &Answer::default()).is_some());
    }

    #[test]
    fn digits_within_a_hash_are_no_value() {
        let mut marks = Marks::default();
        marks.add("702063");
        assert_eq!(marks.within("34e383a702063f1b", ""), None);
        assert!(marks.within("total: 702063.", "").is_some());
    }

    #[test]
    fn small_numbers_point_to_nobody() {
        let mut marks = Marks::default();
        marks.add("17");
        assert_eq!(marks.within("17", ""), None);
    }
}
