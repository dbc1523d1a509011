//! Programs as a person reads them: `put User{id:"a", tags:["x"]}`.

use crate::case::{Case, Edit, Run, Start, Step};
use proofhouse_models::mapper::call::{Action, Page};
use proofhouse_models::mapper::expect::show::{
    show as value, show_item as item, show_name as name, show_operand as operand,
};
use proofhouse_models::mapper::{
    Call, Comparator, Condition, FieldOrPath, FieldType, Model, Query, Record, Scan, SortCondition, Update,
    Write,
};
use std::fmt::Write as _;

fn joined(parts: impl Iterator<Item = String>, length: usize) -> String {
    let shown: Vec<String> = parts.take(12).collect();
    let rest = length - shown.len();
    let mut text = shown.join(", ");
    if rest > 0 {
        let _ = write!(text, ", … {rest} more");
    }
    text
}

fn record(record: &Record) -> String {
    let parts: Vec<String> =
        record.iter().map(|(field, v)| format!("{}:{}", name(field), operand(v))).collect();
    format!("{{{}}}", parts.join(", "))
}

fn field_or_path(entry: &FieldOrPath) -> String {
    match entry {
        FieldOrPath::Field(field) => name(field),
        FieldOrPath::Path(path) => path.to_string(),
    }
}

/// A condition: `a = 1 AND (b exists OR NOT c > 2)`.
pub fn condition(tree: &Condition) -> String {
    let inner = |child: &Condition| match child {
        Condition::And(_) | Condition::Or(_) => format!("({})", condition(child)),
        _ => condition(child),
    };
    match tree {
        Condition::And(list) if list.is_empty() => "AND()".to_owned(),
        Condition::Or(list) if list.is_empty() => "OR()".to_owned(),
        Condition::And(list) => list.iter().map(inner).collect::<Vec<_>>().join(" AND "),
        Condition::Or(list) => list.iter().map(inner).collect::<Vec<_>>().join(" OR "),
        Condition::Not(child) => format!("NOT {}", inner(child)),
        Condition::Eq(path, v) => format!("{path} = {}", operand(v)),
        Condition::Ne(path, v) => format!("{path} <> {}", operand(v)),
        Condition::Lt(path, v) => format!("{path} < {}", operand(v)),
        Condition::Le(path, v) => format!("{path} <= {}", operand(v)),
        Condition::Gt(path, v) => format!("{path} > {}", operand(v)),
        Condition::Ge(path, v) => format!("{path} >= {}", operand(v)),
        Condition::Between(path, low, high) => {
            format!("{path} BETWEEN {} AND {}", operand(low), operand(high))
        }
        Condition::In(path, list) => {
            format!("{path} IN ({})", joined(list.iter().map(operand), list.len()))
        }
        Condition::BeginsWith(path, v) => format!("{path} begins with {}", operand(v)),
        Condition::Contains(path, v) => format!("{path} contains {}", operand(v)),
        Condition::Exists(path) => format!("{path} exists"),
        Condition::NotExists(path) => format!("{path} does not exist"),
        Condition::Type(path, kind) => format!("type of {path} is {kind}"),
        Condition::Size(path, comparator, size) => format!("size of {path} {} {size}", sign(*comparator)),
    }
}

fn sign(comparator: Comparator) -> &'static str {
    match comparator {
        Comparator::Eq => "=",
        Comparator::Ne => "<>",
        Comparator::Lt => "<",
        Comparator::Le => "<=",
        Comparator::Gt => ">",
        Comparator::Ge => ">=",
    }
}

fn guarded(text: String, guard: Option<&Condition>) -> String {
    match guard {
        Some(guard) => format!("{text}  if {}", condition(guard)),
        None => text,
    }
}

fn write_params(write: &Write) -> String {
    guarded(format!("{}{}", write.model, record(&write.record)), write.condition.as_ref())
}

