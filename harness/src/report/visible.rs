//! Text that came from a target or a generator, made safe to look at.
//!
//! Values are hostile on purpose: markup, control characters, marks that turn the direction of what follows. A reader
//! must see what is there, so each character that would not show by itself stands under its escape.

use maud::{Escaper, Markup, PreEscaped};
use std::cell::Cell;
use std::fmt::Write as _;

/// Whether a character does not show by itself: controls, marks of direction, joiners, spaces that look like another,
/// accents that join the character before. The end of a line shows.
fn is_hidden(c: char) -> bool {
    let escape = c.escape_debug();
    // The escapes of quotes and of the backslash have two characters as well, and they show.
    c != '\n' && (c.is_control() || escape.len() > 2)
}

/// The text with hidden characters as `\u{202e}`, for formats of plain text.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) { shown.extend(c.escape_debug()) } else { shown.push(c) }
    }
    shown
}

/// The text up to a number of characters, with `…` where there is more.
pub fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The text as HTML of at most so many bytes; hidden characters stand as `<kbd>U+202E</kbd>`, and what is left out is
/// counted.
pub fn html(text: &str, most: usize) -> Markup {
    let mut shown = String::new();
    for (position, (start, c)) in text.char_indices().enumerate() {
        let before = shown.len();
        if is_hidden(c) {
            let _ = write!(shown, "<kbd>U+{:04X}</kbd>", c as u32);
        } else {
            let _ = Escaper::new(&mut shown).write_char(c);
        }
        if shown.len() > most {
            shown.truncate(before);
            let rest = text[start..].chars().count();
            let _ = write!(shown, "<i>… {rest} more characters</i>");
            debug_assert!(position + rest == text.chars().count());
            break;
        }
    }
    PreEscaped(shown)
}

/// Bytes of HTML that one part of a page may take in all.
pub struct Ration(Cell<usize>);

impl Ration {
    /// So many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Cell::new(bytes))
    }

    /// A part of it, of at most so many bytes; they are gone from what is left, whether the part uses them or not.
    pub fn part(&self, bytes: usize) -> Self {
        let part = bytes.min(self.0.get());
        self.take(part);
        Self::new(part)
    }

    /// Takes bytes that something else uses.
    pub fn take(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_sub(bytes));
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.get() == 0
    }

    /// The text as HTML, of at most `most` bytes and of what is left.
    pub fn text(&self, text: &str, most: usize) -> Markup {
        let shown = html(text, most.min(self.0.get()));
        self.take(shown.0.len());
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_stays_text() {
        let shown = html("<script>alert('x')</script> & \"quoted\"", 1_000).into_string();
        assert!(!shown.contains('<'), "{shown}");
        assert!(shown.contains("&lt;script&gt;") && shown.contains("&quot;quoted&quot;"), "{shown}");
    }

    #[test]
    fn characters_that_do_not_show_are_named() {
        for c in
            ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\0', '\r', '\u{301}', '\u{a0}', '\u{e0041}']
        {
            let name = format!("<kbd>U+{:04X}</kbd>", c as u32);
            assert_eq!(html(&format!("a{c}b"), 100).into_string(), format!("a{name}b"));
            assert!(!plain(&format!("a{c}b")).contains(c), "{c:?}");
        }
        assert_eq!(plain("a\u{202e}b\tc"), "a\\u{202e}b\\tc");
    }

    #[test]
    fn ordinary_text_of_any_script_stays_as_it_is() {
        let text = "tags = L[\"x\"] \\ 'é' 数据 שלום 🦀\nnext";
        assert_eq!(plain(text), text);
        assert_eq!(html("שלום 数据 🦀\nnext", 1_000).into_string(), "שלום 数据 🦀\nnext");
    }

    #[test]
    fn what_is_left_out_is_counted_and_the_bound_is_on_the_markup() {
        assert_eq!(html("abcdef", 4).into_string(), "abcd<i>… 2 more characters</i>");
        let shown = html(&"&".repeat(1_000), 100).into_string();
        assert!(shown.len() < 140 && shown.ends_with("<i>… 980 more characters</i>"), "{shown}");
    }

    #[test]
    fn a_ration_is_shared_out() {
        let ration = Ration::new(10);
        assert_eq!(ration.text("12345678", 100).into_string(), "12345678");
        assert_eq!(ration.text("12345678", 100).into_string(), "12<i>… 6 more characters</i>");
        assert_eq!(ration.text("1", 100).into_string(), "<i>… 1 more characters</i>");
    }
}
