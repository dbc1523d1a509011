//! A world: one database with A's rows, everyone's, and B's of this world; and how a program runs in it.

mod baseline;
mod effect;
mod harm;
mod run;
mod session;
mod timed;

pub use baseline::{Baseline, Probe};
pub use effect::{Effect, parted};
pub use run::{Harm, Trace};

use super::bench::{self, Bench, Problem, SETTINGS, Volume};
use super::data::{Made, Maker, Owner, Snapshot};
use crate::backend::postgres::client::Connection;
use crate::backend::postgres::site::Server;
use crate::backend::postgres::{quote_name, quote_text};

/// What the database is called from which the world is made anew.
const PRISTINE: &str = "proofhouse_pristine";

/// One world.
pub struct World<'bench> {
    bench: &'bench Bench,
    /// 1 or 2.
    pub index: usize,
    server: Server,
    name: String,
    pristine: String,
    connection: Connection,
    login: Option<Connection>,
    /// B's rows of this world.
    pub made: Vec<Made>,
    /// All rows before A.
    pub rows: Snapshot,
    /// Their owners.
    pub owners: Vec<Vec<Owner>>,
    /// Rows that everyone may read, though they are B's: by table.
    pub public: Snapshot,
    /// What holds before A.
    pub baseline: Baseline,
    /// Sequences as the rows left them, and where both worlds have them alike.
    pub sequences: Sequences,
    base: usize,
    beside: Option<Connection>,
    codes: Vec<(usize, bool)>,
    changed: bool,
    /// What the last program did to A's own rows.
    effects: Vec<Effect>,
    slow: usize,
    /// The step that was sent last.
    reached: usize,
    revived: usize,
    /// Operations of B that never end: asked once.
    endless: std::collections::BTreeSet<String>,
    /// Whether nothing has moved its sequences since it was made.
    fresh: bool,
    /// How it is made again, where it has no pristine copy.
    recipe: Option<Rows>,
}

/// Positions of all sequences: last value and whether it was given out.
#[derive(Clone, Debug, Default)]
pub struct Sequences {
    /// As this world's rows left them.
    pub own: Vec<(i64, bool)>,
    /// Alike in both worlds.
    pub alike: Vec<(i64, bool)>,
}

impl<'bench> World<'bench> {
    /// Makes a world on a server of its own, with B's rows.
    ///
    /// # Errors
    /// The server or the database fails.
    pub fn new(
        bench: &'bench Bench,
        server: Server,
        index: usize,
        base: usize,
        volume: Volume,
        number: usize,
    ) -> Result<Self, Problem> {
        let mut world = Self::empty(bench, server, index, base)?;
        world.build(base, &Rows::Volume(volume, number))?;
        Ok(world)
    }

    /// Makes a world on a server of its own with these rows, for a few programs.
    ///
    /// # Errors
    /// The server or the database fails, or a row is refused.
    pub fn with(
        bench: &'bench Bench,
        server: Server,
        index: usize,
        base: usize,
        rows: &Rows,
    ) -> Result<Self, Problem> {
        let mut world = Self::empty(bench, server, index, base)?;
        world.build_directly(base, rows)?;
        Ok(world)
    }

    fn empty(bench: &'bench Bench, server: Server, index: usize, base: usize) -> Result<Self, Problem> {
        let name = server.database(&bench.contract.name());
        let pristine = server.database(PRISTINE);
        let connection = Connection::open(&server.address, &SETTINGS)?;
        Ok(Self {
            bench,
            index,
            server,
            name,
            pristine,
            connection,
            login: None,
            made: Vec::new(),
            rows: Snapshot::default(),
            owners: Vec::new(),
            public: Snapshot::default(),
            baseline: Baseline::default(),
            sequences: Sequences::default(),
            base,
            beside: None,
            codes: Vec::new(),
            changed: false,
            effects: Vec::new(),
            slow: 0,
            reached: 0,
            revived: 0,
            endless: Default::default(),
            recipe: None,
            fresh: true,
        })
    }

