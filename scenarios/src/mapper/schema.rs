//! A defined model, checked once, with the questions that encoding and building ask of it.

use super::failure::{Failure, Result};
use super::options::{MANAGED, Options};
use proofhouse_models::mapper::{Field, FieldType, Model, Path, PathPart};

/// A model that `define` accepted.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The model as the caller gave it.
    pub model: Model,
}

/// Where a path of field names leads in the stored item.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// The field that the path begins with.
    pub field: &'a Field,
    /// The path in stored names.
    pub parts: Vec<PathPart>,
    /// The declared type there, where one is declared.
    pub kind: Option<&'a FieldType>,
    /// Whether an empty value there is stored as no attribute.
    pub omit_empty: bool,
}

impl Place<'_> {
    /// Whether the path is a whole field.
    pub fn is_field(&self) -> bool {
        self.parts.len() == 1
    }
}

impl Schema {
    /// Checks a model against what the mapper offers.
    ///
    /// # Errors
    /// `unsupported` for what the options refuse, `validation` for a model that contradicts itself.
    pub fn new(model: Model, options: &Options) -> Result<Self> {
        let schema = Self { model };
        schema.check_fields(options)?;
        schema.check_keys(options)?;
        if let Some(name) = &schema.model.version {
            if !options.version {
                return Err(Failure::unsupported("versions are not offered"));
            }
            let field = schema.field(name)?;
            if plain(&field.kind).integer_bounds().is_none() || schema.model.is_any_key(name) {
                return Err(Failure::unsupported("a version is an integer and no key"));
            }
        }
        if !schema.model.indexes.is_empty() && !options.indexes {
            return Err(Failure::unsupported("indexes are not offered"));
        }
        Ok(schema)
    }

    fn check_fields(&self, options: &Options) -> Result<()> {
        for (position, field) in self.model.fields.iter().enumerate() {
            if !options.takes(&field.kind) {
                return Err(Failure::unsupported("a type that is not offered"));
            }
            if !options.hostile_names && !has_plain_names(field) {
                return Err(Failure::unsupported("names are letters, digits and underscores"));
            }
            let twin = self.model.fields[..position]
                .iter()
                .any(|other| other.name == field.name || other.attribute() == field.attribute());
            if twin {
                return Err(Failure::validation("two fields have one name"));
            }
            if field.encrypted && self.model.is_any_key(&field.name) {
                return Err(Failure::unsupported("an encrypted key"));
            }
        }
        Ok(())
    }

    fn check_keys(&self, options: &Options) -> Result<()> {
        let mut keys = self.model.key_fields();
        for index in &self.model.indexes {
            keys.push(&index.partition_key);
            keys.extend(index.sort_key.as_deref());
        }
        for name in keys {
            let field = self.field(name)?;
            let kind = plain(&field.kind).key_type();
            if kind.is_none() {
                return Err(Failure::validation("a key is a string, a number or bytes"));
            }
            if options.tenancy && self.is_shared_partition(name) && self.has_tenants() && kind == Some("N") {
                return Err(Failure::unsupported("a numeric partition key with tenants"));
            }
        }
        Ok(())
    }

    /// A declared field.
    ///
    /// # Errors
    /// `validation` where none has the name.
    pub fn field(&self, name: &str) -> Result<&Field> {
        self.model.field(name).ok_or_else(|| Failure::validation("no field has this name"))
    }

    /// The fields of the table's key, partition key first.
    ///
    /// # Errors
    /// None on a checked model.
    pub fn keys(&self) -> Result<Vec<&Field>> {
        self.model.key_fields().into_iter().map(|name| self.field(name)).collect()
    }

    /// Partition and sort key of the table or of an index.
    ///
    /// # Errors
    /// `validation` where no index has the name.
    pub fn keys_of(&self, index: Option<&str>) -> Result<(&Field, Option<&Field>)> {
        let (partition, sort) = match index {
            None => (&self.model.partition_key, &self.model.sort_key),
            Some(name) => {
                let index = self.model.index(name);
                let index = index.ok_or_else(|| Failure::validation("no index has this name"))?;
                (&index.partition_key, &index.sort_key)
            }
        };
        let sort = sort.as_deref().map(|name| self.field(name)).transpose()?;
        Ok((self.field(partition)?, sort))
    }

