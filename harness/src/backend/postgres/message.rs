//! Messages of the Postgres protocol, as they are compared.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Everything that the server said to one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Names of the columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Rows; a cell is the value's text, or nothing for NULL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Vec<Option<String>>>,
    /// Lines of `COPY … TO STDOUT`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// The command tag: `INSERT 0 1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The error that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<Report>>,
    /// Notices and warnings, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Report>,
    /// Notifications: channel and payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifications: Vec<(String, String)>,
}

impl Answer {
    pub(super) fn describe(&mut self, body: &[u8]) {
        let mut rest = &body[2..];
        self.columns.clear();
        while let Some(end) = rest.iter().position(|byte| *byte == 0) {
            self.columns.push(String::from_utf8_lossy(&rest[..end]).into_owned());
            // Table OID, column number, type OID, length, modifier, format.
            rest = rest.get(end + 1 + 18..).unwrap_or_default();
        }
    }

    pub(super) fn row(&mut self, body: &[u8]) {
        let count = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let mut at = 2;
        let mut row = Vec::with_capacity(count);
        for _ in 0..count {
            let length = i32::from_be_bytes(body[at..at + 4].try_into().unwrap_or_default());
            at += 4;
            match usize::try_from(length) {
                Ok(length) => {
                    row.push(Some(String::from_utf8_lossy(&body[at..at + length]).into_owned()));
                    at += length;
                }
                Err(_) => row.push(None),
            }
        }
        self.rows.push(row);
    }

    pub(super) fn copied(&mut self, body: &[u8]) {
        self.lines.push(String::from_utf8_lossy(body).trim_end_matches('\n').to_owned());
    }

    pub(super) fn notify(&mut self, body: &[u8]) {
        let mut parts = body[4..].split(|byte| *byte == 0).map(|p| String::from_utf8_lossy(p).into_owned());
        self.notifications.push((parts.next().unwrap_or_default(), parts.next().unwrap_or_default()));
    }

    /// The error's five-letter code, or nothing on success.
    pub fn code(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.code.as_str())
    }

    /// How many rows the tag says were touched.
    pub fn touched(&self) -> u64 {
        self.tag.as_deref().and_then(|tag| tag.rsplit(' ').next()).and_then(|n| n.parse().ok()).unwrap_or(0)
    }
}

/// An error or a notice with the fields that a client sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Report {
    /// `ERROR`, `NOTICE`.
    pub severity: String,
    /// SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
    /// DETAIL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// HINT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// CONTEXT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Schema of the object in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Table in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Column in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Type in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_type: Option<String>,
    /// Constraint in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    /// Where in the statement, counted in characters from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
}

impl Report {
    pub(super) fn parse(body: &[u8]) -> Self {
        let mut report = Self::default();
        for field in body.split(|byte| *byte == 0) {
            let Some((kind, value)) = field.split_first() else { continue };
            let value = String::from_utf8_lossy(value).into_owned();
            match kind {
                b'V' => report.severity = value,
                b'S' if report.severity.is_empty() => report.severity = value,
                b'C' => report.code = value,
                b'M' => report.message = value,
                b'D' => report.detail = Some(value),
                b'H' => report.hint = Some(value),
                b'W' => report.context = Some(value),
                b's' => report.schema = Some(value),
                b't' => report.table = Some(value),
                b'c' => report.column = Some(value),
                b'd' => report.data_type = Some(value),
                b'n' => report.constraint = Some(value),
                b'P' => report.position = Some(value),
                _ => {}
            }
        }
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.severity, self.code, self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, " · DETAIL {detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, " · HINT {hint}")?;
        }
        Ok(())
    }
}

/// Bytes that arrived, cut into messages.
#[derive(Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    at: usize,
}

impl Inbox {
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if self.at > 0 && self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let rest = &self.bytes[self.at..];
        let header: [u8; 5] = rest.get(..5)?.try_into().ok()?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        let body = rest.get(5..=length)?.to_vec();
        self.at += length + 1;
        if self.at > 1 << 20 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        Some((header[0], body))
    }
}

/// Messages to the server, collected before they are sent.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
}

