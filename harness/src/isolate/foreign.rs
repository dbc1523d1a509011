//! What changes where the worlds are databases of a server that others use too: what a contract may not do there, and
//! what is not looked at.

use super::bench::Problem;
use super::contract::{Contract, ContractError, Family};
use super::script;
use crate::backend::postgres::client::Connection;
use crate::backend::postgres::foreign::Foreign;
use crate::backend::postgres::message::{Answer, Report};
use std::path::{Path, PathBuf};

/// Words that reach beyond the database in which they are said: other databases, the whole cluster, other servers.
const BEYOND: [&str; 16] = [
    "alter system",
    "create database",
    "alter database",
    "drop database",
    "on database",
    "create tablespace",
    "alter tablespace",
    "drop tablespace",
    "create server",
    "create subscription",
    "replication_slot",
    "dblink",
    "pg_reload_conf",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "drop owned",
];

/// Families whose answers depend on the whole cluster: both worlds and everyone else.
const CLUSTER_WIDE: [Family; 3] = [Family::Counters, Family::SystemColumns, Family::Backends];

/// The files of a contract, as far as they concern the roles of a cluster.
#[derive(Debug)]
pub struct Texts(Vec<Text>);

#[derive(Debug)]
struct Text {
    file: PathBuf,
    line: usize,
    sql: String,
}

impl Texts {
    /// Everything that the contract applies, includes included.
    fn of(contract: &Contract) -> Self {
        let mut all = Vec::new();
        let database = &contract.database;
        for file in database.superuser.iter().chain(&database.schema) {
            read(&contract.folder().join(file), 0, &mut all);
        }
        let create = contract.tenant.create.iter();
        all.extend(create.map(|sql| Text { file: contract.path.clone(), line: 0, sql: sql.clone() }));
        Self(all)
    }

    /// Where a name stands as a whole word.
    fn names(&self, name: &str) -> Option<String> {
        let boundary = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        self.0.iter().find_map(|text| {
            let at = text.sql.match_indices(name).map(|(at, _)| at).find(|at| {
                boundary(text.sql[..*at].chars().next_back())
                    && boundary(text.sql[at + name.len()..].chars().next())
            })?;
            Some(text.place(at))
        })
    }
}

impl Text {
    fn place(&self, at: usize) -> String {
        let line = self.line + self.sql[..at].matches('\n').count();
        format!("{}:{}", self.file.display(), line.max(1))
    }
}

fn read(file: &Path, depth: usize, all: &mut Vec<Text>) {
    // A file that is not there is told where it is applied.
    let Ok(text) = std::fs::read_to_string(file) else { return };
    for piece in script::split(&text) {
        match piece.sql.strip_prefix("\\i").filter(|_| depth < 8) {
            Some(include) => {
                let name = include.trim_start_matches('r').trim();
                let path = file.parent().map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
                read(&path, depth + 1, all);
            }
            None => all.push(Text { file: file.to_path_buf(), line: piece.line, sql: piece.sql }),
        }
    }
}

/// Checks that a contract keeps to its own database and to roles of its own, and takes out what cannot be judged on a
/// shared cluster. Its texts, for [`adopt`].
///
/// # Errors
/// File and line of what reaches further, or the name of a role that is there already.
pub fn admit(
    contract: &mut Contract,
    foreign: &Foreign,
    user: &str,
    notes: &mut Vec<String>,
) -> Result<Texts, ContractError> {
    let texts = Texts::of(contract);
    if let Some(error) = beyond(&texts) {
        return Err(error);
    }
    if !contract.database.super_each.is_empty() {
        let reason = "super_each: what the superuser makes in each world, replication slots for one, belongs to the \
                      whole cluster; leave --postgres URL out, or super_each";
        return Err(contract.error_at("super_each", reason));
    }
    let own: Vec<String> = (0..contract.ids().len())
        .map(|tenant| contract.role(tenant))
        .chain([contract.database.owner.clone()])
        .collect();
    for role in foreign.roles_before() {
        let what = "roles belong to the whole cluster, and this one is not the run's to change: drop it, rename it in \
                    the contract, or leave --postgres URL out";
        if own.contains(role) {
            let reason = format!("role {role} exists on the server; {what}");
            return Err(contract.error_at(role, reason));
        }
        if role != user
            && let Some(place) = texts.names(role)
        {
            return Err(ContractError { place, reason: format!("role {role} exists on the server; {what}") });
        }
    }
    let missing: Vec<Family> =
        CLUSTER_WIDE.into_iter().filter(|family| !contract.adversary.exclude.contains(family)).collect();
    contract.adversary.exclude.extend(missing);
    notes.push(
        "on a shared server the families counters, system_columns and backends are not sent; what a function reads \
         from cluster-wide views may be others' doing"
            .to_owned(),
    );
    Ok(texts)
}

