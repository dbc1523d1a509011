//! Values for columns whose check refused a row: literals of the check, texts that fit its patterns, other shapes of
//! the type, nothing at all.

use super::value::{Flavour, candidates_of, shape};
use crate::backend::postgres::message::Report;
use crate::isolate::catalogue::{Catalogue, Table};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Values that satisfied a check, kept while other checks are repaired.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    values: Vec<(usize, Option<String>)>,
}

impl Repair {
    /// Keeps the values of some columns.
    pub fn keep(&mut self, columns: &[usize], values: &[Option<String>]) {
        self.values.retain(|(column, _)| !columns.contains(column));
        self.values.extend(columns.iter().copied().zip(values.iter().cloned()));
    }

    /// Puts them into a row.
    pub fn apply(&self, cells: &mut [Option<Option<String>>]) {
        for (column, value) in &self.values {
            cells[*column] = Some(value.clone());
        }
    }
}

/// The columns that a failed check is about: those of the constraint, or those of the domain's type.
pub fn checked_columns(catalogue: &Catalogue, table: &Table, error: &Report) -> Option<Vec<usize>> {
    let name = error.constraint.as_deref()?;
    let own = table.constraints.iter().find(|c| c.kind == 'c' && c.name == name);
    let columns: Vec<usize> = match (own, &error.data_type) {
        (Some(constraint), _) => constraint.columns.clone(),
        (None, Some(domain)) => (0..table.columns.len())
            .filter(|at| {
                catalogue.types.get(&table.columns[*at].kind).is_some_and(|kind| &kind.name == domain)
            })
            .collect(),
        (None, None) => Vec::new(),
    };
    let columns: Vec<usize> = columns.into_iter().filter(|at| table.columns[*at].settable()).collect();
    (!columns.is_empty() && columns.len() <= 6).then_some(columns)
}

/// Values to try in a column, the present one first.
pub fn candidates_for(
    catalogue: &Catalogue,
    table: &Table,
    at: usize,
    flavour: Flavour,
    present: Option<&Option<String>>,
) -> Vec<Option<String>> {
    let column = &table.columns[at];
    let mut values: Vec<Option<String>> = present.cloned().into_iter().collect();
    let Some(base) = catalogue.base(column.kind) else { return values };
    let mut texts: Vec<String> = Vec::new();
    let mut definitions: Vec<&str> = table
        .constraints
        .iter()
        .filter(|c| c.kind == 'c' && c.columns.contains(&at))
        .map(|c| c.definition.as_str())
        .collect();
    let mut kind = catalogue.types.get(&column.kind);
    while let Some(domain) = kind.filter(|kind| kind.kind == 'd') {
        definitions.push(&domain.checks);
        kind = catalogue.types.get(&domain.base);
    }
    for definition in &definitions {
        match base.category {
            'S' => {
                texts.extend(patterns(definition).iter().flat_map(|p| fitting(p, flavour)));
                texts.extend(lengths(definition).into_iter().map(|length| sized(length, flavour)));
                texts.extend(candidates_of(definition));
            }
            'N' => texts.extend(candidates_of(definition)),
            'A' => texts.extend(candidates_of(definition).into_iter().map(|word| format!("{{{word}}}"))),
            _ if base.name.starts_with("json") => {
                texts.extend(["{}", "[]", "null", "1", "\"x\""].map(str::to_owned));
                texts
                    .extend(candidates_of(definition).into_iter().map(|key| format!("{{\"{key}\": \"x\"}}")));
            }
            'D' => texts.extend(["2000-01-01", "2024-06-01", "2099-01-01"].map(str::to_owned)),
            'B' => texts.extend(["true", "false"].map(str::to_owned)),
            'E' => texts.extend(base.labels.iter().cloned()),
            _ => {}
        }
    }
    if base.category == 'N' {
        texts.extend(["0", "1", "10", "100"].map(str::to_owned));
    }
    for attempt in 0..6 {
        texts.extend(shape(catalogue, table, column, Flavour { attempt, ..flavour }));
    }
    for text in texts {
        if !values.iter().flatten().any(|known| *known == text) {
            values.push(Some(text));
        }
    }
    values.truncate(20);
    if !column.required && !values.contains(&None) {
        values.insert(1.min(values.len()), None);
    }
    values
}

