//! The choices that the protocol leaves to a mapper, as switches, and the variants built from them.

use proofhouse_models::mapper::contract::{
    AbsentInPatch, ConditionCombination, Contract, EmptyInPartial, Encryption, Features, KeyCase, Library,
    Retry, UpdateMissing, ZeroInPartial,
};
use proofhouse_models::mapper::{Capabilities, FieldType, Form};
use serde_json::Value;

/// Every documented choice of a mapper.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the keys of the protocol's contract table, under their names")]
pub struct Options {
    pub absent_in_patch: AbsentInPatch,
    pub empty_in_partial: EmptyInPartial,
    pub zero_in_partial: ZeroInPartial,
    pub create_overwrites: bool,
    pub defaults_on_update: bool,
    pub silent_scan: bool,
    pub condition_combination: ConditionCombination,
    pub update_missing: UpdateMissing,
    pub encryption: Encryption,
    pub key_case: KeyCase,
    /// A counter of writes that the mapper keeps in the attribute `updated`.
    pub managed: bool,
    pub version: bool,
    pub indexes: bool,
    pub hostile_names: bool,
    pub tenancy: bool,
    /// Whether a range with its ends reversed is refused before it is sent; the protocol leaves it open.
    pub checks_ranges: bool,
    /// Kinds of types that are refused by `define`.
    pub refused_types: &'static [&'static str],
}

/// The attribute that [`Options::managed`] speaks of.
pub const MANAGED: &str = "updated";
/// Retries of one request that was throttled.
pub const RETRIES: u64 = 3;
/// Requests of one operation.
pub const MAX_REQUESTS: u64 = 256;

impl Default for Options {
    fn default() -> Self {
        Self {
            absent_in_patch: AbsentInPatch::Keep,
            empty_in_partial: EmptyInPartial::Set,
            zero_in_partial: ZeroInPartial::Set,
            create_overwrites: false,
            defaults_on_update: false,
            silent_scan: false,
            condition_combination: ConditionCombination::Grouped,
            update_missing: UpdateMissing::Create,
            encryption: Encryption::Deterministic,
            key_case: KeyCase::Preserve,
            managed: false,
            version: true,
            indexes: true,
            hostile_names: true,
            tenancy: false,
            checks_ranges: true,
            refused_types: &[],
        }
    }
}

const METHODS: [&str; 16] = [
    "define",
    "create",
    "put",
    "get",
    "update",
    "delete",
    "query",
    "scan",
    "batch_get",
    "batch_put",
    "batch_delete",
    "transact",
    "marshal",
    "unmarshal",
    "build",
    "reset",
];

const TYPES: [&str; 20] = [
    "string",
    "bool",
    "bytes",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float64",
    "decimal",
    "timestamp",
    "any",
    "list",
    "map",
    "set",
    "option",
    "struct",
];

const CONDITIONS: [&str; 17] = [
    "and",
    "or",
    "not",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "between",
    "in",
    "begins_with",
    "contains",
    "exists",
    "not_exists",
    "type",
    "size",
];

const OPERANDS: [&str; 7] = ["set", "remove", "add", "delete_from_set", "append", "prepend", "set_path"];

