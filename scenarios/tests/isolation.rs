//! Tenant isolation from a contract alone, on a real server: a leak is found, its repair is silent.
//!
//! A fast slice. Each test prints which backend ran.

use proofhouse::backend::postgres::Choice;
use proofhouse::isolate::{Options, Problem, Report, run};
use std::path::Path;
use std::time::Duration;

const CONTRACT: &str = "[database]\nschema = ['schema.sql']\nowner = 'store_owner'\n\
    [tenant]\nrole = 'app'\ncolumn = 'tenant'\nenter = [\"SET app.tenant = '{tenant}'\"]\nleave = ['RESET app.tenant']\n";

const ITEMS: &str = "CREATE TABLE items (tenant int NOT NULL, id int NOT NULL, body text, PRIMARY KEY (tenant, id));\n\
    GRANT SELECT, INSERT, UPDATE, DELETE ON items TO app;\n";

const POLICY: &str = "ALTER TABLE items ENABLE ROW LEVEL SECURITY;\n\
    CREATE POLICY own ON items USING (tenant = nullif(current_setting('app.tenant', true), '')::int);\n";

fn isolate(folder: &Path, contract: &str, schema: &str) -> Result<Report, Problem> {
    isolate_for(folder, contract, schema, 2)
}

fn isolate_for(folder: &Path, contract: &str, schema: &str, seconds: u64) -> Result<Report, Problem> {
    std::fs::write(folder.join("tenancy.toml"), contract).expect("contract");
    std::fs::write(folder.join("schema.sql"), schema).expect("schema");
    let report = run(&Options {
        contract: folder.join("tenancy.toml"),
        time: Duration::from_secs(seconds),
        seed: 1,
        jobs: 1,
        report: Some(folder.join("report")),
        failures: folder.join("failures"),
        postgres: Choice::default(),
        fail_fast: false,
        quiet: true,
    })?;
    println!("backend: {}", report.backend);
    Ok(report)
}

#[test]
fn a_table_without_policies_shows_rows_of_the_other_tenant() {
    let folder = tempfile::tempdir().expect("folder");
    let report = isolate(folder.path(), CONTRACT, ITEMS).expect("a report");
    let channels: Vec<&str> = report.failures().map(|finding| finding.channel().name()).collect();
    assert!(channels.contains(&"read") && channels.contains(&"write"), "{channels:?}");
    assert_eq!(report.exit_code(), 1);
    let lines = std::fs::read_to_string(folder.path().join("report/results.jsonl")).expect("results");
    assert!(lines.contains("\"channel\":\"read\""), "{lines}");
}

#[test]
fn a_policy_on_the_tenant_is_silent() {
    let folder = tempfile::tempdir().expect("folder");
    let report = isolate(folder.path(), CONTRACT, &format!("{ITEMS}{POLICY}")).expect("a report");
    let titles: Vec<String> =
        report.findings.iter().map(proofhouse::isolate::finding::Finding::title).collect();
    assert_eq!(titles, Vec::<String>::new());
    assert!(report.coverage.has("items"));
}

#[test]
fn a_key_without_the_tenant_is_accepted_where_the_contract_says_so() {
    let folder = tempfile::tempdir().expect("folder");
    let schema = ITEMS.replace("PRIMARY KEY (tenant, id)", "UNIQUE (tenant, id)")
        + POLICY
        + "ALTER TABLE items ADD CONSTRAINT items_id UNIQUE (id);\n";
    let contract = format!("{CONTRACT}[allow]\nexistence = 'ids are global by design'\n");
    let report = isolate(folder.path(), &contract, &schema).expect("a report");
    assert_eq!(report.exit_code(), 0, "{:?}", report.failures().map(|f| f.title()).collect::<Vec<_>>());
    assert!(report.findings.iter().any(|finding| finding.object == "items_id"));
}

#[test]
fn a_key_that_is_accepted_by_name_is_accepted_where_on_conflict_names_none() {
    let folder = tempfile::tempdir().expect("folder");
    let schema = ITEMS.replace("PRIMARY KEY (tenant, id)", "UNIQUE (tenant, id)")
        + POLICY
        + "ALTER TABLE items ADD CONSTRAINT items_id UNIQUE (id);\n";
    let contract = format!("{CONTRACT}[allow]\n'existence@items_id' = 'ids are global by design'\n");
    let report = isolate_for(folder.path(), &contract, &schema, 6).expect("a report");
    assert_eq!(report.exit_code(), 0, "{:?}", report.failures().map(|f| f.title()).collect::<Vec<_>>());
    let reached = report.coverage.reached.get(&("items".to_owned(), "upsert".to_owned()));
    assert!(reached.is_some_and(|(accepted, _)| *accepted > 0), "{reached:?}");
}

#[test]
fn a_table_without_a_tenant_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().expect("folder");
    let schema = format!("{ITEMS}CREATE TABLE plans (id int);\n");
    let Err(Problem::Contract(error)) = isolate(folder.path(), CONTRACT, &schema) else { panic!("no error") };
    assert!(error.to_string().contains("table plans has no column tenant"), "{error}");
}

#[test]
fn a_leak_that_is_seen_first_while_the_neighbour_works_is_told_without_it() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres/workflow_store");
    let report = run(&Options {
        time: Duration::from_secs(20),
        seed: 1,
        fail_fast: true,
        ..Options::new(store.join("mutants/table_without_rls/tenancy.toml"), folder.path().join("failures"))
    })
    .expect("a report");
    println!("backend: {}", report.backend);
    assert!(report.cases > 0);
    let finding = report.failures().next().expect("the leak is found");
    let steps = &finding.program.steps;
    assert!(steps.iter().all(|step| step.verb != "beside"), "{steps:?}");
    assert!(finding.is_stable(), "{finding:?}");
}
