//! Sessions: a pooled connection between two tenants, a request that forgot to enter.

use super::{Actor, Kind, Program, Setting, Step};
use crate::backend::postgres::quote_name;
use crate::isolate::contract::fill;
use crate::isolate::data::Rule;

/// Lists of programs over connections.
pub fn programs(setting: &Setting<'_>) -> Vec<Vec<Program>> {
    vec![
        pooled(setting),
        outside(setting),
        partitions(setting),
        super::residue::programs(setting, &earlier(setting)),
        prepared(setting),
        empty_tenant(setting),
    ]
}

/// What B sees of each table.
fn partitions(setting: &Setting<'_>) -> Vec<Program> {
    if setting.contract.adversary.only {
        return Vec::new();
    }
    let by_row = |step: &Step| {
        setting.catalogue.named(&step.object).is_some_and(|at| {
            let rule = setting.rules.tables[at].as_ref().map(|rule| &rule.rule);
            matches!(rule, Some(Rule::Columns(..) | Rule::Via(..)))
        })
    };
    reads(setting)
        .into_iter()
        .filter(by_row)
        .map(|step| Program { kind: Kind::Partition, steps: vec![step], unaligned: false })
        .collect()
}

/// What A asks on a pooled connection: its own statements, else a look at each table.
pub(super) fn looks(setting: &Setting<'_>) -> Vec<Vec<Step>> {
    let words = setting.contract.words(0);
    let list = &setting.contract.adversary.statements;
    let mut looks = Vec::new();
    if !list.is_empty() {
        let steps: Vec<Step> = list
            .iter()
            .enumerate()
            .filter_map(|(at, statement)| {
                let object = format!("statements[{at}]");
                super::statements::variants(setting, &object, &fill(statement, &words), statement, 1)
                    .into_iter()
                    .next()
            })
            .collect();
        looks.push(steps);
    }
    if !setting.contract.adversary.only {
        looks.push(reads(setting));
    }
    looks
}

/// A look at each table and view, twenty of them at most.
pub(super) fn reads(setting: &Setting<'_>) -> Vec<Step> {
    super::queries::reached(setting)
        .into_iter()
        .map(|at| &setting.catalogue.tables[at])
        .filter(|table| table.rights.contains('S'))
        .take(20)
        .map(|table| Step::new("select", &table.label(), format!("SELECT * FROM {}", table.sql())))
        .collect()
}

/// Without enter.
fn outside(setting: &Setting<'_>) -> Vec<Program> {
    let contract = setting.contract;
    let mut lists: Vec<Vec<Step>> = Vec::new();
    for (at, statement) in contract.adversary.outside.iter().enumerate() {
        let object = format!("outside[{at}]");
        for mut step in
            super::statements::variants(setting, &object, &fill(statement, &contract.words(0)), statement, 6)
        {
            step.verb = "outside".to_owned();
            lists.push(vec![step]);
        }
    }
    if !contract.adversary.only {
        lists.extend(reads(setting).into_iter().map(|step| vec![step]));
    }
    let mut programs = Vec::new();
    let given_back = !contract.tenant.leave.is_empty() || contract.tenant.transaction;
    for steps in lists {
        programs.push(Program { kind: Kind::Outside, steps: steps.clone(), unaligned: false });
        // The same on a connection that B gave back. Without `leave` the contract must say that there was an earlier
        // request on it, and what a request that forgot to enter sends.
        let told = steps.iter().any(|step| step.verb == "outside") && !contract.neighbour.before.is_empty();
        if given_back || told {
            let mut all = earlier(setting);
            all.extend(steps);
            programs.push(Program { kind: Kind::Session, steps: all, unaligned: false });
        }
    }
    programs
}

/// With an empty tenant, and with no row of it: nothing is read and nothing is written.
fn empty_tenant(setting: &Setting<'_>) -> Vec<Program> {
    let contract = setting.contract;
    if contract.adversary.only || contract.tenant.login.is_some() {
        return Vec::new();
    }
    let mut words = contract.words(0);
    words.values_mut().for_each(String::clear);
    let steps: Vec<Step> = contract
        .tenant
        .enter
        .iter()
        .filter(|statement| statement.contains("'{"))
        .map(|statement| Step::new("enter", "enter", fill(statement, &words)))
        .collect();
    if steps.is_empty() {
        return Vec::new();
    }
    reads(setting)
        .into_iter()
        .map(|read| {
            let steps = steps.iter().cloned().chain([read]).collect();
            Program { kind: Kind::Outside, steps, unaligned: false }
        })
        .collect()
}

pub(super) fn enter(tenant: usize) -> Step {
    Step { actor: Actor::Enter(tenant), ..Step::new("enter", "", "") }
}

pub(super) fn leave(tenant: usize) -> Step {
    Step { actor: Actor::Leave(tenant), ..Step::new("leave", "", "") }
}

