//! What one call works with: options, model, tenant, cipher.

use super::cipher::Cipher;
use super::failure::{Failure, Result};
use super::options::Options;
use super::schema::Schema;
use super::tenant::Tenant;
use crate::mutants::Bug;
use proofhouse_models::mapper::Field;
use proofhouse_models::value::{AttributeValue, Item};
use std::borrow::Cow;

/// The surroundings of one call.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The mapper's choices.
    pub options: &'a Options,
    /// The planted bug, where there is one.
    pub bug: Option<Bug>,
    /// The model that the call speaks of.
    pub schema: &'a Schema,
    /// The tenant, where the model has tenants.
    pub tenant: Option<&'a Tenant>,
    /// For encrypted fields.
    pub cipher: &'a Cipher,
}

impl<'a> Scope<'a> {
    /// The table's name.
    pub fn table(&self) -> &'a str {
        &self.schema.model.table
    }

    /// Whether this mapper carries the planted bug. Always false in a control.
    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Whether the field's stored values carry the tenant.
    pub fn carries_tenant(&self, field: &Field) -> bool {
        if self.has(Bug::IndexWithoutTenant) || self.has(Bug::IndexFiltered) {
            return self.schema.model.partition_key == field.name;
        }
        self.schema.is_shared_partition(&field.name)
    }

    /// The tenant that the field's stored values carry, where they carry one.
    pub fn tenant_in(&self, field: &Field) -> Option<Cow<'a, Tenant>> {
        let tenant = self.tenant.filter(|_| self.carries_tenant(field))?;
        if self.has(Bug::IndexTenantUnescaped) && self.schema.model.partition_key != field.name {
            return Some(Cow::Owned(tenant.with(Bug::TenantUnescaped)));
        }
        Some(Cow::Borrowed(tenant))
    }

    /// The table's key in an encoded item.
    ///
    /// # Errors
    /// `validation` where a part is missing.
    pub fn key_of(&self, item: &Item) -> Result<Item> {
        let keys = self.schema.keys()?;
        keys.into_iter()
            .map(|field| {
                let value = item.get(field.attribute());
                let value = value.ok_or_else(|| Failure::validation("a part of the key is missing"))?;
                Ok((field.attribute().to_owned(), value.clone()))
            })
            .collect()
    }

    /// The place that a cipher text of an attribute is bound to.
    pub fn seal_place(&self, key: &Item, attribute: &str) -> Vec<u8> {
        let key = AttributeValue::M(key.clone()).to_json().to_string();
        let tenant = self.tenant.map_or("", Tenant::name);
        let place = serde_json::json!([self.table(), tenant, key, attribute]);
        place.to_string().into_bytes()
    }
}
