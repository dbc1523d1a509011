//! What requests leave behind beside rows, on a real server: it is shown to the next request, and to no later program.

use proofhouse::backend::postgres::Choice;
use proofhouse::isolate::bench::{Bench, Volume};
use proofhouse::isolate::contract::Contract;
use proofhouse::isolate::oracle::{Channel, Evidence, Leak, Marks, judge};
use proofhouse::isolate::program::{Actor, Kind, Pools, Program, Setting, Step, systematic};
use proofhouse::isolate::world::World;
use std::collections::BTreeMap;

const ITEMS: &str = "CREATE TABLE items (tenant int NOT NULL, id int NOT NULL, body text, PRIMARY KEY (tenant, id));\n\
    ALTER TABLE items ENABLE ROW LEVEL SECURITY;\n\
    CREATE POLICY own ON items USING (tenant = nullif(current_setting('app.tenant', true), '')::int);\n\
    CREATE SCHEMA scratch; GRANT ALL ON SCHEMA scratch TO app; CREATE SEQUENCE numbers; GRANT ALL ON numbers TO app;\n\
    GRANT SELECT, INSERT, UPDATE, DELETE ON items TO app;\n";

const EXCLUDED: &str =
    "'enter', 'plans', 'statistics', 'counters', 'system_columns', 'sampling', 'locks', 'backends'";

/// A bench of the schema, for a contract with this way to give a connection back and these further lines.
fn bench(leave: &str, more: &str) -> Bench {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("schema.sql"), ITEMS).expect("schema");
    let contract = format!(
        "[database]\nschema = ['schema.sql']\nname = 'shop'\n[tenant]\nrole = 'app'\ncolumn = 'tenant'\n\
         enter = [\"SET app.tenant = '{{tenant}}'\"]\nleave = ['{leave}']\n{more}"
    );
    let contract = Contract::parse(&folder.path().join("tenancy.toml"), &contract).expect("a contract");
    let bench = Bench::prepare(contract, &Choice::default(), 1).expect("a bench");
    println!("backend: {}", bench.backend);
    bench
}

fn world(bench: &Bench, index: usize, volume: Volume) -> World<'_> {
    let server = bench.server(&format!("residue-{index}")).expect("a server");
    let mut world = World::new(bench, server, index, 0, volume, 0).expect("a world");
    world.learn().expect("rows");
    let alike = world.sequences.own.clone();
    world.learn_all(&alike).expect("a baseline");
    world
}

/// The leaks of generated programs of a kind that the filter takes, and how many programs there were.
fn leaks(bench: &Bench, taken: impl Fn(&Program) -> bool) -> (usize, Vec<Leak>) {
    let (mut one, mut two) = (world(bench, 1, Volume::None), world(bench, 2, Volume::Few));
    let mut parameters = BTreeMap::new();
    for statement in &bench.contract.adversary.statements {
        parameters.insert(statement.clone(), one.parameter_types(statement).expect("types"));
    }
    let (contract, catalogue, rules) = (&bench.contract, &bench.catalogue, &bench.rules);
    let mut pools = Pools::new(catalogue, contract);
    for world in [&two, &one] {
        pools.add(catalogue, contract, &world.rows.tables, &world.owners);
    }
    let setting = Setting { contract, catalogue, rules, pools: &pools, parameters: &parameters };
    let words: Vec<Vec<String>> = bench.words.iter().map(|words| words.values().cloned().collect()).collect();
    let marks = |world: &World<'_>| {
        Marks::new(catalogue, &world.rows, &world.owners, &world.public, &words, &bench.secrets)
    };
    let marks = (marks(&one), marks(&two));
    let programs: Vec<Program> =
        systematic(&setting, &two.inserts_of_b()).into_iter().filter(taken).collect();
    let mut found = Vec::new();
    for program in &programs {
        let run = |world: &mut World<'_>| world.run(program).expect("answers");
        let (first, second) = ((run(&mut one), run(&mut one)), (run(&mut two), run(&mut two)));
        let evidence =
            Evidence { one: (&first.0, &first.1), two: (&second.0, &second.1), marks: (&marks.0, &marks.1) };
        found.extend(judge(catalogue, program, &evidence));
    }
    (programs.len(), found)
}

fn session(program: &Program) -> bool {
    program.kind == Kind::Session
}

#[test]
fn what_a_session_left_is_gone_before_the_next_program() {
    let bench = bench("RESET ALL", "");
    let mut world = world(&bench, 1, Volume::Few);
    let counts = "SELECT (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_proc), last_value, is_called \
         FROM numbers";
    let look = Program::one(Step::new("select", "", counts));
    let before = world.run(&look).expect("answers");
    let left = [
        "SELECT lo_from_bytea(0, 'x')",
        "CREATE FUNCTION scratch.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT nextval('numbers')",
    ];
    for sql in left {
        let by_b = Step { actor: Actor::Before, ..Step::new("before", "", sql) };
        let enter = Step { actor: Actor::Enter(1), ..Step::new("enter", "", "") };
        let leave = Step { actor: Actor::Leave(1), ..Step::new("leave", "", "") };
        let program = Program { kind: Kind::Session, steps: vec![enter, by_b, leave], unaligned: false };
        world.run(&program).expect("answers");
        assert_eq!(world.run(&look).expect("answers"), before, "{sql}");
    }
}

