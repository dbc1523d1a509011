//! Reading the catalogue, Postgres 14 to 18.

use super::{Argument, Catalogue, Column, Constraint, Function, Sequence, Table, Type};
use crate::backend::postgres::client::{Connection, Result};
use crate::backend::postgres::quote_text;

/// Reads everything, with the rights of `role`, and with what the roles in `login` and its database set at login.
///
/// # Errors
/// The catalogue cannot be read.
pub fn read(connection: &mut Connection, role: &str, login: &str) -> Result<Catalogue> {
    let role_sql = quote_text(role);
    let mut catalogue = Catalogue::default();
    let version = connection.scalar("SHOW server_version_num")?;
    catalogue.version = version.and_then(|v| v.parse().ok()).unwrap_or(0);
    catalogue.types = types(connection)?;
    catalogue.tables = tables(connection, &role_sql)?;
    columns(connection, &role_sql, &mut catalogue)?;
    constraints(connection, &mut catalogue)?;
    catalogue.functions = functions(connection, &role_sql)?;
    catalogue.sequences = sequences(connection, &role_sql)?;
    catalogue.creatable = connection
        .run(&format!(
            "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^(pg_|information_schema)' \
             AND has_schema_privilege({role_sql}, oid, 'CREATE') AND has_schema_privilege({role_sql}, oid, 'USAGE') \
             ORDER BY nspname <> 'public', nspname"
        ))?
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect();
    catalogue.memberships = connection
        .run(&format!(
            "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname <> {role_sql} AND rolname !~ '^pg_' \
             AND pg_has_role({role_sql}, oid, 'MEMBER') \
             AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = {role_sql}) ORDER BY 1"
        ))?
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect();
    catalogue.settings = connection
        .run(&format!(
            "SELECT unnest(setconfig) FROM pg_catalog.pg_db_role_setting s \
             WHERE (setrole = 0 OR setrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = {})) \
             AND setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())) \
             ORDER BY setrole <> 0, setdatabase <> 0",
            quote_text(login)
        ))?
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect();
    catalogue.conditions = connection
        .run(
            "SELECT concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) \
             FROM pg_catalog.pg_policy ORDER BY polrelid, polname",
        )?
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect();
    catalogue.hints = super::hints(&catalogue, connection, role)?;
    Ok(catalogue)
}

const OURS: &str = "n.nspname !~ '^(pg_|information_schema)'";

fn extension(class: &str, oid: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = '{class}'::regclass AND d.objid = {oid} \
         AND d.deptype = 'e')"
    )
}

fn types(connection: &mut Connection) -> Result<std::collections::BTreeMap<u32, Type>> {
    let rows = connection.run(
        "SELECT t.oid, format_type(t.oid, NULL), t.typname, t.typtype, t.typcategory, \
         coalesce(nullif(t.typelem, 0), r.rngsubtype, 0), t.typbasetype, \
         (SELECT string_agg(e.enumlabel, E'\\x01' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e \
          WHERE e.enumtypid = t.oid), \
         (SELECT string_agg(pg_get_constraintdef(c.oid), ' ') FROM pg_catalog.pg_constraint c WHERE c.contypid = t.oid) \
         FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid",
    )?;
    Ok(rows
        .iter()
        .map(|row| {
            let text = |at: usize| row[at].clone().unwrap_or_default();
            let found = Type {
                sql: text(1),
                name: text(2),
                kind: letter(&row[3]),
                category: letter(&row[4]),
                element: number(&row[5]),
                base: number(&row[6]),
                labels: row[7].iter().flat_map(|l| l.split('\u{1}')).map(str::to_owned).collect(),
                checks: text(8),
            };
            (number(&row[0]), found)
        })
        .collect())
}

