//! Parameters as they come from the protocol, made ready for the typed calls.

use super::failure::{Failure, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads the parameters of a method. A JSON `null` for an optional parameter means that it is left out, and
/// `$absent` for a struct's member that the member is.
///
/// # Errors
/// `validation`, without the parser's text: it may quote a value.
pub fn read<T: DeserializeOwned>(params: &Value) -> Result<T> {
    let mut params = params.clone();
    if let Value::Object(object) = &mut params {
        object.retain(|_, value| !value.is_null());
    }
    drop_absent_members(&mut params);
    serde_json::from_value(params)
        .map_err(|_| Failure::validation("the parameters do not have the shape of the protocol"))
}

/// Removes entries that are `{"$absent":true}` from the content of every `M`.
fn drop_absent_members(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(drop_absent_members),
        Value::Object(object) => {
            if let Some(Value::Object(members)) = object.get_mut("M") {
                members.retain(|_, member| member.get("$absent") != Some(&Value::Bool(true)));
            }
            object.values_mut().for_each(drop_absent_members);
        }
        _ => {}
    }
}

/// Reads a whole call, `{"method": …, "params": …}`, in the same way.
///
/// # Errors
/// As [`read`].
pub fn read_call(call: &Value) -> Result<proofhouse_models::mapper::Call> {
    let mut call = call.clone();
    if let Some(Value::Object(params)) = call.get_mut("params") {
        params.retain(|_, value| !value.is_null());
    }
    read(&call)
}