impl Options {
    /// What a mapper with these options says of itself.
    pub fn capabilities(&self, name: &str) -> Capabilities {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let methods = METHODS
            .iter()
            .filter(|method| !(self.tenancy && **method == "scan"))
            .copied()
            .collect::<Vec<_>>();
        let types = TYPES.iter().filter(|kind| !self.refused_types.contains(kind));
        Capabilities {
            name: name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            language: "rust".to_owned(),
            library: Library {
                name: "proofhouse-mapper".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            role: "mapper".to_owned(),
            methods: names(&methods),
            update_forms: vec![Form::Patch, Form::Named, Form::Partial, Form::Whole, Form::Builder],
            types: types.map(|kind| Value::from(*kind)).collect(),
            conditions: names(&CONDITIONS),
            update_operands: Some(names(&OPERANDS)),
            features: Features {
                tenancy: self.tenancy,
                version: self.version,
                encrypted: true,
                concurrent: false,
                hostile_names: self.hostile_names,
                indexes: self.indexes,
                default: Some(true),
                omit_empty: Some(true),
                if_: Some(true),
            },
            models: None,
            contract: self.contract(),
            learned: Default::default(),
        }
    }

    fn contract(&self) -> Contract {
        Contract {
            absent_in_patch: Some(self.absent_in_patch),
            empty_in_partial: Some(self.empty_in_partial),
            zero_in_partial: Some(self.zero_in_partial),
            create_overwrites: Some(self.create_overwrites),
            defaults_on_update: Some(self.defaults_on_update),
            silent_scan: Some(self.silent_scan),
            condition_combination: Some(self.condition_combination),
            update_missing: Some(self.update_missing),
            encryption: Some(self.encryption),
            retry: Some(Retry {
                retries: Some(RETRIES),
                base_ms: None,
                cap_ms: None,
                deadline_ms: None,
                max_requests: Some(MAX_REQUESTS),
            }),
            managed: if self.managed { vec![MANAGED.to_owned()] } else { Vec::new() },
            key_case: Some(self.key_case),
        }
    }

    /// Whether `define` takes a field of this type.
    pub fn takes(&self, kind: &FieldType) -> bool {
        if self.refused_types.contains(&kind.kind_name()) {
            return false;
        }
        match kind {
            FieldType::List(inner) | FieldType::Map(inner) | FieldType::Option(inner) => self.takes(inner),
            FieldType::Struct(members) => members.iter().all(|member| self.takes(&member.kind)),
            _ => true,
        }
    }
}

/// One correct mapper for each documented choice, by name.
pub fn variants() -> Vec<(&'static str, Options)> {
    let base = Options::default;
    vec![
        ("control", base()),
        ("control-absent-removes", Options { absent_in_patch: AbsentInPatch::Remove, ..base() }),
        ("control-absent-nulls", Options { absent_in_patch: AbsentInPatch::Null, ..base() }),
        ("control-absent-errors", Options { absent_in_patch: AbsentInPatch::Error, ..base() }),
        ("control-empty-kept", Options { empty_in_partial: EmptyInPartial::Keep, ..base() }),
        ("control-empty-removed", Options { empty_in_partial: EmptyInPartial::Remove, ..base() }),
        ("control-empty-errors", Options { empty_in_partial: EmptyInPartial::Error, ..base() }),
        (
            "control-zero-kept",
            Options {
                zero_in_partial: ZeroInPartial::Keep,
                empty_in_partial: EmptyInPartial::Keep,
                ..base()
            },
        ),
        ("control-create-overwrites", Options { create_overwrites: true, version: false, ..base() }),
        ("control-defaults-on-update", Options { defaults_on_update: true, ..base() }),
        ("control-silent-scan", Options { silent_scan: true, ..base() }),
        ("control-precedence", Options { condition_combination: ConditionCombination::Precedence, ..base() }),
        (
            "control-left-to-right",
            Options { condition_combination: ConditionCombination::LeftToRight, ..base() },
        ),
        (
            "control-missing-not-found",
            Options { update_missing: UpdateMissing::NotFound, version: false, ..base() },
        ),
        ("control-random-encryption", Options { encryption: Encryption::Random, ..base() }),
        ("control-lower-keys", Options { key_case: KeyCase::Lower, ..base() }),
        ("control-upper-keys", Options { key_case: KeyCase::Upper, checks_ranges: false, ..base() }),
        ("control-managed", Options { managed: true, ..base() }),
        ("control-no-version", Options { version: false, ..base() }),
        ("control-no-indexes", Options { indexes: false, ..base() }),
        ("control-plain-names", Options { hostile_names: false, ..base() }),
        (
            "control-few-types",
            Options {
                refused_types: &[
                    "bytes",
                    "int8",
                    "int16",
                    "uint8",
                    "uint16",
                    "uint32",
                    "uint64",
                    "float64",
                    "timestamp",
                    "any",
                    "set",
                    "struct",
                ],
                ..base()
            },
        ),
        ("control-tenants", Options { tenancy: true, ..base() }),
    ]
}
