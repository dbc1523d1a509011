//! SQL files, cut into statements as psql would: quotes, dollar quotes, comments, `COPY … FROM stdin` data.

/// One statement of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Line on which it begins, from 1.
    pub line: usize,
    /// The statement without its semicolon; `\i file` for an include.
    pub sql: String,
    /// Rows that follow a `COPY … FROM stdin`.
    pub copy: Option<String>,
}

/// Cuts a file into statements. Lines that only psql reads (`\restrict`, `\set`) are left out, `\i` is kept.
pub fn split(text: &str) -> Vec<Piece> {
    let mut cutter = Cutter { bytes: text.as_bytes(), at: 0, line: 1, pieces: Vec::new() };
    cutter.run(text);
    cutter.pieces
}

struct Cutter<'text> {
    bytes: &'text [u8],
    at: usize,
    line: usize,
    pieces: Vec<Piece>,
}

impl Cutter<'_> {
    fn run(&mut self, text: &str) {
        let (mut start, mut start_line) = (0, 1);
        let (mut depth, mut blocks) = (0_usize, 0_usize);
        let mut blank = true;
        while self.at < self.bytes.len() {
            let byte = self.bytes[self.at];
            if blank && byte.is_ascii_whitespace() {
                self.step(1);
                (start, start_line) = (self.at, self.line);
                continue;
            }
            if blank && byte == b'\\' {
                let end = self.find(b"\n").unwrap_or(self.bytes.len());
                let command = text[self.at..end].trim();
                if command.starts_with("\\i ") || command.starts_with("\\ir ") {
                    let sql = command.to_owned();
                    self.pieces.push(Piece { line: self.line, sql, copy: None });
                }
                self.step(end - self.at);
                (start, start_line) = (self.at, self.line);
                continue;
            }
            match byte {
                b'-' if self.looking_at("--") => {
                    let end = self.find(b"\n").unwrap_or(self.bytes.len());
                    self.step(end - self.at);
                    if blank {
                        (start, start_line) = (self.at, self.line);
                    }
                    continue;
                }
                b'/' if self.looking_at("/*") => {
                    self.comment();
                    if blank {
                        (start, start_line) = (self.at, self.line);
                    }
                    continue;
                }
                b'\'' => {
                    let escapes = self.at > 0
                        && matches!(self.bytes[self.at - 1], b'E' | b'e')
                        && (self.at < 2 || !is_word(self.bytes[self.at - 2]));
                    self.quoted(b'\'', escapes);
                }
                b'"' => self.quoted(b'"', false),
                b'$' if self.at == 0 || !is_word(self.bytes[self.at - 1]) => self.dollar(),
                b'(' => {
                    depth += 1;
                    self.step(1);
                }
                b')' => {
                    depth = depth.saturating_sub(1);
                    self.step(1);
                }
                b';' if depth == 0 && blocks == 0 => {
                    let sql = text[start..self.at].trim().to_owned();
                    let line = start_line;
                    self.step(1);
                    let copy = is_copy(&sql).then(|| self.copy_rows(text));
                    if !sql.is_empty() {
                        self.pieces.push(Piece { line, sql, copy });
                    }
                    (start, start_line) = (self.at, self.line);
                    blank = true;
                    continue;
                }
                _ if is_word(byte) => {
                    let end = (self.at..self.bytes.len())
                        .find(|at| !is_word(self.bytes[*at]))
                        .unwrap_or(self.bytes.len());
                    let word = text[self.at..end].to_ascii_lowercase();
                    let head = text[start..self.at].trim_start().to_ascii_lowercase();
                    let routine = head.starts_with("create")
                        && (head.contains("function") || head.contains("procedure"));
                    match word.as_str() {
                        "begin" if routine => blocks += 1,
                        "case" if blocks > 0 => blocks += 1,
                        "end" if blocks > 0 => blocks -= 1,
                        _ => {}
                    }
                    self.step(end - self.at);
                }
                _ => self.step(1),
            }
            blank = false;
        }
        let rest = text[start..].trim();
        if !rest.is_empty() {
            self.pieces.push(Piece { line: start_line, sql: rest.to_owned(), copy: None });
        }
    }

    fn step(&mut self, count: usize) {
        let end = (self.at + count).min(self.bytes.len());
        self.line += self.bytes[self.at..end].iter().filter(|byte| **byte == b'\n').count();
        self.at = end;
    }

    fn looking_at(&self, what: &str) -> bool {
        self.bytes[self.at..].starts_with(what.as_bytes())
    }

    fn find(&self, what: &[u8]) -> Option<usize> {
        self.bytes[self.at..]
            .windows(what.len())
            .position(|window| window == what)
            .map(|offset| self.at + offset)
    }

    fn quoted(&mut self, quote: u8, escapes: bool) {
        self.step(1);
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'\\' if escapes => self.step(2),
                byte if byte == quote => {
                    self.step(1);
                    if self.bytes.get(self.at) != Some(&quote) {
                        return;
                    }
                    self.step(1);
                }
                _ => self.step(1),
            }
        }
    }

    fn comment(&mut self) {
        let mut depth = 0;
        while self.at < self.bytes.len() {
            if self.looking_at("/*") {
                depth += 1;
                self.step(2);
            } else if self.looking_at("*/") {
                depth -= 1;
                self.step(2);
                if depth == 0 {
                    return;
                }
            } else {
                self.step(1);
            }
        }
    }

    fn dollar(&mut self) {
        let rest = &self.bytes[self.at + 1..];
        let length = rest.iter().position(|byte| !is_word(*byte) || *byte == b'$').unwrap_or(rest.len());
        if rest.get(length) != Some(&b'$') || rest.first().is_some_and(u8::is_ascii_digit) {
            self.step(1);
            return;
        }
        let tag = self.bytes[self.at..=self.at + 1 + length].to_vec();
        self.step(tag.len());
        match self.find(&tag) {
            Some(end) => self.step(end + tag.len() - self.at),
            None => self.step(self.bytes.len()),
        }
    }

    fn copy_rows(&mut self, text: &str) -> String {
        if let Some(end) = self.find(b"\n") {
            self.step(end + 1 - self.at);
        }
        let start = self.at;
        while self.at < self.bytes.len() {
            let end = self.find(b"\n").map_or(self.bytes.len(), |end| end + 1);
            let line = &text[self.at..end];
            let last = line.trim_end() == "\\.";
            let begin = self.at;
            self.step(end - self.at);
            if last {
                return text[start..begin].to_owned();
            }
        }
        text[start..].to_owned()
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn is_copy(sql: &str) -> bool {
    let lower = sql.to_ascii_lowercase();
    lower.starts_with("copy ") && lower.contains("from stdin")
}

#[cfg(test)]
mod tests {
    use super::split;

    fn texts(sql: &str) -> Vec<String> {
        split(sql).into_iter().map(|piece| piece.sql).collect()
    }

    #[test]
    fn a_semicolon_in_quotes_comments_and_parentheses_does_not_end_a_statement() {
        let sql = "SELECT ';', E'\\';', \";\" /* ; /* ; */ */ -- ;\n, $x$;$x$; CREATE RULE r AS DO (a; b);c";
        assert_eq!(texts(sql).len(), 3);
    }

    #[test]
    fn a_standard_function_body_stays_in_one_piece() {
        let sql = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; BEGIN; X";
        assert_eq!(texts(sql)[1..], ["BEGIN", "X"]);
    }

    #[test]
    fn the_rows_of_a_copy_belong_to_it_and_lines_are_counted() {
        let pieces = split("\\restrict x\n-- hi\nCOPY t (a) FROM stdin;\n1;\n2\n\\.\n\nSELECT 1;");
        assert_eq!((pieces[0].line, pieces[0].copy.as_deref()), (3, Some("1;\n2\n")));
        assert_eq!((pieces[1].line, pieces[1].sql.as_str()), (8, "SELECT 1"));
    }
}
