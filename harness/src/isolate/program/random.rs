//! Random programs: steps of the systematic ones, mixed, so that one prepares what the next one shows.

use super::{Actor, Kind, Program, Setting};
use crate::isolate::contract::Level;
use crate::tape::Source;

const PLANS: [&str; 5] = [
    "SET enable_seqscan = off",
    "SET enable_indexscan = off",
    "SET enable_hashjoin = off",
    "SET plan_cache_mode = force_generic_plan",
    "SET enable_sort = off",
];

/// A random program; nothing where there is nothing to mix.
pub fn random(setting: &Setting<'_>, programs: &[Program], source: &mut Source) -> Option<Program> {
    let plain: Vec<&Program> =
        programs.iter().filter(|program| program.kind == Kind::Requests && !program.unaligned).collect();
    if plain.is_empty() {
        return None;
    }
    let mut steps = Vec::new();
    if setting.contract.adversary.level == Level::Sql && source.chance(30) {
        steps.push(super::Step::new("setting", "", *source.pick(&PLANS)));
    }
    let groups = source.list("step", 2..=4, |source| {
        let program = plain[source.below(plain.len())];
        program.steps.iter().filter(|step| step.actor == Actor::A).cloned().collect::<Vec<_>>()
    });
    steps.extend(groups.into_iter().flatten());
    let kind = if source.chance(25) { Kind::Transaction } else { Kind::Requests };
    Some(Program { kind, steps, unaligned: false })
}
