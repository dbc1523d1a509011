//! What is a leak: differences between worlds, B's values in answers, changes of what is not A's.

mod compare;
mod marks;

pub use compare::{canonical, noisy_columns, same_answer};
pub use marks::Marks;

use super::catalogue::Catalogue;
use super::program::{Kind, Program, Step};
use super::world::Trace;
use crate::backend::postgres::message::{Answer, Report};
use serde::{Deserialize, Serialize};

/// How something flows, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A changes what is not its own.
    Write,
    /// A sees a value of B.
    Read,
    /// A learns that something is there.
    Existence,
    /// B's requests fail or wait because of A.
    Dos,
    /// A learns how many.
    Count,
    /// Generated numbers depend on B.
    Sequence,
    /// Time depends on B.
    Timing,
}

impl Channel {
    /// As in contracts and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Existence => "existence",
            Self::Dos => "dos",
            Self::Count => "count",
            Self::Sequence => "sequence",
            Self::Timing => "timing",
        }
    }
}

/// One way in which a program leaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Worst first.
    pub channels: Vec<Channel>,
    /// Constraint, function, table.
    pub object: String,
    /// Step that shows it.
    pub step: usize,
    /// What is seen in world 1 and in world 2.
    pub seen: (String, String),
    /// Whether it is a value of B in an answer, whatever the other world says.
    pub direct: bool,
}

impl Leak {
    /// The worst channel.
    pub fn channel(&self) -> Channel {
        self.channels[0]
    }

    /// What tells it from others.
    pub fn identity(&self) -> (Channel, String) {
        (self.channel(), self.object.clone())
    }
}

/// Two runs of one program in each world.
pub struct Evidence<'run> {
    /// Both runs in world 1.
    pub one: (&'run Trace, &'run Trace),
    /// Both runs in world 2.
    pub two: (&'run Trace, &'run Trace),
    /// B's values in each world.
    pub marks: (&'run Marks, &'run Marks),
}

/// Whether one look suggests a leak. Cheap; [`judge`] decides.
pub fn suspicious(program: &Program, one: &Trace, two: &Trace, marks: (&Marks, &Marks)) -> bool {
    if !one.harm.is_empty() || !two.harm.is_empty() || one.answers.len() != two.answers.len() {
        return true;
    }
    if program.kind == Kind::Partition {
        let shown = |marks: &Marks, trace: &Trace| {
            trace
                .answers
                .iter()
                .any(|(at, answer)| program.steps.get(*at).is_some_and(|step| marks.shown_to_b(step, answer)))
        };
        return shown(marks.0, one) || shown(marks.1, two);
    }
    let sent = sent(program);
    one.answers.iter().zip(&two.answers).any(|((at, a), (_, b))| {
        !same_answer(a, b)
            || marks.0.shown(program.steps.get(*at), a, &sent, b).is_some()
            || marks.1.shown(program.steps.get(*at), b, &sent, a).is_some()
    })
}

/// Everything that the program sent.
pub fn sent(program: &Program) -> String {
    let mut text = String::new();
    for step in &program.steps {
        text.push_str(&step.sql);
        text.push('\n');
        for value in step.values.iter().flatten().chain(&step.copy) {
            text.push_str(value);
            text.push('\n');
        }
    }
    text
}