    /// Makes the world anew from a base, with other rows of B.
    ///
    /// # Errors
    /// The database fails.
    pub fn build(&mut self, base: usize, rows: &Rows) -> Result<(), Problem> {
        self.base = base;
        self.leave_database()?;
        // What the superuser makes in each world (a replication slot) does not go with a copy of the database.
        if !self.bench.contract.database.super_each.is_empty() {
            return self.build_directly(base, rows);
        }
        self.recipe = None;
        let pristine = self.pristine.clone();
        self.drop_database(&pristine)?;
        self.connection.run(&format!("CREATE DATABASE {pristine} TEMPLATE {}", self.base_name(rows)))?;
        self.fill(&pristine, rows)?;
        self.renew()
    }

    /// Makes the world anew without a pristine copy beside it: for a few programs only.
    ///
    /// # Errors
    /// The database fails.
    pub fn build_directly(&mut self, base: usize, rows: &Rows) -> Result<(), Problem> {
        self.base = base;
        self.leave_database()?;
        let name = self.name.clone();
        self.drop_database(&name)?;
        self.connection.run(&format!(
            "CREATE DATABASE {} TEMPLATE {}",
            quote_name(&name),
            self.base_name(rows)
        ))?;
        self.fill(&name, rows)?;
        let given = match rows {
            Rows::Exactly { base, .. } => base.clone(),
            Rows::Volume(..) => None,
        };
        self.recipe = Some(Rows::Exactly { base: given, own: self.made.clone() });
        self.open_database()
    }

    /// Makes the world anew where it was not made from just this. Whether it was made.
    ///
    /// # Errors
    /// The database fails.
    pub fn build_unless_so(&mut self, base: usize, rows: &Rows) -> Result<bool, Problem> {
        if self.base == base && self.recipe.as_ref() == Some(rows) {
            return Ok(false);
        }
        self.recipe = None;
        self.build_directly(base, rows)?;
        Ok(true)
    }

    fn base_name(&self, rows: &Rows) -> String {
        match rows {
            Rows::Exactly { base: None, .. } | Rows::Volume(..) => self.bench.bases[self.base].clone(),
            Rows::Exactly { base: Some(_), .. } => self.bench.prepared.clone(),
        }
    }

    /// What a fresh copy lacks: `super_each`, what differs by world, rows, statistics.
    fn fill(&mut self, database: &str, rows: &Rows) -> Result<(), Problem> {
        let address = self.server.address.database(database);
        let contract = &self.bench.contract;
        if !contract.database.super_each.is_empty() {
            let mut connection = Connection::open(&address, &[])?;
            for file in &contract.database.super_each {
                bench::apply(&contract.folder().join(file), &mut connection, 0)?;
            }
        }
        bench::create(contract, &address, Some(self.index))?;
        self.point_home(database)?;
        let mut connection = Connection::open(&address, &SETTINGS)?;
        match rows {
            Rows::Volume(volume, number) => {
                let mut maker = Maker::new(
                    contract,
                    &self.bench.catalogue,
                    &self.bench.rules,
                    &mut connection,
                    self.bench.words.clone(),
                )?;
                maker.number = 20 + number;
                self.made = bench::neighbour_rows(&mut maker, self.index, *volume)?;
            }
            Rows::Exactly { base, own } => {
                let rows: Vec<&Made> = base.iter().flatten().chain(own).collect();
                make_again(&mut connection, &rows)?;
                self.made.clone_from(own);
            }
        }
        let tables = &self.bench.catalogue.tables;
        for table in tables.iter().filter(|table| table.kind == 'm') {
            let _ = connection.run(&format!("REFRESH MATERIALIZED VIEW {}", table.sql()));
        }
        let names: Vec<String> = tables
            .iter()
            .filter(|table| matches!(table.kind, 'r' | 'p' | 'm') && !table.partition && !table.extension)
            .map(super::catalogue::Table::sql)
            .collect();
        if !names.is_empty() {
            connection.run(&format!("ANALYZE {}", names.join(", ")))?;
        }
        Ok(())
    }

