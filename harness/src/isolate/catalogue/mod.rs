//! What is in the database: read from `pg_catalog`, never from SQL text.

mod hints;
mod read;

pub use hints::{Hint, hints};
pub use read::read;

use crate::backend::postgres::quote_name;
use std::collections::BTreeMap;

/// Everything that programs and rows are made from.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Tables, partitions, views, materialized views, foreign tables.
    pub tables: Vec<Table>,
    /// Functions and procedures outside the system schemas.
    pub functions: Vec<Function>,
    /// Sequences.
    pub sequences: Vec<Sequence>,
    /// Types by OID.
    pub types: BTreeMap<u32, Type>,
    /// Schemas in which the role may create objects.
    pub creatable: Vec<String>,
    /// Roles that the login role may switch to.
    pub memberships: Vec<String>,
    /// Settings of the login role that apply from its login on.
    pub settings: Vec<String>,
    /// The server's version: 170006.
    pub version: u32,
    /// Texts that decide who may do what: conditions of policies.
    pub conditions: Vec<String>,
    /// Static facts that may explain a finding.
    pub hints: Vec<Hint>,
}

/// A relation.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// OID.
    pub oid: u32,
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// `r` table, `p` partitioned, `v` view, `m` materialized view, `f` foreign table.
    pub kind: char,
    /// Owner.
    pub owner: String,
    /// The table that it is a partition or a child of.
    pub parent: Option<u32>,
    /// Whether it is a partition, not only a child.
    pub partition: bool,
    /// Whether it belongs to an extension.
    pub extension: bool,
    /// Columns in their order.
    pub columns: Vec<Column>,
    /// Constraints and unique indexes.
    pub constraints: Vec<Constraint>,
    /// What the role may do with the whole table: letters of `SIUDTR`.
    pub rights: String,
    /// Whether the role owns it, directly or by membership.
    pub owned: bool,
    /// Row-level security: enabled, forced.
    pub security: (bool, bool),
    /// For views: bits of what can be done through it (8 insert, 4 update, 16 delete).
    pub through: i32,
}

impl Table {
    /// The name as SQL text, with schema.
    pub fn sql(&self) -> String {
        format!("{}.{}", quote_name(&self.schema), quote_name(&self.name))
    }

    /// The name as a person writes it: without the schema `public`.
    pub fn label(&self) -> String {
        if self.schema == "public" { self.name.clone() } else { format!("{}.{}", self.schema, self.name) }
    }

    /// Whether the role has a right on the table or on a column of it.
    pub fn may(&self, right: char) -> bool {
        self.rights.contains(right) || self.columns.iter().any(|column| column.rights.contains(right))
    }

    /// Whether rows are stored in it.
    pub fn stores(&self) -> bool {
        matches!(self.kind, 'r' | 'p')
    }

    /// Columns that the role may use with a right.
    pub fn usable(&self, right: char) -> impl Iterator<Item = (usize, &Column)> {
        let whole = self.rights.contains(right);
        self.columns.iter().enumerate().filter(move |(_, column)| whole || column.rights.contains(right))
    }

    /// Position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The columns of the primary key, else of the first unique key, as positions.
    pub fn key(&self) -> Option<&[usize]> {
        let of = |kind| self.constraints.iter().find(|constraint| constraint.kind == kind);
        of('p').or_else(|| of('u')).map(|constraint| constraint.columns.as_slice())
    }
}

/// A column.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Name.
    pub name: String,
    /// OID of its type.
    pub kind: u32,
    /// The type as SQL text: `character varying(20)`.
    pub type_sql: String,
    /// Length limit of a character type.
    pub limit: Option<usize>,
    /// NOT NULL.
    pub required: bool,
    /// The default's text.
    pub default: Option<String>,
    /// Identity: `a` always, `d` by default.
    pub identity: Option<char>,
    /// Generated from other columns.
    pub generated: bool,
    /// Rights of the role on this column alone or through the table: letters of `SIU`.
    pub rights: String,
}

impl Column {
    /// Whether the database fills it where a row leaves it out.
    pub fn fills_itself(&self) -> bool {
        self.default.is_some() || self.identity.is_some() || self.generated
    }

    /// Whether a row may name it.
    pub fn settable(&self) -> bool {
        !self.generated && self.identity != Some('a')
    }

    /// The name as SQL text.
    pub fn sql(&self) -> String {
        quote_name(&self.name)
    }
}

