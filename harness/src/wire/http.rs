//! From the bytes of a request to the bytes of an answer: what the socket and the in-process connector share.

use super::{Delivery, Reply, Wire};
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};

/// The content type of DynamoDB's JSON.
pub(super) const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// The service's prefix in the `X-Amz-Target` header.
const SERVICE: &str = "DynamoDB_20120810.";

/// An answer as HTTP carries it.
pub(super) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    pub request_id: String,
    /// Checksum of the body; boto3, Go and Java compare it where it is present.
    pub crc32: u32,
}

impl Answer {
    pub fn new(reply: &Reply) -> Self {
        let body = reply.body.to_string().into_bytes();
        let crc32 = crc32(&body);
        Self { status: reply.status, body, request_id: request_id(), crc32 }
    }
}

/// Runs a request whose sender is known. Nothing comes back where the connection has to break.
pub(super) fn respond(wire: &Wire, target: Option<&str>, body: &[u8]) -> Option<Answer> {
    let Some(operation) = target.and_then(|target| target.strip_prefix(SERVICE)) else {
        let reply = Reply::error(400, "UnknownOperationException", "The X-Amz-Target header names none.");
        return Some(Answer::new(&wire.refuse(target.unwrap_or_default(), reply)));
    };
    match serde_json::from_slice::<Value>(body) {
        Ok(request) if request.is_object() => match wire.deliver(operation, request) {
            Delivery::Answer(reply) => Some(Answer::new(&reply)),
            Delivery::Lost => None,
        },
        Ok(_) => {
            let reply = Reply::error(400, "SerializationException", "The body is no JSON object.");
            Some(Answer::new(&wire.refuse(operation, reply)))
        }
        Err(error) => {
            let reply = Reply::error(400, "SerializationException", &error.to_string());
            Some(Answer::new(&wire.refuse(operation, reply)))
        }
    }
}

/// 52 characters as AWS makes them, counted up: no verdict rests on it, and equal runs stay equal.
fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:0>52}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The CRC-32 of zip and Ethernet (polynomial 0xEDB88320, reflected).
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| CRC_TABLE[usize::from((crc as u8) ^ byte)] ^ (crc >> 8))
}

static CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xEDB8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}
