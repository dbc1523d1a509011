//! A server that is already there and that others use too: databases and roles that the harness makes on it, and
//! how they go away.
//!
//! Databases are named `proofhouse_RUN_…`, where RUN are sixteen random digits; roles carry a comment with RUN, since
//! their names are the contract's. A run is alive as long as its keeper is connected, a session that says RUN as the
//! name of its application. What belongs to a run that is not alive was left by one that was killed, and the next run
//! on the server removes it. Nothing else is ever dropped, renamed or altered.
//!
//! What a run cannot see or hide on a shared cluster is in `scenarios/postgres/README.md`.

use super::client::{Address, Connection};
use super::{quote_name, quote_text, random};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

const PREFIX: &str = "proofhouse_";
/// Digits of a run's name.
const DIGITS: usize = 16;
/// How the comment on a role begins.
const COMMENT: &str = "made by proofhouse isolate, run ";
/// The oldest server on which databases can be copied and dropped as the harness does it.
const OLDEST: u32 = 140_000;

/// What a run has on a server of others. Dropping it removes all of it.
#[derive(Debug)]
pub struct Foreign {
    address: Address,
    run: String,
    /// Password of the roles that the run makes, as long as they live: without one a server that asks for passwords
    /// would not let them in.
    secret: String,
    /// Name and version of the server, as reports show it; never with the login.
    pub name: String,
    keeper: Mutex<Option<Connection>>,
    /// Roles that were there before.
    before: BTreeSet<String>,
}

impl Foreign {
    /// Connects as a superuser, and removes what killed runs left.
    ///
    /// # Errors
    /// In words: nobody listens, the login is refused or no superuser's, the server is too old.
    pub fn open(address: &Address, notes: &mut Vec<String>) -> Result<Self, String> {
        let place = address.place();
        // As libpq has it, so that no password must stand on a command line.
        let password = address.password.clone().or_else(|| std::env::var("PGPASSWORD").ok());
        let address = &Address { password, ..address.clone() };
        let failed = |error: super::client::ClientError| format!("{place}: {error}");
        let run = format!("{:016x}", random());
        let mut keeper = keep(address, &run).map_err(failed)?;
        let superuser = keeper
            .scalar("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")
            .map_err(failed)?;
        if superuser.as_deref() != Some("t") {
            return Err(format!(
                "{place}: the login {} is no superuser; isolate becomes the contract's owner and roles in turn, which \
                 takes one",
                address.user
            ));
        }
        let version = keeper.scalar("SHOW server_version").map_err(failed)?.unwrap_or_default();
        let number = keeper.scalar("SHOW server_version_num").map_err(failed)?;
        if number.and_then(|text| text.parse::<u32>().ok()).is_some_and(|number| number < OLDEST) {
            return Err(format!("{place}: Postgres {version} is too old; 14 or later is needed"));
        }
        notes.extend(tidy(&mut keeper, None).map_err(failed)?);
        let before = roles(&mut keeper).map_err(failed)?;
        let version = version.split_whitespace().next().unwrap_or_default().to_owned();
        Ok(Self {
            address: address.clone(),
            run,
            secret: format!("{:016x}{:016x}", random(), random()),
            name: format!("postgres at {place} {version}"),
            keeper: Mutex::new(Some(keeper)),
            before,
        })
    }

    /// How to reach the server, with the password of the roles that the run makes.
    pub fn address(&self) -> Address {
        Address { others: Some(self.secret.clone()), ..self.address.clone() }
    }

    /// The name on this server of what is called `name` within a part of the run.
    pub fn database(&self, part: &str, name: &str) -> String {
        let plain: String = format!("{part}_{name}")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let mut full = format!("{PREFIX}{}_{}", self.run, plain.trim_matches('_').to_ascii_lowercase());
        // Longer names are cut by the server, and would be others than asked for.
        full.truncate(63);
        full
    }

    /// What every database of the run begins with.
    pub fn prefix(&self) -> String {
        format!("{PREFIX}{}_", self.run)
    }

    /// Roles that were on the server before the run.
    pub fn roles_before(&self) -> &BTreeSet<String> {
        &self.before
    }

    /// Marks those of these roles that came with this run as its own, and gives them the password.
    ///
    /// # Errors
    /// The server refuses.
    pub fn adopt(&self, named: &dyn Fn(&str) -> bool) -> Result<(), String> {
        self.with_keeper(|keeper| {
            for name in roles(keeper)?.iter().filter(|name| named(name) && !self.before.contains(*name)) {
                let role = quote_name(name);
                keeper.run(&format!("COMMENT ON ROLE {role} IS {}", quote_text(&comment(&self.run))))?;
                keeper.run(&format!("ALTER ROLE {role} PASSWORD {}", quote_text(&self.secret)))?;
            }
            Ok(())
        })
        // Neither the statement nor what the server says of it, since one holds the password.
        .map_err(|_| format!("{}: the roles of the contract cannot be marked", self.address.place()))
    }

