//! The bench: a prepared database, copied into worlds that differ in B's rows only.
//!
//! One server prepares: extensions, roles, `super`, schema, `create`, then the rows of A and of everyone. It is
//! stopped and its folder copied, so that every world starts from the same bytes: equal OIDs, random values,
//! times and transaction ids. Each worker owns two servers, one a world.

mod rows;

pub use rows::{Volume, neighbour_rows};

use super::catalogue::{self, Catalogue};
use super::contract::{Contract, ContractError, Words, fill, has_world, mentions};
use super::data::{Made, Maker, Rules};
use super::foreign::{self, Texts};
use super::program::column_of;
use super::script;
use crate::backend::postgres::client::{Address, ClientError, Connection};
use crate::backend::postgres::foreign::Foreign;
use crate::backend::postgres::site::{Server, Site, SiteError};
use crate::backend::postgres::{Choice, quote_name, quote_text};
use std::path::{Path, PathBuf};

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The contract or a file that it names: exit status 2.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// What was asked for is refused: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// No Postgres of the wanted kind on this machine: exit status 3.
    #[error("{0}")]
    Missing(String),
    /// The harness or the backend: exit status 3.
    #[error("{0}")]
    Harness(String),
}

impl From<SiteError> for Problem {
    fn from(error: SiteError) -> Self {
        match error {
            SiteError::Missing(reason) => Self::Missing(reason),
            SiteError::Failed(reason) => Self::Harness(reason),
            SiteError::Usage(reason) => Self::Usage(reason),
        }
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        Self::Harness(error.to_string())
    }
}

/// What all workers share.
pub struct Bench {
    /// The contract.
    pub contract: Contract,
    /// The catalogue, with the rights that A has after it entered.
    pub catalogue: Catalogue,
    /// The contract, resolved.
    pub rules: Rules,
    /// Name and version of the backend.
    pub backend: String,
    /// Names of databases with the rows of A and of everyone, one a generation.
    pub bases: Vec<String>,
    /// Name of the database with what `create` made and no other row.
    pub prepared: String,
    /// Rows that were made in each of them.
    pub base_rows: Vec<Vec<Made>>,
    /// Columns whose values A cannot know: table and column.
    pub secrets: Vec<(usize, usize)>,
    /// Words of each tenant, with those of login.
    pub words: Vec<Words>,
    /// Tables in which no row could be made.
    pub empty: Vec<String>,
    /// What the user should know: a fallback.
    pub notes: Vec<String>,
    /// Port by which the server that prepared reached itself.
    pub home: u16,
    data: PathBuf,
    site: Site,
}

/// What the database before any generated row is called.
const PREPARED: &str = "proofhouse_prepared";

impl Bench {
    /// Prepares everything up to the point where the worlds part.
    ///
    /// # Errors
    /// A contract that does not fit its schema, or a backend that fails.
    pub fn prepare(mut contract: Contract, choice: &Choice, generations: usize) -> Result<Self, Problem> {
        let mut notes = Vec::new();
        let site = Site::open(choice, &mut notes)?;
        let guest = match (site.foreign(), choice) {
            (Some(foreign), Choice::Url(address, _)) => {
                Some((foreign, foreign::admit(&mut contract, foreign, &address.user, &mut notes)?))
            }
            _ => None,
        };
        let parameters: Vec<(String, String)> =
            contract.database.parameters.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
        let data = site.make(&parameters).map_err(|error| match guest {
            Some(_) => contract.error_at("parameters", format!("parameters: {error}")).into(),
            None => Problem::Harness(error),
        })?;
        let mut server = site.start(&data).map_err(|error| {
            if parameters.is_empty() {
                Problem::Harness(error)
            } else {
                contract.error_at("parameters", format!("parameters: {error}")).into()
            }
        })?;
        let ready = fill_first(&contract, &server, guest.as_ref(), generations);
        let Ready { catalogue, rules, secrets, words, prepared, bases, base_rows, empty } =
            ready.map_err(|problem| match problem {
                // A full disk ends the server: a lost connection alone would not say so.
                Problem::Harness(error) => Problem::Harness(match server.cause() {
                    Some(cause) => format!("{error}; {cause}"),
                    None => error,
                }),
                other => other,
            })?;
        let home = server.home;
        let data = server.stop().map_err(Problem::Harness)?;
        let backend = site.name().to_owned();
        Ok(Self {
            contract,
            catalogue,
            rules,
            backend,
            bases,
            prepared,
            base_rows,
            secrets,
            words,
            empty,
            notes,
            home,
            data,
            site,
        })
    }