fn tables(connection: &mut Connection, role: &str) -> Result<Vec<Table>> {
    let rows = connection.run(&format!(
        "SELECT c.oid, n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner), c.relispartition, \
         c.relrowsecurity, c.relforcerowsecurity, {extension}, pg_relation_is_updatable(c.oid, false), \
         (SELECT min(inhparent::int8) FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid), \
         has_schema_privilege({role}, n.oid, 'USAGE'), pg_has_role({role}, c.relowner, 'USAGE'), \
         concat(CASE WHEN has_table_privilege({role}, c.oid, 'SELECT') THEN 'S' END, \
                CASE WHEN has_table_privilege({role}, c.oid, 'INSERT') THEN 'I' END, \
                CASE WHEN has_table_privilege({role}, c.oid, 'UPDATE') THEN 'U' END, \
                CASE WHEN has_table_privilege({role}, c.oid, 'DELETE') THEN 'D' END, \
                CASE WHEN has_table_privilege({role}, c.oid, 'TRUNCATE') THEN 'T' END, \
                CASE WHEN has_table_privilege({role}, c.oid, 'REFERENCES') THEN 'R' END) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {OURS} ORDER BY n.nspname, c.relname",
        extension = extension("pg_class", "c.oid"),
    ))?;
    Ok(rows
        .iter()
        .map(|row| {
            let usable = truth(&row[11]);
            Table {
                oid: number(&row[0]),
                schema: row[1].clone().unwrap_or_default(),
                name: row[2].clone().unwrap_or_default(),
                kind: letter(&row[3]),
                owner: row[4].clone().unwrap_or_default(),
                partition: truth(&row[5]),
                security: (truth(&row[6]), truth(&row[7])),
                extension: truth(&row[8]),
                through: row[9].as_deref().and_then(|v| v.parse().ok()).unwrap_or(0),
                parent: row[10].as_deref().and_then(|v| v.parse().ok()),
                owned: truth(&row[12]) && usable,
                rights: if usable { row[13].clone().unwrap_or_default() } else { String::new() },
                columns: Vec::new(),
                constraints: Vec::new(),
            }
        })
        .collect())
}

fn columns(connection: &mut Connection, role: &str, catalogue: &mut Catalogue) -> Result<()> {
    let rows = connection.run(&format!(
        "SELECT a.attrelid, a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod), \
         CASE WHEN a.atttypmod > 4 THEN a.atttypmod - 4 END, a.attnotnull, pg_get_expr(d.adbin, d.adrelid), \
         a.attidentity, a.attgenerated, has_schema_privilege({role}, n.oid, 'USAGE'), \
         concat(CASE WHEN has_column_privilege({role}, a.attrelid, a.attnum, 'SELECT') THEN 'S' END, \
                CASE WHEN has_column_privilege({role}, a.attrelid, a.attnum, 'INSERT') THEN 'I' END, \
                CASE WHEN has_column_privilege({role}, a.attrelid, a.attnum, 'UPDATE') THEN 'U' END) \
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {OURS} \
         ORDER BY a.attrelid, a.attnum"
    ))?;
    let places: std::collections::HashMap<u32, usize> =
        catalogue.tables.iter().enumerate().map(|(at, table)| (table.oid, at)).collect();
    for row in &rows {
        let Some(&at) = places.get(&number(&row[0])) else { continue };
        let type_sql = row[3].clone().unwrap_or_default();
        let limited = type_sql.starts_with("character");
        let identity = letter(&row[7]);
        catalogue.tables[at].columns.push(Column {
            name: row[1].clone().unwrap_or_default(),
            kind: number(&row[2]),
            limit: row[4].as_deref().filter(|_| limited).and_then(|v| v.parse().ok()),
            type_sql,
            required: truth(&row[5]),
            generated: row[8].as_deref().is_some_and(|v| !v.is_empty()),
            default: row[6].clone(),
            identity: (identity != ' ').then_some(identity),
            rights: if truth(&row[9]) { row[10].clone().unwrap_or_default() } else { String::new() },
        });
    }
    Ok(())
}

fn constraints(connection: &mut Connection, catalogue: &mut Catalogue) -> Result<()> {
    // Positions are counted among the columns that are left, so the names are fetched, not the numbers.
    let names = |relation: &str, keys: &str| {
        format!(
            "(SELECT string_agg(a.attname, E'\\x01' ORDER BY k.at) FROM unnest({keys}) WITH ORDINALITY k(num, at) \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = {relation} AND a.attnum = k.num)"
        )
    };
    let rows = connection.run(&format!(
        "SELECT c.conrelid, c.conname, c.contype, {own}, c.confrelid, {far}, c.confdeltype, \
         pg_get_constraintdef(c.oid), c.condeferrable, NOT c.condeferrable AND c.contype IN ('p', 'u') \
         FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace \
         WHERE {OURS} AND c.contype IN ('p', 'u', 'f', 'c', 'x') \
         UNION ALL \
         SELECT i.indrelid, x.relname, 'u', {index}, 0, NULL, ' ', pg_get_indexdef(i.indexrelid), false, \
         i.indpred IS NULL AND i.indexprs IS NULL AND i.indimmediate \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid \
         JOIN pg_catalog.pg_class r ON r.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace \
         WHERE {OURS} AND i.indisunique AND r.relkind IN ('r', 'p') \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint c WHERE c.conindid = i.indexrelid \
                         AND c.contype IN ('p', 'u', 'x')) \
         ORDER BY 1, 3, 2",
        own = names("c.conrelid", "c.conkey"),
        far = names("c.confrelid", "c.confkey"),
        index = names("i.indrelid", "i.indkey::int2[]"),
    ))?;
    for row in &rows {
        let Some(at) = catalogue.table(number(&row[0])) else { continue };
        let target = catalogue.table(number(&row[4]));
        let positions = |text: &Option<String>, table: Option<usize>| -> Vec<usize> {
            let Some(table) = table else { return Vec::new() };
            text.iter()
                .flat_map(|names| names.split('\u{1}'))
                .filter_map(|name| catalogue.tables[table].position(name))
                .collect()
        };
        let constraint = Constraint {
            name: row[1].clone().unwrap_or_default(),
            kind: letter(&row[2]),
            columns: positions(&row[3], Some(at)),
            target: number(&row[4]),
            target_columns: positions(&row[5], target),
            on_delete: letter(&row[6]),
            definition: row[7].clone().unwrap_or_default(),
            deferrable: truth(&row[8]),
            arbiter: truth(&row[9]),
        };
        catalogue.tables[at].constraints.push(constraint);
    }
    Ok(())
}

