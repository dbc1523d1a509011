//! Escalation: a change that was accepted, then the tenant's next request, which looks at everything.
//!
//! Rights that a tenant gives itself (a membership, a role in a table, a claim that login computes) show nothing
//! by themselves; what can be read afterwards does.

use super::{Actor, Kind, Program, Setting, Step};
use std::collections::{BTreeMap, VecDeque};

/// How many changes of one kind on one object are followed up.
const EACH: usize = 8;

/// Changes worth following up, in the order in which they were accepted.
#[derive(Clone, Debug)]
pub struct Changes {
    /// What the next request does: it enters and looks at everything.
    next: Vec<Step>,
    /// Tables of which the contract says that a row gives rights.
    rights: Vec<String>,
    later: VecDeque<Program>,
    counts: BTreeMap<(String, String), usize>,
}

impl Changes {
    /// No changes yet.
    pub fn new(setting: &Setting<'_>) -> Self {
        let mut next = vec![Step { actor: Actor::Enter(0), ..Step::new("enter", "", "") }];
        next.extend(super::session::looks(setting).into_iter().flatten());
        let tables = setting.catalogue.tables.iter().zip(&setting.rules.tables);
        let rights = tables
            .filter(|(_, rule)| rule.as_ref().is_some_and(|rule| !rule.made))
            .map(|(table, _)| table.label())
            .collect();
        Self { next, rights, later: VecDeque::new(), counts: BTreeMap::new() }
    }

    /// Notes a program whose changes were accepted: the program with the next request, where that is to come at once.
    pub fn note(&mut self, program: &Program) -> Option<Program> {
        if program.kind != Kind::Requests || program.unaligned {
            return None;
        }
        let step = program.steps.last()?;
        // Updates of different columns are different changes.
        let what = step.sql.split('=').next().filter(|_| step.verb == "update").unwrap_or(&step.verb);
        let count = self.counts.entry((step.object.clone(), what.to_owned())).or_default();
        *count += 1;
        if *count > EACH {
            return None;
        }
        let steps = program.steps.iter().chain(&self.next).cloned().collect();
        let followed = Program::requests(steps);
        if self.rights.contains(&step.object) {
            return Some(followed);
        }
        self.later.push_back(followed);
        None
    }

    /// The next change that was not followed up at once.
    pub fn later(&mut self) -> Option<Program> {
        self.later.pop_front()
    }
}
