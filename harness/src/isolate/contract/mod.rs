//! The tenancy contract: how a schema says who its tenants are.
//!
//! Parsing refuses what it does not know, with file and line, so that a misspelled key is never a hole in the
//! test. What a contract means for rows is in [`super::data`]; what it means for statements in [`fill`].

mod check;
mod fill;

pub use check::ContractError;
pub use fill::{Words, fill, has_world, mentions};

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A contract as it was read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Where the schema comes from.
    pub database: Database,
    /// Who the tenants are and how one is entered.
    pub tenant: Tenant,
    /// Tables that differ from the default.
    #[serde(default)]
    pub tables: BTreeMap<String, Table>,
    /// What the adversary may send.
    #[serde(default)]
    pub adversary: Adversary,
    /// What the neighbour does.
    #[serde(default)]
    pub neighbour: Neighbour,
    /// Accepted channels, each with its reason.
    #[serde(default)]
    pub allow: BTreeMap<String, String>,
    /// The file.
    #[serde(skip)]
    pub path: PathBuf,
    /// The file's text, for messages that name a line.
    #[serde(skip)]
    pub text: String,
}

/// `[database]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Files that the owner applies, in order.
    #[serde(default)]
    pub schema: Vec<String>,
    /// An existing database to clone instead.
    pub template: Option<String>,
    /// Name of the database; default: the name of the contract's folder.
    pub name: Option<String>,
    /// Files that the superuser runs before the schema.
    #[serde(default, rename = "super")]
    pub superuser: Vec<String>,
    /// Files that the superuser runs in each world.
    #[serde(default)]
    pub super_each: Vec<String>,
    /// Extensions.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// Settings of the throw-away server.
    #[serde(default)]
    pub parameters: BTreeMap<String, toml::Value>,
    /// Who owns what the files create.
    #[serde(default = "owner")]
    pub owner: String,
}

fn owner() -> String {
    "owner".to_owned()
}

/// `[tenant]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The application's login role.
    pub role: toml::Spanned<String>,
    /// Sample tenants; the first is the observer.
    #[serde(default = "ids")]
    pub ids: toml::Spanned<Vec<String>>,
    /// The default tenant column.
    pub column: String,
    /// How the application becomes a tenant.
    pub enter: Vec<String>,
    /// How it gives the connection back.
    #[serde(default)]
    pub leave: Vec<String>,
    /// Whether `enter` runs inside the request's transaction.
    #[serde(default)]
    pub transaction: bool,
    /// Further values of each tenant, in the order of ids.
    #[serde(default)]
    pub vars: BTreeMap<String, toml::Spanned<Vec<String>>>,
    /// What must exist before a tenant can enter.
    #[serde(default)]
    pub create: Vec<String>,
    /// By the owner before a tenant's rows are inserted.
    #[serde(default)]
    pub prepare: Vec<String>,
    /// A query whose columns are variables.
    pub login: Option<String>,
}

fn ids() -> toml::Spanned<Vec<String>> {
    toml::Spanned::new(0..0, vec!["1".to_owned(), "2".to_owned()])
}

/// `[tables.NAME]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Tenant column, or several.
    pub column: Option<OneOrMany>,
    /// `run_id -> runs.id` or `id <- memberships.org_id`.
    pub via: Option<String>,
    /// All rows belong to this tenant.
    pub tenant: Option<String>,
    /// Belongs to no tenant; everyone may read it.
    #[serde(default)]
    pub shared: bool,
    /// A shared table that tenants may change.
    #[serde(default)]
    pub writable: bool,
    /// The column holds this variable instead of the tenant's id.
    pub holds: Option<String>,
    /// Foreign key columns that refer only within the tenant.
    #[serde(default)]
    pub own: Vec<String>,
    /// Belongs to no tenant, and no tenant may read it.
    #[serde(default)]
    pub closed: bool,
    /// `create`: only what `create` inserts.
    pub rows: Option<Rows>,
    /// Rows that everyone may read.
    pub public: Option<String>,
    /// Rows are only added: a change of one is a finding, whoever's it is.
    #[serde(default)]
    pub append_only: bool,
}

/// Where a table's rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// Only from `create`.
    Create,
}

/// A name or a list of names.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One name.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// As a list.
    pub fn list(&self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::Many(names) => names.clone(),
        }
    }
}

