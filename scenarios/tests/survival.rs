//! What a run survives: a server that is killed or restarted, statements that never end.

use proofhouse::backend::postgres::Choice;
use proofhouse::backend::postgres::binaries::{EMBEDDED_VERSION, embedded, local};
use proofhouse::backend::postgres::server::is_root;
use proofhouse::isolate::bench::{Bench, Volume};
use proofhouse::isolate::contract::Contract;
use proofhouse::isolate::program::{Program, Step};
use proofhouse::isolate::world::World;
use proofhouse::isolate::{Options, run};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const CONTRACT: &str = "[database]\nschema = ['schema.sql']\nname = 'shop'\n\
    [tenant]\nrole = 'app'\ncolumn = 'tenant'\nenter = [\"SET app.tenant = '{tenant}'\"]\nleave = ['RESET app.tenant']\n";

const ITEMS: &str = "CREATE TABLE items (tenant int NOT NULL, id int NOT NULL, body text, PRIMARY KEY (tenant, id));\n\
    GRANT SELECT, INSERT, UPDATE, DELETE ON items TO app;\n";

const NOBODY: u32 = 65534;

fn files(folder: &Path, contract: &str, schema: &str) -> PathBuf {
    std::fs::write(folder.join("schema.sql"), schema).expect("schema");
    let path = folder.join("tenancy.toml");
    std::fs::write(&path, contract).expect("contract");
    path
}

/// A program before and after something was done to the server that it runs on: what each run answers.
fn around(what: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().expect("folder");
    let contract = Contract::read(&files(folder.path(), CONTRACT, ITEMS)).expect("a contract");
    let bench = Bench::prepare(contract, &Choice::default(), 1).expect("a bench");
    println!("backend: {}", bench.backend);
    let server = bench.server("survival").expect("a server");
    let data = server.data.clone();
    let mut world = World::new(&bench, server, 1, 0, Volume::Few, 0).expect("a world");
    world.learn().expect("rows");
    world.learn_all(&[]).expect("a baseline");
    let program = Program::one(Step::new("select", "items", "SELECT * FROM items ORDER BY tenant, id"));
    let before = world.run(&program).expect("an answer");
    assert!(before.answers[0].1.rows.len() > 3, "{before:?}");
    what(&data);
    // Its processes may answer a last time before they notice. What runs when they are gone says nothing, and what runs
    // next answers as if nothing had been.
    let lost = |world: &mut World<'_>| {
        let trace = world.run(&program).expect("the world comes back");
        trace.answers[0].1.code() == Some("08006")
    };
    assert!((0..10_000).any(|_| lost(&mut world)), "the server does not go away");
    assert_eq!(world.revivals(), 1);
    assert_eq!(world.run(&program).expect("an answer"), before);
}

#[test]
fn a_world_comes_back_after_its_server_was_killed() {
    around(|data| {
        let text = std::fs::read_to_string(data.join("postmaster.pid")).expect("a pid file");
        let pid = text.lines().next().expect("a pid");
        let killed = Command::new("kill").args(["-KILL", pid]).status().expect("kill");
        assert!(killed.success());
    });
}

#[test]
fn a_world_comes_back_after_its_server_was_restarted_from_outside() {
    around(|data| {
        let binaries = embedded(EMBEDDED_VERSION).or_else(|_| local()).expect("binaries");
        let mut restart = Command::new(binaries.bin.join("pg_ctl"));
        restart.args(["restart", "-w", "-m", "fast", "-D"]).arg(data).current_dir("/");
        restart.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        if is_root() {
            restart.uid(NOBODY).gid(NOBODY);
        }
        assert!(restart.status().expect("pg_ctl").success());
    });
}

#[test]
fn statements_that_never_end_are_stopped_told_and_hide_no_leak_beside_them() {
    let folder = tempfile::tempdir().expect("folder");
    let contract = format!(
        "{CONTRACT}[adversary]\nstatements = [\n  'SELECT pg_sleep(1e9)',\n  'SELECT body FROM items WHERE id = $1',\n]\n\
         [neighbour]\nafter = ['SELECT pg_sleep(1e9)']\n"
    );
    let schema = format!(
        "{ITEMS}CREATE FUNCTION spin() RETURNS int LANGUAGE plpgsql AS $$ BEGIN LOOP END LOOP; END $$;\n\
         GRANT EXECUTE ON FUNCTION spin() TO app;\n"
    );
    let report = run(&Options {
        contract: files(folder.path(), &contract, &schema),
        time: Duration::from_secs(15),
        seed: 1,
        jobs: 1,
        report: None,
        failures: folder.path().join("failures"),
        postgres: Choice::default(),
        fail_fast: false,
        quiet: true,
    })
    .expect("a report");
    println!("backend: {}", report.backend);
    for object in ["statements[0]", "after[0]"] {
        let told = format!("statements on {object} did not end");
        assert!(report.notes.iter().any(|note| note.starts_with(&told)), "{object}: {:?}", report.notes);
    }
    assert!(report.coverage.has("statements[1]"), "the other statement is not left out");
    let titles: Vec<String> = report.failures().map(|finding| finding.title()).collect();
    assert!(titles.iter().any(|title| title.contains("items")), "{titles:?}");
}
