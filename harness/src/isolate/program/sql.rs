//! Anything that the role may execute: level `sql`.

use super::{Program, Setting, Step};
use crate::backend::postgres::{quote_name, quote_text};
use crate::isolate::catalogue::Table;
use crate::isolate::contract::Family;
use crate::isolate::data::{Flavour, Rule, shape};

/// Lists of programs beyond what an application sends, the most promising first.
pub fn programs(setting: &Setting<'_>) -> Vec<Vec<Program>> {
    let reached = super::queries::reached(setting);
    let tables = || reached.iter().map(|at| (*at, &setting.catalogue.tables[*at]));
    let in_turn = super::queries::in_turn;
    let mut others = sequences(setting);
    others.extend(shadows(setting));
    others.extend(roles(setting, &reached));
    vec![
        in_turn(tables().map(|(at, table)| rights(setting, at, table)).collect()),
        others,
        in_turn(tables().map(|(_, table)| leaky(setting, table)).collect()),
        in_turn(tables().map(|(_, table)| inference(setting, table)).collect()),
        server(setting),
    ]
}

fn one(verb: &str, table: &Table, sql: String) -> Program {
    Program::one(Step::new(verb, &table.label(), sql))
}

/// What rights on a table allow beyond rows.
fn rights(setting: &Setting<'_>, at: usize, table: &Table) -> Vec<Program> {
    let name = table.sql();
    let mut programs = Vec::new();
    if table.rights.contains('T') && table.stores() {
        programs.push(one("truncate", table, format!("TRUNCATE {name}")));
        programs.push(one("truncate", table, format!("TRUNCATE {name} CASCADE")));
    }
    if table.owned && table.stores() {
        let read = Step::new("select", &table.label(), format!("SELECT * FROM {name}"));
        for change in ["DISABLE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"] {
            let alter = Step::new("alter", &table.label(), format!("ALTER TABLE {name} {change}"));
            programs.push(Program::requests(vec![alter, read.clone()]));
        }
        let policy =
            Step::new("alter", &table.label(), format!("CREATE POLICY everyone ON {name} USING (true)"));
        programs.push(Program::requests(vec![policy, read]));
    }
    if table.may('R') && table.stores() {
        programs.extend(references(setting, at, table));
    }
    programs
}

/// A table of A's own with a foreign key to this one: it tells which keys exist, and blocks deletes.
fn references(setting: &Setting<'_>, at: usize, table: &Table) -> Vec<Program> {
    let mut programs = Vec::new();
    let Some(schema) = setting.catalogue.creatable.first() else { return programs };
    for constraint in
        table.constraints.iter().filter(|c| matches!(c.kind, 'p' | 'u') && !c.columns.is_empty())
    {
        if !table.rights.contains('R')
            && !constraint.columns.iter().all(|c| table.columns[*c].rights.contains('R'))
        {
            continue;
        }
        let columns: Vec<String> = constraint
            .columns
            .iter()
            .enumerate()
            .map(|(n, c)| format!("c{n} {}", table.columns[*c].type_sql))
            .collect();
        let own: Vec<String> = (0..constraint.columns.len()).map(|n| format!("c{n}")).collect();
        let far: Vec<String> = constraint.columns.iter().map(|c| table.columns[*c].sql()).collect();
        let probe = format!("{}.proofhouse_probe", quote_name(schema));
        for row in setting.pools.b[at].iter().take(2) {
            let values: Vec<String> = constraint
                .columns
                .iter()
                .map(|c| row[*c].as_deref().map_or_else(|| "NULL".to_owned(), quote_text))
                .collect();
            programs.push(Program::requests(vec![
                Step::new(
                    "references",
                    &table.label(),
                    format!(
                        "CREATE TABLE {probe} ({}, FOREIGN KEY ({}) REFERENCES {} ({}))",
                        columns.join(", "),
                        own.join(", "),
                        table.sql(),
                        far.join(", ")
                    ),
                ),
                Step::new(
                    "references",
                    &table.label(),
                    format!("INSERT INTO {probe} VALUES ({})", values.join(", ")),
                ),
            ]));
        }
    }
    programs
}