    /// Foreign servers that lead back to the server on which the schema was applied lead to this one.
    fn point_home(&mut self, database: &str) -> Result<(), Problem> {
        let mut connection = Connection::open(&self.server.address.database(database), &SETTINGS)?;
        let rows = connection.run(&format!(
            "SELECT srvname FROM pg_catalog.pg_foreign_server WHERE 'port={}' = ANY (srvoptions)",
            self.bench.home
        ))?;
        for name in rows.into_iter().filter_map(|row| row.into_iter().next().flatten()) {
            let port = self.server.home;
            connection.run(&format!("ALTER SERVER {} OPTIONS (SET port '{port}')", quote_name(&name)))?;
        }
        Ok(())
    }

    /// The world as it was before any program.
    ///
    /// # Errors
    /// The database fails.
    pub fn renew(&mut self) -> Result<(), Problem> {
        if let Some(rows) = self.recipe.clone() {
            return self.build_directly(self.base, &rows);
        }
        self.leave_database()?;
        let name = self.name.clone();
        self.drop_database(&name)?;
        self.connection.run(&format!("CREATE DATABASE {} TEMPLATE {}", quote_name(&name), self.pristine))?;
        self.open_database()
    }

    fn open_database(&mut self) -> Result<(), Problem> {
        let name = self.name.clone();
        for setting in &self.bench.catalogue.settings {
            // Settings of a database do not go with its copy.
            if let Some((key, value)) = setting.split_once('=') {
                let _ = self.connection.run(&format!(
                    "ALTER DATABASE {} SET {} = {}",
                    quote_name(&name),
                    key,
                    quote_text(value)
                ));
            }
        }
        self.connection = Connection::open(&self.server.address.database(&name), &SETTINGS)?;
        self.connection.limit(std::time::Duration::from_secs(6));
        self.login = None;
        self.fresh = true;
        Ok(())
    }

    /// The base that it was made from.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Which steps of the last program were accepted.
    pub fn last_codes(&self) -> &[(usize, bool)] {
        &self.codes
    }

    /// Whether the last program changed rows.
    pub fn last_changed(&self) -> bool {
        self.changed
    }

    /// What the last program did to A's own rows, in tables that it changed.
    pub fn last_effects(&self) -> &[Effect] {
        &self.effects
    }

    /// Runs statements as the superuser, outside of any program.
    ///
    /// # Errors
    /// What the server refuses.
    pub fn as_superuser(&mut self, sql: &str) -> Result<(), Problem> {
        self.connection.run(sql)?;
        Ok(())
    }

    /// Types of a statement's parameters, as the role sees it after A entered.
    ///
    /// # Errors
    /// The statement does not parse.
    pub fn parameter_types(&mut self, sql: &str) -> Result<Vec<u32>, Problem> {
        self.connection.parameter_types(sql)?.map_err(|error| Problem::Harness(error.to_string()))
    }

