//! The contract's own statements, and functions: what is called with values that the caller chooses.

use super::{Program, Setting, Step};
use crate::backend::postgres::quote_text;
use crate::isolate::catalogue::{Argument, Function};
use crate::isolate::contract::{Family, Level, fill};

/// Texts that break what pastes them into SQL.
pub const HOSTILE: [&str; 10] = [
    "x' OR true OR '%'='",
    "x' OR '1'='1",
    "' OR true -- ",
    "%",
    "",
    "x') OR (true) -- ",
    "_",
    "x' UNION ALL SELECT NULL -- ",
    "\\",
    "\u{202e}é",
];

/// Programs of the contract's statements, the likeliest values of each and all of them in order; then the rest of
/// the values.
pub fn programs(setting: &Setting<'_>) -> (Vec<Program>, Vec<Program>) {
    const FIRST: usize = 6;
    let words = setting.contract.words(0);
    let list = &setting.contract.adversary.statements;
    let lists: Vec<Vec<Step>> = list
        .iter()
        .enumerate()
        .map(|(at, statement)| {
            variants(setting, &format!("statements[{at}]"), &fill(statement, &words), statement, 40)
        })
        .collect();
    let alone = |from: usize, to: usize| -> Vec<Program> {
        let some = lists
            .iter()
            .map(|steps| steps.iter().take(to).skip(from).cloned().map(Program::one).collect::<Vec<_>>());
        super::queries::in_turn(some.collect())
    };
    let mut programs = alone(0, FIRST);
    if list.len() > 1 {
        for turn in 0..FIRST {
            let steps = lists.iter().filter(|steps| !steps.is_empty());
            let program = Program::requests(steps.map(|steps| steps[turn % steps.len()].clone()).collect());
            if !programs.contains(&program) {
                programs.push(program);
            }
        }
    }
    (programs, alone(FIRST, usize::MAX))
}

/// A statement with values for `$1` and texts for `{1}`.
pub fn variants(setting: &Setting<'_>, object: &str, sql: &str, original: &str, most: usize) -> Vec<Step> {
    let mut texts = vec![sql.to_owned()];
    for number in 1..10 {
        let word = format!("{{{number}}}");
        if !sql.contains(&word) {
            continue;
        }
        let payloads = pasted(setting, sql);
        texts = texts
            .iter()
            .flat_map(|text| payloads.iter().map(|p| text.replace(&word, p)).collect::<Vec<_>>())
            .take(60)
            .collect();
    }
    let kinds = setting.parameters.get(original).cloned().unwrap_or_default();
    let lists: Vec<Vec<Option<String>>> = kinds.iter().map(|kind| of_kind(setting, *kind, sql, "")).collect();
    let mut steps = Vec::new();
    for text in texts {
        for values in combinations(&lists, most) {
            let mut step = Step::new("statement", object, text.clone());
            step.values = values;
            steps.push(step);
        }
    }
    steps.truncate(most.max(60));
    steps
}

/// Texts for an application that concatenates: breaks of quotes, with a UNION over each table.
fn pasted(setting: &Setting<'_>, sql: &str) -> Vec<String> {
    let mut list: Vec<String> = vec!["x".into(), "1".into()];
    list.extend(
        [
            "x' OR '1'='1",
            "x' OR true -- ",
            "1 OR true",
            "x') OR true -- ",
            "1) OR (true",
            "0 OR 1=1 -- ",
            "' OR ''='",
        ]
        .map(str::to_owned),
    );
    for table in setting.catalogue.tables.iter().filter(|t| t.may('S') && !t.extension).take(12) {
        let names: Vec<String> = table.columns.iter().map(|c| format!("{}::text", c.sql())).collect();
        let mentioned = sql.contains(&table.name);
        let width = if mentioned { 1..=names.len().min(8) } else { 1..=2 };
        for count in width {
            let columns: Vec<&str> =
                names.iter().map(String::as_str).cycle().skip(names.len() - count).take(count).collect();
            list.push(format!("x' UNION SELECT {} FROM {} -- ", columns.join(", "), table.sql()));
        }
        let plain: Vec<String> = table.columns.iter().map(crate::isolate::catalogue::Column::sql).collect();
        list.push(format!("x' UNION SELECT {} FROM {} -- ", plain.join(", "), table.sql()));
        list.push(format!("0 UNION SELECT {} FROM {} -- ", plain.join(", "), table.sql()));
    }
    list.extend(setting.pools.words.get(1).into_iter().flatten().cloned());
    list
}

