//! The target protocol as it is published: a schema of every line, and a session to read.

/// JSON Schema of every request, answer and value. The result of a method is `#/$defs/result_METHOD`.
pub const SCHEMA: &str = include_str!("../../protocol/schema.json");

/// A small session: requests and answers in turn, one JSON object a line.
pub const GOLDEN: &str = include_str!("../../protocol/golden.jsonl");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property;
    use crate::tape::Source;
    use crate::target::capabilities;
    use jsonschema::Validator;
    use serde_json::{Value, json};

    fn schema() -> Value {
        serde_json::from_str(SCHEMA).expect("the schema is JSON")
    }

    fn validator(definition: &str) -> Validator {
        let schema = schema();
        let part = json!({
            "$schema": schema["$schema"],
            "$ref": format!("#/$defs/{definition}"),
            "$defs": schema["$defs"],
        });
        jsonschema::validator_for(&part).expect("the schema is one")
    }

    fn golden() -> Vec<Value> {
        GOLDEN.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    #[test]
    fn every_line_of_the_golden_session_is_valid() {
        let (request, response) = (validator("request"), validator("response"));
        let mut methods = Vec::new();
        for pair in golden().chunks(2) {
            let [asked, answered] = pair else { panic!("a request without an answer") };
            assert!(request.is_valid(asked), "{asked}");
            assert!(response.is_valid(answered), "{answered}");
            assert_eq!(asked["id"], answered["id"]);
            let method = asked["method"].as_str().expect("a name");
            if let Some(result) = answered.get("result") {
                assert!(validator(&format!("result_{method}")).is_valid(result), "{answered}");
            }
            methods.push(method.to_owned());
        }
        assert_eq!(methods.first().map(String::as_str), Some("initialize"));
        assert_eq!(methods.last().map(String::as_str), Some("shutdown"));
    }

    #[test]
    fn the_golden_answer_to_initialize_is_read_without_a_note() {
        let (read, notes) = capabilities::parse(&golden()[1]["result"]).expect("it is right");
        assert_eq!(notes, Vec::<String>::new());
        assert!(read.has("update"));
    }

    #[test]
    fn the_schema_knows_every_method() {
        let schema = schema();
        for method in capabilities::METHODS {
            for part in ["params", "result"] {
                assert!(schema["$defs"].get(format!("{part}_{method}")).is_some(), "{part}_{method}");
            }
        }
        assert_eq!(schema["$defs"]["method"]["enum"], json!(capabilities::METHODS));
    }

    #[test]
    fn wrong_lines_are_invalid() {
        let response = validator("response");
        for line in [
            json!({ "id": 1, "result": {} }),
            json!({ "jsonrpc": "2.0", "id": "1", "result": {} }),
            json!({ "jsonrpc": "2.0", "id": 1 }),
            json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32000, "message": "m" } }),
            json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32000, "message": "m", "data": { "kind": "bad" } } }),
        ] {
            assert!(!response.is_valid(&line), "{line}");
        }
        assert!(!validator("result_get").is_valid(&json!({})));
        assert!(!validator("result_get").is_valid(&json!({ "record": { "n": 1 } })));
        assert!(!validator("value").is_valid(&json!({ "S": "x", "N": "1" })));
    }

    #[test]
    fn every_generated_call_is_a_valid_request() {
        let all = json!({
            "name": "all", "role": "mapper", "methods": capabilities::METHODS,
            "update_forms": ["patch", "named", "partial", "whole", "builder"],
            "types": ["string", "bool", "bytes", "int8", "int64", "uint64", "float64", "decimal", "timestamp",
                      "any", "list", "map", "set", "option", "struct"],
            "conditions": ["and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "between", "in",
                           "begins_with", "contains", "exists", "not_exists", "type", "size"],
            "features": { "version": true, "hostile_names": true, "indexes": true },
            "contract": { "absent_in_patch": "remove", "empty_in_partial": "set", "zero_in_partial": "set",
                          "create_overwrites": false, "condition_combination": "grouped",
                          "update_missing": "create" },
        });
        let (capabilities, _) = capabilities::parse(&all).expect("it is right");
        let request = validator("request");
        let (mut calls, mut methods) = (0, std::collections::BTreeSet::new());
        for property in property::all() {
            for seed in 0..20 {
                let Ok(case) = property.generate(&mut Source::seeded(seed), &capabilities) else { continue };
                let define = json!({ "jsonrpc": "2.0", "id": 1, "method": "define", "params": { "model": case.model } });
                assert!(request.is_valid(&define), "{define}");
                for step in case.runs.iter().flat_map(|run| &run.program) {
                    let (method, params) = (step.call.method(), step.call.params());
                    let line = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
                    if let Some(error) =
                        validator(&format!("params_{method}")).iter_errors(&line["params"]).next()
                    {
                        panic!("{}: {error} at {}: {line}", property.id(), error.instance_path());
                    }
                    calls += 1;
                    methods.insert(method);
                }
            }
        }
        assert!(calls > 500 && methods.len() >= 6, "{calls} calls of {methods:?}");
    }
}
