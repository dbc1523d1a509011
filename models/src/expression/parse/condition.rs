//! The grammar of conditions and filters.
//!
//! ```text
//! or      = and { OR and }          and  = not { AND not }         not = NOT not | test
//! test    = operand sign operand | operand BETWEEN operand AND operand | operand IN ( operand {, operand} )
//!         | function | ( or )
//! operand = path | :value | size ( operand ) | ( operand )
//! ```

use super::{Cursor, MAX_IN, Parsed};
use crate::expression::ast::{Comparator, Condition, Operand, RawPath, ValueName};
use crate::expression::lex::Token;
use crate::expression::rule::{ExpressionError, Rule};

pub(super) type RawCondition = Condition<RawPath, ValueName>;
type RawOperand = Operand<RawPath, ValueName>;

/// Reads a condition or filter.
///
/// # Errors
/// The first rule that it breaks, with its place.
pub fn parse_condition(text: &str) -> Result<RawCondition, ExpressionError> {
    let mut cursor = Cursor::new(text)?;
    let condition = cursor.disjunction()?;
    cursor.end()?;
    Ok(condition)
}

impl Cursor {
    pub(super) fn disjunction(&mut self) -> Parsed<RawCondition> {
        let mut list = vec![self.conjunction()?];
        while self.take_keyword("OR") {
            self.operator()?;
            list.push(self.conjunction()?);
        }
        Ok(single_or(list, Condition::Or))
    }

    fn conjunction(&mut self) -> Parsed<RawCondition> {
        let mut list = vec![self.negation()?];
        while self.take_keyword("AND") {
            self.operator()?;
            list.push(self.negation()?);
        }
        Ok(single_or(list, Condition::And))
    }

    fn negation(&mut self) -> Parsed<RawCondition> {
        if self.take_keyword("NOT") {
            self.operator()?;
            return Ok(Condition::Not(Box::new(self.nested(Self::negation)?)));
        }
        self.test()
    }

    fn test(&mut self) -> Parsed<RawCondition> {
        if self.is_sign("(") && !self.brackets_an_operand() {
            return self.bracketed(Self::disjunction);
        }
        if self.is_function() && self.peek().map(Token::text) != Some("size") {
            return self.function();
        }
        let at = self.at();
        let left = self.operand()?;
        self.comparison(left, at)
    }

    /// Whether the bracket here holds an operand: what follows its end is then a comparison.
    fn brackets_an_operand(&self) -> bool {
        let Some(close) = self.matching(self.position) else { return false };
        match self.tokens.get(close + 1).map(|spanned| &spanned.token) {
            Some(Token::Sign(sign)) => comparator(sign).is_some(),
            Some(Token::Word(word)) => {
                word.eq_ignore_ascii_case("BETWEEN") || word.eq_ignore_ascii_case("IN")
            }
            _ => false,
        }
    }

    fn comparison(&mut self, left: RawOperand, at: usize) -> Parsed<RawCondition> {
        if self.take_keyword("BETWEEN") {
            self.operator()?;
            let low = self.operand()?;
            if !self.take_keyword("AND") {
                return self.unexpected();
            }
            let high = self.operand()?;
            distinct(at, &left, [&low, &high])?;
            return Ok(Condition::Between(left, low, high));
        }
        if self.take_keyword("IN") {
            self.operator()?;
            let list = self.list()?;
            if list.len() > MAX_IN {
                return Err(ExpressionError::new(Rule::InOver100, at, format!("{} values", list.len())));
            }
            distinct(at, &left, &list)?;
            return Ok(Condition::In(left, list));
        }
        let Some(sign) = self.peek().and_then(|token| comparator(token.text())) else {
            // A lone `size(…)` is a value where a condition has to be.
            if matches!(left, Operand::Size(_)) && self.peek().is_none() {
                return Err(ExpressionError::new(Rule::MisplacedFunction, at, "size"));
            }
            return self.unexpected();
        };
        self.position += 1;
        self.operator()?;
        let right = self.operand()?;
        distinct(at, &left, [&right])?;
        Ok(Condition::Compare(left, sign, right))
    }

    fn list(&mut self) -> Parsed<Vec<RawOperand>> {
        self.expect_sign("(")?;
        let mut list = vec![self.operand()?];
        while self.take_sign(",") {
            list.push(self.operand()?);
        }
        self.expect_sign(")")?;
        Ok(list)
    }