/// A function of A's own in a condition, so cheap that the planner asks it first.
fn leaky(setting: &Setting<'_>, table: &Table) -> Vec<Program> {
    let mut programs = Vec::new();
    let create = "CREATE FUNCTION pg_temp.leak(text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS \
                  $$ BEGIN RAISE NOTICE 'seen %', $1; RETURN true; END $$";
    for (_, column) in table.usable('S').take(8) {
        programs.push(Program::requests(vec![
            Step::new("leaky function", &table.label(), create),
            Step::new(
                "leaky function",
                &table.label(),
                format!("SELECT 1 FROM {} WHERE pg_temp.leak({}::text)", table.sql(), column.sql()),
            ),
        ]));
    }
    if let Some(schema) = setting.catalogue.creatable.first() {
        let schema = quote_name(schema);
        for (at, column) in table.usable('S').take(4) {
            let Some(value) = own_value(setting, table, at) else { continue };
            let kind = &column.type_sql;
            // Compared with a constant, or the planner does not ask its statistics. No plan is shown: where the
            // statistics are held back, what was compared are rows that A may read.
            programs.push(Program::requests(vec![
                Step::new("leaky operator", &table.label(), format!(
                    "CREATE FUNCTION {schema}.proofhouse_leak({kind}, {kind}) RETURNS bool LANGUAGE plpgsql AS \
                     $$ BEGIN RAISE NOTICE 'planner saw %', $1; RETURN $1 < $2; END $$"
                )),
                Step::new("leaky operator", &table.label(), format!(
                    "CREATE OPERATOR {schema}.<<< (procedure = {schema}.proofhouse_leak, leftarg = {kind}, rightarg = {kind}, restrict = scalarltsel)"
                )),
                Step::new("leaky operator", &table.label(), format!(
                    "SELECT 1 FROM {} WHERE {} OPERATOR({schema}.<<<) {}::{kind}",
                    table.sql(), column.sql(), quote_text(&value).trim()
                )),
            ]));
        }
    }
    programs
}

/// A value of a column that A has anyway.
fn own_value(setting: &Setting<'_>, table: &Table, at: usize) -> Option<String> {
    let place = setting.catalogue.table(table.oid)?;
    let rows = match (&setting.pools.a[place], table.stores() && !table.partition) {
        (rows, true) => rows.clone(),
        _ => setting.pools.like(setting.catalogue, table, false),
    };
    rows.iter().find_map(|row| row[at].clone())
}

fn sequences(setting: &Setting<'_>) -> Vec<Program> {
    let mut programs = Vec::new();
    for sequence in setting.catalogue.sequences.iter().filter(|s| s.rights.contains('W')) {
        let name = quote_text(&sequence.sql());
        programs.push(Program::one(Step::new(
            "sequence",
            &sequence.name,
            format!("SELECT setval({name}, 1, false)"),
        )));
    }
    programs
}

/// Temporary tables that stand before those that functions without a search_path look up.
fn shadows(setting: &Setting<'_>) -> Vec<Program> {
    let catalogue = setting.catalogue;
    let mut programs = Vec::new();
    let reads: Vec<Step> = super::queries::reached(setting)
        .into_iter()
        .map(|at| &catalogue.tables[at])
        .filter(|table| table.rights.contains('S'))
        .take(6)
        .map(|table| Step::new("select", &table.label(), format!("SELECT * FROM {}", table.sql())))
        .collect();
    for (at, table) in
        catalogue.tables.iter().enumerate().filter(|(_, t)| t.stores() && !t.partition && !t.extension)
    {
        let used = catalogue
            .functions
            .iter()
            .any(|f| !f.extension && f.source.contains(&table.name) && !f.settings.contains("search_path"));
        if !used {
            continue;
        }
        let columns: Vec<String> =
            table.columns.iter().map(|c| format!("{} {}", c.sql(), c.type_sql)).collect();
        let name = quote_name(&table.name);
        let mut steps = vec![Step::new(
            "shadow",
            &table.label(),
            format!("CREATE TEMP TABLE {name} ({})", columns.join(", ")),
        )];
        for cells in forged(setting, at) {
            let values: Vec<String> =
                cells.iter().map(|c| c.as_deref().map_or_else(|| "NULL".to_owned(), quote_text)).collect();
            steps.push(Step::new(
                "shadow",
                &table.label(),
                format!("INSERT INTO pg_temp.{name} VALUES ({})", values.join(", ")),
            ));
        }
        steps.push(Step::new("shadow", &table.label(), format!("GRANT SELECT ON pg_temp.{name} TO PUBLIC")));
        steps.extend(reads.iter().cloned());
        programs.push(Program::requests(steps));
    }
    programs
}

/// Rows that give A the identity of B: A's rows, what A entered with, and B's id in the tenant column.
fn forged(setting: &Setting<'_>, at: usize) -> Vec<Vec<Option<String>>> {
    let table = &setting.catalogue.tables[at];
    let rules = setting.rules;
    let b = rules.value(1, None);
    let tenant = match rules.tables[at].as_ref().map(|rule| &rule.rule) {
        Some(Rule::Columns(columns, _)) => columns.first().copied(),
        _ => table.position(&setting.contract.tenant.column),
    };
    let mut rows: Vec<Vec<Option<String>>> = setting.pools.a[at].iter().take(3).cloned().collect();
    let words = &setting.pools.words[0];
    for word in
        words.iter().filter(|word| **word != setting.contract.ids()[0]).chain(setting.contract.ids().first())
    {
        let cells = table
            .columns
            .iter()
            .enumerate()
            .map(|(position, column)| {
                if Some(position) == tenant {
                    return Some(b.clone());
                }
                let base = setting.catalogue.base(column.kind)?;
                let fits = match base.category {
                    'S' => true,
                    'N' => word.parse::<i64>().is_ok(),
                    _ => base.name == "uuid" && word.len() == 36,
                };
                if fits {
                    return Some(word.clone());
                }
                shape(setting.catalogue, table, column, Flavour { who: 'a', world: 0, number: 1, attempt: 0 })
            })
            .collect();
        rows.push(cells);
    }
    for row in &mut rows {
        if let Some(tenant) = tenant {
            row[tenant] = Some(b.clone());
        }
    }
    // A look-up that expects one row must find one.
    let mut distinct: Vec<Vec<Option<String>>> = Vec::new();
    for row in rows {
        if !distinct.contains(&row) {
            distinct.push(row);
        }
    }
    distinct
}