/// Calls of functions and procedures that the role may execute.
pub fn functions(setting: &Setting<'_>) -> Vec<Program> {
    let schemas = &setting.contract.adversary.schemas;
    let mut rounds: Vec<Vec<Program>> = Vec::new();
    for function in &setting.catalogue.functions {
        if !function.executable
            || function.trigger
            || (!schemas.is_empty() && !schemas.contains(&function.schema))
            || enters(setting, function)
            || !worth_calling(setting, function)
        {
            continue;
        }
        for (at, step) in calls(setting, function).into_iter().enumerate() {
            if rounds.len() <= at {
                rounds.push(Vec::new());
            }
            rounds[at].push(Program::one(step));
        }
    }
    rounds.into_iter().flatten().collect()
}

/// Functions of an extension are called only at level `sql`, and only those that read tables by name.
fn worth_calling(setting: &Setting<'_>, function: &Function) -> bool {
    if !function.extension {
        return true;
    }
    let named = function.arguments.len() <= 2
        && function.arguments.first().is_some_and(|argument| {
            setting
                .catalogue
                .types
                .get(&argument.kind)
                .is_some_and(|kind| matches!(kind.name.as_str(), "text" | "regclass"))
        });
    setting.contract.adversary.level == Level::Sql
        && named
        && function.volatility == 'v'
        && !function.name.starts_with("dblink_")
}

/// Whether calling it is entering as someone: named in enter, leave or login. At level `sql` what sets a setting
/// goes with the family `enter`; at level `queries` a function that the application may call is its own.
fn enters(setting: &Setting<'_>, function: &Function) -> bool {
    let tenant = &setting.contract.tenant;
    let entering = tenant.enter.iter().chain(&tenant.leave).chain(tenant.login.iter()).chain(&tenant.prepare);
    let named = entering.clone().any(|statement| {
        statement.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == function.name)
    });
    if setting.contract.adversary.level == Level::Queries {
        return named;
    }
    let excluded = !setting.contract.sends(Family::Enter);
    excluded && (named || function.source.to_ascii_lowercase().contains("set_config"))
}

fn calls(setting: &Setting<'_>, function: &Function) -> Vec<Step> {
    let lists: Vec<Vec<Option<String>>> = function
        .arguments
        .iter()
        .map(|argument: &Argument| of_kind(setting, argument.kind, &function.source, &argument.name))
        .collect();
    let mut steps = Vec::new();
    for values in combinations(&lists, 36) {
        let parts: Vec<String> = values
            .iter()
            .zip(&function.arguments)
            .map(|(value, argument)| {
                let kind = setting.catalogue.types.get(&argument.kind);
                let kind = kind.map(|k| k.sql.as_str()).filter(|k| !k.starts_with("any")).unwrap_or("text");
                value
                    .as_deref()
                    .map_or_else(|| format!("NULL::{kind}"), |value| format!("{}::{kind}", quote_text(value)))
            })
            .collect();
        let call = format!("{}({})", function.sql(), parts.join(", "));
        let sql = if function.kind == 'p' { format!("CALL {call}") } else { format!("SELECT * FROM {call}") };
        steps.push(Step::new("function", &function.label(), sql));
    }
    steps
}