/// A constraint or a unique index.
#[derive(Clone, Debug, Default)]
pub struct Constraint {
    /// Name.
    pub name: String,
    /// `p` primary key, `u` unique (constraint or index), `f` foreign key, `c` check, `x` exclusion.
    pub kind: char,
    /// Positions of its columns; empty for an index over expressions.
    pub columns: Vec<usize>,
    /// Referenced table, by OID.
    pub target: u32,
    /// Referenced columns, as positions in the target.
    pub target_columns: Vec<usize>,
    /// Action on delete: `a` none, `r` restrict, `c` cascade, `n` set null, `d` set default.
    pub on_delete: char,
    /// Its definition.
    pub definition: String,
    /// Whether it is checked late.
    pub deferrable: bool,
    /// Whether it can be an arbiter of ON CONFLICT without a predicate.
    pub arbiter: bool,
}

/// A function or a procedure.
#[derive(Clone, Debug, Default)]
pub struct Function {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Its arguments: name, type, whether it may be left out.
    pub arguments: Vec<Argument>,
    /// `f` function, `p` procedure.
    pub kind: char,
    /// Runs with its owner's rights.
    pub definer: bool,
    /// `i`, `s`, `v`.
    pub volatility: char,
    /// Belongs to an extension.
    pub extension: bool,
    /// May be executed by the role.
    pub executable: bool,
    /// Returns a trigger and cannot be called.
    pub trigger: bool,
    /// Its source text.
    pub source: String,
    /// Its settings, `search_path` for one.
    pub settings: String,
}

impl Function {
    /// The name as SQL text.
    pub fn sql(&self) -> String {
        format!("{}.{}", quote_name(&self.schema), quote_name(&self.name))
    }

    /// The name as a person writes it.
    pub fn label(&self) -> String {
        if self.schema == "public" { self.name.clone() } else { format!("{}.{}", self.schema, self.name) }
    }
}

/// An argument of a function.
#[derive(Clone, Debug, Default)]
pub struct Argument {
    /// Name; may be empty.
    pub name: String,
    /// OID of its type.
    pub kind: u32,
    /// Whether it has a default.
    pub optional: bool,
}

/// A sequence.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Rights of the role: `S` select, `U` usage, `W` update.
    pub rights: String,
}

impl Sequence {
    /// The name as SQL text.
    pub fn sql(&self) -> String {
        format!("{}.{}", quote_name(&self.schema), quote_name(&self.name))
    }
}

/// A type.
#[derive(Clone, Debug, Default)]
pub struct Type {
    /// As SQL text.
    pub sql: String,
    /// Its name without schema.
    pub name: String,
    /// `b` base, `e` enum, `d` domain, `c` composite, `r` range, `m` multirange, `p` pseudo.
    pub kind: char,
    /// Category: `N` numeric, `S` string, `B` boolean, `D` date, `A` array, …
    pub category: char,
    /// Element type of an array; subtype of a range.
    pub element: u32,
    /// Labels of an enum.
    pub labels: Vec<String>,
    /// Base type of a domain.
    pub base: u32,
    /// Checks of a domain.
    pub checks: String,
}

impl Catalogue {
    /// A table by OID.
    pub fn table(&self, oid: u32) -> Option<usize> {
        self.tables.iter().position(|table| table.oid == oid)
    }

    /// A table by `[schema.]table`; without schema `public` first, then any.
    pub fn named(&self, name: &str) -> Option<usize> {
        let by_full = |table: &Table| format!("{}.{}", table.schema, table.name) == name;
        let by_name = |table: &&Table| table.name == name;
        self.tables
            .iter()
            .position(by_full)
            .or_else(|| self.tables.iter().position(|t| t.name == name && t.schema == "public"))
            .or_else(|| self.tables.iter().position(|t| by_name(&t)))
    }

    /// Channels that functions notify by a constant name.
    pub fn channels(&self) -> Vec<String> {
        let mut channels = Vec::new();
        for function in self.functions.iter().filter(|f| !f.extension) {
            let source = &function.source;
            let called = source.match_indices("pg_notify(").filter_map(|(at, word)| {
                let rest = source[at + word.len()..].trim_start().strip_prefix('\'')?;
                Some(rest.split('\'').next()?.to_owned())
            });
            let upper = source.to_ascii_uppercase();
            let stated = upper.match_indices("NOTIFY ").filter_map(|(at, word)| {
                let rest = source.get(at + word.len()..)?;
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                (!name.is_empty()).then(|| name.to_ascii_lowercase())
            });
            for channel in called.chain(stated) {
                if !channels.contains(&channel) {
                    channels.push(channel);
                }
            }
        }
        channels
    }

