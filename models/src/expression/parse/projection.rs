//! The grammar of projections: paths with commas between them.

use super::Cursor;
use crate::expression::ast::RawPath;
use crate::expression::rule::ExpressionError;

/// Reads a projection.
///
/// # Errors
/// The first rule that it breaks, with its place.
pub fn parse_projection(text: &str) -> Result<Vec<RawPath>, ExpressionError> {
    let mut cursor = Cursor::new(text)?;
    let mut paths = vec![cursor.path()?];
    while cursor.take_sign(",") {
        paths.push(cursor.path()?);
    }
    cursor.end()?;
    Ok(paths)
}
