//! The AWS SDK over the wire, and attribute values between the protocol and the SDK.

use super::failure::{Result, invalid};
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue as SdkValue;
use aws_sdk_dynamodb::{Client, Config};
use proofhouse::target::LaunchError;
use proofhouse::wire::{Wire, WireClient};
use proofhouse_models::mapper::call::Key;
use proofhouse_models::mapper::{Model, Record};
use proofhouse_models::value::{AttributeValue, Item, Number};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// An item as the SDK holds it.
pub type SdkItem = HashMap<String, SdkValue>;

/// A client on the wire, and the runtime that drives it.
pub struct Sdk {
    /// The SDK's client, as a user would configure it.
    pub client: Client,
    runtime: Runtime,
}

impl Sdk {
    /// A client without a socket.
    pub fn new(wire: &Arc<Wire>) -> std::result::Result<Self, LaunchError> {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .endpoint_url("http://wire.invalid")
            .credentials_provider(Credentials::new("proofhouse", "proofhouse", None, None, "proofhouse"))
            .http_client(WireClient::new(Arc::clone(wire)))
            .build();
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| LaunchError::Failed(error.to_string()))?;
        Ok(Self { client: Client::from_conf(config), runtime })
    }

    /// Drives one call of the SDK to its end.
    pub fn run<F: Future>(&self, call: F) -> F::Output {
        self.runtime.block_on(call)
    }
}

/// A value of the protocol as the SDK's.
pub fn to_sdk(value: &AttributeValue) -> SdkValue {
    match value {
        AttributeValue::S(text) => SdkValue::S(text.clone()),
        AttributeValue::N(number) => SdkValue::N(number.to_string()),
        AttributeValue::B(bytes) => SdkValue::B(Blob::new(bytes.clone())),
        AttributeValue::Bool(truth) => SdkValue::Bool(*truth),
        AttributeValue::Null => SdkValue::Null(true),
        AttributeValue::L(list) => SdkValue::L(list.iter().map(to_sdk).collect()),
        AttributeValue::M(map) => SdkValue::M(item_to_sdk(map)),
        AttributeValue::Ss(set) => SdkValue::Ss(set.iter().cloned().collect()),
        AttributeValue::Ns(set) => SdkValue::Ns(set.iter().map(Number::to_string).collect()),
        AttributeValue::Bs(set) => SdkValue::Bs(set.iter().cloned().map(Blob::new).collect()),
    }
}

/// An item of the protocol as the SDK's.
pub fn item_to_sdk(item: &Item) -> SdkItem {
    item.iter().map(|(name, value)| (name.clone(), to_sdk(value))).collect()
}

/// A value of the SDK as the protocol's.
///
/// # Errors
/// `validation` for a value of a kind that the SDK did not know.
pub fn from_sdk(value: &SdkValue) -> Result<AttributeValue> {
    let unknown = || invalid("the SDK gave no value of a known type");
    let number = |text: &String| text.parse::<Number>().map_err(|_| unknown());
    Ok(match value {
        SdkValue::S(text) => AttributeValue::S(text.clone()),
        SdkValue::N(text) => AttributeValue::N(number(text)?),
        SdkValue::B(blob) => AttributeValue::B(blob.as_ref().to_vec()),
        SdkValue::Bool(truth) => AttributeValue::Bool(*truth),
        SdkValue::Null(_) => AttributeValue::Null,
        SdkValue::L(list) => AttributeValue::L(list.iter().map(from_sdk).collect::<Result<_>>()?),
        SdkValue::M(map) => AttributeValue::M(item_from_sdk(map)?),
        SdkValue::Ss(set) => AttributeValue::Ss(set.iter().cloned().collect()),
        SdkValue::Ns(set) => AttributeValue::Ns(set.iter().map(number).collect::<Result<_>>()?),
        SdkValue::Bs(set) => AttributeValue::Bs(set.iter().map(|blob| blob.as_ref().to_vec()).collect()),
        _ => return Err(unknown()),
    })
}

/// An item of the SDK as the protocol's.
///
/// # Errors
/// As [`from_sdk`].
pub fn item_from_sdk(item: &SdkItem) -> Result<Item> {
    item.iter().map(|(name, value)| Ok((name.clone(), from_sdk(value)?))).collect()
}

/// A key by field names as the SDK's key by stored names.
///
/// # Errors
/// `validation` for an unknown field.
pub fn key_to_sdk(model: &Model, key: &Key) -> Result<SdkItem> {
    key.iter().map(|(name, value)| Ok((attribute(model, name)?.to_owned(), to_sdk(value)))).collect()
}

/// The stored name of a field.
///
/// # Errors
/// `validation` for an unknown field.
pub fn attribute<'a>(model: &'a Model, name: &str) -> Result<&'a str> {
    model.field(name).map(|field| field.attribute()).ok_or_else(|| invalid("no field has this name"))
}

/// A record as the SDK's item, value by value.
///
/// # Errors
/// `validation` for an unknown field, `unsupported` for the "no value" that Rust does not have here.
pub fn record_to_sdk(model: &Model, record: &Record) -> Result<SdkItem> {
    let mut item = SdkItem::new();
    for (name, operand) in record {
        let attribute = attribute(model, name)?;
        if let Some(value) = operand.value() {
            item.insert(attribute.to_owned(), to_sdk(value));
        }
    }
    Ok(item)
}

/// An item of the SDK as a record: declared fields under their names.
///
/// # Errors
/// As [`from_sdk`].
pub fn record_from_sdk(model: &Model, item: &SdkItem) -> Result<Item> {
    let mut record = Item::new();
    for field in &model.fields {
        if let Some(value) = item.get(field.attribute()) {
            record.insert(field.name.clone(), from_sdk(value)?);
        }
    }
    Ok(record)
}
