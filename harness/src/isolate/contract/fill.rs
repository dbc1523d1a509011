//! Words in statements: `{tenant}`, variables of the contract, columns of the login query.

use std::collections::BTreeMap;

/// Values by name, pasted as they are.
pub type Words = BTreeMap<String, String>;

/// Replaces every `{name}` that is known. Others are left alone: `'{owner}'` is an array.
pub fn fill(statement: &str, words: &Words) -> String {
    let mut out = String::with_capacity(statement.len());
    let mut rest = statement;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        let tail = &rest[start + 1..];
        match tail
            .find('}')
            .map(|end| (&tail[..end], end))
            .and_then(|(name, end)| words.get(name).map(|value| (value, end)))
        {
            Some((value, end)) => {
                out.push_str(value);
                rest = &tail[end + 1..];
            }
            None => {
                out.push('{');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Whether the statement says that it differs by world.
pub fn has_world(statement: &str) -> bool {
    mentions(statement, "world")
}

/// Whether `{name}` stands in the statement.
pub fn mentions(statement: &str, name: &str) -> bool {
    statement.contains(&format!("{{{name}}}"))
}

#[cfg(test)]
mod tests {
    use super::{Words, fill};

    #[test]
    fn a_word_that_is_not_known_stays_as_it_is() {
        let words = Words::from([("tenant".to_owned(), "7".to_owned())]);
        assert_eq!(fill("SET x = '{tenant}', '{owner}', '{}', {", &words), "SET x = '7', '{owner}', '{}', {");
    }

    #[test]
    fn a_value_that_holds_a_word_is_not_filled_again() {
        let words = Words::from([("a".to_owned(), "{b}".to_owned()), ("b".to_owned(), "never".to_owned())]);
        assert_eq!(fill("{a}", &words), "{b}");
    }
}
