//! Tables and their indexes: what `CreateTable` reads and `DescribeTable` answers.

use super::error::ApiError;
use super::request::{Answer, Fields, is_key_type, legal_name};
use crate::value::{AttributeValue, Item, check_key};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The names of key attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyNames {
    pub partition: String,
    pub sort: Option<String>,
}

impl KeyNames {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.partition.as_str()).chain(self.sort.as_deref())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Projected {
    All,
    Keys,
    Include(BTreeSet<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    pub name: String,
    pub global: bool,
    pub key: KeyNames,
    pub projected: Projected,
}

#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub name: String,
    pub types: BTreeMap<String, String>,
    pub key: KeyNames,
    pub indexes: Vec<Index>,
    description: Value,
}

/// The values of a table's key: partition, then sort.
pub(super) type Key = Vec<AttributeValue>;

impl Schema {
    pub(super) fn read(request: Fields<'_>) -> Answer<Self> {
        let name = request.table_name()?.to_owned();
        let mut types = BTreeMap::new();
        let definitions = request.list("AttributeDefinitions")?;
        for definition in request.required("AttributeDefinitions", definitions)? {
            let definition = Fields::of(definition)?;
            let attribute = definition.required("AttributeName", definition.text("AttributeName")?)?;
            let kind = definition.required("AttributeType", definition.text("AttributeType")?)?;
            if !matches!(kind, "S" | "N" | "B") || attribute.is_empty() || attribute.len() > 255 {
                return Err(ApiError::validation("an attribute definition that no key can have"));
            }
            if types.insert(attribute.to_owned(), kind.to_owned()).is_some() {
                return Err(ApiError::validation(format!("{attribute} is defined twice")));
            }
        }
        let key = key_names(request)?;
        let mut indexes = Vec::new();
        for (member, global, most) in
            [("LocalSecondaryIndexes", false, 5), ("GlobalSecondaryIndexes", true, 20)]
        {
            let list = request.list(member)?;
            if list.is_some_and(|list| list.is_empty() || list.len() > most) {
                return Err(ApiError::validation(format!("{member} holds 1 to {most} indexes")));
            }
            for index in list.into_iter().flatten() {
                indexes.push(read_index(Fields::of(index)?, global, &key)?);
            }
        }
        let distinct = indexes.iter().map(|index| &index.name).collect::<BTreeSet<_>>();
        if distinct.len() < indexes.len() {
            return Err(ApiError::validation("two indexes of one name"));
        }
        let used = indexes.iter().flat_map(|index| index.key.names()).chain(key.names());
        if used.collect::<BTreeSet<_>>() != types.keys().map(String::as_str).collect() {
            return Err(ApiError::validation(
                "AttributeDefinitions and the keys do not name the same attributes",
            ));
        }
        let billing = request.option("BillingMode", &["PROVISIONED", "PAY_PER_REQUEST"])?;
        if (billing == "PROVISIONED") != request.get("ProvisionedThroughput").is_some() {
            return Err(ApiError::validation("ProvisionedThroughput goes with the billing mode PROVISIONED"));
        }
        let description = describe(request, &name, billing);
        Ok(Self { name, types, key, indexes, description })
    }

    pub(super) fn describe(&self, items: usize, bytes: usize) -> Value {
        let mut description = self.description.clone();
        description["ItemCount"] = items.into();
        description["TableSizeBytes"] = bytes.into();
        description
    }

    pub(super) fn index(&self, name: &str) -> Answer<&Index> {
        let found = self.indexes.iter().find(|index| index.name == name);
        found.ok_or_else(|| {
            ApiError::validation(format!("The table does not have the specified index: {name}"))
        })
    }

    /// The key of a whole item; its index keys are checked too.
    pub(super) fn key_of_item(&self, item: &Item) -> Answer<Key> {
        let key = self.key.names().enumerate().map(|(position, name)| {
            let value = item.get(name).ok_or_else(|| {
                ApiError::validation(format!("One of the required keys was not given a value: {name}"))
            })?;
            self.checked(name, value, position == 1, true)
        });
        let key = key.collect::<Answer<Key>>()?;
        self.check_index_keys(item)?;
        Ok(key)
    }

    /// The key of a `Key` member, which holds nothing else.
    pub(super) fn key_alone(&self, item: &Item) -> Answer<Key> {
        if item.len() != self.key.names().count() || !self.key.names().all(|name| item.contains_key(name)) {
            return Err(ApiError::validation("The provided key element does not match the schema"));
        }
        let named = self.key.names().enumerate().filter_map(|(position, name)| {
            item.get(name).map(|value| self.checked(name, value, position == 1, true))
        });
        named.collect()
    }

    /// An attribute that an index uses as a key has the index's type and is not empty, or is missing.
    pub(super) fn check_index_keys(&self, item: &Item) -> Answer<()> {
        for index in &self.indexes {
            for (position, name) in index.key.names().enumerate() {
                if let Some(value) = item.get(name) {
                    self.checked(name, value, position == 1, true)?;
                }
            }
        }
        Ok(())
    }

