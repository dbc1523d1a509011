//! What functions and triggers with their owner's rights compute over everyone's rows, on a real server.

use proofhouse::backend::postgres::Choice;
use proofhouse::isolate::bench::{Bench, Volume};
use proofhouse::isolate::contract::Contract;
use proofhouse::isolate::oracle::{Evidence, Leak, Marks, judge};
use proofhouse::isolate::program::{Pools, Program, Setting, Step, systematic};
use proofhouse::isolate::world::{World, parted};
use proofhouse::isolate::{Options, Report, run};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const CONTRACT: &str = "[database]\nschema = ['schema.sql']\nname = 'shop'\nowner = 'shop_owner'\n\
    [tenant]\nrole = 'app'\ncolumn = 'tenant'\nids = ['north', 'south']\n\
    enter = [\"SET app.tenant = '{tenant}'\"]\nleave = ['RESET app.tenant']\n\
    [allow]\nsequence = 'ids are global'\n";

const ITEMS: &str = "CREATE FUNCTION who() RETURNS text LANGUAGE sql STABLE AS\n\
      $$ SELECT nullif(current_setting('app.tenant', true), '') $$;\n\
    CREATE TABLE items (tenant text NOT NULL, id bigserial, name text NOT NULL, priority int, note text,\n\
      at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (tenant, id));\n\
    ALTER TABLE items ENABLE ROW LEVEL SECURITY;\n\
    CREATE POLICY own ON items USING (tenant = who());\n\
    GRANT SELECT, INSERT ON items TO app; GRANT USAGE ON SEQUENCE items_id_seq TO app;\n";

/// With this number B's only row of a table would have A's numbers, were it not the only one.
const NUMBER: usize = 1;

fn bench(schema: &str) -> Bench {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("schema.sql"), schema).expect("schema");
    let contract = Contract::parse(&folder.path().join("tenancy.toml"), CONTRACT).expect("a contract");
    let bench = Bench::prepare(contract, &Choice::default(), 1).expect("a bench");
    println!("backend: {}", bench.backend);
    bench
}

/// Two worlds, with as many rows of B in them, whose sequences stand alike.
fn worlds(bench: &Bench, volumes: (Volume, Volume)) -> (World<'_>, World<'_>) {
    let world = |index: usize, volume: Volume| {
        let server = bench.server(&format!("everyone-{index}")).expect("a server");
        let mut world = World::new(bench, server, index, 0, volume, NUMBER).expect("a world");
        world.learn().expect("rows");
        world
    };
    let (mut one, mut two) = (world(1, volumes.0), world(2, volumes.1));
    let places = one.sequences.own.iter().zip(&two.sequences.own);
    let alike: Vec<(i64, bool)> = places.map(|(a, b)| *a.max(b)).collect();
    one.learn_all(&alike).expect("a baseline");
    two.learn_all(&alike).expect("a baseline");
    (one, two)
}

/// The generated programs that are one statement of a kind.
fn programs(bench: &Bench, worlds: (&World<'_>, &World<'_>), verb: &str) -> Vec<Program> {
    let (contract, catalogue, rules) = (&bench.contract, &bench.catalogue, &bench.rules);
    let mut pools = Pools::new(catalogue, contract);
    for world in [worlds.1, worlds.0] {
        pools.add(catalogue, contract, &world.rows.tables, &world.owners);
    }
    let parameters = BTreeMap::new();
    let setting = Setting { contract, catalogue, rules, pools: &pools, parameters: &parameters };
    let all = systematic(&setting, &[]).into_iter();
    all.filter(|program| !program.unaligned && program.steps.len() == 1 && program.steps[0].verb == verb)
        .collect()
}

