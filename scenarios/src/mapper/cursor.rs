//! Cursors: opaque, deterministic, and good only for the read and the tenant that they were issued to.
//!
//! A cursor is the engine's last key with a keyed digest over it, the read and the tenant. An edited
//! cursor, or one of another read or tenant, is refused before anything is sent.

use super::cipher::digest;
use super::failure::{Failure, Result};
use super::scope::Scope;
use super::tenant::Tenant;
use crate::mutants::Bug;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use proofhouse_models::value::{Item, item_from_json, item_to_json};
use serde_json::Value;

const SEAL: usize = 16;

/// What a cursor is good for: method, table, index, partition, sort condition and order.
pub struct Reading {
    digest: [u8; 32],
}

impl Reading {
    /// The reading of these parts.
    pub fn new(parts: &Value) -> Self {
        Self { digest: digest(&[b"reading", parts.to_string().as_bytes()]) }
    }
}

impl Scope<'_> {
    /// The cursor that stands behind a key.
    pub fn issue(&self, reading: &Reading, last: &Item) -> String {
        let text = item_to_json(last).to_string();
        let mut bytes = self.cursor_seal(reading, text.as_bytes());
        bytes.extend(text.into_bytes());
        BASE64.encode(bytes)
    }

    /// The key behind which a cursor stands.
    ///
    /// # Errors
    /// `validation` for a cursor that was not issued to this read and tenant.
    pub fn resume(&self, reading: &Reading, index: Option<&str>, cursor: &str) -> Result<Item> {
        let wrong = || Failure::validation("the cursor was not issued to this read");
        let bytes = BASE64.decode(cursor).map_err(|_| wrong())?;
        let (seal, text) = bytes.split_at_checked(SEAL).ok_or_else(wrong)?;
        if seal != self.cursor_seal(reading, text).as_slice() && !self.takes_any_cursor(index) {
            return Err(wrong());
        }
        let key: Value = serde_json::from_slice(text).map_err(|_| wrong())?;
        item_from_json(&key).map_err(|_| wrong())
    }

    /// Whether a planted bug takes cursors without their seal.
    fn takes_any_cursor(&self, index: Option<&str>) -> bool {
        self.has(Bug::CursorUnsealed) || self.has(Bug::IndexCursorUnsealed) && index.is_some()
    }

    fn cursor_seal(&self, reading: &Reading, text: &[u8]) -> Vec<u8> {
        let tenant = self.tenant.map_or("", Tenant::name);
        let tenant = if self.has(Bug::CursorWithoutTenant) { "" } else { tenant };
        if self.has(Bug::CursorSealsTenantOnly) {
            return digest(&[b"cursor", tenant.as_bytes()])[..SEAL].to_vec();
        }
        digest(&[b"cursor", tenant.as_bytes(), &reading.digest, text])[..SEAL].to_vec()
    }
}

/// The key in a cursor, whatever its seal. Only planted bugs read it like this.
pub fn key_in(cursor: &str) -> Option<Item> {
    let bytes = BASE64.decode(cursor).ok()?;
    item_from_json(&serde_json::from_slice(bytes.get(SEAL..)?).ok()?).ok()
}
