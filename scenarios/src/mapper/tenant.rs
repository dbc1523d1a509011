//! Tenants in one pooled table: the tenant stands at the front of every partition key.
//!
//! Stored form of a string key: `tenant#key`, of bytes the same in bytes. In the tenant `%` and `#` are
//! escaped, so that the first `#` ends it and no two pairs of tenant and key share a stored key. The
//! partition keys of indexes carry the tenant too. Whatever comes back is checked again on its way out.

use super::failure::{Failure, Result};
use crate::mutants::Bug;
use proofhouse_models::mapper::ErrorKind;
use proofhouse_models::value::AttributeValue;

/// A tenant whose name was given and is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    name: String,
    bug: Option<Bug>,
}

impl Tenant {
    /// The tenant of a call. Fails closed: without a tenant nothing is done.
    ///
    /// # Errors
    /// `validation` where there is none.
    pub fn new(name: Option<&str>, bug: Option<Bug>) -> Result<Self> {
        match name {
            Some(name) if !name.is_empty() || bug == Some(Bug::EmptyTenantAllowed) => {
                Ok(Self { name: name.to_owned(), bug })
            }
            _ => Err(Failure::validation("this model needs a tenant")),
        }
    }

    /// The name as given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same tenant with another planted bug.
    pub fn with(&self, bug: Bug) -> Self {
        Self { name: self.name.clone(), bug: Some(bug) }
    }

    /// The tenant whose stored key this is; what a planted bug reads out of a cursor.
    pub fn of_stored(key: &str) -> Option<String> {
        Some(key.split_once('#')?.0.replace("%23", "#").replace("%25", "%"))
    }

    /// What stands in front of each of the tenant's keys.
    pub fn prefix(&self) -> String {
        let escaped = match self.bug {
            Some(Bug::TenantUnescaped) => self.name.clone(),
            Some(Bug::TenantLowercased) => escaped(&self.name.to_lowercase()),
            Some(Bug::TenantEscapedOnce) => self.name.replace('%', "%25").replacen('#', "%23", 1),
            Some(Bug::TenantTrimmed) => escaped(self.name.trim()),
            Some(Bug::TenantComposed) => escaped(&self.name.replace("e\u{301}", "é")),
            _ => escaped(&self.name),
        };
        format!("{escaped}#")
    }

    /// Whether a planted bug lets other tenants' rows through.
    fn shows_others(&self) -> bool {
        matches!(
            self.bug,
            Some(
                Bug::IndexWithoutTenant
                    | Bug::ScanOfEveryone
                    | Bug::CursorUnsealed
                    | Bug::CursorWithoutTenant
                    | Bug::IndexCursorUnsealed
                    | Bug::CursorSealsTenantOnly
            )
        )
    }

    /// The stored form of a partition key. Values of other types cannot equal a key and pass as they are.
    pub fn wrap(&self, value: AttributeValue) -> AttributeValue {
        match value {
            AttributeValue::S(text) => AttributeValue::S(self.prefix() + &text),
            AttributeValue::B(bytes) => {
                AttributeValue::B(self.prefix().into_bytes().into_iter().chain(bytes).collect())
            }
            other => other,
        }
    }

    /// The caller's form of a stored partition key.
    ///
    /// # Errors
    /// `internal` where the key is not this tenant's: it must never be shown.
    pub fn unwrap(&self, value: &AttributeValue) -> Result<AttributeValue> {
        let prefix = match value {
            AttributeValue::S(text) if self.shows_others() => {
                text.split_inclusive('#').next().unwrap_or_default().to_owned()
            }
            _ => self.prefix(),
        };
        let rest = match value {
            AttributeValue::S(text) => {
                text.strip_prefix(&prefix).map(|rest| AttributeValue::S(rest.to_owned()))
            }
            AttributeValue::B(bytes) => {
                bytes.strip_prefix(prefix.as_bytes()).map(|rest| AttributeValue::B(rest.to_vec()))
            }
            _ => None,
        };
        rest.ok_or_else(|| Failure::new(ErrorKind::Internal, "a stored key is not this tenant's"))
    }
}

fn escaped(name: &str) -> String {
    name.replace('%', "%25").replace('#', "%23")
}
