//! Checks an adapter method by method, and explains each misuse to its author: what was sent, what came, what
//! was expected.
//!
//! It checks manners, not the library: whether an update loses a field is for the properties to find.

use super::shape;
use crate::backend::Embedded;
use crate::engine::execute::table_request;
use crate::target::{CallError, Launch, LaunchError, NOTE, Outcome, Target};
use crate::wire::Wire;
use proofhouse_models::mapper::model::StructField;
use proofhouse_models::mapper::{Capabilities, ErrorKind, Field, FieldType, Model};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::sync::Arc;

/// Starts the target and goes through what it declares. Prints a line for each check; false where the adapter
/// has to be mended. What the machine lacks is no fault of the adapter, but nothing was checked: false too.
pub fn check_target(launch: &dyn Launch, out: &mut dyn Write) -> bool {
    let _ = writeln!(out, "{}", launch.name());
    let started = launch.prepare(&|line| eprintln!("  {line}")).and_then(|()| {
        let wire = Arc::new(Wire::new(Arc::new(Embedded::new())));
        launch.launch(&wire, 1).map(|target| (wire, target))
    });
    let (wire, target) = match started {
        Ok(started) => started,
        Err(LaunchError::Missing { reason }) => {
            let _ = writeln!(out, "  not run  {reason}");
            return false;
        }
        Err(LaunchError::Failed(why)) => {
            let _ = writeln!(out, "  FAIL     initialize\n           {}", why.replace('\n', "\n           "));
            let _ = writeln!(
                out,
                "           expected  one line of JSON on standard output that answers the request's id, with\n\
                 {:21}name, version, language, library, role, methods, update_forms, types,\n\
                 {:21}conditions, features, contract",
                "", ""
            );
            return false;
        }
    };
    let model = model(target.capabilities());
    let mut visit = Visit { target, wire, model, out, failed: 0 };
    visit.all();
    let failed = visit.failed;
    let verdict = match failed {
        0 => "the adapter speaks the protocol".to_owned(),
        1 => "1 thing to mend".to_owned(),
        several => format!("{several} things to mend"),
    };
    let _ = writeln!(out, "  {verdict}");
    failed == 0
}

struct Visit<'a> {
    target: Box<dyn Target>,
    wire: Arc<Wire>,
    model: Model,
    out: &'a mut dyn Write,
    failed: usize,
}

