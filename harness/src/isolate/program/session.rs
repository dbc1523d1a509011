//! Sessions: a pooled connection between two tenants, a request that forgot to enter.

use super::{Actor, Kind, Program, Setting, Step};
use crate::isolate::contract::fill;

/// Programs over connections.
pub fn programs(setting: &Setting<'_>) -> Vec<Program> {
    let mut programs = outside(setting);
    programs.extend(pooled(setting));
    programs
}

/// What A asks on a pooled connection: its own statements, else a look at each table.
fn looks(setting: &Setting<'_>) -> Vec<Vec<Step>> {
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

fn reads(setting: &Setting<'_>) -> Vec<Step> {
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
    for steps in lists {
        programs.push(Program { kind: Kind::Outside, steps: steps.clone(), unaligned: false });
        if !contract.tenant.leave.is_empty()
            || contract.tenant.transaction
            || !contract.adversary.outside.is_empty() && !contract.tenant.leave.is_empty()
        {
            // The same on a connection that B gave back.
            let mut all = vec![enter(1)];
            all.extend(before(setting));
            all.push(leave(1));
            all.extend(steps);
            programs.push(Program { kind: Kind::Session, steps: all, unaligned: false });
        }
    }
    programs
}

fn enter(tenant: usize) -> Step {
    Step { actor: Actor::Enter(tenant), ..Step::new("enter", "", "") }
}

fn leave(tenant: usize) -> Step {
    Step { actor: Actor::Leave(tenant), ..Step::new("leave", "", "") }
}

fn before(setting: &Setting<'_>) -> Vec<Step> {
    let list = &setting.contract.neighbour.before;
    let words = setting.contract.words(1);
    if !list.is_empty() {
        return list
            .iter()
            .enumerate()
            .map(|(at, statement)| Step {
                actor: Actor::Before,
                ..Step::new("before", &format!("before[{at}]"), fill(statement, &words))
            })
            .collect();
    }
    reads(setting).into_iter().take(3).map(|step| Step { actor: Actor::Before, ..step }).collect()
}

/// B's request, then A's on the same connection.
fn pooled(setting: &Setting<'_>) -> Vec<Program> {
    let mut programs = Vec::new();
    for steps in looks(setting) {
        for group in steps.chunks(6) {
            let mut all = vec![enter(1)];
            all.extend(before(setting));
            all.push(leave(1));
            all.push(enter(0));
            all.extend(group.iter().cloned());
            all.push(leave(0));
            programs.push(Program { kind: Kind::Session, steps: all, unaligned: false });
        }
    }
    programs
}
