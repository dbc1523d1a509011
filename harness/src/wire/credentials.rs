//! Credentials made for one listener, and the check of a request's signature (AWS Signature Version 4).
//!
//! Other programs on the machine can reach a port on loopback. A request that is not signed with this run's
//! secret is answered as AWS answers it, and is no exchange: it did not come from the target.

use super::Reply;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use hyper::HeaderMap;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Read as _;
use std::time::{Duration, SystemTime};

/// An access key that lives as long as its listener.
#[derive(Clone)]
pub(super) struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl Credentials {
    /// Credentials from the system's randomness.
    pub fn new() -> std::io::Result<Self> {
        let mut random = [0u8; 30];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
        let (id, secret) = random.split_at(8);
        Ok(Self {
            access_key_id: format!("AKIA{}", hex(id).to_uppercase()),
            secret_access_key: hex(secret)[..40].to_owned(),
        })
    }

    /// Checks who sent a request.
    pub fn check(&self, request: &Signed<'_>) -> Result<(), Box<Reply>> {
        let header = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        let Some(header) = header else {
            return refuse("MissingAuthenticationTokenException", "Request is missing Authentication Token");
        };
        let Some(parts) = Authorization::parse(header) else {
            return refuse("IncompleteSignatureException", "The Authorization header is incomplete.");
        };
        if parts.access_key_id != self.access_key_id {
            let message = "The security token included in the request is invalid.";
            return refuse("UnrecognizedClientException", message);
        }
        if self.signature(request, &parts).as_deref() != Some(parts.signature) {
            let message = "The request signature we calculated does not match the signature you provided. \
                           Check your AWS Secret Access Key and signing method.";
            return refuse("InvalidSignatureException", message);
        }
        Ok(())
    }

    fn signature(&self, request: &Signed<'_>, parts: &Authorization<'_>) -> Option<String> {
        let time = request.headers.get("x-amz-date")?.to_str().ok()?;
        let mut canonical = format!("{}\n{}\n{}\n", request.method, request.path, request.query);
        for name in parts.signed_headers.split(';') {
            let values: Vec<String> = request
                .headers
                .get_all(name)
                .iter()
                .map(|value| Some(value.to_str().ok()?.split_whitespace().collect::<Vec<_>>().join(" ")))
                .collect::<Option<_>>()?;
            writeln!(canonical, "{name}:{}", values.join(",")).ok()?;
        }
        write!(canonical, "\n{}\n{}", parts.signed_headers, hex(&Sha256::digest(request.body))).ok()?;
        let scope = format!("{}/{}/{}/aws4_request", parts.date, parts.region, parts.service);
        let digest = hex(&Sha256::digest(canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
        let day = day_of(parts.date)?;
        let key = generate_signing_key(&self.secret_access_key, day, parts.region, parts.service);
        Some(calculate_signature(key, text.as_bytes()))
    }
}

/// The parts of a request that its signature covers.
pub(super) struct Signed<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// `AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=…, Signature=…`.
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let rest = header.strip_prefix("AWS4-HMAC-SHA256")?;
        let part =
            |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let mut credential = part("Credential")?.split('/');
        let (access_key_id, date) = (credential.next()?, credential.next()?);
        let (region, service) = (credential.next()?, credential.next()?);
        let (signed_headers, signature) = (part("SignedHeaders")?, part("Signature")?);
        Some(Self { access_key_id, date, region, service, signed_headers, signature })
    }
}

fn refuse(name: &str, message: &str) -> Result<(), Box<Reply>> {
    Err(Box::new(Reply::error(400, name, message)))
}

/// Midnight of `YYYYMMDD` in UTC; the signing key depends on the day alone.
fn day_of(date: &str) -> Option<SystemTime> {
    let part = |range: std::ops::Range<usize>| date.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970 by counting from March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_from_1970_with_leap_years() {
        let days = |date| {
            let time = day_of(date)?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            Some(time.as_secs() / 86_400)
        };
        assert_eq!(days("19700101"), Some(0));
        assert_eq!(days("20000229"), Some(11_016));
        assert_eq!(days("20240301"), Some(19_783));
        assert_eq!(days("20261332"), None);
        assert_eq!(days("x"), None);
    }

    #[test]
    fn credentials_are_made_anew_each_time() {
        let first = Credentials::new().expect("the system has randomness");
        let second = Credentials::new().expect("the system has randomness");
        assert_ne!(first.access_key_id, second.access_key_id);
        assert_ne!(first.secret_access_key, second.secret_access_key);
        assert_eq!(first.access_key_id.len(), 20);
        assert_eq!(first.secret_access_key.len(), 40);
    }
}
