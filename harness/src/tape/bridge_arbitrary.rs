//! Generators over a [`Source`] as `arbitrary::Arbitrary`, for fuzz targets that take typed input.
//!
//! The bytes are read by the byte driver, so they keep its promises: simplest first, bytes that run out mean the
//! simplest, and nothing is read from the end of the input.

use super::{Discard, Source};
use arbitrary::{Arbitrary, Error, Result, Unstructured};

/// A value that is drawn from choices.
pub trait FromSource: Sized {
    /// Draws one.
    ///
    /// # Errors
    /// [`Discard`] where the choices lead to no value.
    fn from_source(source: &mut Source) -> std::result::Result<Self, Discard>;
}

/// A value drawn by the byte driver: `fuzz_target!(|input: Drawn<Program>| …)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn<T>(pub T);

impl<'bytes, T: FromSource> Arbitrary<'bytes> for Drawn<T> {
    fn arbitrary(input: &mut Unstructured<'bytes>) -> Result<Self> {
        let mut source = Source::from_bytes(input.peek_bytes(input.len()).unwrap_or_default());
        let drawn = T::from_source(&mut source);
        input.bytes(source.bytes_read())?;
        drawn.map(Drawn).map_err(|Discard(_)| Error::IncorrectFormat)
    }

    fn size_hint(_depth: usize) -> (usize, Option<usize>) {
        (0, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Point(i64, bool);

    impl FromSource for Point {
        fn from_source(source: &mut Source) -> std::result::Result<Self, Discard> {
            let point = Point(source.integer(-9..=9), source.chance(50));
            if point.0 == 9 { Err(Discard("nine")) } else { Ok(point) }
        }
    }

    #[test]
    fn values_in_a_row_take_their_bytes_from_the_front() {
        let mut input = Unstructured::new(&[3, 255, 4, 0, 77]);
        assert_eq!(Drawn::<Point>::arbitrary(&mut input).expect("a point"), Drawn(Point(2, true)));
        assert_eq!(Drawn::<Point>::arbitrary(&mut input).expect("a point"), Drawn(Point(-2, false)));
        assert_eq!(u8::arbitrary(&mut input).expect("the byte that is left"), 77);
    }

    #[test]
    fn no_bytes_mean_the_simplest_value_and_a_discard_is_an_error() {
        let mut input = Unstructured::new(&[]);
        assert_eq!(Drawn::<Point>::arbitrary(&mut input).expect("a point"), Drawn(Point(0, false)));
        assert!(Drawn::<Point>::arbitrary(&mut Unstructured::new(&[17])).is_err());
    }
}
