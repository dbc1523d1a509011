//! A first contract from a live catalogue, for a person to complete.

use super::bench::Problem;
use super::contract::ContractError;
use crate::backend::postgres::Choice;
use crate::backend::postgres::client::Connection;

/// Reads the database behind a URL and drafts its contract.
///
/// # Errors
/// Not a URL, or the database cannot be read.
pub fn init(url: &str) -> Result<String, Problem> {
    // The URL itself is not quoted: there may be a password in it.
    let wrong = |reason: String| ContractError { place: "--init".to_owned(), reason };
    let choice: Choice = url.parse().map_err(wrong)?;
    let Choice::Url(address, _) = choice else {
        return Err(
            wrong("not a URL of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned()).into()
        );
    };
    let mut connection = Connection::open(&address, &[])?;
    let tables = connection.run(
        "SELECT n.nspname, c.relname, c.relrowsecurity, pg_get_userbyid(c.relowner), \
         (SELECT string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a \
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
         (SELECT string_agg(a.attname || ' -> ' || f.relname || '.' || b.attname, ';' ORDER BY k.conname) \
          FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class f ON f.oid = k.confrelid \
          JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] \
          JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1] \
          WHERE k.conrelid = c.oid AND k.contype = 'f') \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema)' \
         ORDER BY 1, 2",
    )?;
    let columns: Vec<Vec<&str>> =
        tables.iter().map(|row| row[4].as_deref().unwrap_or_default().split(',').collect()).collect();
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for column in columns.iter().flatten() {
        let likely = ["tenant", "org", "account", "workspace", "company", "customer", "owner", "user"];
        if likely.iter().any(|word| column.contains(word)) {
            *counts.entry(column).or_default() += 1;
        }
    }
    let column = counts
        .iter()
        .max_by_key(|(name, count)| (**count, name.contains("tenant")))
        .map_or("tenant_id", |(name, _)| name);
    let policies = connection.run(
        "SELECT DISTINCT (regexp_matches(coalesce(qual, '') || coalesce(with_check, ''), \
         'current_setting\\(''([^'']+)''', 'g'))[1] FROM pg_catalog.pg_policies",
    )?;
    let setting = policies.first().and_then(|row| row[0].clone());
    let role = connection.scalar(
        "SELECT grantee FROM information_schema.role_table_grants WHERE grantee NOT IN (SELECT pg_get_userbyid(relowner) \
         FROM pg_catalog.pg_class WHERE relkind = 'r') AND grantee NOT LIKE 'pg\\_%' AND grantee <> 'PUBLIC' \
         GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
    )?;
    let owner = tables.first().and_then(|row| row[3].clone()).unwrap_or_else(|| "owner".to_owned());
    let enter = setting.map_or_else(
        || "[]                  # how the application becomes a tenant".to_owned(),
        |setting| format!("[\"SET {setting} = '{{tenant}}'\"]"),
    );
    let role = role.unwrap_or_else(|| "app".to_owned());
    let mut out = format!(
        "# A first contract, drafted from the catalogue. Complete every line that says so.\n\n\
         [database]\nschema = [\"schema.sql\"]     # complete: pg_dump --schema-only {database} > schema.sql\n\
         owner  = \"{owner}\"\n\n[tenant]\nrole   = \"{role}\"\nids    = [\"1\", \"2\"]         # complete: two ids of the column's type\n\
         column = \"{column}\"\nenter  = {enter}\nleave  = []                 # complete: RESET, or DISCARD ALL\n",
        database = address.database,
    );
    for (row, columns) in tables.iter().zip(&columns) {
        if columns.contains(&column.to_owned().as_str()) {
            continue;
        }
        let (schema, name) = (row[0].as_deref().unwrap_or_default(), row[1].as_deref().unwrap_or_default());
        let label = if schema == "public" { name.to_owned() } else { format!("\"{schema}.{name}\"") };
        out.push_str(&format!("\n[tables.{label}]\n"));
        match row[5].as_deref().and_then(|all| all.split(';').next()) {
            Some(via) => out.push_str(&format!("via = \"{via}\"            # complete: or shared = true\n")),
            None => out.push_str("shared = true            # complete: or column, via, closed\n"),
        }
    }
    Ok(out)
}
