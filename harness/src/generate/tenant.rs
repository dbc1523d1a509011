//! Tenants, and keys that share a stored key where a target joins their parts carelessly.
//!
//! All parts of a case (tenants, key values) are made of few atoms and of the text that joins them in this case: one
//! that a probe learned of the target, or a usual delimiter. So two tuples often join to one text: `a#b` with `c` and
//! `a` with `b#c`. Twins differ by case, by composition, by how a number is written, by a space, by an escape.

use super::Generator;
use super::text::near;
use crate::tape::Source;
use proofhouse_models::mapper::call::Key;
use proofhouse_models::mapper::{FieldType, Model};
use proofhouse_models::value::AttributeValue;

/// What parts are made of, plain ones first.
const ATOMS: [&str; 12] = ["a", "b", "c", "ab", "1", "A", "k", "é", "10", "x", "i", "ss"];

/// Texts that join the parts of a stored key, usual ones first.
const JOINS: [&str; 24] = [
    "#", "|", ":", "/", "::", "-", "_", ".", "##", "~", ",", ";", "@", "$", "+", "=", "&", "!", "%", "\\",
    " ", "\u{0}", "\u{1f}", "*",
];

/// Texts that are one after composition, case folding or compatibility forms.
const ALIKE: [(&str, &str); 8] = [
    ("é", "e\u{301}"),
    ("k", "\u{212a}"),
    ("ss", "ß"),
    ("i", "ı"),
    ("a", "\u{ff41}"),
    ("1", "\u{ff11}"),
    ("x", "x\u{200b}"),
    ("b", "b\u{0}"),
];

/// Other ways to write a number.
const NUMBERS: [(&str, &str); 5] = [("1", "01"), ("1", "1.0"), ("1", "+1"), ("10", "1e1"), ("1", " 1")];

/// What a case's tenants and keys are made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The text that joins parts of stored keys, as far as the case guesses.
    pub join: String,
    /// Texts that may stand for it inside a part.
    escapes: Vec<String>,
    drawn: Vec<String>,
}