/// What a call must come to.
enum Want<'a> {
    /// A result of this shape.
    Result(&'a dyn Fn(&Value) -> Result<(), String>),
    /// An error of one of these kinds.
    Error(&'a [ErrorKind]),
}

impl Visit<'_> {
    fn all(&mut self) {
        self.about();
        let request = table_request(&self.model);
        let made = request.map(|request| self.wire.backend().call("CreateTable", &request));
        if !matches!(&made, Ok(reply) if reply.status == 200) {
            self.fail("table", &Value::Null, &format!("{made:?}"), "a model whose table can be made");
            return;
        }
        if !self.define() {
            return;
        }
        self.writes();
        self.updates();
        self.reads();
        self.others();
        self.errors();
        self.end();
    }

    fn about(&mut self) {
        let about = self.target.capabilities().clone();
        let line = format!(
            "{} {} on {} {} ({}): {} methods, {} types, {} conditions",
            about.name,
            about.version,
            about.library.name,
            about.library.version,
            about.language,
            about.methods.len(),
            about.types.len(),
            about.conditions.len()
        );
        self.ok("initialize", &line);
        for note in self.target.notes() {
            self.note(&note);
        }
        if !["create", "put", "get", "marshal", "build"].iter().any(|method| about.has(method)) {
            self.note("methods: neither create, put, get, marshal nor build: most properties need them");
        }
    }

    fn define(&mut self) -> bool {
        let params = json!({ "model": self.model });
        self.check("define", "define", &params, &Want::Result(&shape::empty)).is_some()
    }

    fn writes(&mut self) {
        let (model, record) = (self.model.name.clone(), self.record("a"));
        let params = json!({ "model": model, "record": record });
        let overwrites = self.target.capabilities().contract.create_overwrites;
        if self.has("create")
            && self.check("create", "create", &params, &Want::Result(&shape::empty)).is_some()
        {
            self.must_be_stored("create");
            match overwrites {
                Some(false) => {
                    let kinds = [ErrorKind::Duplicate, ErrorKind::ConditionFailed];
                    let what = "create of an item that exists (contract: create_overwrites is false)";
                    self.check(what, "create", &params, &Want::Error(&kinds));
                }
                Some(true) => {
                    let what = "create of an item that exists (contract: create_overwrites is true)";
                    self.check(what, "create", &params, &Want::Result(&shape::empty));
                }
                None => self.note("contract.create_overwrites: left out, so it is not judged"),
            }
        }
        if self.has("put") && self.check("put", "put", &params, &Want::Result(&shape::empty)).is_some() {
            self.must_be_stored("put");
        }
    }

    fn updates(&mut self) {
        if !self.has("update") {
            return;
        }
        let (model, key, about) =
            (self.model.name.clone(), self.key("a"), self.target.capabilities().clone());
        let mut changes = self.record("b");
        changes.retain(|name, _| !self.model.is_key(name));
        let names: Vec<&String> = changes.keys().collect();
        let mut whole = changes.clone();
        whole.extend(key.clone());
        for form in &about.update_forms {
            let mut params = json!({ "model": model, "key": key, "form": form.name() });
            match form.name() {
                "patch" | "builder" => params["set"] = json!(changes),
                "named" => {
                    params["record"] = json!(whole);
                    params["names"] = json!(names);
                }
                _ => params["record"] = json!(whole),
            }
            let what = format!("update, form {}", form.name());
            let model = self.model.clone();
            let shape = move |result: &Value| match result.get("record") {
                Some(_) => shape::record(result, &model).map(|_| ()),
                None => shape::empty(result),
            };
            self.check(&what, "update", &params, &Want::Result(&shape));
            if about.has_if() && about.has_condition("exists") && about.has_condition("not") {
                params["if"] = json!({ "not": { "exists": [self.model.partition_key] } });
                let what = format!("update, form {}, with a condition that is false", form.name());
                self.check(&what, "update", &params, &Want::Error(&[ErrorKind::ConditionFailed]));
            }
        }
    }

    fn reads(&mut self) {
        let (name, model) = (self.model.name.clone(), self.model.clone());
        if self.has("get") {
            let found = |result: &Value| match shape::record(result, &model)? {
                Some(record) if record.contains_key(&model.partition_key) => Ok(()),
                Some(_) => Err(format!("a record with its key field {:?}", model.partition_key)),
                None => Err("the record that was written before".to_owned()),
            };
            let none = |result: &Value| match shape::record(result, &model)? {
                None => Ok(()),
                Some(_) => Err("{\"record\":null}, since there is no such item".to_owned()),
            };
            if self.stored() > 0 {
                let params = json!({ "model": name, "key": self.key("a") });
                self.check("get", "get", &params, &Want::Result(&found));
            }
            let params = json!({ "model": name, "key": self.key("none") });
            self.check("get of an item that is not there", "get", &params, &Want::Result(&none));
        }
        let rows = |result: &Value| shape::records(result, &model).map(|_| ());
        let partition = json!({ model.partition_key.clone(): self.key("a")[&model.partition_key] });
        if self.has("query") {
            let mut params = json!({ "model": name, "partition": partition });
            self.check("query", "query", &params, &Want::Result(&rows));
            params["page"] = json!({ "size": 1 });
            self.check("query of one page", "query", &params, &Want::Result(&rows));
        }
        if self.has("scan") {
            self.check("scan", "scan", &json!({ "model": name }), &Want::Result(&rows));
        }
        if self.has("batch_get") {
            let params = json!({ "model": name, "keys": [self.key("a"), self.key("none")] });
            self.check("batch_get", "batch_get", &params, &Want::Result(&rows));
        }
    }

    fn others(&mut self) {
        let (name, model) = (self.model.name.clone(), self.model.clone());
        let empty = Want::Result(&shape::empty);
        if self.has("batch_put") {
            let params = json!({ "model": name, "records": [self.record("c")] });
            self.check("batch_put", "batch_put", &params, &empty);
        }
        if self.has("batch_delete") {
            let params = json!({ "model": name, "keys": [self.key("c")] });
            self.check("batch_delete", "batch_delete", &params, &empty);
        }
        if self.has("transact") {
            let action = json!({ "put": { "model": name, "record": self.record("d") } });
            self.check("transact", "transact", &json!({ "actions": [action] }), &empty);
        }
        if self.has("delete") {
            let params = json!({ "model": name, "key": self.key("a") });
            self.check("delete", "delete", &params, &empty);
        }
        if self.has("marshal") {
            let shape = |result: &Value| shape::item(result, &model).map(|_| ());
            let params = json!({ "model": name, "record": self.record("e") });
            let marshaled = self.check("marshal", "marshal", &params, &Want::Result(&shape));
            if let Some(item) = marshaled.filter(|_| self.has("unmarshal")) {
                let shape = |result: &Value| shape::record(result, &model).map(|_| ());
                let params = json!({ "model": name, "item": item["item"] });
                self.check("unmarshal", "unmarshal", &params, &Want::Result(&shape));
            }
        }
        if self.has("build") {
            let inner = json!({ "model": name, "record": self.record("f") });
            let params = json!({ "model": name, "kind": "put", "params": inner });
            self.check("build, kind put", "build", &params, &Want::Result(&shape::request));
        }
        if self.has("reset") {
            self.check("reset", "reset", &json!({}), &empty);
            if self.has("get") {
                let params = json!({ "model": name, "key": self.key("none") });
                let shape = |result: &Value| shape::record(result, &model).map(|_| ());
                self.check("get after reset, which keeps the models", "get", &params, &Want::Result(&shape));
            }
        }
    }

    /// What is asked wrongly, or is not offered, is answered with an error, and the adapter goes on.
    fn errors(&mut self) {
        let any = [
            ErrorKind::Unsupported,
            ErrorKind::Validation,
            ErrorKind::NotFound,
            ErrorKind::Internal,
            ErrorKind::Encode,
        ];
        let offered = |method: &&str| self.has(method);
        let undeclared = ["transact", "build", "batch_delete", "unmarshal"].into_iter().find(|m| !offered(m));
        let method = undeclared.unwrap_or("no_such_method");
        let what = format!("{method}, which is not offered");
        let params = json!({ "model": self.model.name });
        match self.target.call(method, &params) {
            // It is never asked in a run, so that an answer does no harm.
            Ok(result) => self.note(&format!("{what}, is answered with {result} and not with an error")),
            Err(_) => _ = self.check(&what, method, &params, &Want::Error(&any)),
        }
        if self.has("get") {
            let params = json!({ "model": "NoSuchModel", "key": self.key("a") });
            self.check("get with an unknown model", "get", &params, &Want::Error(&any));
        }
    }

    fn end(&mut self) {
        let empty = Want::Result(&shape::empty);
        if self.check("shutdown", "shutdown", &json!({}), &empty).is_none() {
            return;
        }
        match self.target.call("reset", &json!({})) {
            Err(CallError::Broken { detail, .. }) if detail.contains("exit status 0") => {}
            Err(CallError::Broken { detail, .. }) if detail.contains("it ended with") => {
                self.note(&format!("after `shutdown` {detail}; status 0 is expected"));
            }
            Err(CallError::Broken { .. }) => {}
            _ => self.note("it goes on after `shutdown`, and is ended by force"),
        }
    }

    fn has(&self, method: &str) -> bool {
        self.target.capabilities().has(method)
    }

    /// One call, judged and printed; gives the result where all is well.
    fn check(&mut self, what: &str, method: &str, params: &Value, want: &Want<'_>) -> Option<Value> {
        self.wire.begin_run();
        let mut params = params.clone();
        if self.target.capabilities().features.tenancy && !matches!(method, "define" | "reset" | "shutdown") {
            params["tenant"] = json!("t1");
        }
        let outcome = self.target.call(method, &params);
        let sent = json!({ "method": method, "params": params });
        match (&outcome, want) {
            (Ok(result), Want::Result(shape)) => match shape(result) {
                Ok(()) => {
                    self.ok(what, &self.traffic());
                    return Some(result.clone());
                }
                Err(expected) => self.fail(what, &sent, &result.to_string(), &expected),
            },
            (Ok(result), Want::Error(kinds)) => {
                let expected = format!("an error with data.kind {}", names(kinds));
                self.fail(what, &sent, &result.to_string(), &expected);
            }
            (Err(CallError::Reported { kind: ErrorKind::Unsupported, message, .. }), _) => {
                if what == method && self.has(method) {
                    self.note(&format!(
                        "{method}: offered in `methods`, but answered as unsupported: {message}"
                    ));
                } else {
                    self.ok(what, &format!("unsupported: {message}"));
                }
            }
            (Err(CallError::Reported { kind, fields, .. }), Want::Error(kinds)) => {
                let odd = fields.get(NOTE);
                if let Some(note) = odd {
                    let expected = format!("data.kind, here {}; {note}", names(kinds));
                    self.fail(what, &sent, &came(&outcome), &expected);
                } else if kinds.contains(kind) {
                    self.ok(what, &format!("refused: {}", name(*kind)));
                } else {
                    let expected = format!("an error with data.kind {}", names(kinds));
                    self.fail(what, &sent, &came(&outcome), &expected);
                }
            }
            (Err(CallError::Reported { fields, .. }), Want::Result(_)) => {
                let mut expected = "a result; what the library cannot do is answered with data.kind \
                                    unsupported"
                    .to_owned();
                if let Some(note) = fields.get(NOTE) {
                    expected = format!("{expected}; {note}");
                }
                self.fail(what, &sent, &came(&outcome), &expected);
            }
            (Err(CallError::Broken { how, .. }), _) => {
                self.fail(what, &sent, &came(&outcome), advice(how));
            }
        }
        None
    }

    /// A write that answered without an error must show in the table.
    fn must_be_stored(&mut self, method: &str) {
        if self.stored() == 0 {
            let came = format!("{method} answered, {}, and the table is empty", self.traffic());
            let expected = "a request to the endpoint of `initialize`, signed with its credentials";
            self.fail(&format!("{method} stores the record"), &json!({ "method": method }), &came, expected);
        }
    }

    fn stored(&self) -> usize {
        let reply = self.wire.backend().call("Scan", &json!({ "TableName": self.model.table }));
        reply.body["Items"].as_array().map_or(0, Vec::len)
    }

    /// The requests that the last call sent.
    fn traffic(&self) -> String {
        let exchanges = self.wire.take_exchanges();
        if exchanges.is_empty() {
            return "no request".to_owned();
        }
        let shown: Vec<String> = exchanges
            .iter()
            .map(|exchange| match exchange.reply.error_name() {
                Some(error) => format!("{} → {error}", exchange.operation),
                None => exchange.operation.clone(),
            })
            .collect();
        shown.join(", ")
    }

    fn key(&self, value: &str) -> Map<String, Value> {
        let mut record = self.record(value);
        record.retain(|name, _| self.model.is_key(name));
        record
    }

    /// A record with a value in every field; `value` tells records apart by their key.
    fn record(&self, value: &str) -> Map<String, Value> {
        let fields =
            self.model.fields.iter().filter(|field| self.model.version.as_ref() != Some(&field.name));
        fields.map(|field| (field.name.clone(), example(&field.kind, value))).collect()
    }

    fn ok(&mut self, what: &str, detail: &str) {
        let _ = writeln!(self.out, "  ok       {what}: {detail}");
    }

    fn note(&mut self, text: &str) {
        let _ = writeln!(self.out, "  note     {text}");
    }

    fn fail(&mut self, what: &str, sent: &Value, came: &str, expected: &str) {
        self.failed += 1;
        let indent = |text: &str| text.replace('\n', "\n                     ");
        let _ = writeln!(self.out, "  FAIL     {what}");
        if !sent.is_null() {
            let _ = writeln!(self.out, "           sent      {}", indent(&cut(&sent.to_string())));
        }
        let _ = writeln!(self.out, "           came      {}", indent(&cut(came)));
        let _ = writeln!(self.out, "           expected  {}", indent(expected));
    }
}

