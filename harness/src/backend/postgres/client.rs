//! A blocking Postgres client that keeps whole messages.
//!
//! Two worlds are compared message by message, so nothing may be summarised on the way: command tags, every
//! error field, notices, notifications, and rows in the text that any driver could ask for. Parameters are
//! sent as text without a type, so that the server infers it, as most drivers let it do.
//!
//! The wire format is that of protocol version 3 (Postgres manual, chapter "Frontend/Backend Protocol").

use super::message::{Answer, Inbox, Outbox, Report};
use postgres_protocol::authentication::{md5_hash, sasl};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Where a server listens, and who connects. Its debug text has no password.
#[derive(Clone)]
pub struct Address {
    /// Folder of the unix socket, or a host name.
    pub host: Host,
    /// Port; with a unix socket part of the file's name.
    pub port: u16,
    /// Login role.
    pub user: String,
    /// Password, where the server asks for one.
    pub password: Option<String>,
    /// Password of the roles that the harness makes; that of the login role where there is none.
    pub others: Option<String>,
    /// Database.
    pub database: String,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address")
            .field("place", &self.place())
            .field("user", &self.user)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// A socket folder or a host name.
#[derive(Clone, Debug)]
pub enum Host {
    /// Folder with the socket `.s.PGSQL.PORT`.
    Socket(PathBuf),
    /// Host name or address.
    Tcp(String),
}

impl Address {
    /// The same server and role, another database.
    pub fn database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// The same server and database, another role.
    pub fn user(&self, user: &str) -> Self {
        let password = self.others.clone().or_else(|| self.password.clone());
        Self { user: user.to_owned(), password, ..self.clone() }
    }

    /// Host and port for a person, without who connects.
    pub fn place(&self) -> String {
        match &self.host {
            Host::Socket(folder) => format!("{}:{}", folder.display(), self.port),
            Host::Tcp(host) => format!("{host}:{}", self.port),
        }
    }
}

/// What [`ClientError::Slow`] says.
pub const NO_ANSWER: &str = "no answer in time";

/// Why a connection is of no use any more, or never was.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket failed or the server went away.
    #[error("connection lost: {0}")]
    Lost(#[from] std::io::Error),
    /// Nothing came within the limit; what was asked may still go on.
    #[error("{NO_ANSWER}")]
    Slow,
    /// The server refused the connection.
    #[error("{0}")]
    Refused(Box<Report>),
    /// The server asked for something that this client does not speak.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// A statement of the harness itself failed.
    #[error("{1}\n  statement: {0}")]
    Statement(String, Box<Report>),
}

/// Bytes of one answer's rows that are kept: a statement that never ends may send rows until it is stopped.
const MOST: usize = 64 << 20;

/// Result of a client call.
pub type Result<T> = std::result::Result<T, ClientError>;

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn open(address: &Address) -> std::io::Result<Self> {
        match &address.host {
            Host::Socket(folder) => {
                UnixStream::connect(folder.join(format!(".s.PGSQL.{}", address.port))).map(Self::Unix)
            }
            Host::Tcp(host) => {
                let stream = TcpStream::connect((host.as_str(), address.port))?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
        }
    }

    fn set_timeout(&self, limit: Option<Duration>) -> std::io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(limit),
            Self::Tcp(stream) => stream.set_read_timeout(limit),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
    }
}

/// A connection. Dropping it closes it.
pub struct Connection {
    stream: Stream,
    inbox: Inbox,
    /// Process id of the server's backend.
    pub pid: i32,
    secret: i32,
    address: Address,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("pid", &self.pid).field("address", &self.address).finish()
    }
}

impl Connection {
    /// Connects. `settings` are start values of the session, `statement_timeout` for example: `DISCARD ALL`
    /// goes back to them.
    ///
    /// # Errors
    /// The server is not there, or refuses.
    pub fn open(address: &Address, settings: &[(&str, &str)]) -> Result<Self> {
        let stream = Stream::open(address)?;
        stream.set_timeout(Some(Duration::from_secs(60)))?;
        let mut connection =
            Self { stream, inbox: Inbox::default(), pid: 0, secret: 0, address: address.clone() };
        let mut options = String::new();
        for (name, value) in settings {
            options.push_str(&format!("-c {name}={} ", value.replace('\\', "\\\\").replace(' ', "\\ ")));
        }
        let mut out = Outbox::default();
        out.startup(&[
            ("user", &address.user),
            ("database", &address.database),
            ("client_encoding", "UTF8"),
            ("application_name", "app"),
            ("options", options.trim()),
        ]);
        connection.send(&out)?;
        connection.authenticate()?;
        Ok(connection)
    }

