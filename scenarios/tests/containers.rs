//! Properties and isolation on real engines in containers: what holds on the embedded engine and on the reference
//! model holds there, and planted bugs are found there too.
//!
//! Each test says on standard error which engine ran, or why none did. Where `PROOFHOUSE_REQUIRE_CONTAINERS` is 1, as
//! CI sets it, a machine without containers fails.

use proofhouse::backend::container::{self, ImageName, Owner, Plan, Running};
use proofhouse::backend::postgres::Choice;
use proofhouse::backend::{Backend, BackendChoice};
use proofhouse::engine::campaign::{CampaignOutcome, Verdict};
use proofhouse::engine::finding::Finding;
use proofhouse::isolate::{self, Options};
use proofhouse::target::Launch;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What concerns updates, and what any engine shows.
const PROPERTIES: [&str; 10] = [
    "meaning",
    "frame",
    "agreement",
    "presence",
    "guard",
    "well_formed",
    "never_broader",
    "round_trip",
    "valid_values",
    "total",
];

/// One test at a time: each has an engine of its own, and one looks at what is left.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says something even where the test passes: the test harness keeps back what `println` says.
fn say(text: &str) {
    // Standard error that is closed is no reason to fail.
    let _ = writeln!(std::io::stderr(), "containers: {text}");
}

/// Whether there is a daemon; says why there is none.
fn has_daemon(test: &str) -> bool {
    match container::daemon() {
        Ok(_) => true,
        Err(error) => {
            let required = std::env::var("PROOFHOUSE_REQUIRE_CONTAINERS").is_ok_and(|value| value == "1");
            assert!(!required, "{test}: {error}");
            say(&format!("not run: {test}: {error}"));
            false
        }
    }
}

/// DynamoDB Local for one test.
fn dynamodb_local(test: &str) -> Option<BackendChoice> {
    if !has_daemon(test) {
        return None;
    }
    let choice: BackendChoice = "dynamodb-local".parse().expect("it is a backend");
    let engine = choice.open().unwrap_or_else(|error| panic!("{test}: {error}"));
    say(&format!("{test}: {}", engine.version()));
    Some(choice)
}

fn target(name: &str) -> Arc<dyn Launch> {
    let found = proofhouse_scenarios::catalogue().into_iter().find(|target| target.name() == name);
    found.expect("it is in the catalogue")
}

fn check(property: &str, name: &str, cases: u64, backend: &BackendChoice, folder: &Path) -> CampaignOutcome {
    let check = proofhouse::check(property, target(name)).cases(cases).backend(backend.clone());
    check.regressions(folder.join("none")).failures(folder).outcome()
}

#[test]
fn a_correct_mapper_gets_the_same_verdicts_and_counts_on_every_engine() {
    let _turn = turn();
    let Some(local) = dynamodb_local("the same verdicts") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for property in PROPERTIES {
        let see = |backend: &BackendChoice| {
            let outcome = check(property, "control", 60, backend, folder.path());
            assert_eq!(outcome.errors, Vec::<String>::new());
            let row = &outcome.rows[0];
            let titles: Vec<String> = row.findings.iter().map(|f| f.violation.title.clone()).collect();
            (row.verdict, row.cases, row.discards.clone(), row.labels.clone(), titles)
        };
        let seen = see(&local);
        assert_eq!((seen.0, seen.1), (Verdict::Held, 60), "{property}: {seen:?}");
        assert_eq!(
            seen,
            see(&BackendChoice::Embedded),
            "{property}: DynamoDB Local, then the embedded engine"
        );
        assert_eq!(
            seen,
            see(&BackendChoice::Reference),
            "{property}: DynamoDB Local, then the reference model"
        );
    }
}

#[test]
fn a_planted_bug_of_each_update_property_is_found_on_dynamodb_local_and_is_stable() {
    let _turn = turn();
    let Some(local) = dynamodb_local("planted bugs") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for (property, name) in [
        ("meaning", "mutant:groups-lost"),
        ("frame", "mutant:whole-is-put"),
        ("agreement", "mutant:update-drops-zero-members"),
        ("presence", "mutant:absent-becomes-null"),
        ("guard", "mutant:delete-ignores-if"),
    ] {
        let find = |backend: &BackendChoice| -> BTreeMap<String, Finding> {
            let outcome = check(property, name, 100, backend, folder.path());
            let findings = outcome.rows.into_iter().flat_map(|row| row.findings);
            findings.filter(|f| f.property == property).map(|f| (f.violation.identity.clone(), f)).collect()
        };
        let (here, there) = (find(&BackendChoice::Embedded), find(&local));
        assert!(!there.is_empty(), "{name}: no finding of {property}");
        for (identity, finding) in &there {
            assert!(finding.stable.is_stable(), "{name}: {identity}: {:?}", finding.stable);
            let same = here.get(identity).unwrap_or_else(|| panic!("{name}: {identity} is found there only"));
            assert_eq!((finding.first, &finding.case), (same.first, &same.case), "{name}: {identity}");
        }
        assert_eq!(here.len(), there.len(), "{name}: {:?}", here.keys());
    }
}

