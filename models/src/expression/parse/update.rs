//! The grammar of updates.
//!
//! ```text
//! update  = clause { clause }, each of SET REMOVE ADD DELETE at most once
//! SET       path = value {, …}      value   = operand [ (+|-) operand ] | ( value )
//! REMOVE    path {, …}              operand = path | :value | if_not_exists(path, operand) | list_append(operand, operand)
//! ADD       path :value {, …}
//! DELETE    path :value {, …}
//! ```

use super::condition::function_error;
use super::{Cursor, Parsed};
use crate::expression::ast::{RawPath, SetValue, Update, UpdateOperand, ValueName};
use crate::expression::lex::Token;
use crate::expression::rule::{ExpressionError, Rule};

type RawUpdateOperand = UpdateOperand<RawPath, ValueName>;

/// Reads an update.
///
/// # Errors
/// The first rule that it breaks, with its place.
pub fn parse_update(text: &str) -> Result<Update<RawPath, ValueName>, ExpressionError> {
    let mut cursor = Cursor::new(text)?;
    let mut update = Update::default();
    let mut seen = Vec::new();
    while cursor.peek().is_some() {
        let at = cursor.at();
        let clause = match cursor.next() {
            Some(Token::Word(word)) => word.to_ascii_uppercase(),
            _ => {
                cursor.position -= 1;
                return cursor.unexpected();
            }
        };
        if seen.contains(&clause) {
            return Err(ExpressionError::new(Rule::RepeatedClause, at, clause));
        }
        loop {
            match clause.as_str() {
                "SET" => {
                    let path = cursor.path()?;
                    cursor.expect_sign("=")?;
                    update.set.push((path, cursor.set_value()?));
                }
                "REMOVE" => update.remove.push(cursor.path()?),
                "ADD" => update.add.push((cursor.path()?, cursor.value()?)),
                "DELETE" => update.delete.push((cursor.path()?, cursor.value()?)),
                _ => return Err(ExpressionError::new(Rule::Syntax, at, clause)),
            }
            if !cursor.take_sign(",") {
                break;
            }
        }
        seen.push(clause);
    }
    Ok(update)
}

impl Cursor {
    fn set_value(&mut self) -> Parsed<SetValue<RawPath, ValueName>> {
        if self.is_sign("(") {
            return self.bracketed(Self::set_value);
        }
        let left = self.update_operand(false)?;
        if self.take_sign("+") {
            self.operator()?;
            return Ok(SetValue::Plus(left, self.update_operand(false)?));
        }
        if self.take_sign("-") {
            self.operator()?;
            return Ok(SetValue::Minus(left, self.update_operand(false)?));
        }
        Ok(SetValue::Operand(left))
    }

    /// An operand; `in_append` says that it stands within a `list_append`, where none may stand again.
    fn update_operand(&mut self, in_append: bool) -> Parsed<RawUpdateOperand> {
        if !self.is_function() {
            return match self.peek() {
                Some(Token::Value(_)) => Ok(UpdateOperand::Value(self.value()?)),
                _ => Ok(UpdateOperand::Path(self.path()?)),
            };
        }
        let at = self.at();
        let name = self.peek().map_or("", Token::text).to_owned();
        if !matches!(name.as_str(), "if_not_exists" | "list_append") {
            return Err(function_error(&name, at));
        }
        if in_append && name == "list_append" {
            return Err(ExpressionError::new(Rule::MisplacedFunction, at, name));
        }
        self.position += 1;
        self.operator()?;
        self.expect_sign("(")?;
        let append = in_append || name == "list_append";
        let first = self.nested(|cursor| cursor.update_operand(append))?;
        if !self.is_sign(",") && self.is_sign(")") {
            return Err(ExpressionError::new(Rule::OperandCount, at, name));
        }
        self.expect_sign(",")?;
        let second = Box::new(self.nested(|cursor| cursor.update_operand(append))?);
        if self.is_sign(",") {
            return Err(ExpressionError::new(Rule::OperandCount, at, name));
        }
        self.expect_sign(")")?;
        match (name.as_str(), first) {
            ("list_append", first) => Ok(UpdateOperand::ListAppend(Box::new(first), second)),
            (_, UpdateOperand::Path(path)) => Ok(UpdateOperand::IfNotExists(path, second)),
            _ => Err(ExpressionError::new(Rule::NotAPath, at, name)),
        }
    }
}
