//! Stores of a threat model: what `run` says of them, on a real server.

use proofhouse::engine::campaign::{Listener, Row, Verdict};
use proofhouse::engine::cell::{Budget, Shard};
use proofhouse::engine::finding::Finding;
use proofhouse::engine::stores::{Leak, Stores, run};
use proofhouse::report::jsonl;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

const CONTRACT: &str = "[database]\nschema = ['schema.sql']\nname = 'notes'\n\
    [tenant]\nrole = 'app'\ncolumn = 'tenant'\nenter = [\"SET app.tenant = '{tenant}'\"]\nleave = ['RESET app.tenant']\n";

const NOTES: &str = "CREATE TABLE notes (tenant int NOT NULL, id int NOT NULL, body text, PRIMARY KEY (tenant, id));\n\
    GRANT SELECT, INSERT, DELETE ON notes TO app;\n";

const POLICY: &str = "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;\n\
    CREATE POLICY own ON notes USING (tenant = nullif(current_setting('app.tenant', true), '')::int);\n";

/// Keeps the stories of leaks.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Listener for Heard {
    fn say(&self, line: &str) {
        println!("{line}");
    }
    fn progress(&self, _target: &str, _property: &str, _cases: u64) {}
    fn finding(&self, _finding: &Finding) {}
    fn leak(&self, leak: &Leak) {
        self.0.lock().expect("not poisoned").push(leak.text.clone());
    }
    fn rows(&self, _rows: &[Row]) {}
}

fn contract(folder: &Path, schema: &str) -> PathBuf {
    std::fs::write(folder.join("schema.sql"), schema).expect("schema");
    let path = folder.join("tenancy.toml");
    std::fs::write(&path, CONTRACT).expect("contract");
    path
}

fn rows(folder: &Path, contract: PathBuf, budget: Budget, heard: &Heard) -> Result<Vec<Row>, String> {
    let stores = Stores {
        contracts: vec![contract],
        wanted: &|id| matches!(id, "isolation_read" | "isolation_write" | "pool_hygiene"),
        budget,
        seed: 1,
        jobs: 1,
        first: false,
        left_out: None,
        failures: folder.join("failures"),
    };
    run(&stores, heard)
}

fn verdicts(rows: &[Row]) -> Vec<(&str, Verdict)> {
    rows.iter().map(|row| (row.property.as_str(), row.verdict)).collect()
}

#[test]
fn a_leak_of_a_store_is_a_row_a_story_and_a_saved_case() {
    let folder = tempfile::tempdir().expect("folder");
    let heard = Heard::default();
    let path = contract(folder.path(), NOTES);
    let rows = rows(folder.path(), path, Budget::Time(Duration::from_secs(2)), &heard).expect("rows");
    assert_eq!(
        verdicts(&rows)[..2],
        [("isolation_read", Verdict::Finding), ("isolation_write", Verdict::Finding)]
    );
    let line = jsonl::lines(&[], &rows, 1, Shard::WHOLE).into_iter().next().expect("a line");
    assert_eq!(line.channel.as_deref(), Some("read"));
    assert_eq!((line.target.as_str(), line.stable.as_deref()), ("notes", Some("20 of 20")));
    assert!(Path::new(&line.file.expect("a file")).is_file());
    let stories = heard.0.into_inner().expect("not poisoned");
    assert!(stories.iter().any(|story| story.contains("FINDING  isolation_read: ")), "{stories:?}");
}

#[test]
fn a_store_that_keeps_its_tenants_apart_holds() {
    let folder = tempfile::tempdir().expect("folder");
    let path = contract(folder.path(), &format!("{NOTES}{POLICY}"));
    let rows =
        rows(folder.path(), path, Budget::Time(Duration::from_secs(2)), &Heard::default()).expect("rows");
    assert_eq!(verdicts(&rows)[..2], [("isolation_read", Verdict::Held), ("isolation_write", Verdict::Held)]);
    assert!(rows.iter().all(|row| row.cases > 0), "{rows:?}");
}

#[test]
fn a_budget_in_cases_leaves_a_store_out_and_says_so() {
    let folder = tempfile::tempdir().expect("folder");
    let path = contract(folder.path(), NOTES);
    let rows = rows(folder.path(), path, Budget::Cases(10), &Heard::default()).expect("rows");
    assert!(rows.iter().all(|row| row.verdict == Verdict::NotRun && row.cases == 0), "{rows:?}");
    assert!(rows[0].reason.as_deref().is_some_and(|reason| reason.contains("--time")), "{rows:?}");
}

#[test]
fn a_contract_that_cannot_be_used_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().expect("folder");
    let path = contract(folder.path(), "CREATE TABLE loose (id int);\n");
    let error = rows(folder.path(), path, Budget::Time(Duration::from_secs(1)), &Heard::default())
        .expect_err("refused");
    assert!(error.contains("table loose has no column tenant"), "{error}");
}