fn functions(connection: &mut Connection, role: &str) -> Result<Vec<Function>> {
    let rows = connection.run(&format!(
        "SELECT n.nspname, p.proname, p.prokind, p.prosecdef, p.provolatile, {extension}, \
         has_function_privilege({role}, p.oid, 'EXECUTE') AND has_schema_privilege({role}, n.oid, 'USAGE'), \
         p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype), \
         coalesce(p.prosrc, '') || coalesce(pg_get_function_sqlbody(p.oid), ''), \
         coalesce(array_to_string(p.proconfig, ','), ''), \
         coalesce(array_to_string(p.proargtypes::oid[], ','), ''), p.pronargdefaults, \
         coalesce(array_to_string(CASE WHEN p.proargmodes IS NULL THEN p.proargnames ELSE \
           (SELECT array_agg(coalesce(p.proargnames[g], '') ORDER BY g) \
            FROM generate_subscripts(p.proargmodes, 1) g WHERE p.proargmodes[g] IN ('i', 'b', 'v')) END, E'\\x01'), '') \
         FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
         WHERE {OURS} AND p.prokind IN ('f', 'p') ORDER BY n.nspname, p.proname, p.oid",
        extension = extension("pg_proc", "p.oid"),
    ))?;
    Ok(rows
        .iter()
        .map(|row| {
            let text = |at: usize| row[at].clone().unwrap_or_default();
            let kinds: Vec<u32> = text(10).split(',').filter_map(|v| v.parse().ok()).collect();
            let names: Vec<String> = text(12).split('\u{1}').map(str::to_owned).collect();
            let defaults = text(11).parse::<usize>().unwrap_or(0);
            let required = kinds.len().saturating_sub(defaults);
            let arguments = kinds
                .iter()
                .enumerate()
                .map(|(at, kind)| Argument {
                    name: names.get(at).cloned().unwrap_or_default(),
                    kind: *kind,
                    optional: at >= required,
                })
                .collect();
            Function {
                schema: text(0),
                name: text(1),
                kind: letter(&row[2]),
                definer: truth(&row[3]),
                volatility: letter(&row[4]),
                extension: truth(&row[5]),
                executable: truth(&row[6]),
                trigger: truth(&row[7]),
                source: text(8),
                settings: text(9),
                arguments,
            }
        })
        .collect())
}

fn sequences(connection: &mut Connection, role: &str) -> Result<Vec<Sequence>> {
    let rows = connection.run(&format!(
        "SELECT n.nspname, c.relname, \
         CASE WHEN has_schema_privilege({role}, n.oid, 'USAGE') THEN \
         concat(CASE WHEN has_sequence_privilege({role}, c.oid, 'SELECT') THEN 'S' END, \
                CASE WHEN has_sequence_privilege({role}, c.oid, 'USAGE') THEN 'U' END, \
                CASE WHEN has_sequence_privilege({role}, c.oid, 'UPDATE') THEN 'W' END) ELSE '' END \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'S' AND {OURS} ORDER BY 1, 2"
    ))?;
    Ok(rows
        .iter()
        .map(|row| Sequence {
            schema: row[0].clone().unwrap_or_default(),
            name: row[1].clone().unwrap_or_default(),
            rights: row[2].clone().unwrap_or_default(),
        })
        .collect())
}

fn number(cell: &Option<String>) -> u32 {
    cell.as_deref().and_then(|v| v.parse().ok()).unwrap_or(0)
}

fn truth(cell: &Option<String>) -> bool {
    cell.as_deref() == Some("t")
}

fn letter(cell: &Option<String>) -> char {
    cell.as_deref().and_then(|v| v.chars().next()).unwrap_or(' ')
}
