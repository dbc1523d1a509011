//! Requests and answers as lines of JSON-RPC.

use super::output::excerpt;
use crate::target::{CallError, Outcome};
use proofhouse_models::mapper::ErrorKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The field under which the harness notes what was odd about an error.
pub(crate) const NOTE: &str = "(harness)";

/// A request as a line.
pub(super) fn request(id: u64, method: &str, params: &Value) -> Vec<u8> {
    let mut line =
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string().into_bytes();
    line.push(b'\n');
    line
}

/// An answer, whatever request it is for.
pub(super) struct Answer {
    pub id: Value,
    pub outcome: Outcome,
    /// `jsonrpc` is missing or not `2.0`. Tolerated; an adapter's author is told.
    pub unversioned: bool,
}

impl Answer {
    /// Whether it answers this request.
    pub fn is_for(&self, id: u64) -> bool {
        self.id.as_u64() == Some(id) || self.id.as_f64().is_some_and(|number| number == id as f64)
    }
}

/// Reads a line of standard output. The error says in words what it is instead of an answer.
pub(super) fn parse(line: &[u8]) -> Result<Answer, String> {
    let text =
        std::str::from_utf8(line).map_err(|_| format!("a line that is not UTF-8: {}", excerpt(line)))?;
    let value: Value = serde_json::from_str(text)
        .map_err(|error| format!("a line that is not JSON ({error}): {}", excerpt(line)))?;
    let Value::Object(mut object) = value else {
        return Err(format!("JSON that is no object: {}", excerpt(line)));
    };
    let unversioned = object.get("jsonrpc") != Some(&json!("2.0"));
    let Some(id) = object.remove("id") else {
        return Err(format!("an object without an \"id\": {}", excerpt(line)));
    };
    // Some JSON-RPC libraries write both keys, the unused one as null.
    let error = object.remove("error").filter(|error| !error.is_null());
    let outcome = match (object.remove("result"), error) {
        (Some(result), None) => Ok(result),
        (None | Some(Value::Null), Some(error)) => Err(reported(&error)),
        (Some(_), Some(_)) => {
            return Err(format!("an answer with both \"result\" and \"error\": {}", excerpt(line)));
        }
        (None, None) => {
            return Err(format!("an object with neither \"result\" nor \"error\": {}", excerpt(line)));
        }
    };
    Ok(Answer { id, outcome, unversioned })
}

/// An error of the protocol. A kind that is missing or unknown becomes `internal`, with a note.
fn reported(error: &Value) -> CallError {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let data = &error["data"];
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    if let Some(object) = data["fields"].as_object() {
        fields.extend(object.iter().map(|(name, value)| (name.clone(), text(value))));
    }
    let declared = &data["kind"];
    let kind = match serde_json::from_value(declared.clone()) {
        Ok(kind) => kind,
        // JSON-RPC's own code for a method that is not there.
        Err(_) if declared.is_null() && error["code"] == json!(-32601) => ErrorKind::Unsupported,
        Err(_) => {
            let note = if declared.is_null() {
                "the error has no data.kind".to_owned()
            } else {
                format!("the error's data.kind {declared} is none of the protocol")
            };
            fields.insert(NOTE.to_owned(), note);
            ErrorKind::Internal
        }
    };
    let message = match &error["message"] {
        Value::Null => error.as_str().unwrap_or_default().to_owned(),
        message => text(message),
    };
    let class = match &data["type"] {
        Value::Null => String::new(),
        class => text(class),
    };
    CallError::Reported { kind, message, class, fields }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(line: &str) -> Outcome {
        parse(line.as_bytes()).unwrap_or_else(|junk| panic!("{junk}")).outcome
    }

    #[test]
    fn a_result_and_an_error_are_told_apart() {
        assert_eq!(outcome(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok(json!({})));
        assert_eq!(outcome(r#"{"id":1,"result":null}"#), Ok(Value::Null));
        let error = r#"{"id":1,"error":{"code":-32000,"message":"no","data":
            {"kind":"condition_failed","type":"E","fields":{"n":5,"s":"x"}}}}"#;
        let Err(CallError::Reported { kind, message, class, fields }) = outcome(error) else { panic!() };
        assert_eq!((kind, message.as_str(), class.as_str()), (ErrorKind::ConditionFailed, "no", "E"));
        assert_eq!(fields, [("n".to_owned(), "5".to_owned()), ("s".to_owned(), "x".to_owned())].into());
    }

    #[test]
    fn an_unknown_kind_is_internal_with_a_note() {
        for (error, note) in [
            (r#"{"id":1,"error":{"message":"m","data":{"kind":"oops"}}}"#, "oops"),
            (r#"{"id":1,"error":{"message":"m"}}"#, "no data.kind"),
            (r#"{"id":1,"error":"m"}"#, "no data.kind"),
        ] {
            let Err(CallError::Reported { kind, message, fields, .. }) = outcome(error) else { panic!() };
            assert_eq!((kind, message.as_str()), (ErrorKind::Internal, "m"));
            assert!(fields[NOTE].contains(note), "{fields:?}");
        }
    }

    #[test]
    fn a_method_that_json_rpc_does_not_find_is_unsupported() {
        let error = r#"{"id":1,"error":{"code":-32601,"message":"Method not found"}}"#;
        assert_eq!(outcome(error).expect_err("an error").kind(), Some(ErrorKind::Unsupported));
    }

    #[test]
    fn junk_is_told_in_words() {
        for (line, words) in [
            (&b"hello"[..], "not JSON"),
            (b"\xff\xfe", "not UTF-8"),
            (b"[1]", "no object"),
            (b"{}", "without an \"id\""),
            (br#"{"id":1}"#, "neither"),
            (br#"{"id":1,"result":1,"error":{}}"#, "both"),
            (b"", "not JSON"),
        ] {
            let junk = parse(line).err().unwrap_or_default();
            assert!(junk.contains(words), "{junk}");
        }
    }

    #[test]
    fn a_request_is_one_line() {
        let line = request(3, "get", &json!({ "text": "a\nb" }));
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert!(line.ends_with(b"\n"));
    }
}