#[test]
fn two_workers_have_tables_of_their_own_and_nothing_is_left_behind() {
    let _turn = turn();
    let Some(local) = dynamodb_local("workers") else { return };
    let (one, two) = (local.open().expect("it opens"), local.open().expect("it opens"));
    let table = json!({
        "TableName": "users",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let tables = |engine: &Arc<dyn Backend>| engine.call("ListTables", &json!({})).body["TableNames"].clone();
    assert_eq!(one.call("CreateTable", &table).status, 200);
    assert_eq!((tables(&one), tables(&two)), (json!(["users"]), json!([])));
    one.clear();
    assert_eq!(tables(&one), json!([]));
}

fn leaks(contract: PathBuf, time: Duration) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = isolate::run(&Options {
        contract,
        time,
        seed: 1,
        jobs: 1,
        report: None,
        failures: folder.path().join("failures"),
        postgres: Choice::Container,
        fail_fast: true,
        quiet: true,
    });
    let report = outcome.unwrap_or_else(|problem| panic!("{problem}"));
    say(&format!("isolation: {}: {} programs", report.backend, report.cases));
    report.failures().map(isolate::finding::Finding::title).collect()
}

#[test]
fn isolation_is_judged_on_a_postgres_container() {
    let _turn = turn();
    if !has_daemon("isolation") {
        return;
    }
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres/workflow_store");
    let silent = leaks(store.join("tenancy.toml"), Duration::from_secs(10));
    assert_eq!(silent, Vec::<String>::new());
    let found = leaks(store.join("mutants/table_without_rls/tenancy.toml"), Duration::from_secs(20));
    assert!(!found.is_empty(), "the planted leak is not found");
}

#[test]
fn an_image_that_is_nowhere_is_told_with_what_to_do() {
    let _turn = turn();
    if !has_daemon("a missing image") {
        return;
    }
    let image = ImageName { name: "proofhouse/no-such-image".to_owned(), tag: "1".to_owned() };
    let plan = Plan {
        image,
        program: None,
        arguments: Vec::new(),
        user: None,
        port: None,
        settings: |_, _| {},
        parameter: String::new(),
    };
    let owner = Owner::new().expect("a daemon answers");
    let Err(error) = Running::start(plan, &owner) else { panic!("it started") };
    let text = error.to_string();
    assert!(text.contains("no image proofhouse/no-such-image:1") && text.contains("ci/images"), "{text}");
}

#[test]
fn a_panic_removes_the_container_and_the_run_after_a_kill_removes_what_it_left() {
    let _turn = turn();
    let me = std::process::id();
    let mine = |pid: u32| {
        let all = container::all().expect("the daemon answers");
        all.into_iter()
            .filter(|found| found.pid == Some(pid))
            .map(|found| found.is_orphan)
            .collect::<Vec<_>>()
    };
    let Some(local) = dynamodb_local("removal") else { return };
    assert_eq!(mine(me), [false]);
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(move || {
        let _engine = local.open().expect("it opens");
        panic!("planted");
    }));
    assert!(panicked.is_err());
    assert_eq!(mine(me), [] as [bool; 0]);

    let mut run = Command::new(env!("CARGO_BIN_EXE_proofhouse"))
        .args(["serve", "--backend", "dynamodb-local"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(run.stdout.take().expect("a pipe")).read_line(&mut line).expect("its address");
    assert_eq!(mine(run.id()), [false], "{line}");
    run.kill().expect("it runs");
    run.wait().expect("it ends");
    assert_eq!(mine(run.id()), [true]);
    let next = dynamodb_local("the run after").expect("a daemon answers");
    assert_eq!(mine(run.id()), [] as [bool; 0]);
    drop(next);
}

#[test]
fn who_asks_for_a_container_by_name_where_no_daemon_is_gets_status_3_and_what_to_install() {
    for arguments in [
        ["run", "--backend", "dynamodb-local", "--target", "control"],
        ["isolate", "postgres/workflow_store/tenancy.toml", "--postgres", "container", "--seed=1"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_proofhouse"))
            .args(arguments)
            .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
            .output()
            .expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("no Docker daemon answers") && text.contains("docker.io"), "{text}");
    }
}
