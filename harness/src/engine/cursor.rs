//! Cursors changed by someone who does not know how they are made.
//!
//! A cursor is opaque, and most are JSON behind Base64, with or without a seal beside it. So an edit first looks
//! through the encodings that are usual; a cursor in another one is edited as the text that it is. An edit that finds
//! no place gives nothing, and its step then takes up nothing.

use crate::case::{CursorEncoding, Edit, StepObservation};
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// The cursor of the step `own` after the edit; nothing where the edit finds no place in it.
pub(super) fn edit(cursor: &str, edit: &Edit, own: usize, steps: &[StepObservation]) -> Option<String> {
    let edited = match edit {
        Edit::Flip(position) => Decoded::read(cursor).map_bytes(|bytes| {
            let bit = position % (bytes.len() * 8).max(1);
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }),
        Edit::Cut(keep) => Decoded::read(cursor).map_bytes(|bytes| bytes.truncate(keep % bytes.len().max(1))),
        Edit::Splice { with, at } => {
            let other = Decoded::read(cursor_of(steps.get(*with)?)?);
            Decoded::read(cursor).map_bytes(|bytes| {
                let other = other.bytes();
                let at = at % bytes.len().max(1);
                bytes.truncate(at);
                bytes.extend(other.get(at..).unwrap_or_default());
            })
        }
        Edit::Key { of } => {
            let (from, to) = (last_key(steps.get(own)?)?, last_key(steps.get(*of)?)?);
            Decoded::read(cursor).replace(&|value| swap_key(value, from, to), &texts(from, to))
        }
        Edit::Tenant { from, to } => {
            let pairs = vec![(from.clone(), to.clone())];
            Decoded::read(cursor).replace(&|value| swap_texts(value, &pairs, false), &pairs)
        }
        Edit::Forge { of, encoding } => {
            let json = Value::Object(last_key(steps.get(*of)?)?.clone()).to_string();
            match encoding {
                CursorEncoding::Plain => json,
                CursorEncoding::Base64 => STANDARD.encode(json),
                CursorEncoding::UrlSafe => URL_SAFE_NO_PAD.encode(json),
                CursorEncoding::Hex => hex(json.as_bytes()),
            }
        }
    };
    (edited != cursor).then_some(edited)
}

fn cursor_of(step: &StepObservation) -> Option<&str> {
    step.outcome.as_ref().ok()?.get("cursor")?.as_str()
}

/// The stored key behind which the last page of a step ended.
fn last_key(step: &StepObservation) -> Option<&Map<String, Value>> {
    step.exchanges.iter().rev().find_map(|exchange| exchange.reply.body.get("LastEvaluatedKey")?.as_object())
}

