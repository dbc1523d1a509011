//! What a probe sees of how a target stores tenants.
//!
//! Two parts that are joined share a stored key where one of them holds what joins them. Which text that is, the
//! wire tells: one write with a tenant and a key that nothing else is called by, and what stands around them in the
//! request is what joins. A second write has that text inside the tenant and shows how it is escaped. The stored item
//! shows what a caller would write who names another tenant's item by its stored key. All goes into the pools of the
//! generators; these are guesses and prove nothing by themselves.

use super::execute::{create_table, stored_items};
use crate::target::Target;
use crate::wire::{Exchange, Wire};
use proofhouse_models::mapper::contract::Learned;
use proofhouse_models::mapper::expect::raw_key;
use proofhouse_models::mapper::{FieldType, Model};
use proofhouse_models::value::AttributeValue;
use serde_json::{Value, json};

/// The words of the probe: tenant, partition key, sort key, partition key of an index.
const WORDS: [&str; 4] = ["qzqtenant", "qzqpart", "qzqsort", "qzqindex"];

/// Longest text that is taken for a delimiter or an escape, in characters.
const LONGEST: usize = 12;

/// How the target joins, escapes and stores the parts of keys. Empty for targets without tenants, and where a probe is
/// refused.
pub fn learn(target: &mut dyn Target, wire: &Wire) -> Learned {
    let mut learned = Learned::default();
    if !target.capabilities().features.tenancy {
        return learned;
    }
    let Some(model) = probe(target) else { return learned };
    let backend = wire.backend().as_ref();
    if create_table(backend, &model).is_err() {
        return learned;
    }
    if target.call("define", &json!({ "model": model })).is_ok() {
        for text in write(target, wire, &model, WORDS[0]) {
            between(&text, &mut learned.joins);
        }
        if let [item] = stored_items(backend, &model).as_slice() {
            learned.stored = forms(&raw_key(&model, item));
        }
        let joins = learned.joins.clone();
        for join in joins.iter().take(4) {
            let tenant = format!("qzqa{join}qzqb");
            for text in write(target, wire, &model, &tenant) {
                let inside = text.split_once("qzqa").and_then(|(_, rest)| rest.split_once("qzqb"));
                if let Some((inside, _)) = inside {
                    keep(inside, &mut learned.joins);
                }
            }
        }
    }
    backend.call("DeleteTable", &json!({ "TableName": model.table }));
    if target.capabilities().has("reset") {
        // Refused or not: each run begins with a reset of its own.
        let _ = target.call("reset", &json!({}));
    }
    target.take_log();
    wire.begin_run();
    learned
}

/// The stored key with places for the parts that the caller gave; empty where the tenant does not show in it.
fn forms(key: &[Option<AttributeValue>]) -> Vec<String> {
    let mut forms = Vec::new();
    for value in key {
        let Some(AttributeValue::S(text)) = value else { return Vec::new() };
        let places = WORDS.iter().zip(["{t}", "{p}", "{s}"]);
        forms.push(places.fold(text.clone(), |text, (word, place)| text.replace(word, place)));
    }
    if forms.iter().any(|form| form.contains("{t}")) { forms } else { Vec::new() }
}

/// A model with tenants whose keys are strings: made up, or one of the target's own.
fn probe(target: &dyn Target) -> Option<Model> {
    let capabilities = target.capabilities();
    let Some(models) = &capabilities.models else {
        let indexes = match capabilities.features.indexes {
            true => json!([{ "name": "by_org", "partition_key": "org" }]),
            false => json!([]),
        };
        let field = |name: &str| json!({ "name": name, "type": "string" });
        let model = json!({
            "name": "Probe", "table": "probes", "partition_key": "id", "sort_key": "at", "indexes": indexes,
            "fields": [field("id"), field("at"), field("org")],
        });
        return serde_json::from_value(model).ok();
    };
    let usable = |model: &&Model| {
        let text = |name: &str| model.field(name).is_some_and(|field| field.kind == FieldType::String);
        model.tenancy.as_deref() != Some("none") && model.key_fields().into_iter().all(text)
    };
    models.iter().find(usable).cloned()
}

/// Every text in the requests of a write as the tenant, in lower case.
fn write(target: &mut dyn Target, wire: &Wire, model: &Model, tenant: &str) -> Vec<String> {
    let mut record = json!({});
    record[&model.partition_key] = json!({ "S": WORDS[1] });
    if let Some(sort) = &model.sort_key {
        record[sort] = json!({ "S": WORDS[2] });
    }
    for index in &model.indexes {
        let text = model.field(&index.partition_key).is_some_and(|field| field.kind == FieldType::String);
        if text && !model.is_key(&index.partition_key) {
            record[&index.partition_key] = json!({ "S": WORDS[3] });
        }
    }
    wire.begin_run();
    let method = if target.capabilities().has("put") { "put" } else { "create" };
    let params = json!({ "model": model.name, "tenant": tenant, "record": record });
    // A refusal shows nothing; what was sent before it still does.
    let _ = target.call(method, &params);
    let mut texts = Vec::new();
    for Exchange { request, .. } in wire.take_exchanges() {
        collect(&request, &mut texts);
    }
    texts
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.to_lowercase()),
        Value::Array(list) => list.iter().for_each(|inner| collect(inner, texts)),
        Value::Object(object) => object.values().for_each(|inner| collect(inner, texts)),
        _ => {}
    }
}

/// What stands around the probe's words in a text that holds the tenant.
fn between(text: &str, learned: &mut Vec<String>) {
    if !text.contains(WORDS[0]) {
        return;
    }
    let mut rest = text.to_owned();
    for word in WORDS {
        rest = rest.replace(word, "\u{1}");
    }
    for part in rest.split('\u{1}') {
        // `#user#` joins as a whole, and `#` alone does so where the name in it is known.
        keep(part, learned);
        for mark in part.split(char::is_alphanumeric) {
            keep(mark, learned);
        }
    }
}

fn keep(text: &str, learned: &mut Vec<String>) {
    if !text.is_empty() && text.chars().count() <= LONGEST && !learned.iter().any(|known| known == text) {
        learned.push(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(text: &str) -> Vec<String> {
        let mut learned = Vec::new();
        between(text, &mut learned);
        learned
    }

    #[test]
    fn what_stands_around_tenant_and_key_joins_them() {
        assert_eq!(learned("qzqtenant#qzqpart"), ["#"]);
        assert_eq!(learned("t|qzqtenant|user::qzqpart|qzqsort"), ["t|", "|", "|user::", "::"]);
        assert_eq!(learned("9:qzqtenant7:qzqpart"), ["9:", ":", "7:"]);
    }

    #[test]
    fn a_stored_key_shows_where_its_parts_stand() {
        let key = |texts: &[&str]| -> Vec<Option<AttributeValue>> {
            texts.iter().map(|text| Some(AttributeValue::S((*text).to_owned()))).collect()
        };
        assert_eq!(forms(&key(&["T#qzqtenant#qzqpart", "qzqsort"])), ["T#{t}#{p}", "{s}"]);
        assert_eq!(forms(&key(&["qzqtenant", "qzqpart#qzqsort"])), ["{t}", "{p}#{s}"]);
        assert!(forms(&key(&["1f2e", "qzqsort"])).is_empty());
    }

    #[test]
    fn a_text_without_the_tenant_shows_nothing() {
        assert!(learned("#qzqpart#").is_empty());
        assert!(learned("d2hhdGV2ZXI=").is_empty());
    }
}
