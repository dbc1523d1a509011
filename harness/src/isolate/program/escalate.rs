//! Escalation: a change that was accepted, then the tenant's next request, which looks at everything.
//!
//! Rights that a tenant gives itself (a membership, a role in a table, a claim that login computes) show nothing
//! by themselves; what can be read afterwards does.

use super::{Actor, Kind, Program, Setting, Step};
use std::collections::BTreeMap;

/// How many changes of one kind on one object are followed up.
const EACH: usize = 8;

/// Changes worth following up, in the order in which they were accepted.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    programs: Vec<Program>,
    counts: BTreeMap<(String, String), usize>,
}

impl Changes {
    /// Notes a program whose changes were accepted.
    pub fn note(&mut self, program: &Program) {
        if program.kind != Kind::Requests || program.unaligned {
            return;
        }
        let Some(step) = program.steps.last() else { return };
        // Updates of different columns are different changes.
        let what = step.sql.split('=').next().filter(|_| step.verb == "update").unwrap_or(&step.verb);
        let count = self.counts.entry((step.object.clone(), what.to_owned())).or_default();
        *count += 1;
        if *count <= EACH {
            self.programs.push(program.clone());
        }
    }

    /// Each change with the next request after it.
    pub fn followed(&self, setting: &Setting<'_>) -> Vec<Program> {
        let reads: Vec<Step> = super::session::looks(setting).into_iter().flatten().collect();
        let enter = Step { actor: Actor::Enter(0), ..Step::new("enter", "", "") };
        self.programs
            .iter()
            .map(|program| {
                let mut steps = program.steps.clone();
                steps.push(enter.clone());
                steps.extend(reads.iter().cloned());
                Program::requests(steps)
            })
            .collect()
    }
}