    fn operand(&mut self) -> Parsed<RawOperand> {
        if self.is_sign("(") {
            return self.bracketed(Self::operand);
        }
        if self.is_function() {
            let at = self.at();
            let name = self.peek().map_or("", Token::text).to_owned();
            if name != "size" {
                return Err(function_error(&name, at));
            }
            self.position += 1;
            self.operator()?;
            let mut list = self.nested(Self::list)?;
            let inner = match (list.pop(), list.is_empty()) {
                (Some(inner), true) => inner,
                _ => return Err(ExpressionError::new(Rule::OperandCount, at, name)),
            };
            if matches!(inner, Operand::Size(_)) {
                return Err(ExpressionError::new(Rule::MisplacedFunction, at, name));
            }
            return Ok(Operand::Size(Box::new(inner)));
        }
        match self.peek() {
            Some(Token::Value(_)) => Ok(Operand::Value(self.value()?)),
            _ => Ok(Operand::Path(self.path()?)),
        }
    }

    fn function(&mut self) -> Parsed<RawCondition> {
        let at = self.at();
        let name = self.peek().map_or("", Token::text).to_owned();
        let operands = match name.as_str() {
            "attribute_exists" | "attribute_not_exists" => 1,
            "attribute_type" | "begins_with" | "contains" => 2,
            _ => return Err(function_error(&name, at)),
        };
        self.position += 1;
        self.operator()?;
        let mut list = self.list()?;
        if list.len() != operands {
            return Err(ExpressionError::new(Rule::OperandCount, at, name));
        }
        let second = if operands == 2 { list.pop() } else { None };
        let Some(first) = list.pop() else { return self.unexpected() };
        let path = |operand: RawOperand| match operand {
            Operand::Path(path) => Ok(path),
            _ => Err(ExpressionError::new(Rule::NotAPath, at, name.clone())),
        };
        Ok(match (name.as_str(), second) {
            ("attribute_exists", _) => Condition::Exists(path(first)?),
            ("attribute_not_exists", _) => Condition::NotExists(path(first)?),
            ("attribute_type", Some(Operand::Value(kind))) => Condition::Type(path(first)?, kind),
            ("attribute_type", _) => return Err(ExpressionError::new(Rule::NotAValue, at, name)),
            ("begins_with", Some(prefix)) => {
                distinct(at, &first, [&prefix])?;
                Condition::BeginsWith(first, prefix)
            }
            (_, Some(member)) => {
                distinct(at, &first, [&member])?;
                Condition::Contains(first, member)
            }
            (_, None) => return Err(ExpressionError::new(Rule::OperandCount, at, name)),
        })
    }
}

pub(super) fn function_error(name: &str, at: usize) -> ExpressionError {
    let known = [
        "attribute_exists",
        "attribute_not_exists",
        "attribute_type",
        "begins_with",
        "contains",
        "size",
        "if_not_exists",
        "list_append",
    ];
    let rule = if known.contains(&name) { Rule::MisplacedFunction } else { Rule::UnknownFunction };
    ExpressionError::new(rule, at, name)
}

fn single_or(mut list: Vec<RawCondition>, wrap: fn(Vec<RawCondition>) -> RawCondition) -> RawCondition {
    match (list.len(), list.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            list.extend(last);
            wrap(list)
        }
    }
}

fn comparator(sign: &str) -> Option<Comparator> {
    use Comparator::{Eq, Ge, Gt, Le, Lt, Ne};
    [Eq, Ne, Lt, Le, Gt, Ge].into_iter().find(|comparator| comparator.sign() == sign)
}

/// The first operand must not be the same path as a further one. Paths are told apart as written here; whether two
/// placeholders stand for one name shows on resolution.
fn distinct<'list>(
    at: usize,
    first: &RawOperand,
    rest: impl IntoIterator<Item = &'list RawOperand>,
) -> Parsed<()> {
    let Operand::Path(first) = first else { return Ok(()) };
    for operand in rest {
        if matches!(operand, Operand::Path(path) if path.steps == first.steps) {
            return Err(ExpressionError::new(Rule::SameOperand, at, format!("{:?}", first.steps)));
        }
    }
    Ok(())
}