#[derive(Clone, Copy)]
enum Encoding {
    Plain,
    Hex,
    /// With the engine that writes it; the flag says that it may be padded or not.
    Base64(&'static GeneralPurpose, bool),
}

/// The parts of a cursor between dots, decoded.
struct Decoded(Vec<(Encoding, Vec<u8>)>);

impl Decoded {
    fn read(cursor: &str) -> Self {
        let plain = || Self(vec![(Encoding::Plain, cursor.as_bytes().to_vec())]);
        if cursor.starts_with(['{', '[']) {
            return plain();
        }
        let parts: Option<Vec<_>> = cursor.split('.').map(decode).collect();
        parts.map_or_else(plain, Self)
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    /// Changes the first part that has bytes, which is the only one of most cursors.
    fn map_bytes(mut self, change: impl FnOnce(&mut Vec<u8>)) -> String {
        if let Some((_, bytes)) = self.0.iter_mut().find(|(_, bytes)| !bytes.is_empty()) {
            change(bytes);
        }
        self.write()
    }

    /// Changes the JSON in each part; where none changes, replaces texts in the bytes.
    fn replace(mut self, change: &dyn Fn(&mut Value) -> bool, texts: &[(String, String)]) -> String {
        let mut changed = false;
        for (encoding, bytes) in &mut self.0 {
            let Some((mut value, range)) = json_in(bytes) else { continue };
            if change(&mut value) {
                let mut text = value.to_string().into_bytes();
                if matches!(encoding, Encoding::Base64(_, true)) && range.end == bytes.len() {
                    // Spaces behind JSON mean nothing, and a multiple of three bytes needs no padding.
                    while !(bytes.len() - range.len() + text.len()).is_multiple_of(3) {
                        text.push(b' ');
                    }
                }
                bytes.splice(range, text);
                changed = true;
            }
        }
        if !changed {
            for (_, bytes) in &mut self.0 {
                for (from, to) in texts {
                    replace_bytes(bytes, from.as_bytes(), to.as_bytes());
                }
            }
        }
        self.write()
    }

    fn write(self) -> String {
        let parts: Vec<String> = self
            .0
            .into_iter()
            .map(|(encoding, bytes)| match encoding {
                Encoding::Plain => String::from_utf8_lossy(&bytes).into_owned(),
                Encoding::Hex => hex(&bytes),
                Encoding::Base64(engine, _) => engine.encode(bytes),
            })
            .collect();
        parts.join(".")
    }
}

fn decode(part: &str) -> Option<(Encoding, Vec<u8>)> {
    if part.len() >= 8 && part.len().is_multiple_of(2) && part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let digits = |at: usize| u8::from_str_radix(part.get(at..at + 2)?, 16).ok();
        return Some((Encoding::Hex, (0..part.len()).step_by(2).map(digits).collect::<Option<_>>()?));
    }
    let whole = part.len().is_multiple_of(4) && !part.ends_with('=');
    let engines: [&'static GeneralPurpose; 4] = [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD, &STANDARD, &URL_SAFE];
    let found = engines.into_iter().find_map(|engine| Some((engine, engine.decode(part).ok()?)));
    found.map(|(engine, bytes)| (Encoding::Base64(engine, whole), bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The JSON object or array in the bytes, and where it stands: a seal may stand before or behind it.
fn json_in(bytes: &[u8]) -> Option<(Value, std::ops::Range<usize>)> {
    let open = |byte: &u8| matches!(byte, b'{' | b'[');
    let close = |byte: &u8| matches!(byte, b'}' | b']');
    let end = bytes.iter().rposition(close)? + 1;
    let starts = bytes.iter().enumerate().filter(|(_, byte)| open(byte)).map(|(at, _)| at);
    starts.take_while(|at| *at < end).take(32).find_map(|start| {
        let value = serde_json::from_slice(&bytes[start..end]).ok()?;
        Some((value, start..end))
    })
}

/// Each value of a key as the texts that may stand in a cursor.
fn texts(from: &Map<String, Value>, to: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_object()?.values().next()?.as_str().map(str::to_owned);
    let pairs = from.iter().filter_map(|(name, value)| Some((text(value)?, text(to.get(name)?)?)));
    pairs.filter(|(from, to)| from != to && !from.is_empty()).collect()
}

/// Puts the values of one key in place of another's: under the attributes' names, else wherever such a text stands.
fn swap_key(value: &mut Value, from: &Map<String, Value>, to: &Map<String, Value>) -> bool {
    let pairs = texts(from, to);
    swap_named(value, from, to) || swap_texts(value, &pairs, false) || swap_texts(value, &pairs, true)
}

fn swap_named(value: &mut Value, from: &Map<String, Value>, to: &Map<String, Value>) -> bool {
    let mut changed = false;
    match value {
        Value::Object(object) => {
            for (name, inner) in object.iter_mut() {
                match (from.get(name), to.get(name)) {
                    (Some(old), Some(new)) if inner == old && old != new => {
                        *inner = new.clone();
                        changed = true;
                    }
                    (Some(old), Some(new)) if inner.is_string() => {
                        let pairs = texts(
                            &Map::from_iter([(name.clone(), old.clone())]),
                            &Map::from_iter([(name.clone(), new.clone())]),
                        );
                        changed |= swap_texts(inner, &pairs, false);
                    }
                    _ => changed |= swap_named(inner, from, to),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| changed |= swap_named(inner, from, to)),
        _ => {}
    }
    changed
}

/// Replaces texts that are one of the pairs, or that hold one as a part.
fn swap_texts(value: &mut Value, pairs: &[(String, String)], parts: bool) -> bool {
    match value {
        Value::String(text) => {
            let found = pairs.iter().find(|(from, _)| if parts { text.contains(from) } else { text == from });
            let Some((from, to)) = found else { return false };
            *text = text.replacen(from.as_str(), to, 1);
            true
        }
        // All of them, not only the first.
        Value::Array(list) => {
            list.iter_mut().filter_map(|inner| swap_texts(inner, pairs, parts).then_some(())).count() > 0
        }
        Value::Object(object) => {
            object.values_mut().filter_map(|inner| swap_texts(inner, pairs, parts).then_some(())).count() > 0
        }
        _ => false,
    }
}

fn replace_bytes(bytes: &mut Vec<u8>, from: &[u8], to: &[u8]) {
    if let Some(at) = bytes.windows(from.len().max(1)).position(|window| window == from) {
        bytes.splice(at..at + from.len(), to.iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Exchange, Reply};
    use serde_json::json;

    fn page(cursor: &str, last: Value) -> StepObservation {
        let exchange = Exchange {
            operation: "Query".to_owned(),
            request: Value::Null,
            reply: Reply::ok(json!({ "LastEvaluatedKey": last })),
            sequence: 0,
            at_micros: 0,
        };
        StepObservation {
            outcome: Ok(json!({ "records": [], "cursor": cursor })),
            exchanges: vec![exchange],
            after: Vec::new(),
            log: String::new(),
        }
    }

    fn pages(cursor: &str) -> Vec<StepObservation> {
        let key = |tenant: &str, at: &str| json!({ "pk": {"S": format!("{tenant}#x")}, "at": {"N": at} });
        vec![page(cursor, key("a", "1")), page("else", key("b", "2"))]
    }

    fn with_key_of_b(cursor: &str) -> Option<String> {
        edit(cursor, &Edit::Key { of: 1 }, 0, &pages(cursor))
    }

    #[test]
    fn the_key_in_a_cursor_is_put_out_whatever_the_encoding() {
        let (own, other) =
            (json!({"pk": {"S": "a#x"}, "at": {"N": "1"}}), json!({"at": {"N": "2"}, "pk": {"S": "b#x"}}));
        let plain = own.to_string();
        for (encode, decode) in [
            (plain.clone(), Box::new(|text: &str| text.as_bytes().to_vec()) as Box<dyn Fn(&str) -> Vec<u8>>),
            (STANDARD.encode(&plain), Box::new(|text: &str| STANDARD.decode(text).expect("padded"))),
            (
                URL_SAFE_NO_PAD.encode(&plain),
                Box::new(|text: &str| URL_SAFE_NO_PAD.decode(text).expect("not padded")),
            ),
            (hex(plain.as_bytes()), Box::new(|text: &str| super::decode(text).expect("digits").1)),
        ] {
            let edited = with_key_of_b(&encode).expect("it holds the key");
            assert_eq!(serde_json::from_slice::<Value>(&decode(&edited)).expect("JSON"), other, "{encode}");
        }
    }

    #[test]
    fn a_seal_beside_the_key_stays() {
        let sealed = [b"\xff\x01seal".as_slice(), br#"{"k":["a#x","1"],"t":"a"}"#].concat();
        let edited = with_key_of_b(&URL_SAFE_NO_PAD.encode(&sealed)).expect("it holds the key");
        let bytes = URL_SAFE_NO_PAD.decode(edited).expect("not padded");
        assert!(bytes.starts_with(b"\xff\x01seal"), "{bytes:?}");
        assert!(String::from_utf8_lossy(&bytes).contains(r#""k":["b#x","2"]"#), "{bytes:?}");
        let parts =
            format!("{}.{}", STANDARD_NO_PAD.encode(r#"{"pk":"a#x"}"#), STANDARD_NO_PAD.encode("seal!!"));
        let edited = with_key_of_b(&parts).expect("it holds the key");
        assert!(edited.ends_with(&STANDARD_NO_PAD.encode("seal!!")), "{edited}");
    }

    #[test]
    fn a_tenant_in_a_cursor_becomes_another() {
        let cursor = STANDARD.encode(r#"{"t":"a","k":"a#x"}"#);
        let tenant = Edit::Tenant { from: "a".to_owned(), to: "b".to_owned() };
        let edited = edit(&cursor, &tenant, 0, &pages(&cursor)).expect("it holds the tenant");
        let bytes = STANDARD.decode(edited).expect("padded");
        assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("JSON"), json!({"t": "b", "k": "a#x"}));
    }

    #[test]
    fn an_edit_that_finds_no_place_gives_nothing() {
        assert_eq!(with_key_of_b("opaque!"), None);
        assert_eq!(edit("x", &Edit::Splice { with: 7, at: 1 }, 0, &pages("x")), None);
    }

    #[test]
    fn bits_bytes_and_ends_change() {
        let cursor = STANDARD.encode("abc");
        let of = |change: Edit| {
            edit(&cursor, &change, 0, &pages(&cursor)).map(|text| decode(&text).expect("Base64").1)
        };
        assert_eq!(of(Edit::Flip(0)).as_deref(), Some(b"`bc".as_slice()));
        assert_eq!(of(Edit::Flip(24)).as_deref(), Some(b"`bc".as_slice()), "counted around");
        assert_eq!(of(Edit::Cut(2)).as_deref(), Some(b"ab".as_slice()));
        let forged =
            edit(&cursor, &Edit::Forge { of: 1, encoding: CursorEncoding::Plain }, 0, &pages(&cursor));
        let forged: Value = serde_json::from_str(&forged.expect("a key")).expect("JSON");
        assert_eq!(forged, json!({"at": {"N": "2"}, "pk": {"S": "b#x"}}));
    }
}
