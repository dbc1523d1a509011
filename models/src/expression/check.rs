//! Every broken rule of a request's expressions and placeholders, independent of any engine.

use super::ast::{Path, Step};
use super::parse::{parse_condition, parse_key_condition, parse_projection, parse_update};
use super::resolve::{ResolvedCondition, ResolvedKeyCondition, ResolvedUpdate, Resolver, Substitutions};
use super::rule::{ExpressionError, Rule, RuleBreak};
use crate::value::{self, AttributeValue, MAX_NAME};
use serde_json::{Map, Value};

/// Bytes of one placeholder.
const MAX_PLACEHOLDER: usize = 255;
/// Writes of a `BatchWriteItem`, keys of a `BatchGetItem`, actions of a transaction: the service's published limits.
const MAX_WRITES: usize = 25;
const MAX_KEYS: usize = 100;
const MAX_ACTIONS: usize = 100;
/// Bytes of all substitution names and values together.
const MAX_SUBSTITUTIONS: usize = 2 * 1024 * 1024;

/// The expressions of one action, resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// `ConditionExpression`
    pub condition: Option<ResolvedCondition>,
    /// `FilterExpression`
    pub filter: Option<ResolvedCondition>,
    /// `KeyConditionExpression`
    pub key_condition: Option<ResolvedKeyCondition>,
    /// `ProjectionExpression`
    pub projection: Option<Vec<Path>>,
    /// `UpdateExpression`
    pub update: Option<ResolvedUpdate>,
}

/// Every rule that the expressions and placeholders of a request break; actions of a transaction and tables of a
/// batch each by themselves.
pub fn check_request(operation: &str, request: &Value) -> Vec<RuleBreak> {
    check_request_with_keys(operation, request, &[])
}

/// As [`check_request`], with the names of the key attributes (of the table for writes, of the table or index for a
/// query): an update must not write one and a query's filter must not name one.
pub fn check_request_with_keys(operation: &str, request: &Value, keys: &[&str]) -> Vec<RuleBreak> {
    let mut breaks = Vec::new();
    let mut parts: Vec<(String, &Value)> = Vec::new();
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let actions = request.get("TransactItems").and_then(Value::as_array);
            for (index, action) in actions.into_iter().flatten().enumerate() {
                for (kind, body) in action.as_object().into_iter().flatten() {
                    parts.push((format!("TransactItems/{index}/{kind}/"), body));
                }
            }
        }
        "BatchGetItem" => {
            let tables = request.get("RequestItems").and_then(Value::as_object);
            for (table, body) in tables.into_iter().flatten() {
                parts.push((format!("RequestItems/{table}/"), body));
            }
        }
        _ => parts.push((String::new(), request)),
    }
    breaks.extend(too_many(operation, request));
    for (field, part) in parts {
        if let Some(part) = part.as_object() {
            prepare(operation, &field, part, keys, &mut breaks);
        }
    }
    breaks
}

/// What is wrong with the number of a batch's or a transaction's entries.
fn too_many(operation: &str, request: &Value) -> Option<RuleBreak> {
    let length = |list: &Value| list.as_array().map_or(0, Vec::len);
    let tables = request.get("RequestItems").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let (field, most, count) = match operation {
        "BatchWriteItem" => ("RequestItems", MAX_WRITES, tables.map(length).sum()),
        "BatchGetItem" => {
            let keys = tables.filter_map(|table| table.get("Keys"));
            ("RequestItems", MAX_KEYS, keys.map(length).sum::<usize>())
        }
        "TransactWriteItems" | "TransactGetItems" => {
            ("TransactItems", MAX_ACTIONS, request.get("TransactItems").map_or(0, length))
        }
        _ => return None,
    };
    let detail = format!("{count} entries, where a request takes {most}");
    let broken = RuleBreak { field: field.to_owned(), rule: Rule::BatchSize, at: None, detail };
    (count > most).then_some(broken)
}

/// Reads and resolves the expressions of one action, adding what they break to `breaks`. An expression that breaks a
/// rule that is not [unspecified](Rule::is_unspecified) is left out of the answer.
pub fn prepare(
    operation: &str,
    field: &str,
    request: &Map<String, Value>,
    keys: &[&str],
    breaks: &mut Vec<RuleBreak>,
) -> Prepared {
    let mut reader = Reader { field, request, breaks, unread: false };
    let substitutions = reader.substitutions();
    let mut resolver = Resolver::new(&substitutions);
    let condition = reader.expression("ConditionExpression", parse_condition);
    let filter = reader.expression("FilterExpression", parse_condition);
    let key_condition = reader.expression("KeyConditionExpression", parse_key_condition);
    let projection = reader.expression("ProjectionExpression", parse_projection);
    let update = reader.expression("UpdateExpression", parse_update);
    let any = condition.is_some() || filter.is_some() || key_condition.is_some();
    let any = any || projection.is_some() || update.is_some();

    let prepared = Prepared {
        condition: reader.resolve("ConditionExpression", condition, |raw| resolver.condition(raw)),
        filter: reader.resolve("FilterExpression", filter, |raw| resolver.condition(raw)),
        key_condition: reader
            .resolve("KeyConditionExpression", key_condition, |raw| resolver.key_condition(raw)),
        projection: reader.resolve("ProjectionExpression", projection, |raw| resolver.projection(raw)),
        update: reader.resolve("UpdateExpression", update, |raw| resolver.update(raw)),
    };

    reader.errors("", resolver.take_notes());
    // An expression that does not parse may well use what looks unused.
    if !reader.unread {
        reader.unused(&resolver, any);
    }
    if let Some(update) = &prepared.update
        && let Some(key) = update.targets().find(|path| keys.contains(&path.root()))
    {
        reader.broken("UpdateExpression", Rule::KeyInUpdate, key.to_string());
    }
    if let (Some(filter), "Query") = (&prepared.filter, operation) {
        let mut roots = Roots(Vec::new());
        let Ok(_) = filter.map(&mut roots);
        if let Some(key) = roots.0.iter().find(|root| keys.contains(&root.as_str())) {
            reader.broken("FilterExpression", Rule::KeyInFilter, key.clone());
        }
    }
    if prepared.key_condition.as_ref().is_some_and(|tests| tests.len() > 2)
        && !request.contains_key("IndexName")
    {
        reader.broken("KeyConditionExpression", Rule::KeyConditionForm, "more than two conditions");
    }
    let legacy = [
        "Expected",
        "AttributeUpdates",
        "KeyConditions",
        "QueryFilter",
        "ScanFilter",
        "AttributesToGet",
        "ConditionalOperator",
    ];
    if (any || reader.unread)
        && let Some(parameter) = legacy.iter().find(|parameter| request.contains_key(**parameter))
    {
        reader.broken("", Rule::MixedParameters, *parameter);
    }
    prepared
}