/// The leaks of generated calls.
fn leaks_of_calls(bench: &Bench, volumes: (Volume, Volume)) -> Vec<Leak> {
    let (mut one, mut two) = worlds(bench, volumes);
    let words: Vec<Vec<String>> = bench.words.iter().map(|words| words.values().cloned().collect()).collect();
    let marks = |world: &World<'_>| {
        Marks::new(&bench.catalogue, &world.rows, &world.owners, &world.public, &words, &bench.secrets)
    };
    let marks = (marks(&one), marks(&two));
    let mut found = Vec::new();
    for program in programs(bench, (&one, &two), "function") {
        let run = |world: &mut World<'_>| world.run(&program).expect("answers");
        let (first, second) = ((run(&mut one), run(&mut one)), (run(&mut two), run(&mut two)));
        let evidence =
            Evidence { one: (&first.0, &first.1), two: (&second.0, &second.1), marks: (&marks.0, &marks.1) };
        found.extend(judge(&bench.catalogue, &program, &evidence));
    }
    found
}

fn limited(name: &str, inner: &str) -> String {
    format!(
        "CREATE FUNCTION {name}() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public\n\
           AS $$ SELECT name FROM ({inner}) AS found WHERE tenant = who() $$;\n"
    )
}

#[test]
fn a_limit_before_the_tenant_is_seen_in_a_crowd_whatever_it_orders_by() {
    let leaky = [
        ("newest", "SELECT * FROM items ORDER BY at DESC LIMIT 1000"),
        ("oldest", "SELECT * FROM items ORDER BY at LIMIT 1000"),
        ("first_by_name", "SELECT * FROM items ORDER BY name LIMIT 100"),
        ("last_by_name", "SELECT * FROM items ORDER BY name DESC LIMIT 1000"),
        ("first_by_id", "SELECT * FROM items ORDER BY id LIMIT 50"),
        ("last_by_id", "SELECT * FROM items ORDER BY id DESC LIMIT 1000"),
        ("least_urgent", "SELECT * FROM items ORDER BY priority DESC NULLS LAST, at LIMIT 100"),
        ("one_each", "SELECT DISTINCT ON (name) * FROM items ORDER BY name, at DESC"),
        ("while_few", "SELECT * FROM items WHERE (SELECT count(*) FROM items) < 1000"),
    ];
    let mut schema = ITEMS.to_owned();
    schema.extend(leaky.iter().map(|(name, inner)| limited(name, inner)));
    schema += &limited("own_newest", "SELECT * FROM items WHERE tenant = who() ORDER BY at DESC LIMIT 2");
    let bench = bench(&schema);
    let found = leaks_of_calls(&bench, (Volume::Few, Volume::Crowd));
    let objects: BTreeSet<&str> = found.iter().map(|leak| leak.object.as_str()).collect();
    assert_eq!(objects, leaky.iter().map(|(name, _)| *name).collect());
}

#[test]
fn a_parameter_of_any_name_is_given_the_other_tenant() {
    // The column is not named, so that its values come after the texts of those that are.
    let schema = format!(
        "{ITEMS}CREATE TABLE letters (tenant text NOT NULL, mail text, url text, phone text);\n\
         CREATE FUNCTION name_of(number bigint, shop text DEFAULT who()) RETURNS text LANGUAGE sql STABLE\n\
           SECURITY DEFINER SET search_path = public AS\n\
           $$ SELECT name FROM items WHERE items.id = number AND to_jsonb(items) ->> ('ten' || 'ant') = shop AND NOT EXISTS (\n\
             SELECT FROM letters WHERE mail = url || phone) $$;\n"
    );
    let bench = bench(&schema);
    let found = leaks_of_calls(&bench, (Volume::None, Volume::Few));
    assert!(found.iter().any(|leak| leak.object == "name_of"), "{found:?}");
}