    /// Whether a setting of the server has this value, written as the server shows it: `64MB`, `logical`, `on`.
    ///
    /// # Errors
    /// The server is gone.
    pub fn has_setting(&self, name: &str, wanted: &str) -> Result<bool, String> {
        let wanted = match wanted {
            "true" => "on",
            "false" => "off",
            other => other,
        };
        let sql = format!("SELECT pg_catalog.current_setting({}, true)", quote_text(name));
        let value = self.with_keeper(|keeper| keeper.scalar(&sql))?;
        Ok(value.is_some_and(|value| value.eq_ignore_ascii_case(wanted)))
    }

    /// Connects the keeper again where the server lost it: without one, another run would take this for dead.
    pub fn stay(&self) {
        let _ = self.with_keeper(|keeper| keeper.scalar("SELECT 1"));
    }

    fn with_keeper<T>(
        &self,
        mut work: impl FnMut(&mut Connection) -> super::client::Result<T>,
    ) -> Result<T, String> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = keeper.as_mut()
            && let Ok(done) = work(connection)
        {
            return Ok(done);
        }
        let failed = |error: super::client::ClientError| format!("{}: {error}", self.address.place());
        *keeper = None;
        let mut fresh = keep(&self.address, &self.run).map_err(failed)?;
        let done = work(&mut fresh).map_err(failed);
        *keeper = Some(fresh);
        done
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let left = self.with_keeper(|keeper| tidy(keeper, Some(&self.run)));
        let problems = left.unwrap_or_else(|error| vec![error]);
        for problem in problems {
            eprintln!("note: {problem}; the next run on this server tries again");
        }
    }
}

/// A session that says which run it belongs to.
fn keep(address: &Address, run: &str) -> super::client::Result<Connection> {
    let name = format!("{PREFIX}{run}");
    let mut connection = Connection::open(address, &[("lock_timeout", "5000")])?;
    connection.run(&format!("SET application_name = {}", quote_text(&name)))?;
    Ok(connection)
}

fn roles(connection: &mut Connection) -> super::client::Result<BTreeSet<String>> {
    let rows = connection.run("SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'")?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

fn comment(run: &str) -> String {
    format!("{COMMENT}{run}")
}

/// The run in the name of a database.
fn run_of(database: &str) -> Option<&str> {
    let rest = database.strip_prefix(PREFIX)?;
    let run = rest.get(..DIGITS)?;
    let digits = run.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (digits && rest.as_bytes().get(DIGITS) == Some(&b'_')).then_some(run)
}

/// Removes what belongs to a run, or to all runs that are not alive. What could not be removed, in words.
fn tidy(connection: &mut Connection, run: Option<&str>) -> super::client::Result<Vec<String>> {
    let cells = |rows: Vec<Vec<Option<String>>>| -> Vec<Vec<String>> {
        rows.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect()
    };
    // Read before the sessions are: a run that begins now has its keeper before it has anything else.
    let databases = cells(connection.run("SELECT datname FROM pg_catalog.pg_database ORDER BY 1")?);
    let roles = cells(connection.run(&format!(
        "SELECT rolname, pg_catalog.shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles \
         WHERE pg_catalog.shobj_description(oid, 'pg_authid') LIKE '{COMMENT}%' ORDER BY 1"
    ))?);
    let alive: BTreeSet<String> =
        cells(connection.run("SELECT application_name FROM pg_catalog.pg_stat_activity")?)
            .into_iter()
            .flatten()
            .collect();
    let gone = |of: &str| match run {
        Some(run) => of == run,
        None => !alive.contains(&format!("{PREFIX}{of}")),
    };
    let mut left = Vec::new();
    for row in &databases {
        let Some(of) = run_of(&row[0]) else { continue };
        if gone(of)
            && let Err(error) =
                connection.run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_name(&row[0])))
        {
            left.push(format!("database {} cannot be dropped: {error}", row[0]));
        }
    }
    for row in &roles {
        let of = row[1].trim_start_matches(COMMENT);
        if gone(of)
            && let Err(error) = connection.run(&format!("DROP ROLE IF EXISTS {}", quote_name(&row[0])))
        {
            left.push(format!("role {} cannot be dropped: {error}", row[0]));
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::run_of;

    #[test]
    fn only_names_that_a_run_gives_are_taken_for_its_databases() {
        assert_eq!(run_of("proofhouse_0123456789abcdef_w0_1_world"), Some("0123456789abcdef"));
        for other in
            ["proofhouse", "proofhouse_shop", "proofhouse_0123456789abcdef", "proofhouse_0123456789ABCDEF_x"]
        {
            assert_eq!(run_of(other), None, "{other}");
        }
    }
}