    /// A server on a copy of the prepared folder.
    ///
    /// # Errors
    /// No space, or it does not start.
    pub fn server(&self, name: &str) -> Result<Server, Problem> {
        let folder = self.site.copy(&self.data, name).map_err(Problem::Harness)?;
        self.site.start(&folder).map_err(Problem::Harness)
    }
}

impl Bench {
    /// A server once more on the folder that it had.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&self, folder: &Path) -> Result<Server, Problem> {
        self.site.start(folder).map_err(Problem::Harness)
    }
}

/// What is known when the first server has all that the worlds have in common.
struct Ready {
    catalogue: Catalogue,
    rules: Rules,
    secrets: Vec<(usize, usize)>,
    words: Vec<Words>,
    prepared: String,
    bases: Vec<String>,
    base_rows: Vec<Vec<Made>>,
    empty: Vec<String>,
}

/// Schema, `create`, catalogue, rows of A and of everyone.
fn fill_first(
    contract: &Contract,
    server: &Server,
    guest: Option<&(&Foreign, Texts)>,
    generations: usize,
) -> Result<Ready, Problem> {
    let name = server.database(&contract.name());
    set_up(contract, &server.address, &name, guest)?;
    let mut admin = Connection::open(&server.address, &[])?;
    let address = server.address.database(&name);
    let mut connection = Connection::open(&address, &[])?;
    if guest.is_some() {
        foreign::quieten(&mut connection)?;
    }
    let words = all_words(contract, &address)?;
    let role = effective_role(contract, &address, &words)?;
    let catalogue = catalogue::read(&mut connection, &role, &contract.role(0))?;
    let rules = Rules::resolve(contract, &catalogue)?;
    let secrets = columns(contract, &catalogue, "secrets", contract.adversary.secrets.iter())?;
    columns(contract, &catalogue, "values", contract.adversary.values.keys())?;
    drop(connection);
    let prepared = server.database(PREPARED);
    admin.run(&format!("ALTER DATABASE {} RENAME TO {prepared}", quote_name(&name)))?;
    let (mut bases, mut base_rows, mut empty) = (Vec::new(), Vec::new(), Vec::new());
    for generation in 0..generations {
        let base = server.database(&format!("proofhouse_base{generation}"));
        admin.run(&format!("CREATE DATABASE {base} TEMPLATE {prepared}"))?;
        let mut connection = Connection::open(&server.address.database(&base), &SETTINGS)?;
        let mut maker = Maker::new(contract, &catalogue, &rules, &mut connection, words.clone())?;
        maker.number = generation * 3;
        let (made, missing) = rows::base_of(&mut maker, generation)?;
        drop(connection);
        if generation == 0 {
            empty = missing;
        }
        base_rows.push(made);
        bases.push(base);
    }
    drop(admin);
    Ok(Ready { catalogue, rules, secrets, words, prepared, bases, base_rows, empty })
}

/// Start values of the harness's sessions: nothing waits for ever.
pub const SETTINGS: [(&str, &str); 3] =
    [("statement_timeout", "3000"), ("lock_timeout", "150"), ("client_min_messages", "notice")];

/// Columns that the contract names, as positions.
fn columns<'name>(
    contract: &Contract,
    catalogue: &Catalogue,
    key: &str,
    names: impl Iterator<Item = &'name String>,
) -> Result<Vec<(usize, usize)>, ContractError> {
    names
        .map(|name| {
            column_of(catalogue, name).ok_or_else(|| {
                contract.error_at(name, format!("{key}: {name} is not a column; write [schema.]table.column"))
            })
        })
        .collect()
}

fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Extensions, roles, `super`, schema, `create`.
fn set_up(
    contract: &Contract,
    server: &Address,
    name: &str,
    guest: Option<&(&Foreign, Texts)>,
) -> Result<(), Problem> {
    let adopt = || guest.map_or(Ok(()), |(foreign, texts)| foreign::adopt(foreign, contract, texts));
    let mut admin = Connection::open(server, &[])?;
    let owner = &contract.database.owner;
    let roles: Vec<String> = (0..contract.ids().len()).map(|tenant| contract.role(tenant)).collect();
    let supers: Vec<String> = contract
        .database
        .superuser
        .iter()
        .map(|file| {
            std::fs::read_to_string(contract.folder().join(file)).unwrap_or_default().to_ascii_lowercase()
        })
        .collect();
    make_role(&mut admin, owner)?;
    adopt()?;
    if contract.database.template.is_some() {
        return Err(contract
            .error_at("template", "template: the throw-away server has no such database; give schema files")
            .into());
    }
    // What a server of others has in its template, and how it sorts, is not the schema's.
    let plain = guest.map_or("", |_| " TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
    admin.run(&format!("CREATE DATABASE {} OWNER {}{plain}", quote_name(name), quote_name(owner)))?;
    let address = server.database(name);
    let mut connection = Connection::open(&address, &[])?;
    connection.run(&format!("ALTER SCHEMA public OWNER TO {}", quote_name(owner)))?;
    for extension in &contract.database.extensions {
        connection
            .run(&format!("CREATE EXTENSION IF NOT EXISTS {} CASCADE", quote_name(extension)))
            .map_err(|error| contract.error_at("extensions", error.to_string()))?;
    }
    // Files of the superuser may create a role with attributes of its own, where it does not exist yet.
    for role in roles.iter().filter(|role| !supers.iter().any(|text| creates_role(text, role))) {
        make_role(&mut admin, role)?;
    }
    adopt()?;
    for file in &contract.database.superuser {
        let applied = apply(&contract.folder().join(file), &mut connection, 0);
        // Before anything is told: a file that fails half way may have made roles.
        adopt()?;
        applied?;
    }
    drop(connection);
    for role in &roles {
        make_role(&mut admin, role)?;
    }
    adopt()?;
    let mut connection = Connection::open(&address, &[])?;
    connection.run(&format!("SET SESSION AUTHORIZATION {}", quote_name(owner)))?;
    for file in &contract.database.schema {
        apply(&contract.folder().join(file), &mut connection, 0)?;
    }
    for role in &roles {
        let rows = admin.run(&format!(
            "SELECT rolcanlogin FROM pg_catalog.pg_roles WHERE rolname = {}",
            quote_text(role)
        ))?;
        if rows.first().and_then(|row| row[0].as_deref()) != Some("t") {
            return Err(contract.error_at("role", format!("role {role} cannot log in")).into());
        }
    }
    drop(connection);
    create(contract, &address, None)
}

/// Whether a file of the superuser creates the role.
fn creates_role(text: &str, role: &str) -> bool {
    let role = role.to_ascii_lowercase();
    ["create role ", "create user "].iter().any(|words| {
        text.match_indices(words).any(|(at, _)| {
            let name = text[at + words.len()..].trim_start().trim_start_matches('"');
            name.strip_prefix(&role)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    })
}

fn make_role(admin: &mut Connection, role: &str) -> Result<(), Problem> {
    let known =
        admin.run(&format!("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = {}", quote_text(role)))?;
    if known.is_empty() {
        admin.run(&format!("CREATE ROLE {} LOGIN", quote_name(role)))?;
    }
    Ok(())
}

/// The statements of `create`, one transaction a tenant; with `world` those that differ by world.
///
/// # Errors
/// A statement that the database refuses.
pub fn create(contract: &Contract, address: &Address, world: Option<usize>) -> Result<(), Problem> {
    let chosen: Vec<&String> =
        contract.tenant.create.iter().filter(|s| has_world(s) == world.is_some()).collect();
    if chosen.is_empty() {
        return Ok(());
    }
    let mut connection = Connection::open(address, &[])?;
    for tenant in 0..contract.ids().len() {
        let mut words = contract.words(tenant);
        if let Some(world) = world {
            words.insert("world".to_owned(), world.to_string());
        }
        let list: Vec<String> = chosen
            .iter()
            // A statement without a word is for all tenants: once.
            .filter(|s| tenant == 0 || words.keys().any(|word| mentions(s, word)))
            .map(|s| fill(s, &words))
            .collect();
        let mut outcome = Ok(Vec::new());
        for by_owner in [true, false] {
            let role = if by_owner {
                format!("SET SESSION AUTHORIZATION {}", quote_name(&contract.database.owner))
            } else {
                "RESET SESSION AUTHORIZATION".to_owned()
            };
            connection.run(&role)?;
            connection.run("BEGIN")?;
            outcome = list.iter().try_fold(Vec::new(), |_, statement| connection.run(statement));
            connection.run(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
            match &outcome {
                Err(ClientError::Statement(_, error)) if error.code == "42501" => {}
                _ => break,
            }
        }
        if let Err(error) = outcome {
            return Err(contract
                .error_at("create", format!("create for tenant {}: {error}", contract.ids()[tenant]))
                .into());
        }
    }
    Ok(())
}

/// Applies a file.
///
/// # Errors
/// The file, the line and what the server said.
pub fn apply(file: &Path, connection: &mut Connection, depth: usize) -> Result<(), Problem> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| ContractError { place: file.display().to_string(), reason: error.to_string() })?;
    for piece in script::split(&text) {
        if let Some(include) = piece.sql.strip_prefix("\\i").filter(|_| piece.sql.starts_with('\\')) {
            let name = include.trim_start_matches('r').trim();
            let path = file.parent().map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
            if depth < 8 {
                apply(&path, connection, depth + 1)?;
            }
            continue;
        }
        let answers = connection.simple(&piece.sql, piece.copy.as_deref())?;
        if let Some(error) = answers.into_iter().find_map(|answer| answer.error) {
            let place = format!("{}:{}", file.display(), piece.line);
            return Err(ContractError { place, reason: error.to_string() }.into());
        }
    }
    Ok(())
}

/// The words of every tenant, those of `login` included.
fn all_words(contract: &Contract, address: &Address) -> Result<Vec<Words>, Problem> {
    let mut connection = Connection::open(address, &SETTINGS)?;
    connection.run(&format!("SET SESSION AUTHORIZATION {}", quote_name(&contract.database.owner)))?;
    (0..contract.ids().len())
        .map(|tenant| {
            login(contract, tenant, &mut connection)?.ok_or_else(|| {
                let id = &contract.ids()[tenant];
                contract
                    .error_at(
                        "login",
                        format!("login: no row for tenant {id}; what it needs goes into create"),
                    )
                    .into()
            })
        })
        .collect()
}

/// The words of a tenant; runs `login` where the contract has one. Nothing where `login` has no row: the request
/// fails.
///
/// # Errors
/// A login query that the database refuses.
pub fn login(
    contract: &Contract,
    tenant: usize,
    connection: &mut Connection,
) -> Result<Option<Words>, Problem> {
    let mut words = contract.words(tenant);
    if let Some(query) = &contract.tenant.login {
        let answers = connection.simple(&fill(query, &words), None)?;
        let answer = answers.into_iter().next_back().unwrap_or_default();
        if let Some(error) = answer.error {
            return Err(contract.error_at("login", format!("login: {error}")).into());
        }
        let Some(row) = answer.rows.into_iter().next() else { return Ok(None) };
        for (column, cell) in answer.columns.into_iter().zip(row) {
            words.insert(column, cell.unwrap_or_else(|| "NULL".to_owned()));
        }
    }
    Ok(Some(words))
}

/// The role whose rights hold after A entered.
fn effective_role(contract: &Contract, address: &Address, words: &[Words]) -> Result<String, Problem> {
    let mut connection = Connection::open(address, &SETTINGS)?;
    let role = contract.role(0);
    connection.run(&format!("SET SESSION AUTHORIZATION {}", quote_name(&role)))?;
    connection.run("BEGIN")?;
    for statement in &contract.tenant.enter {
        let statement = fill(statement, &words[0]);
        connection.run(&statement).map_err(|error| contract.error_at("enter", format!("enter: {error}")))?;
    }
    Ok(connection.scalar("SELECT current_user")?.unwrap_or(role))
}