/// Choices of one value of each list, those near the beginning first.
pub fn products(lists: &[Vec<Option<String>>], most: usize) -> Vec<Vec<Option<String>>> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    for list in lists {
        all = all
            .into_iter()
            .flat_map(|front| {
                (0..list.len()).map(move |next| front.iter().copied().chain([next]).collect::<Vec<_>>())
            })
            .take(20_000)
            .collect();
    }
    all.sort_by_key(|choice| (choice.iter().sum::<usize>(), choice.clone()));
    all.truncate(most);
    all.into_iter()
        .map(|choice| choice.iter().zip(lists).map(|(at, list)| list[*at].clone()).collect())
        .collect()
}

/// A pattern of a check.
enum Pattern {
    Regex(String),
    Like(String),
}

/// Patterns in the text of a check: literals after `~`, `~*`, `~~` and `~~*`.
fn patterns(definition: &str) -> Vec<Pattern> {
    let mut found = Vec::new();
    let mut rest = definition;
    while let Some(start) = rest.find('\'') {
        let operator = rest[..start].trim_end();
        let Some(end) = rest[start + 1..].find('\'') else { break };
        let literal = rest[start + 1..start + 1 + end].to_owned();
        let negated = operator.ends_with("!~") || operator.ends_with("!~~") || operator.ends_with("!~*");
        if !negated {
            if operator.ends_with("~~") || operator.ends_with("~~*") {
                found.push(Pattern::Like(literal));
            } else if operator.ends_with('~') || operator.ends_with("~*") {
                found.push(Pattern::Regex(literal));
            }
        }
        rest = &rest[start + end + 2..];
    }
    found
}

/// Texts that fit a pattern, always the same for the same flavour.
fn fitting(pattern: &Pattern, flavour: Flavour) -> Vec<String> {
    match pattern {
        Pattern::Like(like) => {
            let mark = format!("{}{}{}", flavour.who, flavour.world, flavour.number);
            vec![like.replace('%', &mark).replace('_', "x")]
        }
        Pattern::Regex(regex) => {
            let bare = regex.trim_start_matches('^').trim_end_matches('$');
            let mut seed = [0_u8; 32];
            let number = flavour.number as u64 * 64 + flavour.world as u64 * 16 + flavour.who as u64 % 16;
            seed[..8].copy_from_slice(&number.to_le_bytes());
            let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
            let mut runner = TestRunner::new_with_rng(Config::default(), rng);
            let Ok(strategy) = proptest::string::string_regex(bare) else { return Vec::new() };
            (0..4)
                .filter_map(|_| strategy.new_tree(&mut runner).ok())
                .map(|tree| tree.current())
                .filter(|text| !text.contains('\0'))
                .collect()
        }
    }
}

/// Lengths that a check speaks of.
fn lengths(definition: &str) -> Vec<usize> {
    if !definition.contains("length") {
        return Vec::new();
    }
    let numbers = definition.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<usize>().ok());
    let mut all: Vec<usize> =
        numbers.filter(|n| *n < 200).flat_map(|n| [n, n + 1, n.saturating_sub(1)]).collect();
    all.dedup();
    all
}

/// A text of just this length.
fn sized(length: usize, flavour: Flavour) -> String {
    let mark = format!("{}{}{}", flavour.who, flavour.world, flavour.number);
    mark.chars().chain(std::iter::repeat('x')).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::{fitting, patterns, products, sized};
    use crate::isolate::data::Flavour;

    const FLAVOUR: Flavour = Flavour { who: 'b', world: 2, number: 7, attempt: 0 };

    #[test]
    fn a_text_is_made_for_a_pattern_and_is_the_same_every_time() {
        let found = patterns("CHECK ((code ~ '^[A-Z]{3}-[0-9]{4}$'::text))");
        let texts = fitting(&found[0], FLAVOUR);
        assert!(texts.iter().all(|text| text.len() == 8 && text.as_bytes()[3] == b'-'), "{texts:?}");
        assert_eq!(texts, fitting(&found[0], FLAVOUR));
    }

    #[test]
    fn what_a_check_forbids_is_no_pattern() {
        assert!(patterns("CHECK ((name !~ '^x'::text))").is_empty());
        assert_eq!(fitting(&patterns("CHECK ((id ~~ 'acct_%'::text))")[0], FLAVOUR), ["acctxb27"]);
    }

    #[test]
    fn choices_near_the_beginning_come_first() {
        let list = |texts: &[&str]| texts.iter().map(|t| Some((*t).to_owned())).collect::<Vec<_>>();
        let all = products(&[list(&["a", "b"]), list(&["x", "y"])], 3);
        assert_eq!(all[0], list(&["a", "x"]));
        assert_eq!(all.len(), 3);
        assert_eq!(sized(2, FLAVOUR), "b2");
    }
}