    /// B starts to work on its own connection.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn begin_beside(&mut self, statements: &[String]) -> Result<(), Problem> {
        let contract = &self.bench.contract;
        let address = self.connection.address().user(&contract.role(1));
        let mut connection = Connection::open(&address, &SETTINGS)?;
        let requests = super::program::cut_into_requests(statements);
        let words = &self.bench.words[1];
        for (at, request) in requests.iter().enumerate() {
            if contract.tenant.transaction {
                connection.simple("BEGIN", None)?;
            }
            for statement in &contract.tenant.enter {
                connection.simple(&super::contract::fill(statement, words), None)?;
            }
            for statement in request {
                let sql = self.with_values_of_b(&super::contract::fill(statement, words));
                connection.simple(&sql, None)?;
            }
            // The last request goes on while A runs.
            if at + 1 < requests.len() {
                if contract.tenant.transaction {
                    connection.simple("COMMIT", None)?;
                }
                for statement in &contract.tenant.leave {
                    connection.simple(&super::contract::fill(statement, words), None)?;
                }
            }
        }
        self.beside = Some(connection);
        Ok(())
    }

    /// B stops.
    ///
    /// # Errors
    /// None; the connection is closed.
    pub fn end_beside(&mut self) -> Result<(), Problem> {
        self.beside = None;
        Ok(())
    }

    fn leave_database(&mut self) -> Result<(), Problem> {
        self.login = None;
        self.connection = Connection::open(&self.server.address, &[])?;
        Ok(())
    }

    fn drop_database(&mut self, name: &str) -> Result<(), Problem> {
        let text = quote_text(name);
        let _ = self.connection.run(&format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = {text} AND active; "
        ));
        let _ = self.connection.run(&format!(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = {text}"
        ));
        self.connection.run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_name(name)))?;
        Ok(())
    }

    /// Reads what holds before A. `alike` are the positions of sequences that both worlds share.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn learn(&mut self) -> Result<(), Problem> {
        let catalogue = &self.bench.catalogue;
        self.rows = Snapshot::take(catalogue, &mut self.connection)?;
        self.owners = self.bench.rules.owners(&self.rows);
        self.public = Snapshot { tables: vec![Vec::new(); catalogue.tables.len()] };
        for (at, rule) in self.bench.rules.tables.iter().enumerate() {
            if let Some(condition) = rule.as_ref().and_then(|rule| rule.public.as_deref()) {
                let name = catalogue.tables[at].sql();
                self.public.tables[at] = self
                    .connection
                    .run(&format!("SELECT * FROM {name} WHERE ({condition})"))
                    .map_err(|error| self.bench.contract.error_at("public", format!("public: {error}")))?;
            }
        }
        if std::mem::take(&mut self.fresh) {
            self.sequences.own = self.positions()?;
        }
        Ok(())
    }

    /// Where all sequences stand.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn positions(&mut self) -> Result<Vec<(i64, bool)>, Problem> {
        let parts: Vec<String> = self
            .bench
            .catalogue
            .sequences
            .iter()
            .enumerate()
            .map(|(at, sequence)| format!("SELECT {at}, last_value, is_called FROM {}", sequence.sql()))
            .collect();
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.connection.run(&format!("{} ORDER BY 1", parts.join(" UNION ALL ")))?;
        Ok(rows
            .iter()
            .map(|row| {
                (row[1].as_deref().and_then(|v| v.parse().ok()).unwrap_or(1), row[2].as_deref() == Some("t"))
            })
            .collect())
    }

    /// Puts all sequences where they should stand.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn place_sequences(&mut self, unaligned: bool) -> Result<(), Problem> {
        let wanted = if unaligned { self.sequences.own.clone() } else { self.sequences.alike.clone() };
        let parts: Vec<String> = self
            .bench
            .catalogue
            .sequences
            .iter()
            .zip(wanted)
            .map(|(sequence, (value, called))| {
                format!("setval({}, {value}, {called})", quote_text(&sequence.sql()))
            })
            .collect();
        for chunk in parts.chunks(50) {
            self.connection.run(&format!("SELECT {}", chunk.join(", ")))?;
        }
        Ok(())
    }
}

/// Makes rows as they were made before.
fn make_again(connection: &mut Connection, rows: &[&Made]) -> Result<(), Problem> {
    const TIDY: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL";
    // Not all at once: answers that nobody reads would stop the server.
    const EACH: usize = 50;
    for chunk in rows.chunks(EACH) {
        let texts: Vec<&str> = chunk.iter().flat_map(|made| [made.again.as_str(), TIDY]).collect();
        let answers = connection.pipeline(&texts)?.into_iter().step_by(2);
        let failed = chunk.iter().zip(answers).filter(|(_, all)| all.iter().any(|a| a.error.is_some()));
        for (made, _) in failed {
            // Once more, since a row to which it refers may have been refused beside it; then as it was made, where a
            // trigger or a right stands against writing it out.
            let mut refused = None;
            for text in [&made.again, &made.sql] {
                let answers = connection.pipeline(&[text.as_str(), TIDY])?;
                refused = answers.into_iter().flatten().find_map(|answer| answer.error);
                if refused.is_none() {
                    break;
                }
            }
            if let Some(error) = refused {
                return Err(Problem::Harness(format!("a row was refused the second time: {error}")));
            }
        }
    }
    Ok(())
}

/// Which rows of B a world gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// So many, numbered from here.
    Volume(Volume, usize),
    /// Exactly these; with `base` the rows of A and everyone are given too, instead of the base's.
    Exactly {
        /// Rows of A and of everyone.
        base: Option<Vec<Made>>,
        /// Rows of B.
        own: Vec<Made>,
    },
}