/// What to do about an answer that never came, or came wrongly.
fn advice(how: &str) -> &'static str {
    match how {
        "junk" => {
            "one answer a line on standard output and nothing else; print logs to standard error \
             (in Python: print(…, file=sys.stderr))"
        }
        "crashed" => "an answer; an error of the library is caught and answered as an error",
        "hung" => {
            "an answer within 10 s; standard output is flushed after each line (in Python: \
             print(…, flush=True)), and standard input is read line by line"
        }
        "no_answer" => "an answer that carries the request's own id, as the number that it is",
        _ => "one line of JSON, of at most 16 MB",
    }
}

fn came(outcome: &Outcome) -> String {
    match outcome {
        Ok(result) => result.to_string(),
        Err(CallError::Reported { kind, message, class, .. }) => {
            format!("error, kind {}, type {class:?}: {message}", name(*kind))
        }
        Err(CallError::Broken { how, detail }) => format!("{how}: {detail}"),
    }
}

fn name(kind: ErrorKind) -> String {
    serde_json::to_value(kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default()
}

fn names(kinds: &[ErrorKind]) -> String {
    kinds.iter().map(|kind| name(*kind)).collect::<Vec<_>>().join(" or ")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(1_200) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

/// A model with a field of each declared type, one of them stored under another name; or the first of the
/// target's own catalogue.
fn model(about: &Capabilities) -> Model {
    if let Some(model) = about.models.as_ref().and_then(|models| models.first()) {
        return model.clone();
    }
    let candidates = [
        FieldType::Bool,
        FieldType::Bytes,
        FieldType::Int8,
        FieldType::Int16,
        FieldType::Int32,
        FieldType::Int64,
        FieldType::Uint8,
        FieldType::Uint16,
        FieldType::Uint32,
        FieldType::Uint64,
        FieldType::Float64,
        FieldType::Decimal,
        FieldType::Timestamp,
        FieldType::Any,
        FieldType::List(Box::new(FieldType::String)),
        FieldType::Map(Box::new(FieldType::String)),
        FieldType::StringSet,
        FieldType::Option(Box::new(FieldType::String)),
        FieldType::Struct(vec![StructField {
            name: "inner".to_owned(),
            attribute: String::new(),
            kind: FieldType::String,
            omit_empty: false,
        }]),
    ];
    let key = std::iter::once(&FieldType::String).chain(&candidates);
    let key = key.filter(|kind| kind.key_type().is_some()).find(|kind| about.has_type(kind.kind_name()));
    let mut fields = vec![Field::new("id", key.cloned().unwrap_or(FieldType::String))];
    if about.has_type("string") {
        let mut label = Field::new("label", FieldType::String);
        label.attribute = "lbl".to_owned();
        fields.push(label);
    }
    let declared = candidates.into_iter().filter(|kind| about.has_type(kind.kind_name()));
    fields.extend(declared.enumerate().map(|(index, kind)| Field::new(format!("f{index}"), kind)));
    Model {
        name: "Doctor".to_owned(),
        table: "doctor".to_owned(),
        partition_key: "id".to_owned(),
        sort_key: None,
        version: None,
        tenancy: None,
        indexes: Vec::new(),
        fields,
    }
}

/// A value of the type; texts hold `value`, numbers its first letter's place.
fn example(kind: &FieldType, value: &str) -> Value {
    match kind {
        FieldType::String | FieldType::Any => json!({ "S": value }),
        FieldType::Bool => json!({ "BOOL": true }),
        FieldType::Bytes => json!({ "B": "aGk=" }),
        FieldType::Timestamp => json!({ "S": "2024-02-29T12:00:00Z" }),
        FieldType::List(inner) => json!({ "L": [example(inner, value)] }),
        FieldType::Map(inner) => json!({ "M": { "k": example(inner, value) } }),
        FieldType::StringSet => json!({ "SS": [value] }),
        FieldType::NumberSet => json!({ "NS": ["1"] }),
        FieldType::BytesSet => json!({ "BS": ["aGk="] }),
        FieldType::Option(inner) => example(inner, value),
        FieldType::Struct(members) => {
            let members = members.iter().map(|member| (member.name.clone(), example(&member.kind, value)));
            json!({ "M": members.collect::<Map<_, _>>() })
        }
        number if number.is_number() => {
            json!({ "N": value.bytes().next().unwrap_or_default().saturating_sub(b'`').to_string() })
        }
        _ => json!({ "S": value }),
    }
}

#[cfg(test)]
mod tests;
