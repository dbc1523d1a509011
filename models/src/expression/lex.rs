//! Words, placeholders, numbers and signs of an expression, each with its place.

use super::rule::{ExpressionError, Rule};

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare word.
    Word(String),
    /// `#name`, with its sign.
    Name(String),
    /// `:value`, with its sign.
    Value(String),
    /// Digits.
    Digits(String),
    /// `= <> < <= > >= ( ) [ ] , . + -`
    Sign(&'static str),
}

impl Token {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Name(text) | Self::Value(text) | Self::Digits(text) => text,
            Self::Sign(text) => text,
        }
    }
}

/// A token with its first and its last byte (the latter exclusive).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spanned {
    pub token: Token,
    pub at: usize,
    pub end: usize,
}

/// The longer signs first, so that `<=` is not read as `<`.
const SIGNS: [&str; 14] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-"];

pub(super) fn lex(text: &str) -> Result<Vec<Spanned>, ExpressionError> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            at += 1;
            continue;
        }
        let run = |from: usize| {
            from + bytes[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
                .count()
        };
        let (token, end) = match byte {
            b'#' | b':' => {
                let end = run(at + 1);
                let word = text[at..end].to_owned();
                if end == at + 1 {
                    return Err(ExpressionError::new(Rule::Syntax, at, word));
                }
                (if byte == b'#' { Token::Name(word) } else { Token::Value(word) }, end)
            }
            b'0'..=b'9' => {
                let end = at + bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                (Token::Digits(text[at..end].to_owned()), end)
            }
            // A word begins with a letter: `_abc` needs a placeholder.
            byte if byte.is_ascii_alphabetic() => (Token::Word(text[at..run(at)].to_owned()), run(at)),
            _ => match SIGNS.iter().find(|sign| text[at..].starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), at + sign.len()),
                None => {
                    let sign = text[at..].chars().next().unwrap_or_default();
                    return Err(ExpressionError::new(Rule::Syntax, at, sign));
                }
            },
        };
        tokens.push(Spanned { token, at, end });
        at = end;
    }
    Ok(tokens)
}
