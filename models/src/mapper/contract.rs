//! What a target says of itself in its answer to `initialize`.

use super::call::Form;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer to `initialize`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// The target's name.
    pub name: String,
    /// The adapter's version.
    pub version: String,
    /// The language of the library.
    pub language: String,
    /// The library under test.
    pub library: Library,
    /// Always `mapper` in protocol 1.
    pub role: String,
    /// Methods that the target offers.
    pub methods: Vec<String>,
    /// Forms of `update` that it offers.
    pub update_forms: Vec<Form>,
    /// Types of fields: names, or `{"list":T}` to declare the kind.
    pub types: Vec<Value>,
    /// Operators of conditions.
    pub conditions: Vec<String>,
    /// Operands of `update`; what is not declared is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_operands: Option<Vec<String>>,
    /// Switches.
    pub features: Features,
    /// A fixed catalogue of models, for targets that cannot make types at run time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<super::model::Model>>,
    /// What the library documents.
    pub contract: Contract,
    /// What a probe saw. Not part of the protocol.
    #[serde(skip)]
    pub learned: Learned,
}

/// What a probe saw of how a target stores the keys of tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Texts that join the parts of a stored key, and what stands for them inside a part.
    pub joins: Vec<String>,
    /// The stored key's values, partition key first, with `{t}` for the tenant, `{p}` for the partition key and `{s}`
    /// for the sort key as the caller gave them; empty where they do not show.
    pub stored: Vec<String>,
}

/// Name and version of the library under test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Library {
    /// The library's package name.
    pub name: String,
    /// The released version.
    pub version: String,
}

/// What a target can do beside its methods. An option that is left out is tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the switches of the protocol, under their names")]
pub struct Features {
    pub tenancy: bool,
    pub version: bool,
    pub encrypted: bool,
    pub concurrent: bool,
    pub hostile_names: bool,
    pub indexes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omit_empty: Option<bool>,
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub if_: Option<bool>,
}

/// What the library documents. A key that is left out is not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the keys of the protocol's contract table, under their names")]
pub struct Contract {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent_in_patch: Option<AbsentInPatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_in_partial: Option<EmptyInPartial>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_in_partial: Option<ZeroInPartial>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_overwrites: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defaults_on_update: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent_scan: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition_combination: Option<ConditionCombination>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_missing: Option<UpdateMissing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_case: Option<KeyCase>,
}

macro_rules! choices {
    ($(#[$meta:meta])* $name:ident { $($variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(missing_docs, reason = "the values of the protocol, under their names")]
        pub enum $name { $($variant),+ }
    };
}

choices!(/// What an absent operand of a patch does.
    AbsentInPatch { Keep, Remove, Null, Error });
choices!(/// What an empty value in a partial update does.
    EmptyInPartial { Set, Keep, Remove, Error });
choices!(/// What a zero value in a partial update does.
    ZeroInPartial { Set, Keep });
choices!(/// How a condition tree is written.
    ConditionCombination { Grouped, Precedence, LeftToRight });
choices!(/// What an update of a missing item does.
    UpdateMissing { Create, NotFound });
choices!(/// Whether equal clear texts give equal cipher texts.
    Encryption { Deterministic, Random });
choices!(/// What happens to the case of key values.
    KeyCase { Preserve, Lower, Upper });

/// The bounds of retries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// Retries of one request.
    pub retries: Option<u64>,
    /// First delay in milliseconds.
    pub base_ms: Option<u64>,
    /// Longest delay in milliseconds.
    pub cap_ms: Option<u64>,
    /// End of the operation in milliseconds.
    pub deadline_ms: Option<u64>,
    /// Requests of one operation.
    pub max_requests: Option<u64>,
}

/// `data.kind` of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the kinds of the protocol, under their names")]
pub enum ErrorKind {
    ConditionFailed,
    Duplicate,
    NotFound,
    Validation,
    Conflict,
    Throttled,
    Timeout,
    Unsupported,
    Encode,
    Decode,
    Internal,
}

impl Capabilities {
    /// Whether the target offers a method.
    pub fn has(&self, method: &str) -> bool {
        self.methods.iter().any(|name| name == method)
    }

    /// Whether the target declares a kind of type, by its name or by `{"kind": …}`.
    pub fn has_type(&self, kind: &str) -> bool {
        self.types.iter().any(|declared| match declared {
            Value::String(name) => name == kind,
            Value::Object(object) => object.contains_key(kind),
            _ => false,
        })
    }

    /// Whether the target declares sets of a member type: `"set"` declares all, `{"set":"string"}` one.
    pub fn has_set(&self, member: &str) -> bool {
        self.types.iter().any(|declared| match declared {
            Value::String(name) => name == "set",
            Value::Object(object) => {
                object.get("set").is_some_and(|of| of.as_str().is_none_or(|of| of == member))
            }
            _ => false,
        })
    }

    /// Whether the target declares an operator; no list at all means none is declared.
    pub fn has_condition(&self, operator: &str) -> bool {
        self.conditions.iter().any(|name| name == operator)
    }

    /// Whether an operand of `update` is to be tried.
    pub fn has_update_operand(&self, operand: &str) -> bool {
        self.update_operands.as_ref().is_none_or(|list| list.iter().any(|name| name == operand))
    }

    /// Whether conditional writes are to be tried.
    pub fn has_if(&self) -> bool {
        self.features.if_.unwrap_or(true) && !self.conditions.is_empty()
    }
}
