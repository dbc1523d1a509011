//! A command line as a person writes it, split into words.

/// Splits at blanks. Single quotes keep everything, double quotes and backslashes work as in a shell; there are
/// no variables, pipes or patterns. Whoever wants those writes `sh -c "…"`.
///
/// # Errors
/// An open quote, or no word at all.
pub fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        None => return Err(format!("a quote is not closed in {text:?}")),
                        Some(end) if end == character => break,
                        Some('\\') if character == '"' => match characters.next() {
                            Some(escaped @ ('"' | '\\')) => word.push(escaped),
                            Some(other) => word.extend(['\\', other]),
                            None => return Err(format!("a quote is not closed in {text:?}")),
                        },
                        Some(inner) => word.push(inner),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    if words.is_empty() { Err("the command is empty".to_owned()) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_split_as_a_shell_does() {
        let words = |text| split(text).expect("it splits");
        assert_eq!(words("python3  my_adapter.py"), ["python3", "my_adapter.py"]);
        assert_eq!(words(r#"sh -c 'a "b" $c'"#), ["sh", "-c", r#"a "b" $c"#]);
        assert_eq!(words(r#""a b"c\ d '' "\"\n""#), ["a bc d", "", "\"\\n"]);
    }

    #[test]
    fn an_open_quote_or_nothing_at_all_is_an_error() {
        assert!(split("a 'b").is_err());
        assert!(split("a \"b\\").is_err());
        assert!(split("  ").is_err());
    }
}