/// Values for a parameter: of columns whose name it has, of columns of its type, ids, hostile texts.
pub fn of_kind(setting: &Setting<'_>, kind: u32, text: &str, name: &str) -> Vec<Option<String>> {
    let catalogue = setting.catalogue;
    let Some(base) = catalogue.base(kind) else { return vec![None] };
    let bare = name
        .trim_start_matches("p_")
        .trim_start_matches('_')
        .trim_start_matches("in_")
        .trim_start_matches("v_")
        .to_ascii_lowercase();
    let mut scored: Vec<(i32, String)> = Vec::new();
    for (at, table) in catalogue.tables.iter().enumerate().filter(|(_, t)| t.stores() && !t.partition) {
        for (position, column) in table.columns.iter().enumerate() {
            let Some(own) = catalogue.base(column.kind) else { continue };
            let same =
                own.sql == base.sql || (own.category == base.category && matches!(own.category, 'S' | 'N'));
            // A text may hold an identifier of another type.
            let spelled = base.category == 'S' && (own.name == "uuid" || own.category == 'N');
            if !(same || spelled && text.contains(&table.name)) {
                continue;
            }
            let mut score = if same { 0 } else { 6 };
            let alike = column.name.to_ascii_lowercase();
            let singular = table.name.trim_end_matches('s');
            if !bare.is_empty()
                && (bare == alike || bare == format!("{singular}_{alike}") || bare == singular)
            {
                score -= 40;
            } else if !bare.is_empty() && (alike.contains(&bare) || bare.contains(&alike)) {
                score -= 8;
            }
            if text.contains(&table.name) {
                score -= 10;
                if text.contains(&column.name) {
                    score -= 4;
                }
            }
            for (rank, value) in setting.pools.column(at, position).into_iter().enumerate() {
                scored.push((score + rank as i32, value));
            }
        }
    }
    let takes = |value: &str| match base.category {
        'N' => value.parse::<f64>().is_ok(),
        'S' => true,
        // A bare word is no document; it would only stand before those that are.
        _ if base.name.starts_with("json") => serde_json::from_str::<serde_json::Value>(value).is_ok(),
        _ => base.name != "uuid" || value.len() == 36,
    };
    for (rank, tenant) in setting.pools.words.iter().enumerate() {
        let near =
            if bare.contains("tenant") || bare.contains("org") || bare.contains("user") { -30 } else { -6 };
        scored
            .extend(tenant.iter().filter(|word| takes(word)).map(|word| (near - rank as i32, word.clone())));
    }
    match base.category {
        'S' => {
            scored.extend(HOSTILE.iter().enumerate().map(|(at, text)| (-12 + at as i32, (*text).to_owned())));
            for table in catalogue.tables.iter().filter(|t| t.stores() && !t.extension).take(8) {
                scored.push((4, table.sql()));
                if let Some(column) =
                    table.columns.iter().find(|c| catalogue.base(c.kind).is_some_and(|k| k.category == 'S'))
                {
                    scored.push((-2, format!("SELECT {}::text FROM {}", column.sql(), table.sql())));
                }
            }
        }
        'N' => scored
            .extend(["1", "0", "-1", "100"].iter().enumerate().map(|(at, n)| (at as i32, (*n).to_owned()))),
        'B' => scored.extend(["true", "false"].map(|value| (0, value.to_owned()))),
        'D' => scored.extend(["2000-01-01", "2099-01-01"].map(|value| (0, value.to_owned()))),
        'E' => scored.extend(base.labels.iter().map(|label| (0, label.clone()))),
        'A' => {
            if catalogue.types.get(&base.element).is_some_and(|e| e.category != 'A') {
                for value in of_kind(setting, base.element, text, name).into_iter().flatten().take(5) {
                    scored.push((0, format!("{{\"{}\"}}", value.replace('\\', "\\\\").replace('"', "\\\""))));
                }
            }
            scored.push((5, "{}".to_owned()));
        }
        _ if base.name.starts_with("json") => {
            scored.push((0, "{}".to_owned()));
            let documents = documents(setting).into_iter().enumerate();
            scored.extend(documents.map(|(rank, document)| (-9 + rank as i32, document)));
        }
        _ if base.name == "regclass" => {
            scored.extend(catalogue.tables.iter().filter(|t| t.stores()).take(8).map(|t| (0, t.sql())));
        }
        _ => {}
    }
    scored.sort_by_key(|(score, _)| *score);
    let mut values: Vec<Option<String>> = Vec::new();
    for (_, value) in scored {
        if !values.iter().flatten().any(|known| *known == value) {
            values.push(Some(value));
        }
    }
    let other = &setting.contract.ids()[1];
    if (base.category == 'S' || base.name == "uuid") && takes(other) {
        // Whatever the parameter is called, it may say for whom: third, where the others are varied with it.
        let from = values.iter().position(|value| value.as_ref() == Some(other));
        if from.is_none_or(|from| from > 2) {
            values.retain(|value| value.as_ref() != Some(other));
            values.insert(2.min(values.len()), Some(other.clone()));
        }
    }
    values.truncate(24);
    values.push(None);
    values
}