fn beyond(texts: &Texts) -> Option<ContractError> {
    texts.0.iter().find_map(|text| {
        let lower = text.sql.to_ascii_lowercase();
        let (at, words) = BEYOND.iter().find_map(|words| {
            // Words may stand any space apart; one that is searched for stands as it is.
            let mut from = 0;
            let first = words.split(' ').next().unwrap_or_default();
            while let Some(at) = lower.get(from..).and_then(|rest| rest.find(first)).map(|at| at + from) {
                let mut rest = lower[at..].split_whitespace();
                if words.split(' ').all(|word| rest.next().is_some_and(|next| next.contains(word))) {
                    return Some((at, words));
                }
                from = at + first.len();
            }
            None
        })?;
        let reason = format!(
            "\"{words}\" reaches beyond the database of the run, on a server that others use: leave --postgres URL out, \
             or this statement"
        );
        Some(ContractError { place: text.place(at), reason })
    })
}

/// Marks the roles that came with the contract's texts as the run's.
///
/// # Errors
/// The server refuses.
pub fn adopt(foreign: &Foreign, contract: &Contract, texts: &Texts) -> Result<(), Problem> {
    let own: Vec<String> = (0..contract.ids().len()).map(|tenant| contract.role(tenant)).collect();
    let named = |role: &str| {
        role == contract.database.owner
            || own.iter().any(|known| known == role)
            || texts.0.iter().any(|text| text.sql.contains(role))
    };
    foreign.adopt(&named).map_err(Problem::Harness)
}

/// Switches off what would gather statistics in one world and not in the other, at a time of its own.
///
/// # Errors
/// The connection is lost.
pub fn quieten(connection: &mut Connection) -> Result<(), Problem> {
    connection.run(
        "DO $$ DECLARE name text; BEGIN \
           FOR name IN SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^(pg_|information_schema)' \
           LOOP EXECUTE format('ALTER %s %s SET (autovacuum_enabled = false)', 'TABLE', name); END LOOP; END $$",
    )?;
    Ok(())
}

/// Replaces the names of the run's databases by the one name that the contract gives: they differ between worlds
/// because they stand on one server.
pub fn rename(answer: &mut Answer, prefix: &str, name: &str) {
    let fix = |text: &mut String| {
        if text.contains(prefix) {
            *text = renamed(text, prefix, name);
        }
    };
    let fix_report = |report: &mut Report| {
        fix(&mut report.message);
        report.detail.iter_mut().for_each(&fix);
        report.hint.iter_mut().for_each(&fix);
        report.context.iter_mut().for_each(&fix);
    };
    answer.rows.iter_mut().flatten().flatten().for_each(&fix);
    answer.lines.iter_mut().for_each(&fix);
    answer.error.iter_mut().for_each(|error| fix_report(error));
    answer.notices.iter_mut().for_each(fix_report);
    answer.notifications.iter_mut().for_each(|(_, payload)| fix(payload));
}

fn renamed(text: &str, prefix: &str, name: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(prefix) {
        out.push_str(&rest[..at]);
        out.push_str(name);
        let tail = &rest[at..];
        let end = tail.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(tail.len());
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{Text, Texts, beyond, renamed};

    fn texts(sql: &str) -> Texts {
        Texts(vec![Text { file: "schema.sql".into(), line: 3, sql: sql.to_owned() }])
    }

    #[test]
    fn what_reaches_beyond_the_database_is_refused_with_its_line() {
        let error = beyond(&texts("DO $$ BEGIN\n  EXECUTE 'ALTER   DATABASE shop SET x = 1'; END $$"))
            .expect("refused");
        assert!(error.to_string().starts_with("schema.sql:4: \"alter database\""), "{error}");
        assert!(beyond(&texts("GRANT CONNECT ON DATABASE shop TO app")).is_some());
        assert!(beyond(&texts("ALTER TABLE system ADD database text")).is_none());
    }

    #[test]
    fn a_role_is_named_by_a_whole_word_only() {
        let texts = texts("GRANT USAGE ON SCHEMA s\n  TO app_owner");
        assert_eq!(texts.names("app_owner").as_deref(), Some("schema.sql:4"));
        assert_eq!(texts.names("app"), None);
    }

    #[test]
    fn names_of_the_runs_databases_read_as_the_contract_has_them() {
        let text = "connected to proofhouse_ab_w0_1_shop, proofhouse_ab_x";
        assert_eq!(renamed(text, "proofhouse_ab_", "shop"), "connected to shop, shop");
    }
}