fn update(update: &Update) -> String {
    let mut text = format!("{}{} form={}", update.model, item(&update.key), update.form.name());
    if let Some(whole) = &update.record {
        let _ = write!(text, " record={}", record(whole));
    }
    if let Some(names) = &update.names {
        let _ = write!(text, " names=[{}]", names.iter().map(|n| name(n)).collect::<Vec<_>>().join(", "));
    }
    for (word, part) in [
        ("set", &update.set),
        ("add", &update.add),
        ("delete_from_set", &update.delete_from_set),
        ("append", &update.append),
        ("prepend", &update.prepend),
    ] {
        if !part.is_empty() {
            let _ = write!(text, " {word}={}", record(part));
        }
    }
    if !update.set_path.is_empty() {
        let parts: Vec<String> =
            update.set_path.iter().map(|(path, v)| format!("{path}={}", operand(v))).collect();
        let _ = write!(text, " set_path=[{}]", parts.join(", "));
    }
    if !update.remove.is_empty() {
        let _ = write!(
            text,
            " remove=[{}]",
            update.remove.iter().map(field_or_path).collect::<Vec<_>>().join(", ")
        );
    }
    if let Some(version) = &update.expect_version {
        let _ = write!(text, " expect_version={version}");
    }
    guarded(text, update.condition.as_ref())
}

fn sort(sort: &SortCondition) -> String {
    match sort {
        SortCondition::Eq(v) => format!("= {}", operand(v)),
        SortCondition::Lt(v) => format!("< {}", operand(v)),
        SortCondition::Le(v) => format!("<= {}", operand(v)),
        SortCondition::Gt(v) => format!("> {}", operand(v)),
        SortCondition::Ge(v) => format!(">= {}", operand(v)),
        SortCondition::BeginsWith(v) => format!("begins with {}", operand(v)),
        SortCondition::Between(low, high) => format!("between {} and {}", operand(low), operand(high)),
    }
}

struct ReadParts<'a> {
    filter: Option<&'a Condition>,
    select: Option<&'a Vec<FieldOrPath>>,
    limit: Option<u64>,
    page: Option<&'a Page>,
}

fn read_parts(text: &mut String, parts: &ReadParts<'_>) {
    if let Some(select) = parts.select {
        let _ = write!(text, " select=[{}]", select.iter().map(field_or_path).collect::<Vec<_>>().join(", "));
    }
    if let Some(limit) = parts.limit {
        let _ = write!(text, " limit={limit}");
    }
    if let Some(page) = parts.page {
        let size = page.size.map(|size| size.to_string()).unwrap_or_else(|| "any".to_owned());
        let _ = write!(text, " page={size}{}", if page.cursor.is_some() { " after a cursor" } else { "" });
    }
    if let Some(filter) = parts.filter {
        let _ = write!(text, "  where {}", condition(filter));
    }
}

fn query(query: &Query) -> String {
    let index = query.index.as_deref().map(|index| format!(".{index}")).unwrap_or_default();
    let mut text = format!("{}{index}{}", query.model, record(&query.partition));
    if let Some(condition) = &query.sort {
        let _ = write!(text, " sort {}", sort(condition));
    }
    if let Some(order) = query.order {
        let _ = write!(text, " order={order:?}");
    }
    let Query { filter, select, limit, page, .. } = query;
    let parts =
        ReadParts { filter: filter.as_ref(), select: select.as_ref(), limit: *limit, page: page.as_ref() };
    read_parts(&mut text, &parts);
    text
}

fn scan(scan: &Scan) -> String {
    let index = scan.index.as_deref().map(|index| format!(".{index}")).unwrap_or_default();
    let mut text = format!("{}{index}", scan.model);
    let Scan { filter, select, limit, page, .. } = scan;
    let parts =
        ReadParts { filter: filter.as_ref(), select: select.as_ref(), limit: *limit, page: page.as_ref() };
    read_parts(&mut text, &parts);
    text
}

fn action(action: &Action) -> String {
    match action {
        Action::Put(write) => format!("put {}", write_params(write)),
        Action::Update(inner) => format!("update {}", update(inner)),
        Action::Delete { model, key: k, condition } => {
            guarded(format!("delete {model}{}", item(k)), condition.as_ref())
        }
        Action::Check { model, key: k, condition } => {
            guarded(format!("check {model}{}", item(k)), Some(condition))
        }
    }
}

