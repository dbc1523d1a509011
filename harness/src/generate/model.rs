//! Data models within what a target declares.

use super::Generator;
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::model::FieldShape;
use proofhouse_models::mapper::{Field, FieldType, Index, Model, Projection};

/// What a property asks of the model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Secondary indexes, where the target has them.
    pub indexes: bool,
    /// A version, where the target has them.
    pub version: bool,
    /// Percent of models with a sort key.
    pub sort_key: u32,
    /// Defaults, where the target has them.
    pub defaults: bool,
}

/// The field that tells whose record it is, in models with tenants; indexes hold it too.
pub const OWNER: &str = "owner";

/// The plain types in the order from simple to odd.
const PLAIN: [FieldType; 15] = [
    FieldType::String,
    FieldType::Int64,
    FieldType::Decimal,
    FieldType::Bool,
    FieldType::Int32,
    FieldType::Float64,
    FieldType::Timestamp,
    FieldType::Bytes,
    FieldType::Any,
    FieldType::Int8,
    FieldType::Int16,
    FieldType::Uint8,
    FieldType::Uint16,
    FieldType::Uint32,
    FieldType::Uint64,
];

impl Generator<'_> {
    /// A data model: from the target's catalogue, or made up within its types.
    ///
    /// # Errors
    /// [`Discard`] where the target declares no type that a key can have.
    pub fn model(&mut self, source: &mut Source, wish: Wish) -> Result<Model, Discard> {
        source.span("model", |source| match &self.target.models {
            Some(models) => {
                let tenancy = self.target.features.tenancy;
                let usable = |model: &&Model| {
                    !tenancy || (model.tenancy.as_deref() == Some("none")) != self.has_tenants()
                };
                let models: Vec<&Model> = models.iter().filter(usable).collect();
                if models.is_empty() {
                    return Err(Discard(match self.has_tenants() {
                        true => "the catalogue has no model with tenants",
                        false => "the catalogue has no model outside tenancy",
                    }));
                }
                Ok((*source.pick(&models)).clone())
            }
            None => self.made_up(source, wish),
        })
    }

    fn made_up(&mut self, source: &mut Source, wish: Wish) -> Result<Model, Discard> {
        let mut taken: Vec<String> = Vec::new();
        // The partition key carries the tenant, which a number cannot: targets may refuse it.
        let carries = self.has_tenants() && !source.chance(4);
        let key = self.key_field(source, "id", &mut taken, carries)?;
        let sort = match source.chance(wish.sort_key) {
            true => Some(self.key_field(source, "sk", &mut taken, false)?),
            false => None,
        };
        let mut fields = vec![key];
        fields.extend(sort.clone());
        let partition_key = fields[0].name.clone();
        let keys = fields.len();
        if self.has_tenants() {
            let indexed =
                (wish.indexes && self.target.features.indexes && source.chance(65)).then_some("org");
            for name in indexed.into_iter().chain([OWNER]) {
                taken.push(name.to_owned());
                fields.push(Field::new(name, FieldType::String));
            }
        }
        let more = source.list("field", 1..=5, |source| self.field(source, wish, &mut taken));
        fields.extend(more);
        let version = self.target.features.version && wish.version && source.chance(30);
        let version = version.then(|| self.version_field(&mut fields, &taken)).flatten();
        if self.swarm.renames {
            self.rename(source, &mut fields);
        }
        let mut model = Model {
            name: "User".to_owned(),
            table: "users".to_owned(),
            partition_key,
            sort_key: sort.map(|field| field.name),
            version,
            tenancy: (self.target.features.tenancy && !self.has_tenants()).then(|| "none".to_owned()),
            indexes: Vec::new(),
            fields,
        };
        if wish.indexes && self.target.features.indexes {
            self.index(source, &mut model, "by_a", keys, self.has_tenants());
            // A second one of its own keys: what is right of one index may be wrong of another.
            if !self.has_tenants() && !model.indexes.is_empty() && source.chance(35) {
                self.index(source, &mut model, "by_b", keys, false);
            }
        }
        Ok(model)
    }

    fn declared(&self) -> Vec<FieldType> {
        PLAIN.iter().filter(|kind| self.target.has_type(kind.kind_name())).cloned().collect()
    }

    fn key_field(
        &mut self,
        source: &mut Source,
        plain: &str,
        taken: &mut Vec<String>,
        carries: bool,
    ) -> Result<Field, Discard> {
        let suits = |kind: &FieldType| match kind.key_type() {
            None => false,
            Some("N") => !carries,
            Some(_) => true,
        };
        let kinds: Vec<FieldType> = self.declared().into_iter().filter(suits).collect();
        if kinds.is_empty() {
            return Err(Discard("no declared type is a key"));
        }
        let kind = if source.chance(if carries { 90 } else { 70 }) || kinds.len() == 1 {
            0
        } else {
            source.below(kinds.len())
        };
        let mut name = plain.to_owned();
        if self.hostile_names && source.chance(30) {
            name = self.name(source, taken);
        }
        taken.push(name.clone());
        Ok(Field::new(name, kinds[kind].clone()))
    }

    fn field(&mut self, source: &mut Source, wish: Wish, taken: &mut Vec<String>) -> Field {
        let name = self.name(source, taken);
        taken.push(name.clone());
        let kind = self.kind(source, 0);
        let mut field = Field::new(name, kind);
        let has_empty = Self::empty_of(&field.kind).is_some()
            || matches!(
                field.kind,
                FieldType::Struct(_) | FieldType::StringSet | FieldType::NumberSet | FieldType::BytesSet
            );
        if has_empty && self.target.features.omit_empty != Some(false) {
            field.omit_empty = source.chance(35);
        }
        if wish.defaults && self.target.features.default != Some(false) && source.chance(20) {
            // Whether a default names a struct's members or their attributes is open, however deep the struct is.
            let plain =
                !matches!(field.kind, FieldType::Option(_) | FieldType::Any) && !field.kind.holds_struct();
            let illegal = std::mem::take(&mut self.swarm.illegal);
            let value = self.value(source, &field.kind, 1);
            self.swarm.illegal = illegal;
            if plain && !value.is_empty() {
                field.default = Some(value);
            }
        } else if self.target.features.encrypted && field.kind == FieldType::String && source.chance(15) {
            field.encrypted = true;
        }
        field
    }

    /// A declared type, nested where the case holds nesting.
    pub fn kind(&mut self, source: &mut Source, depth: usize) -> FieldType {
        let plain = self.declared();
        let plain_weight = if plain.is_empty() { 0 } else { 50 };
        let deep = depth < 1 || (depth < 3 && self.swarm.nesting);
        let weight = |name: &str, weight: u32| if deep && self.target.has_type(name) { weight } else { 0 };
        let choices = [
            (plain_weight, 0),
            (weight("list", 18), 1),
            (weight("set", if depth == 0 { 12 } else { 8 }), 2),
            (weight("map", 15), 3),
            (weight("option", 15), 4),
            (weight("struct", 10), 5),
            (weight("any", 6), 6),
        ];
        if choices.iter().all(|(weight, _)| *weight == 0) {
            return plain.first().cloned().unwrap_or(FieldType::String);
        }
        match source.weighted(&choices) {
            1 => FieldType::List(Box::new(self.kind(source, depth + 1))),
            2 => self.set(source),
            3 => FieldType::Map(Box::new(self.kind(source, depth + 1))),
            4 => match self.kind(source, depth + 1) {
                inner @ (FieldType::Option(_) | FieldType::Any) => inner,
                inner => FieldType::Option(Box::new(inner)),
            },
            5 => {
                let mut taken = Vec::new();
                FieldType::Struct(source.list("member", 1..=3, |source| {
                    let name = self.name(source, &taken);
                    taken.push(name.clone());
                    let kind = self.kind(source, depth + 1);
                    let attribute = if self.swarm.renames && source.chance(30) {
                        format!("{name}1")
                    } else {
                        String::new()
                    };
                    let omit_empty = self.target.features.omit_empty != Some(false)
                        && Self::empty_of(&kind).is_some()
                        && source.chance(25);
                    FieldShape { name, attribute, kind, omit_empty }
                }))
            }
            6 => FieldType::Any,
            _ => {
                if source.chance(45) {
                    plain[0].clone()
                } else {
                    source.pick(&plain).clone()
                }
            }
        }
    }

    fn set(&self, source: &mut Source) -> FieldType {
        let kinds = [
            (FieldType::StringSet, "string"),
            (FieldType::NumberSet, "number"),
            (FieldType::BytesSet, "bytes"),
        ];
        let declared: Vec<FieldType> =
            kinds.into_iter().filter(|(_, of)| self.target.has_set(of)).map(|(kind, _)| kind).collect();
        if declared.is_empty() { FieldType::StringSet } else { source.pick(&declared).clone() }
    }

    fn version_field(&mut self, fields: &mut Vec<Field>, taken: &[String]) -> Option<String> {
        let kinds = [FieldType::Int64, FieldType::Int32, FieldType::Uint64, FieldType::Decimal];
        let kind = kinds.into_iter().find(|kind| self.target.has_type(kind.kind_name()))?;
        let name = if taken.iter().any(|name| name == "rev") { "rev2" } else { "rev" };
        fields.push(Field::new(name, kind));
        Some(name.to_owned())
    }

    /// Attributes other than the fields' names: a new name, or two fields that swap theirs.
    fn rename(&mut self, source: &mut Source, fields: &mut [Field]) {
        for index in 0..fields.len() {
            if source.chance(25) {
                let name = format!("{}1", fields[index].name);
                if !fields.iter().any(|field| field.attribute() == name) {
                    fields[index].attribute = name;
                }
            }
        }
        if fields.len() > 3 && source.chance(25) {
            let last = fields.len() - 1;
            let (left, right) = (fields[last].attribute.clone(), fields[last - 1].attribute.clone());
            fields[last].attribute = right;
            fields[last - 1].attribute = left;
        }
    }

    fn index(&mut self, source: &mut Source, model: &mut Model, name: &str, keys: usize, tenants: bool) {
        let usable = |field: &Field| {
            field.kind.key_type().is_some()
                && !(tenants && field.name == OWNER)
                && field.default.is_none()
                && !field.encrypted
                && !field.omit_empty
        };
        let mut names: Vec<String> = model.fields[keys..]
            .iter()
            .filter(|field| usable(field) && model.version.as_ref() != Some(&field.name))
            .map(|field| field.name.clone())
            .collect();
        if names.is_empty() || !source.chance(if tenants { 85 } else { 60 }) {
            return;
        }
        let first = tenants && names[0] == "org" && !source.chance(20);
        let partition_key = names.remove(if first { 0 } else { source.below(names.len()) });
        if tenants && model.field(&partition_key).is_some_and(|field| field.kind.key_type() == Some("N")) {
            return;
        }
        let sort_key =
            (!names.is_empty() && source.chance(60)).then(|| names.remove(source.below(names.len())));
        let others: Vec<String> = model.fields[keys..]
            .iter()
            .map(|field| field.name.clone())
            .filter(|name| *name != partition_key && Some(name) != sort_key.as_ref())
            .collect();
        let projection = match source.below(4) {
            _ if tenants => Projection::All,
            0 | 1 => Projection::All,
            2 => Projection::Keys,
            _ if others.is_empty() => Projection::Keys,
            _ => Projection::Fields(vec![source.pick(&others).clone()]),
        };
        model.indexes.push(Index { name: name.to_owned(), partition_key, sort_key, projection });
    }
}