/// `[adversary]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adversary {
    /// What A may send.
    #[serde(default)]
    pub level: Level,
    /// The application's own statements.
    #[serde(default)]
    pub statements: Vec<String>,
    /// Nothing but the statements.
    #[serde(default)]
    pub only: bool,
    /// Statements of a request that forgot to enter.
    #[serde(default)]
    pub outside: Vec<String>,
    /// What an outsider may guess, by column.
    #[serde(default)]
    pub values: BTreeMap<String, Vec<String>>,
    /// Columns whose values A cannot know.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Only objects of these schemas are reached.
    #[serde(default)]
    pub schemas: Vec<String>,
    /// Families that are not sent at level `sql`.
    #[serde(default)]
    pub exclude: Vec<Family>,
}

/// What A may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What an application sends, with any values in it.
    #[default]
    Queries,
    /// Any statement that the role may execute.
    Sql,
}

/// A family of statements that can be left out at level `sql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Changing what `enter` sets, entering as another.
    Enter,
    /// EXPLAIN.
    Plans,
    /// pg_stats, pg_statistic.
    Statistics,
    /// pg_stat_*, reltuples, sizes, slots.
    Counters,
    /// ctid, xmin, transaction ids, WAL positions.
    SystemColumns,
    /// TABLESAMPLE.
    Sampling,
    /// LOCK and advisory locks.
    Locks,
    /// pg_stat_activity, pg_locks, pg_terminate_backend.
    Backends,
}

/// `[neighbour]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// In an earlier request on the same connection.
    #[serde(default)]
    pub before: Vec<String>,
    /// On B's own connection while A runs, in one world.
    #[serde(default)]
    pub concurrent: Vec<String>,
    /// After A; compared with a run without A.
    #[serde(default)]
    pub after: Vec<String>,
}

impl Contract {
    /// Reads and checks a contract.
    ///
    /// # Errors
    /// File, line and reason.
    pub fn read(path: &Path) -> Result<Self, ContractError> {
        let text = std::fs::read_to_string(path).map_err(|error| ContractError {
            place: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Self::parse(path, &text)
    }

    /// Checks the text of a contract; files in it are looked up beside `path`.
    ///
    /// # Errors
    /// File, line and reason.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ContractError> {
        let mut contract: Self = toml::from_str(text).map_err(|error| check::syntax(path, text, &error))?;
        contract.path = path.to_path_buf();
        text.clone_into(&mut contract.text);
        check::check(&contract)?;
        Ok(contract)
    }

    /// Name of the database.
    pub fn name(&self) -> String {
        let folder = self.folder();
        self.database.name.clone().unwrap_or_else(|| {
            let folder = folder.canonicalize().unwrap_or(folder);
            folder.file_name().map_or_else(|| "store".to_owned(), |name| name.to_string_lossy().into_owned())
        })
    }

    /// The contract's folder.
    pub fn folder(&self) -> PathBuf {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        }
    }

    /// Tenant ids; the first is the observer A.
    pub fn ids(&self) -> &[String] {
        self.tenant.ids.as_ref()
    }

    /// The variables of a tenant, without those of `login`.
    pub fn words(&self, tenant: usize) -> Words {
        let mut words = Words::new();
        words.insert("tenant".to_owned(), self.ids()[tenant].clone());
        for (name, values) in &self.tenant.vars {
            words.insert(name.clone(), values.as_ref()[tenant].clone());
        }
        words
    }

    /// The login role of a tenant.
    pub fn role(&self, tenant: usize) -> String {
        fill(self.tenant.role.as_ref(), &self.words(tenant))
    }

    /// Whether the level is `sql` and the family is not excluded.
    pub fn sends(&self, family: Family) -> bool {
        self.adversary.level == Level::Sql && !self.adversary.exclude.contains(&family)
    }

    /// An error that names the line where `needle` stands.
    pub fn error_at(&self, needle: &str, reason: impl Into<String>) -> ContractError {
        let line = self.text.lines().position(|line| line.contains(needle)).map_or(1, |at| at + 1);
        ContractError { place: format!("{}:{line}", self.path.display()), reason: reason.into() }
    }
}

impl Contract {
    /// What holds for a table that the contract does not name.
    pub fn default_table() -> Table {
        Table::default()
    }
}