/// Other roles that the login role may become.
fn roles(setting: &Setting<'_>, reached: &[usize]) -> Vec<Program> {
    let mut programs = Vec::new();
    let enters_by_role =
        setting.contract.tenant.enter.iter().any(|s| s.to_ascii_lowercase().contains("role"));
    if enters_by_role && !setting.contract.sends(Family::Enter) {
        return programs;
    }
    let mut switches: Vec<String> = setting
        .catalogue
        .memberships
        .iter()
        .take(6)
        .map(|role| format!("SET ROLE {}", quote_name(role)))
        .collect();
    if enters_by_role {
        switches.push("RESET ROLE".to_owned());
    }
    for switch in switches {
        let mut steps = vec![Step::new("set role", "", switch)];
        for &at in reached.iter().take(8) {
            let table = &setting.catalogue.tables[at];
            steps.push(Step::new("set role", &table.label(), format!("SELECT * FROM {}", table.sql())));
        }
        programs.push(Program::requests(steps));
    }
    let off = Step::new("setting", "", "SET row_security = off");
    for &at in reached.iter().take(12) {
        let table = &setting.catalogue.tables[at];
        let read = Step::new("setting", &table.label(), format!("SELECT * FROM {}", table.sql()));
        programs.push(Program::requests(vec![off.clone(), read]));
    }
    if setting.contract.sends(Family::Enter) {
        let words = setting.contract.words(1);
        let mut steps: Vec<Step> = setting
            .contract
            .tenant
            .enter
            .iter()
            .map(|statement| Step::new("enter", "enter", crate::isolate::contract::fill(statement, &words)))
            .collect();
        for &at in reached.iter().take(8) {
            let table = &setting.catalogue.tables[at];
            steps.push(Step::new("select", &table.label(), format!("SELECT * FROM {}", table.sql())));
        }
        programs.push(Program::requests(steps));
    }
    programs
}

/// What plans, statistics, counters and system columns tell of a table.
fn inference(setting: &Setting<'_>, table: &Table) -> Vec<Program> {
    let contract = setting.contract;
    let name = table.sql();
    let (schema, bare) = (quote_text(&table.schema), quote_text(&table.name));
    let regclass = quote_text(&name);
    let mut programs = Vec::new();
    if contract.sends(Family::Statistics) {
        programs.push(one("statistics", table, format!(
            "SELECT attname, null_frac, n_distinct, most_common_vals, histogram_bounds FROM pg_stats WHERE schemaname = {schema} AND tablename = {bare}"
        )));
        programs.push(one("statistics", table, format!(
            "SELECT statistics_name, most_common_vals FROM pg_stats_ext WHERE schemaname = {schema} AND tablename = {bare}"
        )));
    }
    if contract.sends(Family::Plans) && table.may('S') {
        programs.push(one(
            "plan",
            table,
            format!(
                "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT 1 FROM {name}"
            ),
        ));
        programs.push(one("plan", table, format!("EXPLAIN SELECT 1 FROM {name}")));
    }
    if contract.sends(Family::Counters) && table.kind != 'v' {
        programs.push(one("counters", table, format!(
            "SELECT reltuples, relpages, pg_relation_size({regclass}) FROM pg_class WHERE oid = {regclass}::regclass"
        )));
        programs.push(one(
            "counters",
            table,
            format!(
                "SELECT n_live_tup, n_tup_ins FROM pg_stat_user_tables WHERE relid = {regclass}::regclass"
            ),
        ));
    }
    if contract.sends(Family::SystemColumns) && table.stores() && table.rights.contains('S') {
        programs.push(one("system columns", table, format!("SELECT ctid FROM {name}")));
    }
    if contract.sends(Family::Sampling) && matches!(table.kind, 'r' | 'm') && table.rights.contains('S') {
        programs.push(one(
            "sampling",
            table,
            format!("SELECT count(*) FROM {name} TABLESAMPLE SYSTEM (50) REPEATABLE (1)"),
        ));
    }
    if contract.sends(Family::Locks) && table.stores() && table.may('U') {
        programs.push(one("lock", table, format!("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE NOWAIT")));
    }
    programs
}

/// What the server tells about others.
fn server(setting: &Setting<'_>) -> Vec<Program> {
    let contract = setting.contract;
    let mut programs: Vec<Program> = super::residue::large_objects().into_iter().map(Program::one).collect();
    let mut push = |verb: &str, sql: &str| programs.push(Program::one(Step::new(verb, verb, sql)));
    if contract.sends(Family::Backends) {
        push(
            "backends",
            "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
        push("backends", "SELECT classid, objid, mode FROM pg_locks WHERE locktype = 'advisory'");
    }
    programs
}