    /// The address that was connected to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    fn authenticate(&mut self) -> Result<()> {
        let mut scram: Option<sasl::ScramSha256> = None;
        loop {
            let (kind, body) = self.message()?;
            match kind {
                b'R' => {
                    let code = i32::from_be_bytes(body[..4].try_into().unwrap_or_default());
                    let password = self.address.password.clone().unwrap_or_default();
                    let mut out = Outbox::default();
                    match code {
                        0 => continue,
                        3 => out.password(password.as_bytes()),
                        5 => {
                            let salt = body[4..8].try_into().unwrap_or_default();
                            let hash = md5_hash(self.address.user.as_bytes(), password.as_bytes(), salt);
                            out.password(hash.as_bytes());
                        }
                        10 => {
                            let state = sasl::ScramSha256::new(
                                password.as_bytes(),
                                sasl::ChannelBinding::unsupported(),
                            );
                            out.sasl_first("SCRAM-SHA-256", state.message());
                            scram = Some(state);
                        }
                        11 => {
                            let state = scram.as_mut().ok_or_else(|| unsupported("SASL out of order"))?;
                            state.update(&body[4..])?;
                            out.sasl_next(state.message());
                        }
                        12 => {
                            let state = scram.as_mut().ok_or_else(|| unsupported("SASL out of order"))?;
                            state.finish(&body[4..])?;
                            continue;
                        }
                        other => return Err(unsupported(&format!("authentication request {other}"))),
                    }
                    self.send(&out)?;
                }
                b'K' if body.len() >= 8 => {
                    self.pid = i32::from_be_bytes(body[..4].try_into().unwrap_or_default());
                    self.secret = i32::from_be_bytes(body[4..8].try_into().unwrap_or_default());
                }
                b'E' => return Err(ClientError::Refused(Box::new(Report::parse(&body)))),
                b'Z' => return Ok(()),
                _ => {}
            }
        }
    }

    fn send(&mut self, out: &Outbox) -> Result<()> {
        Ok(self.stream.write_all(out.bytes())?)
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>)> {
        loop {
            if let Some(message) = self.inbox.next() {
                return Ok(message);
            }
            let mut buffer = [0_u8; 16 * 1024];
            let read = self.stream.read(&mut buffer).map_err(|error| match error.kind() {
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => ClientError::Slow,
                _ => ClientError::Lost(error),
            })?;
            if read == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
            self.inbox.extend(&buffer[..read]);
        }
    }

    /// Sends one text over the simple protocol; one answer for each statement in it. `copy` is what is sent
    /// where the server asks for rows (`COPY … FROM STDIN`).
    ///
    /// # Errors
    /// Only when the connection is lost: a refusal of the server is part of the answer.
    pub fn simple(&mut self, sql: &str, copy: Option<&str>) -> Result<Vec<Answer>> {
        let mut out = Outbox::default();
        out.query(sql);
        self.send(&out)?;
        self.collect(copy)
    }

    /// Sends several texts at once, each a request of its own, without waiting in between.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn pipeline<T: AsRef<str>>(&mut self, statements: &[T]) -> Result<Vec<Vec<Answer>>> {
        let mut out = Outbox::default();
        for sql in statements {
            out.query(sql.as_ref());
        }
        self.send(&out)?;
        statements.iter().map(|_| self.collect(None)).collect()
    }

    /// Sends texts and then a statement, all at once: what each text was answered, and what the statement was. The
    /// statement goes over the extended protocol where it has parameters.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn after(
        &mut self,
        texts: &[String],
        sql: &str,
        values: &[Option<String>],
        copy: Option<&str>,
    ) -> Result<(Vec<Vec<Answer>>, Vec<Answer>)> {
        let mut out = Outbox::default();
        for text in texts {
            out.query(text);
        }
        if values.is_empty() {
            out.query(sql);
        } else {
            out.parse("", sql);
            out.bind("", values);
            out.describe_portal();
            out.execute();
            out.sync();
        }
        self.send(&out)?;
        let before = texts.iter().map(|_| self.collect(None)).collect::<Result<_>>()?;
        Ok((before, self.collect(copy)?))
    }

    /// Sends one statement with parameters over the extended protocol.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn extended(&mut self, sql: &str, parameters: &[Option<String>]) -> Result<Answer> {
        let mut out = Outbox::default();
        out.parse("", sql);
        out.bind("", parameters);
        out.describe_portal();
        out.execute();
        out.sync();
        self.send(&out)?;
        Ok(self.collect(None)?.into_iter().next().unwrap_or_default())
    }

    /// Types of the parameters of a statement, as type OIDs; the error where it does not parse.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn parameter_types(&mut self, sql: &str) -> Result<std::result::Result<Vec<u32>, Box<Report>>> {
        let mut out = Outbox::default();
        out.parse("", sql);
        out.describe_statement("");
        out.sync();
        self.send(&out)?;
        let (mut types, mut failed) = (Vec::new(), None);
        loop {
            let (kind, body) = self.message()?;
            match kind {
                b't' => {
                    types = body[2..]
                        .chunks_exact(4)
                        .map(|c| u32::from_be_bytes(c.try_into().unwrap_or_default()))
                        .collect();
                }
                b'E' => failed = Some(Box::new(Report::parse(&body))),
                b'Z' => return Ok(failed.map_or(Ok(types), Err)),
                _ => {}
            }
        }
    }

    fn collect(&mut self, copy: Option<&str>) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        let mut current = Answer::default();
        let mut open = false;
        let (mut kept, mut left_out) = (0, 0_u64);
        loop {
            let (kind, body) = self.message()?;
            open |= kind != b'Z';
            match kind {
                b'T' => current.describe(&body),
                b'D' | b'd' if kept > MOST => left_out += 1,
                b'D' => {
                    kept += body.len();
                    current.row(&body);
                }
                b'C' => {
                    if left_out > 0 {
                        // Still two answers of different length differ.
                        current.rows.push(vec![Some(format!("… and {left_out} more rows"))]);
                    }
                    (kept, left_out) = (0, 0);
                    current.tag = Some(String::from_utf8_lossy(&body[..body.len() - 1]).into_owned());
                    answers.push(std::mem::take(&mut current));
                    open = false;
                }
                b'I' | b's' => {
                    answers.push(std::mem::take(&mut current));
                    open = false;
                }
                b'E' => {
                    (kept, left_out) = (0, 0);
                    current.error = Some(Box::new(Report::parse(&body)));
                    answers.push(std::mem::take(&mut current));
                    open = false;
                }
                b'N' => current.notices.push(Report::parse(&body)),
                b'A' => current.notify(&body),
                b'd' => {
                    kept += body.len();
                    current.copied(&body);
                }
                b'G' => {
                    let mut out = Outbox::default();
                    match copy {
                        Some(rows) => out.copy_rows(rows.as_bytes()),
                        None => out.copy_fail("no rows"),
                    }
                    self.send(&out)?;
                }
                b'Z' => {
                    if open && current != Answer::default() {
                        // Notices that came after the last statement.
                        match answers.last_mut() {
                            Some(last) => {
                                last.notices.append(&mut current.notices);
                                last.notifications.append(&mut current.notifications);
                            }
                            None => answers.push(current),
                        }
                    }
                    return Ok(answers);
                }
                _ => {}
            }
        }
    }

    /// Runs statements of the harness itself, all of which must succeed; the rows of the last one.
    ///
    /// # Errors
    /// The first error that the server reports.
    pub fn run(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        let answers = self.simple(sql, None)?;
        let mut rows = Vec::new();
        for answer in answers {
            if let Some(error) = answer.error {
                return Err(ClientError::Statement(shorten(sql), error));
            }
            rows = answer.rows;
        }
        Ok(rows)
    }

    /// The first cell of the first row of a statement of the harness.
    ///
    /// # Errors
    /// The server's refusal.
    pub fn scalar(&mut self, sql: &str) -> Result<Option<String>> {
        Ok(self.run(sql)?.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// How long an answer may take before the connection counts as lost.
    pub fn limit(&self, limit: Duration) {
        let _ = self.stream.set_timeout(Some(limit));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.stream.write_all(&[b'X', 0, 0, 0, 4]);
    }
}

fn unsupported(what: &str) -> ClientError {
    ClientError::Unsupported(what.to_owned())
}

fn shorten(sql: &str) -> String {
    let mut text: String = sql.chars().take(400).collect();
    if text.len() < sql.len() {
        text.push('…');
    }
    text
}