    /// Whether the items of this model belong to tenants, where the mapper has tenants.
    pub fn has_tenants(&self) -> bool {
        self.model.tenancy.as_deref() != Some("none")
    }

    /// Whether the field is the partition key of the table or of an index: what tenants share.
    pub fn is_shared_partition(&self, name: &str) -> bool {
        self.model.partition_key == name || self.model.indexes.iter().any(|index| index.partition_key == name)
    }

    /// Longest key in bytes that the field may hold, where it is a key of the table or of an index.
    pub fn key_limit(&self, name: &str) -> Option<usize> {
        let is_sort = self.model.sort_key.as_deref() == Some(name)
            || self.model.indexes.iter().any(|index| index.sort_key.as_deref() == Some(name));
        if is_sort {
            return Some(1024);
        }
        self.is_shared_partition(name).then_some(2048)
    }

    /// The stored name of the managed counter, unless the model uses the name for something else.
    pub fn managed(&self, options: &Options) -> Option<&str> {
        if !options.managed {
            return None;
        }
        match self.model.field(MANAGED) {
            None => self.model.field_of_attribute(MANAGED).is_none().then_some(MANAGED),
            Some(field) => {
                let counts = plain(&field.kind).integer_bounds().is_some()
                    && !field.encrypted
                    && !self.model.is_any_key(MANAGED)
                    && self.model.version.as_deref() != Some(MANAGED);
                counts.then(|| field.attribute())
            }
        }
    }

    /// Whether the mapper writes the field on its own.
    pub fn is_managed(&self, options: &Options, field: &Field) -> bool {
        self.model.version.as_deref() == Some(field.name.as_str())
            || self.managed(options) == Some(field.attribute())
    }

    /// Follows a path of field names to its place in the stored item.
    ///
    /// # Errors
    /// `validation` where the path does not begin with a field.
    pub fn place(&self, path: &Path) -> Result<Place<'_>> {
        let mut parts = path.0.iter();
        let Some(PathPart::Key(root)) = parts.next() else {
            return Err(Failure::validation("a path begins with a field"));
        };
        let field = self.field(root)?;
        let mut place = Place {
            field,
            parts: vec![PathPart::Key(field.attribute().to_owned())],
            kind: Some(&field.kind),
            omit_empty: field.omit_empty,
        };
        for part in parts {
            place.omit_empty = false;
            let (stored, kind) = match (place.kind.map(plain), part) {
                (Some(FieldType::Struct(members)), PathPart::Key(name)) => {
                    match members.iter().find(|member| member.name == *name) {
                        Some(member) => {
                            place.omit_empty = member.omit_empty;
                            (PathPart::Key(member.attribute().to_owned()), Some(&member.kind))
                        }
                        None => (part.clone(), None),
                    }
                }
                (Some(FieldType::Map(inner)), PathPart::Key(_))
                | (Some(FieldType::List(inner)), PathPart::Index(_)) => (part.clone(), Some(&**inner)),
                _ => (part.clone(), None),
            };
            place.parts.push(stored);
            place.kind = kind;
        }
        Ok(place)
    }
}

/// A type without the options around it.
pub fn plain(kind: &FieldType) -> &FieldType {
    match kind {
        FieldType::Option(inner) => plain(inner),
        kind => kind,
    }
}

fn has_plain_names(field: &Field) -> bool {
    is_plain_name(&field.name) && is_plain_name(field.attribute()) && members_are_plain(&field.kind)
}

fn members_are_plain(kind: &FieldType) -> bool {
    match kind {
        FieldType::Struct(members) => members.iter().all(|member| {
            is_plain_name(&member.name)
                && is_plain_name(member.attribute())
                && members_are_plain(&member.kind)
        }),
        FieldType::List(inner) | FieldType::Map(inner) | FieldType::Option(inner) => members_are_plain(inner),
        _ => true,
    }
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}
