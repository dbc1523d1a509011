//! A small real cipher for fields declared `encrypted`. **For tests only**: nobody has reviewed it.
//!
//! SHA-256 in counter mode gives the key stream, and a keyed SHA-256 over nonce, place and cipher text the tag.
//! The *place* (table, key, attribute) is authenticated, so that a cipher text moved to another item does
//! not decrypt. The nonce is drawn anew (`random`) or derived from place and clear text (`deterministic`).

use proofhouse_models::mapper::contract::Encryption;
use proofhouse_models::value::AttributeValue;
use sha2::{Digest, Sha256};
use std::cell::Cell;

const SECRET: &[u8] = b"proofhouse test key, not a secret";
const NONCE: usize = 16;
const TAG: usize = 32;

/// Encrypts and decrypts attribute values.
#[derive(Debug)]
pub struct Cipher {
    encryption: Encryption,
    seed: u64,
    drawn: Cell<u64>,
}

impl Cipher {
    /// A cipher whose random nonces follow from the seed.
    pub fn new(encryption: Encryption, seed: u64) -> Self {
        Self { encryption, seed, drawn: Cell::new(0) }
    }

    /// Seals a value for a place.
    pub fn seal(&self, place: &[u8], clear: &AttributeValue) -> AttributeValue {
        let clear = clear.to_json().to_string().into_bytes();
        let nonce = match self.encryption {
            Encryption::Deterministic => digest(&[b"nonce", place, &clear]),
            Encryption::Random => {
                self.drawn.set(self.drawn.get() + 1);
                digest(&[b"draw", &self.seed.to_le_bytes(), &self.drawn.get().to_le_bytes()])
            }
        };
        let mut sealed = nonce[..NONCE].to_vec();
        sealed.extend(stream(&nonce[..NONCE], &clear));
        let tag = digest(&[b"tag", place, &sealed]);
        sealed.extend(tag);
        AttributeValue::B(sealed)
    }

    /// Opens a value at its place; nothing where it was sealed for another, or is no cipher text.
    pub fn open(&self, place: &[u8], sealed: &AttributeValue) -> Option<AttributeValue> {
        let AttributeValue::B(bytes) = sealed else { return None };
        let body = bytes.len().checked_sub(TAG).filter(|length| *length >= NONCE)?;
        let (body, tag) = bytes.split_at(body);
        if digest(&[b"tag", place, body]) != *tag {
            return None;
        }
        let clear = stream(&body[..NONCE], &body[NONCE..]);
        AttributeValue::from_json(&serde_json::from_slice(&clear).ok()?).ok()
    }
}

/// A keyed SHA-256 over parts, each with its length before it.
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(SECRET);
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn stream(nonce: &[u8], text: &[u8]) -> Vec<u8> {
    let blocks = text.chunks(32).enumerate();
    blocks
        .flat_map(|(count, chunk)| {
            let key = digest(&[b"stream", nonce, &(count as u64).to_le_bytes()]);
            chunk.iter().zip(key).map(|(byte, key)| byte ^ key).collect::<Vec<_>>()
        })
        .collect()
}