impl Generator<'_> {
    /// Lets the case have tenants: from here on, models have them, and keys are made of parts that collide.
    pub fn with_tenants(&mut self, source: &mut Source) {
        source.span("join", |source| {
            let learned = &self.target.learned.joins;
            let known = !learned.is_empty() && !source.chance(25);
            let join = if known { source.pick(learned).clone() } else { (*source.pick(&JOINS)).to_owned() };
            let mut escapes = vec![join.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>()];
            escapes.extend([format!("\\{join}"), format!("{join}{join}"), "_".to_owned()]);
            escapes.extend(learned.iter().filter(|text| **text != join).cloned());
            self.parts = Some(Parts { join, escapes, drawn: Vec::new() });
        });
    }

    /// Whether the items of this case belong to tenants.
    pub fn has_tenants(&self) -> bool {
        self.parts.is_some()
    }

    /// So many tenants, each another one; the simplest are `a`, `b`, `c`.
    pub fn tenants(&mut self, source: &mut Source, count: usize) -> Vec<String> {
        let mut tenants: Vec<String> = Vec::new();
        for _ in 0..count {
            let mut tenant = source.span("tenant", |source| match tenants.first() {
                Some(first) if source.chance(45) => self.twin(source, first),
                _ => self.part(source),
            });
            let free = |tenant: &str| !tenant.is_empty() && !tenants.iter().any(|known| known == tenant);
            if !free(&tenant) {
                tenant = ATOMS.iter().find(|atom| free(atom)).map_or("z", |atom| atom).to_owned();
            }
            tenants.push(tenant);
        }
        tenants
    }

    /// A part of a key: an atom, atoms that are joined, or a twin of an earlier part. Never empty.
    pub fn part(&mut self, source: &mut Source) -> String {
        let Some(parts) = self.parts.clone() else { return self.key_text(source) };
        let earlier = if parts.drawn.is_empty() { 0 } else { 1 };
        let text = match *source.weighted(&[(48, 0), (22, 1), (14 * earlier, 2), (18 * earlier, 3), (2, 4)]) {
            0 => (*source.pick(&ATOMS)).to_owned(),
            1 => {
                let atoms = source.list("atom", 1..=3, |source| {
                    let glue = match source.below(10) {
                        0..=6 => parts.join.clone(),
                        7 | 8 => source.pick(&parts.escapes).clone(),
                        _ => (*source.pick(&JOINS)).to_owned(),
                    };
                    (*source.pick(&ATOMS), glue)
                });
                let mut text = atoms[0].0.to_owned();
                for (atom, glue) in &atoms[1..] {
                    text = format!("{text}{glue}{atom}");
                }
                if source.chance(20) { text + &parts.join } else { text }
            }
            2 => source.pick(&parts.drawn).clone(),
            3 => {
                let earlier = source.pick(&parts.drawn).clone();
                self.twin(source, &earlier)
            }
            // Long enough that a part which is cut at some length meets another.
            _ => format!("{}{}", "a".repeat(*source.pick(&[16, 32, 64, 128])), source.pick(&ATOMS)),
        };
        self.remember(text)
    }

    fn remember(&mut self, text: String) -> String {
        let text = if text.is_empty() || text.len() > 200 { ATOMS[0].to_owned() } else { text };
        if let Some(parts) = &mut self.parts
            && parts.drawn.len() < 12
            && !parts.drawn.contains(&text)
        {
            parts.drawn.push(text.clone());
        }
        text
    }

    /// A part that a careless target takes for the same.
    pub fn twin(&mut self, source: &mut Source, text: &str) -> String {
        let swap = |pairs: &[(&str, &str)], first: usize| {
            let turned = (0..pairs.len()).map(|at| pairs[(first + at) % pairs.len()]);
            turned.into_iter().find_map(|(left, right)| {
                if text.contains(right) {
                    Some(text.replacen(right, left, 1))
                } else {
                    text.contains(left).then(|| text.replacen(left, right, 1))
                }
            })
        };
        let other: Option<String> = match source.below(8) {
            0 | 1 => Some(near(source, text)),
            2 => swap(&ALIKE, source.below(ALIKE.len())),
            3 => swap(&NUMBERS, source.below(NUMBERS.len())),
            4 => format!("{text}{}", source.pick(&[" ", "\u{0}", "\n", "\t"])).into(),
            5 => format!("{}{text}", source.pick(&[" ", "0"])).into(),
            _ => {
                let Some(parts) = &self.parts else { return near_or(source, text) };
                let escape = source.pick(&parts.escapes);
                swap(&[(parts.join.as_str(), escape.as_str())], 0)
            }
        };
        other.filter(|other| !other.is_empty()).unwrap_or_else(|| near_or(source, text))
    }

    /// A tuple of tenant and key that joins to the same text as another, cut elsewhere; else one that differs little.
    pub fn shifted(&mut self, source: &mut Source, model: &Model, tenant: &str, key: &Key) -> (String, Key) {
        let mut texts = vec![tenant.to_owned()];
        let mut names: Vec<&str> = Vec::new();
        for name in model.key_fields() {
            if let Some(AttributeValue::S(text)) = key.get(name) {
                names.push(name);
                texts.push(text.clone());
            }
        }
        let mut shifted = self.cut_elsewhere(source, &texts).into_iter();
        let tenant = shifted.next().unwrap_or_else(|| tenant.to_owned());
        let mut key = key.clone();
        for (name, text) in names.into_iter().zip(shifted) {
            key.insert(name.to_owned(), AttributeValue::S(text));
        }
        (tenant, key)
    }

    /// The stored key of another tenant's item as a caller would write it who knows the form; nothing where the form
    /// is not known or the key holds other than texts.
    pub fn stored_form(&self, model: &Model, tenant: &str, key: &Key) -> Option<Key> {
        let text = |name: Option<&str>| match name.and_then(|name| key.get(name)) {
            Some(AttributeValue::S(text)) => Some(text.as_str()),
            _ => None,
        };
        let (partition, sort) = (text(Some(&model.partition_key))?, text(model.sort_key.as_deref()));
        let forms = self.target.learned.stored.iter();
        let mut stored = key.clone();
        for (name, form) in model.key_fields().into_iter().zip(forms) {
            if form.contains("{s}") && sort.is_none() {
                return None;
            }
            let value =
                form.replace("{t}", tenant).replace("{p}", partition).replace("{s}", sort.unwrap_or(""));
            stored.insert(name.to_owned(), AttributeValue::S(value));
        }
        (stored != *key).then_some(stored)
    }

    /// Texts that join to the same as the given ones, or with one twin among them where there is no other way to cut.
    pub fn cut_elsewhere(&mut self, source: &mut Source, texts: &[String]) -> Vec<String> {
        let join = self.parts.as_ref().map_or("#", |parts| parts.join.as_str()).to_owned();
        let joined = texts.join(&join);
        let tokens: Vec<&str> = joined.split(join.as_str()).collect();
        if tokens.len() <= texts.len() || source.chance(15) {
            let mut texts = texts.to_vec();
            let at = source.below(texts.len());
            texts[at] = self.twin(source, &texts[at]);
            return texts;
        }
        // How many tokens each part takes: one at least, the last takes what is left.
        let mut spare = tokens.len() - texts.len();
        let mut tokens = tokens.into_iter();
        let mut parts: Vec<String> = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            let more = if at + 1 == texts.len() { spare } else { source.below(spare + 1) };
            spare -= more;
            let taken: Vec<&str> = tokens.by_ref().take(1 + more).collect();
            let part = taken.join(&join);
            parts.push(if part.is_empty() { text.clone() } else { part });
        }
        parts
    }

    /// A key like one that another tenant has: the same, one that joins to the same text, or a fresh one.
    pub fn rival_key(&mut self, source: &mut Source, model: &Model, keys: &[Key]) -> Key {
        if keys.is_empty() || source.chance(25) {
            return self.fresh_key(source, model);
        }
        let key = keys[source.below(keys.len())].clone();
        if !source.chance(35) {
            return key;
        }
        let mut key = key;
        let names = model.key_fields();
        let name = names[source.below(names.len())];
        if let Some(kind) = model.field(name).map(|field| field.kind.clone()) {
            let value = match key.get(name) {
                Some(AttributeValue::S(text)) if kind == FieldType::String && !source.chance(50) => {
                    AttributeValue::S(self.twin(source, text))
                }
                _ => self.key_value(source, &kind),
            };
            key.insert(name.to_owned(), value);
        }
        key
    }
}

fn near_or(source: &mut Source, text: &str) -> String {
    let other = near(source, text);
    if other.is_empty() { format!("{text}b") } else { other }
}