/// JSON documents that may give rights: with B's id and words, and with what policies and functions look up in a
/// document set to B's id, to a flag, and to the words that it is compared with.
pub fn documents(setting: &Setting<'_>) -> Vec<String> {
    const COMPARED: usize = 4;
    let contract = setting.contract;
    let object = |pairs: Vec<(&str, String)>| {
        let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    let words = contract.words(1);
    let named = |key: &String| if key == "tenant" { contract.tenant.column.clone() } else { key.clone() };
    let names: Vec<(String, String)> = words
        .iter()
        .map(|(key, value)| (named(key), serde_json::Value::from(value.as_str()).to_string()))
        .collect();
    let mut all = vec![object(names.iter().map(|(key, value)| (key.as_str(), value.clone())).collect())];
    let keys = setting.catalogue.keys_of_documents();
    if keys.is_empty() {
        return all;
    }
    let each = |value: &str| object(keys.iter().map(|key| (key.as_str(), value.to_owned())).collect());
    all.push(each(&format!("\"{}\"", contract.ids()[1])));
    all.push(each("true"));
    for key in &keys {
        let words = setting.catalogue.words_beside(key);
        let compared = words.iter().filter(|word| !keys.contains(*word)).take(2);
        all.extend(compared.map(|word| object(vec![(key.as_str(), format!("\"{word}\""))])));
    }
    all.truncate(3 + COMPARED);
    all
}

/// Every value of every list at least once where the budget allows, neighbours in the lists together first.
pub fn combinations(lists: &[Vec<Option<String>>], most: usize) -> Vec<Vec<Option<String>>> {
    if lists.is_empty() {
        return vec![Vec::new()];
    }
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let mut found: Vec<Vec<Option<String>>> = Vec::new();
    let mut push = |row: Vec<Option<String>>| {
        if !found.contains(&row) {
            found.push(row);
        }
    };
    for turn in 0..longest {
        push(lists.iter().map(|list| list[turn.min(list.len() - 1)].clone()).collect());
        for varied in 0..lists.len() {
            push(
                lists
                    .iter()
                    .enumerate()
                    .map(|(at, list)| list[if at == varied { turn.min(list.len() - 1) } else { 0 }].clone())
                    .collect(),
            );
            if lists.len() > 1 {
                push(
                    lists
                        .iter()
                        .enumerate()
                        .map(|(at, list)| {
                            list[if at == varied { turn.min(list.len() - 1) } else { 2.min(list.len() - 1) }]
                                .clone()
                        })
                        .collect(),
                );
            }
        }
    }
    found.truncate(most);
    found
}

/// Calls of the form `SELECT nextval(…)`, for sequences that the role may use.
pub fn sequences(setting: &Setting<'_>) -> Vec<Program> {
    let mut programs = Vec::new();
    for sequence in &setting.catalogue.sequences {
        let regclass = quote_text(&sequence.sql());
        let object = sequence.name.clone();
        if sequence.rights.contains('S') {
            programs.push(Program::one(Step::new(
                "sequence",
                &object,
                format!("SELECT last_value, is_called FROM {}", sequence.sql()),
            )));
        }
        if sequence.rights.contains('U') || sequence.rights.contains('W') {
            programs.push(Program::one(Step::new(
                "sequence",
                &object,
                format!("SELECT nextval({regclass})"),
            )));
        }
    }
    for program in &mut programs {
        program.unaligned = true;
    }
    programs
}
