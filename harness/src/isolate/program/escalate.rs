//! Escalation: a change that was accepted, then the tenant's next request, which looks at everything.
//!
//! Rights that a tenant gives itself (a membership, a role in a table, a claim that login computes) show nothing
//! by themselves; what can be read afterwards does. Nor does a number that a trigger takes from everyone's rows: it
//! stands in a row of A that the insert does not return.

use super::{Actor, Kind, Program, Setting, Step};
use std::collections::{BTreeMap, VecDeque};

/// How many changes of one kind on one object are followed up.
const EACH: usize = 8;

/// How many changes of an object that parted the worlds in the same tables are followed up at once.
const AT_ONCE: usize = 3;

/// Changes worth following up, in the order in which they were accepted.
#[derive(Clone, Debug)]
pub struct Changes {
    /// What the next request does: it enters and looks at everything.
    next: Vec<Step>,
    /// Tables of which the contract says that a row gives rights.
    rights: Vec<String>,
    later: VecDeque<Program>,
    counts: BTreeMap<(String, String), usize>,
    partings: BTreeMap<(String, Vec<usize>), usize>,
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
        Self { next, rights, later: VecDeque::new(), counts: BTreeMap::new(), partings: BTreeMap::new() }
    }

    /// Whether a change by such a program is followed up at all.
    pub fn follows(program: &Program) -> bool {
        program.kind == Kind::Requests && !program.unaligned
    }

    /// Notes a program whose changes were accepted: the program with the next request, where that is to come at once.
    /// `parted` are tables in which A's own rows became others in one world than in the other: a look at them tells.
    pub fn note(&mut self, program: &Program, parted: &[usize]) -> Option<Program> {
        if !Self::follows(program) {
            return None;
        }
        let step = program.steps.last()?;
        // Updates of different columns are different changes.
        let what = step.sql.split('=').next().filter(|_| step.verb == "update").unwrap_or(&step.verb);
        let at_once = !parted.is_empty() && {
            let count = self.partings.entry((step.object.clone(), parted.to_vec())).or_default();
            *count += 1;
            *count <= AT_ONCE
        };
        let count = self.counts.entry((step.object.clone(), what.to_owned())).or_default();
        *count += 1;
        if *count > EACH && !at_once {
            return None;
        }
        let steps = program.steps.iter().chain(&self.next).cloned().collect();
        let followed = Program::requests(steps);
        if at_once || self.rights.contains(&step.object) {
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