    /// Quoted words in policies and functions that name a column: what its values are compared with.
    pub fn words_beside(&self, column: &str) -> Vec<String> {
        let sources = self.functions.iter().filter(|f| !f.extension).map(|f| &f.source);
        let mut words = Vec::new();
        for text in self.conditions.iter().chain(sources).filter(|text| text.contains(column)) {
            for word in quoted_words(text) {
                if word.len() <= 24 && !words.iter().any(|known| known == word) {
                    words.push(word.to_owned());
                }
            }
        }
        words
    }

    /// Keys that policies and functions look up in JSON documents: what stands after `->` and `->>`.
    pub fn keys_of_documents(&self) -> Vec<String> {
        let sources = self.functions.iter().filter(|f| !f.extension).map(|f| &f.source);
        let mut keys: Vec<String> = Vec::new();
        for text in self.conditions.iter().chain(sources) {
            for part in text.split("->").skip(1) {
                let Some(quoted) = part.trim_start_matches('>').trim_start().strip_prefix('\'') else {
                    continue;
                };
                let Some(key) = quoted_words(&format!("'{quoted}")).next().map(str::to_owned) else {
                    continue;
                };
                if quoted.starts_with(&key) && !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        keys
    }

    /// Words that the schema itself holds, in functions, policies, checks, defaults and enumerations: in an answer they
    /// point to nobody.
    pub fn own_words(&self) -> std::collections::HashSet<&str> {
        let functions = self.functions.iter().filter(|f| !f.extension).map(|f| &f.source);
        let checks = self.tables.iter().flat_map(|t| &t.constraints).map(|c| &c.definition);
        let defaults = self.tables.iter().flat_map(|t| &t.columns).filter_map(|c| c.default.as_ref());
        let texts = self.conditions.iter().chain(functions).chain(checks).chain(defaults);
        let labels = self.types.values().flat_map(|kind| &kind.labels).map(String::as_str);
        texts.flat_map(|text| quoted_words(text)).chain(labels).collect()
    }

    /// The base type below domains.
    pub fn base(&self, mut oid: u32) -> Option<&Type> {
        for _ in 0..8 {
            let found = self.types.get(&oid)?;
            if found.kind != 'd' {
                return Some(found);
            }
            oid = found.base;
        }
        None
    }
}

fn quoted_words(text: &str) -> impl Iterator<Item = &str> {
    text.split('\'').skip(1).step_by(2).filter(|word| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    })
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, Column, Constraint, Function, Table, Type};

    fn catalogue(source: &str, condition: &str) -> Catalogue {
        let function =
            |source: &str, extension| Function { source: source.to_owned(), extension, ..Default::default() };
        Catalogue {
            functions: vec![function(source, false), function("x = 'of_an_extension'", true)],
            conditions: vec![condition.to_owned()],
            ..Default::default()
        }
    }

    #[test]
    fn keys_of_documents_are_those_that_are_looked_up() {
        let found = catalogue(
            "SELECT claims -> 'user_metadata' ->> 'org_id' WHERE kind = 'other' AND a -> 0 <> b ->> name || 'x'",
            "((current_setting('jwt'::text))::jsonb ->>'sub'::text)",
        );
        assert_eq!(found.keys_of_documents(), ["sub", "user_metadata", "org_id"]);
    }

    #[test]
    fn own_words_are_those_of_functions_policies_checks_defaults_and_enumerations() {
        let mut all = catalogue("RETURN 'from_function'", "(kind = 'from_policy'::text)");
        let constraint =
            Constraint { definition: "CHECK ((s = 'from_check'::text))".to_owned(), ..Default::default() };
        let column = Column { default: Some("'from_default'::text".to_owned()), ..Default::default() };
        all.tables =
            vec![Table { constraints: vec![constraint], columns: vec![column], ..Default::default() }];
        all.types.insert(1, Type { labels: vec!["from enumeration".to_owned()], ..Default::default() });
        let words = all.own_words();
        for word in ["from_function", "from_policy", "from_check", "from_default", "from enumeration"] {
            assert!(words.contains(word), "{word}");
        }
        assert!(!words.contains("of_an_extension"));
    }

    #[test]
    fn a_quoted_sentence_is_no_word() {
        let all = catalogue("RAISE 'not yours'; x := 'yours';", "");
        assert_eq!(all.own_words().into_iter().collect::<Vec<_>>(), ["yours"]);
    }
}
