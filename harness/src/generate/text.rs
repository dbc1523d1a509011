//! Strings and bytes.

use super::Generator;
use crate::tape::Source;
use proofhouse_models::mapper::contract::KeyCase;
use proofhouse_models::value::AttributeValue;

/// What a person would write first.
const PLAIN: [&str; 9] = ["a", "b", "x", "ab", "aa", "abc", "b1", "c", "b2"];

/// Text that means something to expressions, SQL, shells, formats, paths or parsers.
const HOSTILE: [&str; 42] = [
    "--",
    "a--b",
    "'",
    "''",
    "\"",
    "\\",
    "\\\\",
    "a'; DROP TABLE users; --",
    "' OR '1'='1",
    ":v0",
    ":v1",
    "#n0",
    "#0",
    ":0",
    ":val1",
    "NULL",
    "null",
    "None",
    "undefined",
    "true",
    "false",
    "0",
    "-0",
    "1.0",
    "1e5",
    "NaN",
    "a.b",
    "a[0]",
    "[]",
    "{}",
    "{\"S\":\"x\"}",
    "$absent",
    "%s%n",
    "%",
    "_",
    "a#b",
    "a|b",
    " a",
    "a ",
    "a\nb",
    "\n",
    "a\r\nb",
];

/// Text outside ASCII: composed and decomposed, other planes, joined emoji, right to left, a final sigma.
const UNICODE: [&str; 14] = [
    "é",
    "e\u{301}",
    "ü",
    "ß",
    "İ",
    "ı",
    "Σς",
    "日本",
    "😀",
    "👩‍👩‍👧",
    "\u{ff5e}",
    "\u{200b}",
    "\u{202e}abc",
    "\u{0}",
];

/// The marks of text that no error may show.
pub const CANARY: &str = "canary-";

/// The first digits of numbers that no error may show.
pub const CANARY_DIGITS: &str = "904771";

impl Generator<'_> {
    /// A string, empty ones included where the case holds empties.
    pub fn text(&mut self, source: &mut Source) -> String {
        let value = self.pooled(
            source,
            "text",
            |this, source| AttributeValue::S(this.fresh_text(source)),
            |_, source, value| AttributeValue::S(near(source, text_of(value))),
        );
        text_of(&value).to_owned()
    }

    /// A string that is not empty; for keys, with a case that the contract's `key_case` settles.
    pub fn key_text(&mut self, source: &mut Source) -> String {
        let ascii = matches!(self.target.contract.key_case, Some(KeyCase::Lower | KeyCase::Upper));
        let text = match self.parts {
            Some(_) if !source.chance(25) => self.part(source),
            _ => self.text(source),
        };
        if text.is_empty() || text.len() > 200 || (ascii && !text.is_ascii()) {
            return (*source.pick(&PLAIN)).to_owned();
        }
        text
    }

    fn fresh_text(&mut self, source: &mut Source) -> String {
        let swarm = self.swarm;
        let weight = |on: bool, weight: u32| if on { weight } else { 0 };
        let kind = *source.weighted(&[
            (50, 0),
            (12, 1),
            (weight(swarm.empties, 12), 2),
            (weight(swarm.hostile_text, 25), 3),
            (weight(swarm.unicode, 20), 4),
            (weight(swarm.long, 6), 5),
            (weight(swarm.canaries, 120), 6),
            (2, 6),
        ]);
        match kind {
            0 => (*source.pick(&PLAIN)).to_owned(),
            1 => source
                .list("letter", 1..=6, |source| *source.pick(b"abAB01-_ ."))
                .into_iter()
                .map(char::from)
                .collect(),
            2 => String::new(),
            3 => (*source.pick(&HOSTILE)).to_owned(),
            4 => {
                let wide = *source.pick(&UNICODE);
                // Long enough that a cut at a byte falls inside a character, wherever it is.
                if source.chance(30) {
                    format!("{}{}", "a".repeat(source.below(64)), wide.repeat(1 + source.below(16)))
                } else {
                    wide.to_owned()
                }
            }
            5 => "x".repeat(*source.pick(&[256, 1_025, 4_097, 70_000])),
            _ => format!("{CANARY}{:04}", source.below(10_000)),
        }
    }

    /// Bytes, empty ones included where the case holds empties.
    pub fn bytes(&mut self, source: &mut Source) -> Vec<u8> {
        let swarm = self.swarm;
        let value = self.pooled(
            source,
            "bytes",
            |_, source| {
                let least = usize::from(!swarm.empties || source.chance(70));
                let bytes =
                    source.list("byte", least..=4, |source| *source.pick(&[1u8, 0, 255, 128, b'a', 10]));
                AttributeValue::B(bytes)
            },
            |_, source, value| {
                let AttributeValue::B(bytes) = value else { return value.clone() };
                let mut bytes = bytes.clone();
                bytes.push(*source.pick(&[0, 255]));
                AttributeValue::B(bytes)
            },
        );
        match value {
            AttributeValue::B(bytes) => bytes,
            _ => Vec::new(),
        }
    }
}

fn text_of(value: &AttributeValue) -> &str {
    match value {
        AttributeValue::S(text) => text,
        _ => "",
    }
}

/// A text that differs little: longer by one, in the other case, with a space, without its last letter, with the
/// next letter for its last.
pub fn near(source: &mut Source, text: &str) -> String {
    match source.below(8) {
        0 => format!("{text}a"),
        1 => {
            let upper = text.to_ascii_uppercase();
            if upper == text { text.to_ascii_lowercase() } else { upper }
        }
        2 => format!("{text} "),
        3 => format!("{text}0"),
        4 => format!("a{text}"),
        5 => text.chars().rev().collect(),
        6 => {
            let mut next = text.to_owned();
            if let Some(last) = next.pop() {
                next.push(char::from_u32(u32::from(last) + 1).unwrap_or(last));
            }
            next
        }
        _ => {
            let mut shorter = text.to_owned();
            shorter.pop();
            if shorter.is_empty() { format!("{text}b") } else { shorter }
        }
    }
}