/// One call: method and parameters.
pub fn call(call: &Call) -> String {
    let rest = match call {
        Call::Define { model } => model.name.clone(),
        Call::Create(write) | Call::Put(write) => write_params(write),
        Call::Get { model, key: k, .. } => format!("{model}{}", item(k)),
        Call::Update(inner) => update(inner),
        Call::Delete { model, key: k, condition } => {
            guarded(format!("{model}{}", item(k)), condition.as_ref())
        }
        Call::Query(inner) => query(inner),
        Call::Scan(inner) => scan(inner),
        Call::BatchGet { model, keys } | Call::BatchDelete { model, keys } => {
            format!("{model}[{}]", joined(keys.iter().map(item), keys.len()))
        }
        Call::BatchPut { model, records } => {
            format!("{model}[{}]", joined(records.iter().map(record), records.len()))
        }
        Call::Transact { actions } => actions.iter().map(action).collect::<Vec<_>>().join("; "),
        Call::Marshal { model, record: r } => format!("{model}{}", record(r)),
        Call::Unmarshal { model, item: i, .. } => format!("{model}{}", item(i)),
        Call::Build { model, kind, params } => format!("{model} {kind} {params}"),
        Call::Reset {} => String::new(),
    };
    format!("{:<7} {rest}", call.method()).trim_end().to_owned()
}

/// One step, its tenant first where it has one.
pub fn step(step: &Step) -> String {
    step_behind(step, 0)
}

/// A step in a list in which so many lines stand before the program.
fn step_behind(step: &Step, lines: usize) -> String {
    let text = match &step.tenant {
        Some(tenant) => format!("as {} {}", name(tenant), call(&step.call)),
        None => call(&step.call),
    };
    let Some(reuse) = step.reuse else { return text };
    let what = match &step.call {
        Call::Query(_) | Call::Scan(_) => "the cursor",
        _ => "the record",
    };
    let edited = step.edit.as_ref().map(|change| edit(change, lines)).unwrap_or_default();
    format!("{text}  with {what} of {}{edited}", lines + reuse + 1)
}

/// How a cursor is changed: `, in which the key is that of 2`.
fn edit(edit: &Edit, lines: usize) -> String {
    match edit {
        Edit::Flip(bit) => format!(", bit {bit} turned over"),
        Edit::Cut(bytes) => format!(", cut behind {bytes} bytes"),
        Edit::Splice { with, at } => format!(", going on as that of {} behind {at} bytes", lines + with + 1),
        Edit::Key { of } => format!(", in which the key is that of {}", lines + of + 1),
        Edit::Tenant { from, to } => format!(", in which tenant {} is {}", name(from), name(to)),
        Edit::Forge { of, encoding } => {
            format!(" replaced by the key of {} as JSON, {encoding:?}", lines + of + 1)
        }
    }
}

fn start(start: &Start, model: &Model) -> String {
    let mut whole = start.record.clone();
    whole.extend(start.extra.clone());
    let tenant = start.tenant.as_ref().map(|tenant| format!("  of {}", name(tenant))).unwrap_or_default();
    let extra: Vec<String> = start.extra.keys().map(|attribute| name(attribute)).collect();
    let note =
        if extra.is_empty() { String::new() } else { format!("  (outside the model: {})", extra.join(", ")) };
    format!("item    {}{}{tenant}{note}", model.name, item(&whole))
}

/// A line of a run: one item, one step, or a few equal steps in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `3`, or `4-21`; from 1.
    pub number: String,
    /// Whether it is the step that shows the finding.
    pub marked: bool,
    /// Item or step.
    pub text: String,
}

/// More equal steps in a row than these are one line.
const EQUAL: usize = 2;

/// The lines of a run, starting items first. `marked` is the step that shows the finding: it has a line of its own.
pub fn run(run: &Run, model: &Model, marked: Option<usize>) -> Vec<Line> {
    let line = |number, text| Line { number, text, marked: false };
    let items = run.start.iter().enumerate();
    let mut lines: Vec<Line> =
        items.map(|(place, item)| line((place + 1).to_string(), start(item, model))).collect();
    let first = lines.len();
    let tenants = run.program.iter().any(|step| step.tenant.is_some());
    let mut place = 0;
    while let Some(step) = run.program.get(place) {
        let text = match &step.tenant {
            None if tenants => format!("as nobody {}", step_behind(step, first)),
            _ => step_behind(step, first),
        };
        let rest = (place..run.program.len()).skip(1);
        let equal = 1 + rest.take_while(|&at| run.program[at] == *step && marked != Some(at)).count();
        let marked = marked == Some(place);
        let number = first + place + 1;
        if equal > EQUAL && !marked {
            let numbers = format!("{number}-{}", number + equal - 1);
            lines.push(line(numbers, format!("{text}   {equal} times")));
            place += equal;
        } else {
            lines.push(Line { marked, ..line(number.to_string(), text) });
            place += 1;
        }
    }
    lines
}