/// The leaks that are stable over both runs of both worlds.
pub fn judge(catalogue: &Catalogue, program: &Program, evidence: &Evidence<'_>) -> Vec<Leak> {
    if program.kind == Kind::Partition {
        return overlaps(program, evidence);
    }
    let mut leaks: Vec<Leak> = Vec::new();
    let sent = sent(program);
    let empty = Answer::default();
    let mut parted = false;
    for (position, (at, one)) in evidence.one.0.answers.iter().enumerate() {
        let Some((_, two)) = evidence.two.0.answers.get(position) else { continue };
        let again =
            |trace: &Trace| trace.answers.get(position).map_or_else(|| empty.clone(), |(_, a)| a.clone());
        let (one_again, two_again) = (again(evidence.one.1), again(evidence.two.1));
        let step = program.steps.get(*at);
        let mut found = None;
        let (first, other) = evidence.marks;
        for (marks, answer, second, world, against) in
            [(other, two, &two_again, 2, one), (first, one, &one_again, 1, two)]
        {
            if let Some(mark) = marks.shown(step, answer, &sent, against)
                && marks.shown(step, second, &sent, against).is_some()
            {
                let text = format!("{mark}\n{}", describe(answer));
                let seen = if world == 2 { (describe(one), text) } else { (text, describe(two)) };
                found = Some(Leak {
                    channels: vec![Channel::Read],
                    object: object_of(catalogue, step, one, two),
                    step: *at,
                    seen,
                    direct: true,
                });
                break;
            }
        }
        // Once the worlds have parted, what follows differs because of that.
        let differs = if parted {
            None
        } else {
            compare::difference(step, (one, &one_again), (two, &two_again), evidence.marks, &sent)
        };
        if let Some(channels) = differs {
            parted = true;
            let leak = Leak {
                channels,
                object: object_of(catalogue, step, one, two),
                step: *at,
                seen: compare::shown_difference(one, two),
                direct: false,
            };
            match &mut found {
                Some(direct) => {
                    direct.seen = leak.seen.clone();
                    direct.channels.extend(leak.channels.iter().filter(|c| **c != Channel::Read));
                    direct.direct = false;
                }
                None => found = Some(leak),
            }
        }
        if let Some(mut leak) = found {
            leak.channels.sort();
            leak.channels.dedup();
            leaks.push(leak);
        }
    }
    for (first, second) in [(evidence.two.0, evidence.two.1), (evidence.one.0, evidence.one.1)] {
        for harm in &first.harm {
            if second.harm.iter().any(|other| other.channel == harm.channel && other.object == harm.object)
                && !leaks
                    .iter()
                    .any(|leak| leak.channels.contains(&harm.channel) && leak.object == harm.object)
            {
                leaks.push(Leak {
                    channels: vec![harm.channel],
                    object: harm.object.clone(),
                    step: program.steps.len().saturating_sub(1),
                    seen: ("as without A".to_owned(), harm.text.clone()),
                    direct: true,
                });
            }
        }
    }
    leaks.sort_by_key(|leak| leak.channels.clone());
    leaks
}

/// Answers to B that show rows of A alone, both times.
fn overlaps(program: &Program, evidence: &Evidence<'_>) -> Vec<Leak> {
    let mut leaks = Vec::new();
    for (first, second, marks) in [
        (evidence.two.0, evidence.two.1, evidence.marks.1),
        (evidence.one.0, evidence.one.1, evidence.marks.0),
    ] {
        for ((at, answer), (_, again)) in first.answers.iter().zip(&second.answers) {
            let Some(step) = program.steps.get(*at) else { continue };
            if marks.shown_to_b(step, answer) && marks.shown_to_b(step, again) && leaks.is_empty() {
                leaks.push(Leak {
                    channels: vec![Channel::Read],
                    object: step.object.clone(),
                    step: *at,
                    seen: ("asked as B".to_owned(), describe(answer)),
                    direct: true,
                });
            }
        }
    }
    leaks
}

/// The constraint that an error names, else the function, else the table.
fn object_of(catalogue: &Catalogue, step: Option<&Step>, one: &Answer, two: &Answer) -> String {
    let constraint =
        [two, one].iter().find_map(|answer| answer.error.as_ref().and_then(|e| e.constraint.clone()));
    if let Some(constraint) = constraint {
        return constraint;
    }
    let function = [two, one].iter().find_map(|answer| {
        let context = answer.error.as_ref()?.context.clone()?;
        let line = context.lines().find(|line| line.contains(" function "))?.to_owned();
        let name = line.split(" function ").nth(1)?.split(['(', ' ']).next()?.trim_matches('"').to_owned();
        catalogue
            .functions
            .iter()
            .find(|f| f.name == name || f.label() == name)
            .map(super::catalogue::Function::label)
    });
    function.or_else(|| step.map(|step| step.object.clone())).unwrap_or_default()
}

/// An answer for a person: a few lines.
pub fn describe(answer: &Answer) -> String {
    let mut lines = Vec::new();
    for row in answer.rows.iter().take(4) {
        let cells: Vec<&str> = row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
        lines.push(cut(&cells.join(" | ")));
    }
    if answer.rows.len() > 4 {
        lines.push(format!("… {} rows", answer.rows.len()));
    }
    lines.extend(answer.lines.iter().take(4).map(|line| cut(line)));
    if let Some(error) = &answer.error {
        lines.push(cut(&error.to_string()));
    } else if answer.rows.is_empty() {
        lines.push(answer.tag.clone().unwrap_or_else(|| "nothing".to_owned()));
    }
    lines.extend(answer.notices.iter().take(3).map(|notice: &Report| cut(&notice.to_string())));
    lines.extend(
        answer
            .notifications
            .iter()
            .take(3)
            .map(|(channel, payload)| cut(&format!("NOTIFY {channel}: {payload}"))),
    );
    lines.join("\n")
}

fn cut(text: &str) -> String {
    if text.chars().count() <= 180 {
        text.to_owned()
    } else {
        text.chars().take(179).collect::<String>() + "…"
    }
}
