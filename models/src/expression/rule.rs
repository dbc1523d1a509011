//! The rules of expressions, each with a stable name, and how a break of one is reported.

use std::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A documented rule of expressions and their placeholders.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($(#[$doc])* $variant,)* }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant),*];

            /// The stable name, for findings.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

rules! {
    /// An expression of no text.
    Empty = "empty_expression",
    /// An expression of more than 4,096 bytes.
    TooLong = "expression_length",
    /// Text that the grammar does not know.
    Syntax = "syntax",
    /// Brackets or negations nested beyond any legal expression.
    TooDeep = "expression_depth",
    /// More than 300 operators and functions.
    TooManyOperators = "operator_count",
    /// A bracket directly within a bracket.
    RedundantParentheses = "redundant_parentheses",
    /// A reserved word as a bare name.
    ReservedWord = "reserved_word",
    /// A function that DynamoDB does not have; the names are case-sensitive.
    UnknownFunction = "unknown_function",
    /// A function where its kind of expression has none, or a condition used as a value.
    MisplacedFunction = "misplaced_function",
    /// A function with too few or too many operands.
    OperandCount = "operand_count",
    /// An operand that has to be a path.
    NotAPath = "operand_not_a_path",
    /// An operand that has to be a value, not a path.
    NotAValue = "operand_not_a_value",
    /// More than 100 values in `IN`.
    InOver100 = "in_over_100",
    /// Exactly 100 values in `IN`: the documents and what was seen of AWS disagree.
    InOfExactly100 = "in_of_exactly_100",
    /// The same path on both sides.
    SameOperand = "operands_not_distinct",
    /// A constant of a type that the operator does not take.
    OperandType = "operand_type",
    /// `BETWEEN` with constant bounds in the wrong order.
    ReversedBounds = "reversed_bounds",
    /// One clause of an update twice.
    RepeatedClause = "repeated_clause",
    /// Two paths of which one holds the other.
    OverlappingPaths = "overlapping_paths",
    /// Two paths that take one value for a map and for a list.
    ConflictingPaths = "conflicting_paths",
    /// A path of more than 32 levels.
    PathDepth = "path_depth",
    /// A list index beyond what DynamoDB allows.
    IndexRange = "index_range",
    /// An update of a key attribute.
    KeyInUpdate = "key_in_update",
    /// A filter of a query on a key attribute.
    KeyInFilter = "key_in_filter",
    /// A key condition that is more than an equality and one condition on the sort key.
    KeyConditionForm = "key_condition_form",
    /// `#name` that is not defined.
    UndefinedName = "undefined_name",
    /// `:value` that is not defined.
    UndefinedValue = "undefined_value",
    /// `#name` that no expression uses.
    UnusedName = "unused_name",
    /// `:value` that no expression uses.
    UnusedValue = "unused_value",
    /// A placeholder that is not `#` or `:` with letters, digits and underscores.
    PlaceholderSyntax = "placeholder_syntax",
    /// A placeholder of more than 255 bytes.
    PlaceholderLength = "placeholder_length",
    /// Names and values of more than 2 MB.
    SubstitutionSize = "substitution_size",
    /// No placeholders in a given map, or a map of the wrong JSON type.
    EmptySubstitutions = "empty_substitutions",
    /// An attribute name that is empty or longer than DynamoDB keeps.
    AttributeName = "attribute_name",
    /// A value that DynamoDB would not store.
    IllegalValue = "illegal_value",
    /// Placeholders without an expression, or an expression beside the legacy parameters.
    MixedParameters = "mixed_parameters",
    /// More writes, keys or actions than one request takes.
    BatchSize = "batch_size",
    /// An expression that is no text.
    NotText = "expression_not_text",
}

impl Rule {
    /// Whether the sources leave open that AWS refuses this; nothing may be concluded from it.
    pub fn is_unspecified(self) -> bool {
        matches!(self, Self::InOfExactly100)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A rule that an expression breaks, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule} at byte {at}: {detail}")]
pub struct ExpressionError {
    /// The rule.
    pub rule: Rule,
    /// The byte of the expression at which it shows.
    pub at: usize,
    /// The word, placeholder or path that breaks it.
    pub detail: String,
}

impl ExpressionError {
    pub(super) fn new(rule: Rule, at: usize, detail: impl Into<String>) -> Self {
        Self { rule, at, detail: detail.into() }
    }
}

/// A rule that a request breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleBreak {
    /// Where in the request: `UpdateExpression`, `TransactItems/0/Put/ConditionExpression`, …
    pub field: String,
    /// The rule.
    pub rule: Rule,
    /// The byte of the expression at which it shows; none where it is no matter of a place.
    pub at: Option<usize>,
    /// The word, placeholder or path that breaks it.
    pub detail: String,
}

impl fmt::Display for RuleBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.rule, self.field)?;
        if let Some(at) = self.at {
            write!(f, " at byte {at}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

/// A question that the documents and known captures of AWS leave open: no verdict may rest on the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[error("unspecified: {0}")]
pub struct Unspecified(pub &'static str);
