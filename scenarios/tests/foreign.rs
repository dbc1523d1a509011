//! Isolation on a server that others use too: databases and roles come and go, and nothing else is touched.
//!
//! The server of others is a throw-away one of this machine. Each test prints which backend ran.

use proofhouse::backend::postgres::Choice;
use proofhouse::backend::postgres::client::{Address, Connection};
use proofhouse::backend::postgres::site::{Server, Site};
use proofhouse::isolate::{Options, Problem, Report, run};
use std::path::Path;
use std::time::Duration;

const CONTRACT: &str = "[database]\nschema = ['schema.sql']\nowner = 'shop_owner'\n\
    [tenant]\nrole = 'shop_app'\ncolumn = 'tenant'\nenter = [\"SET app.tenant = '{tenant}'\"]\nleave = ['RESET app.tenant']\n";

const ITEMS: &str = "CREATE TABLE items (tenant int NOT NULL, id int NOT NULL, body text, PRIMARY KEY (tenant, id));\n\
    GRANT SELECT, INSERT, UPDATE, DELETE ON items TO shop_app;\n";

const POLICY: &str = "ALTER TABLE items ENABLE ROW LEVEL SECURITY;\n\
    CREATE POLICY own ON items USING (tenant = nullif(current_setting('app.tenant', true), '')::int);\n";

/// A server with a database and a role of somebody else.
fn server() -> (Site, Server) {
    let site = Site::open(&Choice::default(), &mut Vec::new()).expect("a site");
    let data = site.make(&[]).expect("a data folder");
    let server = site.start(&data).expect("a server");
    let mut connection = Connection::open(&server.address, &[]).expect("a connection");
    connection.run("CREATE DATABASE proofhouse_of_somebody").expect("a database");
    connection.run("CREATE ROLE somebody LOGIN").expect("a role");
    (site, server)
}

/// Databases and roles of the server.
fn all_of(address: &Address) -> (Vec<String>, Vec<String>) {
    let mut connection = Connection::open(address, &[]).expect("a connection");
    let mut names = |sql: &str| -> Vec<String> {
        connection.run(sql).expect("names").into_iter().flatten().flatten().collect()
    };
    (
        names("SELECT datname FROM pg_database ORDER BY 1"),
        names("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"),
    )
}

fn isolate(address: &Address, allowed: bool, contract: &str, schema: &str) -> Result<Report, Problem> {
    let folder = tempfile::tempdir().expect("folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    file("schema.sql", schema);
    let report = run(&Options {
        contract: file("tenancy.toml", contract),
        time: Duration::from_secs(2),
        seed: 1,
        jobs: 1,
        report: None,
        failures: Path::new(folder.path()).join("failures"),
        postgres: Choice::Url(address.clone(), allowed),
        fail_fast: false,
        quiet: true,
    })?;
    println!("backend: {}", report.backend);
    Ok(report)
}

#[test]
fn a_leak_is_found_on_a_server_of_others_and_nothing_stays_there() {
    let (_site, server) = server();
    let before = all_of(&server.address);
    let leaky = isolate(&server.address, true, CONTRACT, ITEMS).expect("a report");
    let channels: Vec<&str> = leaky.failures().map(|finding| finding.channel().name()).collect();
    assert!(channels.contains(&"read") && channels.contains(&"write"), "{channels:?}");
    assert_eq!(all_of(&server.address), before);
}

#[test]
fn a_policy_on_the_tenant_is_silent_on_a_server_of_others() {
    let (_site, server) = server();
    // What tells its own database by name is the same in both worlds, though their databases are not.
    let view =
        "CREATE VIEW place AS SELECT current_database(), 1 AS tenant;\nGRANT SELECT ON place TO shop_app;\n";
    let schema = format!("{ITEMS}{POLICY}{view}");
    let report = isolate(&server.address, true, CONTRACT, &schema).expect("a report");
    let titles: Vec<String> = report.findings.iter().map(|finding| finding.title()).collect();
    assert_eq!(titles, Vec::<String>::new());
    assert!(report.coverage.has("items") && report.coverage.has("place"));
}

#[test]
fn a_server_of_others_is_left_alone_without_leave() {
    let (_site, server) = server();
    let Err(Problem::Usage(error)) = isolate(&server.address, false, CONTRACT, ITEMS) else {
        panic!("no error")
    };
    assert!(error.contains("--allow-foreign"), "{error}");
}

#[test]
fn a_role_that_is_there_already_is_refused_by_name_and_line() {
    let (_site, server) = server();
    let contract = CONTRACT.replace("shop_app", "somebody");
    let Err(Problem::Contract(error)) = isolate(&server.address, true, &contract, ITEMS) else {
        panic!("no error")
    };
    let text = error.to_string();
    assert!(text.contains("tenancy.toml:5") && text.contains("role somebody exists"), "{text}");
}

#[test]
fn a_schema_that_reaches_beyond_its_database_is_refused_by_file_and_line() {
    let (_site, server) = server();
    let before = all_of(&server.address);
    let schema = format!("{ITEMS}ALTER DATABASE proofhouse_of_somebody SET work_mem = '1MB';\n");
    let Err(Problem::Contract(error)) = isolate(&server.address, true, CONTRACT, &schema) else {
        panic!("no error")
    };
    let text = error.to_string();
    assert!(text.contains("schema.sql:3") && text.contains("alter database"), "{text}");
    assert_eq!(all_of(&server.address), before);
}

#[test]
fn what_a_killed_run_left_is_removed_and_what_looks_like_it_is_not() {
    let (_site, server) = server();
    let before = all_of(&server.address);
    let mut connection = Connection::open(&server.address, &[]).expect("a connection");
    for sql in [
        "CREATE DATABASE proofhouse_0123456789abcdef_w0_1_shop",
        "CREATE ROLE shop_app",
        "COMMENT ON ROLE shop_app IS 'made by proofhouse isolate, run 0123456789abcdef'",
    ] {
        connection.run(sql).expect("left over");
    }
    isolate(&server.address, true, CONTRACT, &format!("{ITEMS}{POLICY}")).expect("a report");
    assert_eq!(all_of(&server.address), before);
}

#[test]
fn what_a_run_that_is_alive_has_stays() {
    let (_site, server) = server();
    let mut connection = Connection::open(&server.address, &[]).expect("a connection");
    connection.run("SET application_name = 'proofhouse_0123456789abcdef'").expect("alive");
    connection.run("CREATE DATABASE proofhouse_0123456789abcdef_w0_1_shop").expect("a database");
    let before = all_of(&server.address);
    isolate(&server.address, true, CONTRACT, &format!("{ITEMS}{POLICY}")).expect("a report");
    assert_eq!(all_of(&server.address), before);
}
