//! What a program did to others: rows that are not A's, and operations of B that fail afterwards.

use super::baseline::Probe;
use super::run::Harm;
use super::{Effect, World};
use crate::isolate::bench::Problem;
use crate::isolate::data::{Cells, Owner, Rule, Snapshot};
use crate::isolate::oracle::Channel;
use crate::isolate::program::{Actor, Program};

impl World<'_> {
    /// What the open transaction did to rows that are not A's, and to what B does next.
    /// `touched` are the tables that may have changed; nothing where any may.
    pub(super) fn harm(
        &mut self,
        program: &Program,
        touched: Option<Vec<usize>>,
    ) -> Result<Vec<Harm>, Problem> {
        if program.steps.iter().any(|step| matches!(step.actor, Actor::Enter(_))) {
            // What was changed before the tenant entered again has been judged without that.
            return Ok(Vec::new());
        }
        let mut harm = Vec::new();
        let plain = touched.is_some();
        let digest = match &touched {
            Some(tables) => self.digest(&|at| tables.contains(&at))?,
            None => self.digest(&|_| true)?,
        };
        let changed: Vec<usize> = digest
            .iter()
            .filter(|(at, now)| self.baseline.digest.get(at) != Some(now))
            .map(|(at, _)| *at)
            .collect();
        self.changed = !changed.is_empty();
        if !changed.is_empty() {
            harm.extend(self.changes(&changed, program)?);
        }
        let acts = !changed.is_empty() || !plain;
        // While B is at work its own transaction would block its own operations.
        let alone = self.beside.is_none();
        if acts && alone && !program.leaves_temporary() && !self.baseline.probes.is_empty() {
            let near = plain.then(|| self.near(&changed));
            harm.extend(self.next_operations(&harm, near.as_deref())?);
        }
        Ok(harm)
    }

    fn changes(&mut self, changed: &[usize], program: &Program) -> Result<Vec<Harm>, Problem> {
        let catalogue = &self.bench.catalogue;
        let rules = &self.bench.rules;
        let mut all = self.rows.clone();
        let now = Snapshot::take_some(catalogue, &mut self.connection, changed)?;
        for at in changed {
            all.tables[*at].clone_from(&now.tables[*at]);
        }
        let owners_now = rules.owners(&all);
        let mut harm = Vec::new();
        let mut effects = Vec::new();
        for &at in changed {
            let Some(rule) = &rules.tables[at] else { continue };
            let (gone, new) = Snapshot::changes(&self.rows.tables[at], &now.tables[at]);
            let of_a = |rows: &[Cells], known: &[Cells], owners: &[Owner]| -> Vec<Cells> {
                let owned = |row: &&Cells| {
                    known.iter().position(|other| other == *row).is_some_and(|p| owners[p].is_a())
                };
                rows.iter().filter(owned).cloned().collect()
            };
            effects.push(Effect {
                table: at,
                gone: of_a(&gone, &self.rows.tables[at], &self.owners[at]),
                new: of_a(&new, &now.tables[at], &owners_now[at]),
            });
            let label = catalogue.tables[at].label();
            if rule.writable && !rule.append_only {
                continue;
            }
            if matches!(rule.rule, Rule::Closed) && !program.steps.iter().any(|step| step.object == label) {
                // Written by a trigger or a function with its owner's rights: what such tables are for.
                continue;
            }
            let owner_of = |rows: &[Cells], owners: &[Owner], row: &Cells| {
                rows.iter().position(|known| known == row).and_then(|p| owners.get(p).cloned())
            };
            for row in &gone {
                if let Some(owner) = owner_of(&self.rows.tables[at], &self.owners[at], row)
                    && (!owner.is_a() || rule.append_only)
                {
                    let whose = match owner {
                        _ if owner.is_a() => "A's in a table that is only added to",
                        _ if owner.is_foreign() => "B's",
                        _ => "everyone's",
                    };
                    let verb = if new.len() < gone.len() { "gone" } else { "changed" };
                    harm.push(Harm {
                        channel: Channel::Write,
                        object: label.clone(),
                        text: format!("{label}: a row of {whose} is {verb}: {}", show(row)),
                    });
                }
            }
            for row in &new {
                if let Some(owner) = owner_of(&now.tables[at], &owners_now[at], row)
                    && !owner.is_a()
                    && !(owner == Owner::Everyone && names_someone(&rule.rule, row))
                {
                    let whose = if owner.is_foreign() { "B" } else { "everyone" };
                    harm.push(Harm {
                        channel: Channel::Write,
                        object: label.clone(),
                        text: format!("{label}: a new row that belongs to {whose}: {}", show(row)),
                    });
                }
            }
        }
        self.effects = effects;
        Ok(harm)
    }

    /// Tables on which a change of these may bear: themselves, and those that a foreign key joins with them.
    fn near(&self, changed: &[usize]) -> Vec<usize> {
        let catalogue = &self.bench.catalogue;
        let joined = |one: usize, two: usize| {
            let refers = |from: usize, to: usize| {
                catalogue.tables[from]
                    .constraints
                    .iter()
                    .any(|c| c.kind == 'f' && c.target == catalogue.tables[to].oid)
            };
            refers(one, two) || refers(two, one)
        };
        (0..catalogue.tables.len())
            .filter(|at| changed.iter().any(|other| at == other || joined(*at, *other)))
            .collect()
    }

    /// Operations of B that worked before A and do not any more: all of them, or those on some tables.
    fn next_operations(&mut self, known: &[Harm], near: Option<&[usize]>) -> Result<Vec<Harm>, Problem> {
        let wanted = |probe: &&Probe| match (near, probe.table) {
            (Some(near), Some(table)) => near.contains(&table),
            _ => true,
        };
        let probes: Vec<Probe> = self.baseline.probes.iter().filter(wanted).cloned().collect();
        let answers = self.ask(&probes)?;
        let mut harm: Vec<Harm> = Vec::new();
        for (probe, answer) in probes.iter().zip(answers) {
            if probe.whole {
                let same = crate::isolate::oracle::same_answer(&probe.answer, &answer);
                if same {
                    continue;
                }
            } else if answer.error.is_none() {
                continue;
            }
            if !known.is_empty() && answer.error.is_none() && !probe.whole {
                continue;
            }
            let object = answer
                .error
                .as_ref()
                .and_then(|error| error.constraint.clone())
                .unwrap_or_else(|| probe.object.clone());
            let text = match &answer.error {
                Some(error) => format!("B: {} -> {error}", probe.sql),
                None => format!(
                    "B: {} answers otherwise: {} rows, before {}",
                    probe.sql,
                    answer.rows.len(),
                    probe.answer.rows.len()
                ),
            };
            let channel = if answer.error.is_some() { Channel::Dos } else { Channel::Write };
            if harm.len() < 4 {
                harm.push(Harm { channel, object, text });
            }
        }
        Ok(harm)
    }
}

/// Whether a row that belongs to none of the sample tenants names one all the same: a tenant that A made itself, or
/// one that is not there. Where A could name anyone it could name B, and that is tried too.
fn names_someone(rule: &Rule, row: &Cells) -> bool {
    match rule {
        Rule::Columns(columns, _) => columns.iter().any(|column| row[*column].is_some()),
        Rule::Via(column, ..) => row[*column].is_some(),
        Rule::Referred(..) => true,
        Rule::Fixed(_) | Rule::Shared | Rule::Closed => false,
    }
}

fn show(row: &[Option<String>]) -> String {
    let cells: Vec<&str> = row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
    let mut text = format!("({})", cells.join(", "));
    if text.len() > 160 {
        text = text.chars().take(157).collect::<String>() + "…)";
    }
    text
}
