//! The reserved words of DynamoDB: none may stand bare as a name, in any case of letters.

use std::collections::HashSet;
use std::sync::LazyLock;

static WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| reserved_words().collect());

/// DynamoDB's list in its own order, upper case.
pub fn reserved_words() -> impl Iterator<Item = &'static str> {
    include_str!("reserved.txt").lines()
}

/// Whether DynamoDB's list holds the word.
pub fn is_reserved(word: &str) -> bool {
    WORDS.contains(word.to_ascii_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_573_words() {
        assert_eq!(WORDS.len(), 573);
    }

    #[test]
    fn case_does_not_matter() {
        assert!(is_reserved("status") && is_reserved("Name") && is_reserved("ZONE"));
        assert!(!is_reserved("statuses"));
    }
}