/// Tables in which generated inserts do otherwise to A's rows in one world than in the other.
fn parted_by_inserts(schema: &str) -> BTreeSet<String> {
    let bench = bench(schema);
    let (mut one, mut two) = worlds(&bench, (Volume::None, Volume::Few));
    let mut labels = BTreeSet::new();
    let mut changed = 0;
    for program in programs(&bench, (&one, &two), "insert") {
        one.run(&program).expect("answers");
        let first = one.last_effects().to_vec();
        one.run(&program).expect("answers");
        two.run(&program).expect("answers");
        changed += usize::from(two.last_changed());
        let tables = parted(&first, one.last_effects(), two.last_effects());
        labels.extend(tables.into_iter().map(|at| bench.catalogue.tables[at].label()));
    }
    assert!(changed > 0, "no insert was accepted");
    labels
}

/// A row a tenant, which a trigger on `items` fills.
fn counted(filled: &str) -> String {
    format!(
        "{ITEMS}CREATE TABLE totals (tenant text PRIMARY KEY, last int NOT NULL, seen timestamptz, mark uuid);\n\
         GRANT SELECT ON totals TO app; ALTER TABLE totals ENABLE ROW LEVEL SECURITY;\n\
         CREATE POLICY own ON totals USING (tenant = who());\n\
         CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$\n\
         BEGIN UPDATE totals SET seen = clock_timestamp(), mark = gen_random_uuid(), last = ({filled})\n\
           WHERE tenant = NEW.tenant; RETURN NULL; END $$;\n\
         CREATE TRIGGER counted AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION counted();\n"
    )
}

#[test]
fn a_number_over_everyones_rows_parts_the_worlds() {
    for filled in [
        "SELECT max(last) + 1 FROM totals",
        "SELECT sum(last) FROM totals",
        "SELECT count(*) + 1 FROM items",
        "SELECT last FROM totals ORDER BY tenant DESC LIMIT 1",
    ] {
        assert_eq!(parted_by_inserts(&counted(filled)), BTreeSet::from(["totals".to_owned()]), "{filled}");
    }
}

#[test]
fn a_number_over_the_tenants_own_rows_parts_nothing_whatever_time_and_chance_fill() {
    let filled = "SELECT count(*) + 1 FROM items WHERE tenant = NEW.tenant";
    assert_eq!(parted_by_inserts(&counted(filled)), BTreeSet::new());
}

/// What a run of so many seconds at most finds first.
fn reported(schema: &str, seconds: u64) -> Report {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("tenancy.toml"), CONTRACT).expect("contract");
    std::fs::write(folder.path().join("schema.sql"), schema).expect("schema");
    run(&Options {
        time: Duration::from_secs(seconds),
        seed: 1,
        fail_fast: true,
        ..Options::new(folder.path().join("tenancy.toml"), folder.path().join("failures"))
    })
    .expect("a report")
}

#[test]
fn a_crowd_comes_before_all_programs_of_the_first_stage() {
    // So many tables that the first stage does not end in this time.
    let tables = (0..12).map(|at| {
        format!(
            "CREATE TABLE more_{at} (tenant text NOT NULL, id int NOT NULL, a text, b text, c int, d date, PRIMARY KEY (tenant, id));\n\
             ALTER TABLE more_{at} ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON more_{at} USING (tenant = who());\n\
             GRANT SELECT, INSERT, UPDATE, DELETE ON more_{at} TO app;\n"
        )
    });
    let few = limited("first_by_id", "SELECT * FROM items ORDER BY id LIMIT 40");
    let schema = format!("{ITEMS}{}{few}", tables.collect::<String>());
    let report = reported(&schema, 20);
    assert!(report.failures().any(|finding| finding.object == "first_by_id"));
}

#[test]
fn a_row_that_the_insert_does_not_return_is_looked_at_in_the_next_request() {
    let report = reported(&counted("SELECT max(last) + 1 FROM totals"), 20);
    let finding = report.failures().find(|finding| finding.object == "totals").expect("a finding");
    let steps: Vec<&Step> = finding.program.steps.iter().collect();
    assert!(steps[0].sql.starts_with("INSERT INTO public.items"), "{steps:?}");
    assert_eq!(steps[1].sql, "SELECT * FROM public.totals");
}
