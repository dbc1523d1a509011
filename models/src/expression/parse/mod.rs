//! Text to trees: one grammar a file, over the cursor of this one.

mod condition;
mod key;
mod projection;
mod update;

pub use condition::parse_condition;
pub use key::{KeyCondition, KeyTest, parse_key_condition};
pub use projection::parse_projection;
pub use update::parse_update;

use super::ast::{RawPath, RawStep, ValueName};
use super::lex::{Spanned, Token, lex};
use super::reserved::is_reserved;
use super::rule::{ExpressionError, Rule};

/// Bytes of an expression, before substitution.
pub const MAX_EXPRESSION: usize = 4_096;
/// Operators and functions of an expression.
pub const MAX_OPERATORS: usize = 300;
/// Steps of a path.
pub const MAX_PATH: usize = 32;
/// Values of an `IN`.
pub const MAX_IN: usize = 100;
/// Brackets and negations that may be open at once: each level of a legal expression costs an operator, and the
/// parser calls itself for each.
const MAX_DEPTH: usize = MAX_OPERATORS + 2;

type Parsed<T> = Result<T, ExpressionError>;

struct Cursor {
    tokens: Vec<Spanned>,
    position: usize,
    length: usize,
    depth: usize,
    operators: usize,
}

impl Cursor {
    fn new(text: &str) -> Parsed<Self> {
        if text.len() > MAX_EXPRESSION {
            return Err(ExpressionError::new(Rule::TooLong, MAX_EXPRESSION, format!("{} bytes", text.len())));
        }
        let tokens = lex(text)?;
        if tokens.is_empty() {
            return Err(ExpressionError::new(Rule::Empty, 0, ""));
        }
        Ok(Self { tokens, position: 0, length: text.len(), depth: 0, operators: 0 })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position).map(|spanned| &spanned.token)
    }

    fn ahead(&self, by: usize) -> Option<&Token> {
        self.tokens.get(self.position + by).map(|spanned| &spanned.token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.position).map_or(self.length, |spanned| spanned.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.position += 1;
        token
    }

    fn unexpected<T>(&self) -> Parsed<T> {
        let detail = self.peek().map_or("the end of the expression", Token::text);
        Err(ExpressionError::new(Rule::Syntax, self.at(), detail))
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.position += usize::from(found);
        found
    }

    fn expect_sign(&mut self, sign: &str) -> Parsed<()> {
        if self.take_sign(sign) { Ok(()) } else { self.unexpected() }
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(keyword);
        self.position += usize::from(found);
        found
    }

    fn end(&self) -> Parsed<()> {
        if self.position < self.tokens.len() { self.unexpected() } else { Ok(()) }
    }

    /// Counts an operator or a function.
    fn operator(&mut self) -> Parsed<()> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            return Err(ExpressionError::new(
                Rule::TooManyOperators,
                self.at(),
                format!("{}", self.operators),
            ));
        }
        Ok(())
    }

    /// Runs `body` one level deeper.
    fn nested<T>(&mut self, body: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ExpressionError::new(Rule::TooDeep, self.at(), ""));
        }
        let result = body(self);
        self.depth -= 1;
        result
    }

    /// A bracket around `body`; directly within another, and closed with it, it is redundant.
    fn bracketed<T>(&mut self, body: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let at = self.at();
        let opens_twice = matches!(self.ahead(1), Some(Token::Sign("(")));
        let inner_end = if opens_twice { self.matching(self.position + 1) } else { None };
        self.expect_sign("(")?;
        let result = self.nested(body)?;
        let close = self.position;
        self.expect_sign(")")?;
        if inner_end.is_some_and(|inner| inner + 1 == close) {
            return Err(ExpressionError::new(Rule::RedundantParentheses, at, "(("));
        }
        Ok(result)
    }

    /// The position of the bracket that closes the one at `open`.
    fn matching(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (position, spanned) in self.tokens.iter().enumerate().skip(open) {
            match spanned.token {
                Token::Sign("(") => depth += 1,
                Token::Sign(")") => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(position);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn is_function(&self) -> bool {
        matches!((self.peek(), self.ahead(1)), (Some(Token::Word(_)), Some(Token::Sign("("))))
    }

    fn value(&mut self) -> Parsed<ValueName> {
        let at = self.at();
        match self.peek() {
            Some(Token::Value(name)) => {
                let name = name.clone();
                self.position += 1;
                Ok(ValueName { name, at })
            }
            Some(Token::Word(_) | Token::Name(_)) => {
                Err(ExpressionError::new(Rule::NotAValue, at, self.peek().map_or("", Token::text)))
            }
            _ => self.unexpected(),
        }
    }

    fn path(&mut self) -> Parsed<RawPath> {
        let at = self.at();
        if let Some(Token::Value(name)) = self.peek() {
            return Err(ExpressionError::new(Rule::NotAPath, at, name.clone()));
        }
        let mut steps = vec![self.name()?];
        loop {
            if self.take_sign(".") {
                steps.push(self.name()?);
            } else if self.take_sign("[") {
                steps.push(self.index()?);
                self.expect_sign("]")?;
            } else {
                break;
            }
        }
        if steps.len() > MAX_PATH {
            return Err(ExpressionError::new(Rule::PathDepth, at, format!("{} levels", steps.len())));
        }
        Ok(RawPath { steps, at })
    }

    fn name(&mut self) -> Parsed<RawStep> {
        let at = self.at();
        match self.peek() {
            Some(Token::Word(word)) if is_reserved(word) => {
                Err(ExpressionError::new(Rule::ReservedWord, at, word.clone()))
            }
            Some(Token::Word(_)) | Some(Token::Name(_)) => Ok(match self.next() {
                Some(Token::Word(word)) => RawStep::Bare(word),
                Some(Token::Name(name)) => RawStep::Placeholder(name),
                _ => return self.unexpected(),
            }),
            _ => self.unexpected(),
        }
    }

    fn index(&mut self) -> Parsed<RawStep> {
        let at = self.at();
        let Some(Token::Digits(digits)) = self.peek().cloned() else {
            return self.unexpected();
        };
        if digits.len() > 1 && digits.starts_with('0') {
            return self.unexpected();
        }
        self.position += 1;
        match digits.parse::<i32>() {
            Ok(index) => Ok(RawStep::Index(index.unsigned_abs() as usize)),
            Err(_) => Err(ExpressionError::new(Rule::IndexRange, at, digits)),
        }
    }
}