impl Outbox {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn message(&mut self, kind: Option<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.extend(kind);
        let start = self.bytes.len();
        self.bytes.extend([0; 4]);
        body(&mut self.bytes);
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    pub(super) fn startup(&mut self, parameters: &[(&str, &str)]) {
        self.message(None, |out| {
            out.extend(196_608_u32.to_be_bytes());
            for (name, value) in parameters {
                text(out, name);
                text(out, value);
            }
            out.push(0);
        });
    }

    pub(super) fn password(&mut self, password: &[u8]) {
        self.message(Some(b'p'), |out| {
            out.extend_from_slice(password);
            out.push(0);
        });
    }

    pub(super) fn sasl_first(&mut self, mechanism: &str, data: &[u8]) {
        self.message(Some(b'p'), |out| {
            text(out, mechanism);
            out.extend((data.len() as u32).to_be_bytes());
            out.extend_from_slice(data);
        });
    }

    pub(super) fn sasl_next(&mut self, data: &[u8]) {
        self.message(Some(b'p'), |out| out.extend_from_slice(data));
    }

    pub(super) fn query(&mut self, sql: &str) {
        self.message(Some(b'Q'), |out| text(out, sql));
    }

    pub(super) fn parse(&mut self, name: &str, sql: &str) {
        self.message(Some(b'P'), |out| {
            text(out, name);
            text(out, sql);
            out.extend(0_u16.to_be_bytes());
        });
    }

    pub(super) fn bind(&mut self, statement: &str, parameters: &[Option<String>]) {
        self.message(Some(b'B'), |out| {
            text(out, "");
            text(out, statement);
            out.extend(0_u16.to_be_bytes());
            out.extend((parameters.len() as u16).to_be_bytes());
            for parameter in parameters {
                match parameter {
                    Some(value) => {
                        out.extend((value.len() as u32).to_be_bytes());
                        out.extend_from_slice(value.as_bytes());
                    }
                    None => out.extend((-1_i32).to_be_bytes()),
                }
            }
            out.extend(0_u16.to_be_bytes());
        });
    }

    pub(super) fn describe_statement(&mut self, name: &str) {
        self.message(Some(b'D'), |out| {
            out.push(b'S');
            text(out, name);
        });
    }

    pub(super) fn describe_portal(&mut self) {
        self.message(Some(b'D'), |out| {
            out.push(b'P');
            text(out, "");
        });
    }

    pub(super) fn execute(&mut self) {
        self.message(Some(b'E'), |out| {
            text(out, "");
            out.extend(0_u32.to_be_bytes());
        });
    }

    pub(super) fn sync(&mut self) {
        self.message(Some(b'S'), |_| ());
    }

    pub(super) fn copy_rows(&mut self, rows: &[u8]) {
        self.message(Some(b'd'), |out| out.extend_from_slice(rows));
        self.message(Some(b'c'), |_| ());
    }

    pub(super) fn copy_fail(&mut self, reason: &str) {
        self.message(Some(b'f'), |out| text(out, reason));
    }
}

/// A text with its end; a zero byte inside would end it early and is dropped.
fn text(out: &mut Vec<u8>, value: &str) {
    out.extend(value.bytes().filter(|byte| *byte != 0));
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::{Answer, Inbox, Outbox, Report};

    #[test]
    fn a_message_that_arrives_in_pieces_is_read_whole() {
        let mut out = Outbox::default();
        out.query("SELECT 1");
        let mut inbox = Inbox::default();
        for byte in out.bytes() {
            assert_eq!(inbox.next(), None);
            inbox.extend(&[*byte]);
        }
        assert_eq!(inbox.next(), Some((b'Q', b"SELECT 1\0".to_vec())));
        assert_eq!(inbox.next(), None);
    }

    #[test]
    fn a_null_cell_differs_from_an_empty_one() {
        let mut answer = Answer::default();
        answer.row(&[0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        assert_eq!(answer.rows, vec![vec![None, Some(String::new())]]);
    }

    #[test]
    fn every_field_of_an_error_that_names_an_object_is_kept() {
        let report = Report::parse(b"SFEHLER\0VERROR\0C23505\0Mdup\0DKey\0nitems_pkey\0titems\0\0");
        assert_eq!(report.severity, "ERROR");
        assert_eq!(report.constraint.as_deref(), Some("items_pkey"));
        assert_eq!(report.table.as_deref(), Some("items"));
    }
}
