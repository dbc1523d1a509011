//! What an earlier request left on a connection or in the database beside rows: locks of the session, prepared
//! statements, cursors, large objects.

use super::session::{after, enter};
use super::{Actor, Kind, Program, Setting, Step};
use crate::isolate::contract::{Family, Level, fill};

/// How many values of a statement's parameters are tried on a connection that B gave back.
const VALUES: usize = 12;

/// How many steps of A a session has at most.
const STEPS: usize = 6;

/// A's requests after the requests that the contract gives B.
pub fn programs(setting: &Setting<'_>, earlier: &[Step]) -> Vec<Program> {
    let contract = setting.contract;
    // What the harness itself lets B do there leaves nothing.
    if contract.neighbour.before.is_empty() {
        return Vec::new();
    }
    let mut requests = Vec::new();
    if contract.adversary.level == Level::Sql && !contract.adversary.only {
        requests.push(left(setting));
        if contract.sends(Family::Locks) {
            requests.push(unlocks(setting));
        }
    }
    requests.extend(with_values(setting));
    let chunks = requests.iter().flat_map(|steps| steps.chunks(STEPS));
    chunks.map(|steps| after(earlier, steps)).collect()
}

/// The contract's statements with the values that the first look at the connection does not try.
fn with_values(setting: &Setting<'_>) -> Vec<Vec<Step>> {
    let contract = setting.contract;
    let words = contract.words(0);
    let list = contract.adversary.statements.iter().enumerate();
    list.map(|(at, statement)| {
        let (object, sql) = (format!("statements[{at}]"), fill(statement, &words));
        let all = super::statements::variants(setting, &object, &sql, statement, VALUES);
        all.into_iter().filter(|step| !step.values.is_empty()).take(VALUES).skip(1).collect()
    })
    .collect()
}

/// What the session and the database tell of themselves.
fn left(setting: &Setting<'_>) -> Vec<Step> {
    let mut steps = large_objects();
    let mut push = |sql: &str| steps.push(Step::new("session", "session", sql));
    push("SELECT name, statement FROM pg_prepared_statements");
    push("SELECT name, statement FROM pg_cursors WHERE is_holdable");
    if setting.contract.sends(Family::Backends) {
        push(
            "SELECT classid, objid, mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        );
    }
    steps
}

/// Reads of all large objects.
pub(super) fn large_objects() -> Vec<Step> {
    let read = |sql: &str| Step::new("large objects", "large objects", sql);
    vec![
        read("SELECT count(*) FROM pg_largeobject_metadata"),
        read("SELECT convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata"),
    ]
}

/// Locks that A never took, given back: only who holds one can.
fn unlocks(setting: &Setting<'_>) -> Vec<Step> {
    const BIGINT: u32 = 20;
    let keys = super::statements::of_kind(setting, BIGINT, "", "").into_iter().flatten();
    let keys = keys.filter(|key| key.parse::<i64>().is_ok()).take(VALUES);
    keys.map(|key| Step::new("session", "session", format!("SELECT pg_advisory_unlock({key})"))).collect()
}

/// A counts the transactions of others: the distance of two looks at the server's numbers, B's inserts between them.
pub fn counting(setting: &Setting<'_>, inserts: &[String]) -> Vec<Program> {
    let contract = setting.contract;
    let adversary = &contract.adversary;
    let sent = adversary.level == Level::Sql && !adversary.only && contract.sends(Family::SystemColumns);
    if !sent || inserts.is_empty() {
        return Vec::new();
    }
    const NUMBER: &str = "pg_snapshot_xmax(pg_current_snapshot())::text";
    let look = |sql: String| Step::new("system columns", "transactions", sql);
    let mut steps = vec![enter(0)];
    // The number itself depends on what the harness did before.
    steps.push(look(format!("SELECT set_config('proofhouse.number', {NUMBER}, false) IS NULL")));
    let beside = |sql: &String| Step { actor: Actor::Beside, ..Step::new("beside", "", sql.clone()) };
    steps.extend(inserts.iter().take(3).map(beside));
    steps.push(look(format!("SELECT {NUMBER}::bigint - current_setting('proofhouse.number')::bigint")));
    vec![Program { kind: Kind::Session, steps, unaligned: false }]
}