/// The data model in a line, where it has more than plain fields: `User{id: string key, tags: list}`.
pub fn model(model: &Model) -> String {
    let field = |field: &proofhouse_models::mapper::Field| {
        let mut text = format!("{}:{}", name(&field.name), kind(&field.kind));
        let role = [
            (model.partition_key == field.name, " partition key"),
            (model.sort_key.as_deref() == Some(&field.name), " sort key"),
            (model.version.as_deref() == Some(&field.name), " version"),
            (field.omit_empty, " omit_empty"),
            (field.encrypted, " encrypted"),
        ];
        role.iter().filter(|(holds, _)| *holds).for_each(|(_, word)| text.push_str(word));
        if field.attribute() != field.name {
            let _ = write!(text, " stored as {}", name(field.attribute()));
        }
        if let Some(default) = &field.default {
            let _ = write!(text, " default {}", value(default));
        }
        text
    };
    let fields: Vec<String> = model.fields.iter().map(field).collect();
    let indexes: Vec<String> = model
        .indexes
        .iter()
        .map(|index| {
            let sort = index.sort_key.as_deref().map(|sort| format!(", {}", name(sort))).unwrap_or_default();
            format!("; index {}({}{sort})", index.name, name(&index.partition_key))
        })
        .collect();
    format!("{}{{{}}}{}", model.name, fields.join(", "), indexes.concat())
}

fn kind(kind: &FieldType) -> String {
    match kind {
        FieldType::List(inner) => format!("list<{}>", self::kind(inner)),
        FieldType::Map(inner) => format!("map<{}>", self::kind(inner)),
        FieldType::Option(inner) => format!("option<{}>", self::kind(inner)),
        FieldType::StringSet => "set<string>".to_owned(),
        FieldType::NumberSet => "set<number>".to_owned(),
        FieldType::BytesSet => "set<bytes>".to_owned(),
        FieldType::Struct(members) => {
            let parts: Vec<String> = members
                .iter()
                .map(|member| {
                    let omit = if member.omit_empty { " omit_empty" } else { "" };
                    format!("{}:{}{omit}", name(&member.name), self::kind(&member.kind))
                })
                .collect();
            format!("struct{{{}}}", parts.join(", "))
        }
        plain => plain.kind_name().to_owned(),
    }
}

/// The name of an earlier run with the same items and the same program, of which a reader has seen enough.
pub fn same_as(case: &Case, number: usize) -> Option<String> {
    let of = &case.runs[number];
    let same = |run: &Run| run.start == of.start && run.program == of.program && !run.program.is_empty();
    let earlier = case.runs[..number].iter().position(same)?;
    Some(run_name(case, earlier))
}

/// What a run is called: its label, else its number from 1.
pub fn run_name(case: &Case, number: usize) -> String {
    let label = &case.runs[number].label;
    if label.is_empty() { format!("run {}", number + 1) } else { label.clone() }
}

/// The whole case: the model, then each run.
pub fn case(case: &Case) -> String {
    let mut text = format!("model   {}\n", model(&case.model));
    for (number, part) in case.runs.iter().enumerate() {
        if case.runs.len() > 1 {
            let label = if part.label.is_empty() { String::new() } else { format!(" ({})", part.label) };
            let _ = writeln!(text, "run {}{label}", number + 1);
        }
        if let Some(earlier) = same_as(case, number) {
            let _ = writeln!(text, "  as {earlier}");
            continue;
        }
        for line in run(part, &case.model, None) {
            let _ = writeln!(text, "  {:<3} {}", line.number, line.text);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn equal_steps_in_a_row_are_one_line_and_the_marked_one_stands_alone() {
        let case = sample::case();
        let step = case.runs[0].program[0].clone();
        let of = Run { start: Vec::new(), program: vec![step; 6], ..case.runs[0].clone() };
        let numbers = |marked| -> Vec<String> {
            run(&of, &case.model, marked).into_iter().map(|line| line.number).collect()
        };
        assert_eq!(numbers(None), ["1-6"]);
        assert_eq!(numbers(Some(1)), ["1", "2", "3-6"]);
        assert_eq!(numbers(Some(4)), ["1-4", "5", "6"]);
        let marked: Vec<bool> = run(&of, &case.model, Some(1)).into_iter().map(|line| line.marked).collect();
        assert_eq!(marked, [false, true, false]);
        assert!(run(&of, &case.model, None)[0].text.ends_with("   6 times"));
    }
}
