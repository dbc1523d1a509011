//! Names of fields, attributes, struct members and map keys.

use super::Generator;
use crate::tape::Source;
use proofhouse_models::expression::reserved_words;
use std::sync::LazyLock;

/// Plain names, none of them reserved in expressions.
pub const PLAIN: [&str; 8] = ["a", "b", "c", "d", "f", "g", "h", "k"];

/// Names that break naive expressions, prototypes, paths and generated placeholders.
const HOSTILE: [&str; 56] = [
    "name",
    "status",
    "size",
    "order",
    "type",
    "values",
    "and",
    "or",
    "not",
    "between",
    "exists",
    "contains",
    "set",
    "remove",
    "add",
    "delete",
    "key",
    "count",
    "data",
    "NAME",
    "Name",
    "constructor",
    "__proto__",
    "prototype",
    "toString",
    "hasOwnProperty",
    "__class__",
    "self",
    "a.b",
    "a[0]",
    "a b",
    "a-b",
    "ab",
    "a_b",
    "#a",
    ":a",
    "#n0",
    ":v0",
    "n0",
    "v0",
    "#0",
    ":0",
    ":val1",
    "#n1",
    ":v1",
    "a\"b",
    "a'b",
    "a\\b",
    "a--b",
    "%s",
    "{{a}}",
    "$a",
    "é",
    "e\u{301}",
    "😀",
    "日本",
];

/// All reserved words, in lower case: a mapper that escapes a list of its own may lack any of them.
static RESERVED: LazyLock<Vec<String>> =
    LazyLock::new(|| reserved_words().map(str::to_ascii_lowercase).collect());

impl Generator<'_> {
    /// A name that is not taken yet; plain ones come in their order.
    pub fn name(&mut self, source: &mut Source, taken: &[String]) -> String {
        let free = |name: &str| !name.is_empty() && !taken.iter().any(|known| known == name);
        if self.hostile_names && source.chance(75) {
            let name = if !taken.is_empty() && source.chance(30) {
                let index = source.below(taken.len());
                twin(source, &taken[index])
            } else if source.chance(3) {
                "n".repeat(*source.pick(&[100, 200, 255]))
            } else if source.chance(25) {
                source.pick(&RESERVED).clone()
            } else {
                (*source.pick(&HOSTILE)).to_owned()
            };
            if free(&name) && name.len() <= 255 {
                return name;
            }
        }
        let first = PLAIN.iter().find(|name| free(name));
        first.map_or_else(|| format!("p{}", taken.len()), |name| (*name).to_owned())
    }
}

/// A name that differs little: by case, by a character that a placeholder cannot hold, by composition.
fn twin(source: &mut Source, name: &str) -> String {
    match source.below(9) {
        0 => {
            let upper = name.to_uppercase();
            if upper == name { name.to_lowercase() } else { upper }
        }
        1 => format!("{name}_"),
        2 => format!("{name}-"),
        3 => format!("{name} "),
        4 => format!("#{name}"),
        5 => name.chars().filter(char::is_ascii_alphanumeric).collect(),
        6 => format!("{name}.{name}"),
        7 => name.char_indices().map(|(at, c)| if at == 0 { c.to_ascii_uppercase() } else { c }).collect(),
        _ => name.replace('é', "e\u{301}").replace('_', "-"),
    }
}