/// Statements cut into requests: each is one, but what stands between a BEGIN and its end is one together.
pub fn cut_into_requests(list: &[String]) -> Vec<Vec<String>> {
    let mut requests: Vec<Vec<String>> = Vec::new();
    let mut open = false;
    for statement in list {
        let word =
            statement.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let word = word.to_ascii_lowercase();
        match requests.last_mut() {
            Some(last) if open => last.push(statement.clone()),
            _ => requests.push(vec![statement.clone()]),
        }
        match word.as_str() {
            "begin" | "start" => open = true,
            "commit" | "rollback" | "end" | "abort" => open = false,
            _ => {}
        }
    }
    requests
}

/// B's earlier requests on the connection, each between its enter and its leave.
fn earlier(setting: &Setting<'_>) -> Vec<Step> {
    let list = &setting.contract.neighbour.before;
    let words = setting.contract.words(1);
    let mut steps = Vec::new();
    if list.is_empty() {
        steps.push(enter(1));
        steps.extend(reads(setting).into_iter().take(3).map(|step| Step { actor: Actor::Before, ..step }));
        steps.push(leave(1));
        return steps;
    }
    let mut at = 0;
    for request in cut_into_requests(list) {
        steps.push(enter(1));
        for statement in request {
            steps.push(Step {
                actor: Actor::Before,
                ..Step::new("before", &format!("before[{at}]"), fill(&statement, &words))
            });
            at += 1;
        }
        steps.push(leave(1));
    }
    steps
}

/// B's request, then A's on the same connection.
fn pooled(setting: &Setting<'_>) -> Vec<Program> {
    let mut programs = Vec::new();
    let earlier = earlier(setting);
    for steps in looks(setting) {
        for group in steps.chunks(6) {
            programs.push(after(&earlier, group));
        }
    }
    programs
}

/// A's request on the connection that B gave back.
pub(super) fn after(earlier: &[Step], request: &[Step]) -> Program {
    let entered = earlier.iter().cloned().chain([enter(0)]);
    let steps = entered.chain(request.iter().cloned()).chain([leave(0)]).collect();
    Program { kind: Kind::Session, steps, unaligned: false }
}

/// A statement that the driver prepared for B and uses again for A: its plan must not keep who B was.
fn prepared(setting: &Setting<'_>) -> Vec<Program> {
    let mut programs = Vec::new();
    for steps in looks(setting) {
        for (at, step) in steps.into_iter().enumerate() {
            let plain = step.values.is_empty() && step.copy.is_none();
            let verb = step.sql.trim_start().get(..6).unwrap_or_default().to_ascii_uppercase();
            if !plain || !matches!(verb.as_str(), "SELECT" | "INSERT" | "UPDATE" | "DELETE") {
                continue;
            }
            let name = format!("proofhouse_{at}");
            let mut all = vec![enter(1)];
            let prepare = format!("PREPARE {name} AS {}", step.sql);
            for sql in [prepare, format!("EXECUTE {name}")] {
                all.push(Step { actor: Actor::Before, ..Step::new("before", &step.object, sql) });
            }
            all.push(leave(1));
            all.push(enter(0));
            all.push(Step::new(&step.verb, &step.object, format!("EXECUTE {name}")));
            all.push(leave(0));
            programs.push(Program { kind: Kind::Session, steps: all, unaligned: false });
        }
    }
    programs
}

/// How many inserts of B one program waits for: one for each table of all but the widest schemas, since which of them
/// notifies is a trigger's secret.
const INSERTS: usize = 200;

/// A listens to the channels that functions notify, while B inserts rows.
pub fn listening(setting: &Setting<'_>, inserts: &[String]) -> Vec<Program> {
    let contract = setting.contract;
    let asks = contract
        .adversary
        .statements
        .iter()
        .any(|s| s.trim_start().to_ascii_uppercase().starts_with("LISTEN"));
    if contract.adversary.only && !asks {
        return Vec::new();
    }
    let channels = setting.catalogue.channels();
    if channels.is_empty() || inserts.is_empty() {
        return Vec::new();
    }
    let mut steps = vec![enter(0)];
    steps.extend(
        channels
            .iter()
            .map(|channel| Step::new("listen", channel, format!("LISTEN {}", quote_name(channel)))),
    );
    if contract.tenant.transaction {
        // What is listened to counts from the commit on.
        steps.push(leave(0));
        steps.push(enter(0));
    }
    steps.extend(
        inserts
            .iter()
            .take(INSERTS)
            .map(|sql| Step { actor: Actor::Beside, ..Step::new("beside", "", sql.clone()) }),
    );
    steps.push(Step::new("listen", &channels[0], "SELECT 1"));
    vec![Program { kind: Kind::Session, steps, unaligned: false }]
}

#[cfg(test)]
mod tests {
    use super::cut_into_requests;

    #[test]
    fn each_statement_is_a_request_but_a_transaction_is_one() {
        let list: Vec<String> =
            ["SELECT 1", "BEGIN", "SELECT 2", "COMMIT", "SELECT 3"].map(str::to_owned).into();
        let lengths: Vec<usize> = cut_into_requests(&list).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 3, 1]);
    }
}