#[test]
fn a_large_object_of_the_earlier_request_is_read() {
    let more = format!(
        "[adversary]\nlevel = 'sql'\nexclude = [{EXCLUDED}]\n\
         [neighbour]\nbefore = [\"SELECT lo_from_bytea(0, convert_to($1, 'UTF8'))\"]\n"
    );
    let (programs, found) = leaks(&bench("RESET app.tenant", &more), session);
    assert!(programs > 0);
    let read = |leak: &Leak| leak.object == "large objects" && leak.channel() == Channel::Read;
    assert!(found.iter().any(read), "{found:?}");
}

#[test]
fn a_lock_that_the_earlier_request_kept_is_told_by_the_contracts_own_statement() {
    let more = "[adversary]\nstatements = ['SELECT pg_advisory_unlock($1)']\n\
         [neighbour]\nbefore = ['SELECT pg_advisory_lock(id) FROM items WHERE id = $1']\n";
    let (_, found) = leaks(&bench("RESET app.tenant", more), session);
    assert!(found.iter().any(|leak| leak.object == "statements[0]"), "{found:?}");
    let (programs, found) = leaks(&bench("DISCARD ALL", more), session);
    assert!(programs > 0);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_lock_that_the_earlier_request_kept_is_told_by_the_session_itself() {
    let more = |excluded: &str| {
        format!(
            "[adversary]\nlevel = 'sql'\nexclude = ['enter', 'plans', 'statistics', 'counters', 'system_columns', \
             'sampling', {excluded}]\n[neighbour]\nbefore = ['SELECT pg_advisory_lock(id) FROM items WHERE id = $1']\n"
        )
    };
    for excluded in ["'locks'", "'backends'"] {
        let (_, found) = leaks(&bench("RESET app.tenant", &more(excluded)), session);
        assert!(found.iter().any(|leak| leak.object == "session"), "without {excluded}: {found:?}");
    }
    for (leave, excluded) in [("DISCARD ALL", "'locks'"), ("RESET app.tenant", "'locks', 'backends'")] {
        let (_, found) = leaks(&bench(leave, &more(excluded)), session);
        assert!(found.is_empty(), "{leave} {excluded}: {found:?}");
    }
}

#[test]
fn transactions_of_others_are_counted_unless_system_columns_are_excluded() {
    let counts = |program: &Program| {
        session(program) && program.steps.iter().any(|step| step.object == "transactions")
    };
    let more = |excluded: &str| format!("[adversary]\nlevel = 'sql'\nexclude = [{excluded}]\n");
    let (_, found) = leaks(&bench("RESET app.tenant", &more("'enter', 'plans'")), counts);
    let told: Vec<(&str, Channel)> =
        found.iter().map(|leak| (leak.object.as_str(), leak.channel())).collect();
    assert_eq!(told, [("transactions", Channel::Count)], "{found:?}");
    let (programs, _) = leaks(&bench("RESET app.tenant", &more(EXCLUDED)), counts);
    assert_eq!(programs, 0);
}

#[test]
fn an_operator_of_as_own_is_given_to_the_planner_where_plans_are_not_shown() {
    let operators =
        |program: &Program| program.steps.iter().any(|step| step.sql.contains("OPERATOR(scratch.<<<)"));
    let more = format!("[adversary]\nlevel = 'sql'\nexclude = [{EXCLUDED}]\n");
    let bench = bench("RESET app.tenant", &more);
    // Where the planner keeps its statistics to itself, what the operator is shown are A's own rows.
    let (programs, found) = leaks(&bench, operators);
    assert_eq!(programs, 3);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_row_is_given_to_another_tenant_and_an_exclusion_is_met_beside_keys_of_as_own() {
    let folder = tempfile::tempdir().expect("folder");
    let schema = "CREATE TABLE bookings (tenant int NOT NULL, id int GENERATED BY DEFAULT AS IDENTITY, place int NOT NULL,\n\
           PRIMARY KEY (tenant, id), CONSTRAINT no_two EXCLUDE (place WITH =));\n\
        ALTER TABLE bookings ENABLE ROW LEVEL SECURITY;\n\
        CREATE POLICY reads ON bookings FOR SELECT USING (tenant = current_setting('app.tenant')::int);\n\
        CREATE POLICY adds ON bookings FOR INSERT WITH CHECK (tenant = current_setting('app.tenant')::int);\n\
        CREATE POLICY changes ON bookings FOR UPDATE USING (tenant = current_setting('app.tenant')::int) WITH CHECK (true);\n\
        GRANT SELECT, INSERT, UPDATE ON bookings TO app;\n";
    std::fs::write(folder.path().join("schema.sql"), schema).expect("schema");
    let contract = "[database]\nschema = ['schema.sql']\nname = 'shop'\n[tenant]\nrole = 'app'\ncolumn = 'tenant'\n\
        enter = [\"SET app.tenant = '{tenant}'\"]\n";
    let contract = Contract::parse(&folder.path().join("tenancy.toml"), contract).expect("a contract");
    let bench = Bench::prepare(contract, &Choice::default(), 1).expect("a bench");
    println!("backend: {}", bench.backend);
    let (_, found) = leaks(&bench, |program| program.kind == Kind::Requests && program.steps.len() == 1);
    let told = |object: &str, channel| {
        found.iter().any(|leak| (leak.object.as_str(), leak.channel()) == (object, channel))
    };
    assert!(told("no_two", Channel::Existence), "{found:?}");
    assert!(told("bookings", Channel::Write), "{found:?}");
}
