//! Postgres engines: embedded, local, container, or a server that is already there.

pub mod binaries;
pub mod client;
pub mod container;
pub mod foreign;
pub mod message;
pub mod server;
pub mod site;

use client::{Address, Host};
use std::str::FromStr;

/// Which Postgres to use: the value of `--postgres`.
#[derive(Clone, Debug)]
pub enum Choice {
    /// Binaries from Maven Central, of a version; `None`: the pinned one, and `local` where it cannot be had.
    Embedded(Option<String>),
    /// Binaries on this machine.
    Local,
    /// A container.
    Container,
    /// A server that is already there, and whether databases and roles may be made on it.
    Url(Address, bool),
}

impl Choice {
    /// The same, with leave to make databases and roles on a server that is already there.
    #[must_use]
    pub fn allow_foreign(self, allowed: bool) -> Self {
        match self {
            Self::Url(address, _) => Self::Url(address, allowed),
            other => other,
        }
    }
}

impl Default for Choice {
    fn default() -> Self {
        Self::Embedded(None)
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "embedded" => Ok(Self::Embedded(None)),
            "local" => Ok(Self::Local),
            "container" => Ok(Self::Container),
            _ => match text.strip_prefix("embedded@") {
                Some(version) => Ok(Self::Embedded(Some(version.to_owned()))),
                None if text.contains("://") => parse_url(text).map(|address| Self::Url(address, false)),
                None => Err(format!("{text}: not one of embedded[@VERSION], local, container, postgres://…")),
            },
        }
    }
}

/// No error quotes the URL: there may be a password in it.
fn parse_url(text: &str) -> Result<Address, String> {
    let rest = text
        .strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"))
        .ok_or("not a URL of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE")?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)));
    let (mut host, port) = match place.rsplit_once(':') {
        Some((host, port)) => {
            (host.to_owned(), port.parse().map_err(|_| format!("postgres URL: {port} is not a port"))?)
        }
        None => (place.to_owned(), 5432),
    };
    if let Some(folder) = query.split('&').find_map(|part| part.strip_prefix("host=")) {
        host = decode(folder);
    }
    let host = match decode(&host).as_str() {
        "" => Host::Socket("/var/run/postgresql".into()),
        folder if folder.starts_with('/') => Host::Socket(folder.into()),
        name => Host::Tcp(name.to_owned()),
    };
    let user = if user.is_empty() { "postgres".to_owned() } else { decode(user) };
    let database = if database.is_empty() { "postgres".to_owned() } else { decode(database) };
    Ok(Address { host, port, user, password: password.map(decode), others: None, database })
}

/// A number that nobody can guess or meet by chance.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A name as SQL text.
pub fn quote_name(name: &str) -> String {
    let plain = name
        .chars()
        .enumerate()
        .all(|(at, c)| c == '_' || c.is_ascii_lowercase() || (at > 0 && c.is_ascii_digit()));
    if plain && !name.is_empty() && !is_reserved(name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A value as an SQL literal.
pub fn quote_text(value: &str) -> String {
    let doubled = value.replace('\'', "''");
    if doubled.contains('\\') {
        format!(" E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// Words that cannot stand as a column or table name without quotes (Postgres manual, appendix C).
fn is_reserved(word: &str) -> bool {
    const RESERVED: &str = " all analyse analyze and any array as asc asymmetric authorization binary both case \
        cast check collate collation column concurrently constraint create cross current_catalog current_date \
        current_role current_schema current_time current_timestamp current_user default deferrable desc distinct \
        do else end except false fetch for foreign freeze from full grant group having ilike in initially inner \
        intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not \
        notnull null offset on only or order outer overlaps placing primary references returning right select \
        session_user similar some symmetric system_user table tablesample then to trailing true union unique user \
        using variadic verbose when where window with values row between bigint bit boolean char character \
        coalesce dec decimal exists extract float greatest grouping inout int integer interval least national \
        nchar none nullif numeric out overlay position precision real setof smallint substring time timestamp \
        treat trim varchar xmlattributes xmlconcat xmlelement ";
    RESERVED.contains(&format!(" {word} "))
}

#[cfg(test)]
mod tests {
    use super::{Choice, client::Host, quote_name, quote_text};

    #[test]
    fn a_url_is_read_with_percent_signs_and_a_socket_folder() {
        let Ok(Choice::Url(address, false)) = "postgres://me:p%40ss@db.example:5433/shop".parse() else {
            panic!("not a URL")
        };
        assert_eq!((address.user.as_str(), address.port, address.database.as_str()), ("me", 5433, "shop"));
        assert_eq!(address.password.as_deref(), Some("p@ss"));
        let Ok(Choice::Url(address, false)) = "postgres://me@/shop?host=/run/pg".parse() else {
            panic!("not a URL")
        };
        assert!(matches!(address.host, Host::Socket(folder) if folder.ends_with("pg")));
    }

    #[test]
    fn no_password_of_a_url_is_shown() {
        let Ok(Choice::Url(address, _)) = "postgres://me:secret@db.example/shop".parse() else {
            panic!("not a URL")
        };
        assert!(!format!("{address:?}").contains("secret"));
        assert_eq!(address.place(), "db.example:5432");
        for wrong in ["mysql://me:secret@db.example/shop", "postgres://me:secret@db.example:port/shop"] {
            let error = wrong.parse::<Choice>().expect_err("not a URL");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn names_are_quoted_only_where_needed() {
        assert_eq!(quote_name("items"), "items");
        assert_eq!(quote_name("user"), "\"user\"");
        assert_eq!(quote_name("Items\"x"), "\"Items\"\"x\"");
    }

    #[test]
    fn a_backslash_makes_an_escape_string() {
        assert_eq!(quote_text("it's"), "'it''s'");
        assert_eq!(quote_text("a\\'"), " E'a\\\\'''");
    }
}
