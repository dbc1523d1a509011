//! Rows of several at once, on a real server: two that refer to each other, and many.

use proofhouse::backend::postgres::Choice;
use proofhouse::backend::postgres::client::Connection;
use proofhouse::backend::postgres::site::Server;
use proofhouse::isolate::bench::Bench;
use proofhouse::isolate::contract::Contract;
use proofhouse::isolate::data::{Maker, Owner, Who};
use std::time::{Duration, Instant};

const CONTRACT: &str = "[database]\nschema = ['schema.sql']\nname = 'shop'\n\
    [tenant]\nrole = 'app'\ncolumn = 'tenant'\nenter = [\"SET app.tenant = '{tenant}'\"]\n";

/// A bench for a schema, a server of it, and a connection to the database before any row.
fn prepared(schema: &str) -> (Bench, Server, Connection) {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("schema.sql"), schema).expect("schema");
    let path = folder.path().join("tenancy.toml");
    let contract = Contract::parse(&path, CONTRACT).expect("a contract");
    let bench = Bench::prepare(contract, &Choice::default(), 0).expect("a bench");
    println!("backend: {}", bench.backend);
    let server = bench.server("rows").expect("a server");
    let connection = Connection::open(&server.address.database(&bench.prepared), &[]).expect("a connection");
    (bench, server, connection)
}

fn maker<'run>(bench: &'run Bench, connection: &'run mut Connection) -> Maker<'run> {
    Maker::new(&bench.contract, &bench.catalogue, &bench.rules, connection, bench.words.clone())
        .expect("a maker")
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn two_rows_that_must_refer_to_each_other_are_made_together() {
    let (bench, _server, mut connection) = prepared(
        "CREATE TABLE orders (tenant int, id int, first_line int NOT NULL, PRIMARY KEY (tenant, id));\n\
         CREATE TABLE lines (tenant int, id int, in_order int NOT NULL, PRIMARY KEY (tenant, id),\n\
           FOREIGN KEY (tenant, in_order) REFERENCES orders);\n\
         ALTER TABLE orders ADD FOREIGN KEY (tenant, first_line) REFERENCES lines;\n",
    );
    let mut maker = maker(&bench, &mut connection);
    let orders = bench.catalogue.named("orders").expect("orders");
    let lines = bench.catalogue.named("lines").expect("lines");
    let made = maker.make(orders, Who::Tenant(1), 2, 'b').expect("a connection").expect("a row");
    assert_eq!((made.table, made.owner), (orders, Owner::Tenants(vec![1])));
    let (order, line) = (&maker.rows.tables[orders][0], &maker.rows.tables[lines][0]);
    assert_eq!((&order[0], &line[0]), (&Some("2".to_owned()), &Some("2".to_owned())));
    assert_eq!((&order[1], &order[2]), (&line[2], &line[1]), "{order:?} {line:?}");
    assert_eq!(maker.owners[lines], [Owner::Tenants(vec![1])]);
}

#[test]
fn many_rows_are_made_without_those_that_the_schema_refuses() {
    let (bench, _server, mut connection) = prepared(
        "CREATE TABLE items (tenant int NOT NULL, number int GENERATED ALWAYS AS IDENTITY, body text NOT NULL);\n\
         CREATE FUNCTION odd_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n\
           IF NEW.number % 2 = 0 THEN RAISE EXCEPTION 'even' USING ERRCODE = 'check_violation'; END IF;\n\
           RETURN NEW; END $$;\n\
         CREATE TRIGGER odd_only BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION odd_only();\n",
    );
    let items = bench.catalogue.named("items").expect("items");
    let made = {
        let mut maker = maker(&bench, &mut connection);
        let made = maker.make_many(items, Who::Tenant(1), (1, 'b'), 120, later()).expect("a connection");
        assert_eq!(maker.rows.tables[items].len(), made.len());
        made
    };
    assert_eq!(made.len(), 60);
    assert!(made.iter().all(|row| row.owner == Owner::Tenants(vec![1])));
    assert!(made.iter().all(|row| row.again.contains("setval(")), "{}", made[0].again);
    let stored = connection.scalar("SELECT count(*) FROM items WHERE tenant = 2").expect("a count");
    assert_eq!(stored.as_deref(), Some("60"));
}

#[test]
fn many_rows_of_a_table_that_takes_none_come_to_an_end() {
    let (bench, _server, mut connection) =
        prepared("CREATE TABLE items (tenant int NOT NULL, body text CHECK (body <> body));\n");
    let items = bench.catalogue.named("items").expect("items");
    let mut maker = maker(&bench, &mut connection);
    // Only rows without a body are accepted: the check holds for NULL.
    let made = maker.make_many(items, Who::Tenant(1), (1, 'b'), 100, later()).expect("a connection");
    assert!(made.iter().all(|row| row.cells[1].is_none()), "{made:?}");
    let none = maker.make_many(items, Who::Tenant(1), (1, 'b'), 100, Instant::now()).expect("a connection");
    assert!(none.is_empty());
}