    /// A value for the key attribute `name`; `limited` where its length counts too.
    pub(super) fn checked(
        &self,
        name: &str,
        value: &AttributeValue,
        sort: bool,
        limited: bool,
    ) -> Answer<AttributeValue> {
        if !self.types.get(name).is_some_and(|kind| is_key_type(value, kind)) {
            return Err(ApiError::validation(format!("Type mismatch for key {name}")));
        }
        match check_key(value, sort) {
            Some(rule) if limited => Err(ApiError::validation(format!("{} of {name}", rule.name()))),
            _ => Ok(value.clone()),
        }
    }

    /// What an index holds of an item.
    pub(super) fn index_view(&self, index: &Index, item: &Item) -> Item {
        let keys = self.key.names().chain(index.key.names()).collect::<BTreeSet<_>>();
        let kept = |name: &String| match &index.projected {
            Projected::All => true,
            Projected::Keys => keys.contains(name.as_str()),
            Projected::Include(names) => keys.contains(name.as_str()) || names.contains(name),
        };
        item.iter()
            .filter(|(name, _)| kept(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Whether an index holds an attribute.
    pub(super) fn projects(&self, index: &Index, name: &str) -> bool {
        match &index.projected {
            Projected::All => true,
            Projected::Include(names) if names.contains(name) => true,
            _ => self.key.names().chain(index.key.names()).any(|key| key == name),
        }
    }
}

fn key_names(fields: Fields<'_>) -> Answer<KeyNames> {
    let schema = fields.required("KeySchema", fields.list("KeySchema")?)?;
    let mut named = Vec::new();
    for element in schema {
        let element = Fields::of(element)?;
        let name = element.required("AttributeName", element.text("AttributeName")?)?;
        named.push((name, element.required("KeyType", element.text("KeyType")?)?));
    }
    match named[..] {
        [(partition, "HASH")] => Ok(KeyNames { partition: partition.to_owned(), sort: None }),
        [(partition, "HASH"), (sort, "RANGE")] if partition != sort => {
            Ok(KeyNames { partition: partition.to_owned(), sort: Some(sort.to_owned()) })
        }
        _ => Err(ApiError::validation("Invalid KeySchema")),
    }
}

fn read_index(fields: Fields<'_>, global: bool, table: &KeyNames) -> Answer<Index> {
    let name = fields.required("IndexName", fields.text("IndexName")?)?;
    legal_name(name)?;
    let key = key_names(fields)?;
    if !global && (key.partition != table.partition || key.sort.is_none() || table.sort.is_none()) {
        return Err(ApiError::validation("a local index has the table's partition key and a sort key"));
    }
    let projection = fields.required("Projection", fields.object("Projection")?)?;
    let projection = Fields(projection);
    let kind = projection.required("ProjectionType", projection.text("ProjectionType")?)?;
    let names = projection.list("NonKeyAttributes")?;
    let projected = match (kind, names) {
        ("ALL", None) => Projected::All,
        ("KEYS_ONLY", None) => Projected::Keys,
        ("INCLUDE", Some(names)) if !names.is_empty() => {
            Projected::Include(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => return Err(ApiError::validation("a projection that no index can have")),
    };
    Ok(Index { name: name.to_owned(), global, key, projected })
}

fn describe(request: Fields<'_>, name: &str, billing: &str) -> Value {
    let arn = format!("arn:aws:dynamodb:us-east-1:000000000000:table/{name}");
    let mut description = json!({
        "TableName": name,
        "TableArn": arn,
        "TableStatus": "ACTIVE",
        "CreationDateTime": 0,
        "ItemCount": 0,
        "TableSizeBytes": 0,
        "BillingModeSummary": { "BillingMode": billing },
        "ProvisionedThroughput": { "ReadCapacityUnits": 0, "WriteCapacityUnits": 0, "NumberOfDecreasesToday": 0 },
    });
    for member in ["AttributeDefinitions", "KeySchema"] {
        description[member] = request.get(member).cloned().unwrap_or_default();
    }
    for member in ["ProvisionedThroughput", "StreamSpecification"] {
        if let Some(value) = request.get(member) {
            description[member] = value.clone();
        }
    }
    for member in ["LocalSecondaryIndexes", "GlobalSecondaryIndexes"] {
        let Some(Value::Array(list)) = request.get(member) else { continue };
        let mut list = list.clone();
        for index in &mut list {
            index["IndexArn"] =
                format!("{arn}/index/{}", index["IndexName"].as_str().unwrap_or_default()).into();
            index["ItemCount"] = 0.into();
            index["IndexSizeBytes"] = 0.into();
            if member == "GlobalSecondaryIndexes" {
                index["IndexStatus"] = "ACTIVE".into();
            }
        }
        description[member] = list.into();
    }
    description
}