struct Reader<'a> {
    field: &'a str,
    request: &'a Map<String, Value>,
    breaks: &'a mut Vec<RuleBreak>,
    /// An expression was there that could not be read.
    unread: bool,
}

impl Reader<'_> {
    fn broken(&mut self, name: &str, rule: Rule, detail: impl Into<String>) {
        self.breaks.push(RuleBreak {
            field: format!("{}{name}", self.field),
            rule,
            at: None,
            detail: detail.into(),
        });
    }

    fn errors(&mut self, name: &str, errors: Vec<ExpressionError>) {
        for error in errors {
            let at = Some(error.at);
            let field = format!("{}{name}", self.field);
            self.breaks.push(RuleBreak { field, rule: error.rule, at, detail: error.detail });
        }
    }

    fn expression<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ExpressionError>,
    ) -> Option<T> {
        let value = self.request.get(name).filter(|value| !value.is_null())?;
        let Some(text) = value.as_str() else {
            self.unread = true;
            self.broken(name, Rule::NotText, "");
            return None;
        };
        match parse(text) {
            Ok(tree) => Some(tree),
            Err(error) => {
                self.unread = true;
                self.errors(name, vec![error]);
                None
            }
        }
    }

    fn resolve<R, T>(
        &mut self,
        name: &str,
        raw: Option<R>,
        mut resolve: impl FnMut(&R) -> Result<T, Vec<ExpressionError>>,
    ) -> Option<T> {
        match resolve(&raw?) {
            Ok(tree) => Some(tree),
            Err(errors) => {
                self.errors(name, errors);
                None
            }
        }
    }

    fn substitutions(&mut self) -> Substitutions {
        let mut found = Substitutions::default();
        let mut size = 0;
        for (name, sign) in [("ExpressionAttributeNames", '#'), ("ExpressionAttributeValues", ':')] {
            let Some(value) = self.request.get(name).filter(|value| !value.is_null()) else { continue };
            let Some(map) = value.as_object().filter(|map| !map.is_empty()) else {
                self.broken(name, Rule::EmptySubstitutions, name);
                continue;
            };
            for (placeholder, content) in map {
                self.placeholder(name, sign, placeholder);
                size += placeholder.len();
                if sign == '#' {
                    let text = content.as_str().unwrap_or_default();
                    if text.is_empty() || text.len() > MAX_NAME {
                        self.broken(name, Rule::AttributeName, placeholder);
                    }
                    size += text.len();
                    found.names.insert(placeholder.clone(), text.to_owned());
                } else {
                    let broken = value::check(content);
                    for broken in &broken {
                        self.broken(name, Rule::IllegalValue, format!("{placeholder}: {broken}"));
                    }
                    let content = AttributeValue::from_json(content).unwrap_or(AttributeValue::Null);
                    size += value::value_size(&content);
                    found.values.insert(placeholder.clone(), content);
                }
            }
        }
        if size > MAX_SUBSTITUTIONS {
            self.broken("ExpressionAttributeValues", Rule::SubstitutionSize, format!("{size} bytes"));
        }
        found
    }

    fn placeholder(&mut self, name: &str, sign: char, placeholder: &str) {
        let word = placeholder.strip_prefix(sign).unwrap_or_default();
        let legal = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !legal {
            self.broken(name, Rule::PlaceholderSyntax, placeholder);
        }
        if placeholder.len() > MAX_PLACEHOLDER {
            self.broken(name, Rule::PlaceholderLength, format!("{} bytes", placeholder.len()));
        }
    }

    fn unused(&mut self, resolver: &Resolver<'_>, any: bool) {
        let request = self.request;
        let (names, values) = (resolver.used_names(), resolver.used_values());
        let maps = [
            ("ExpressionAttributeNames", Rule::UnusedName, names),
            ("ExpressionAttributeValues", Rule::UnusedValue, values),
        ];
        for (name, rule, used) in maps {
            for placeholder in request.get(name).and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                if !any {
                    self.broken(name, Rule::MixedParameters, placeholder);
                } else if !used.contains(placeholder) {
                    self.broken(name, rule, placeholder);
                }
            }
        }
    }
}

/// Collects the attributes that a tree names.
struct Roots(Vec<String>);

impl super::ast::Mapping<Path, AttributeValue> for Roots {
    type Path = ();
    type Value = ();
    type Error = std::convert::Infallible;

    fn path(&mut self, path: &Path) -> Result<(), Self::Error> {
        if let Some(Step::Name(root)) = path.0.first() {
            self.0.push(root.clone());
        }
        Ok(())
    }

    fn value(&mut self, _: &AttributeValue) -> Result<(), Self::Error> {
        Ok(())
    }
}
