//! What a worker does when its time is up: it shrinks and replays what it found, in bounded time.
//!
//! All findings of a worker together get [`SHRINKING`], and no more than [`EACH`] times their number; a finding gets
//! its part of what is left, two thirds of it for leaving out rows and the rest for replays. Where that is not enough
//! for twenty replays, as on a loaded machine or where a statement waits, there are fewer, [`FEWEST_REPLAYS`] at least.
//!
//! [`FEWEST_REPLAYS`]: finding::FEWEST_REPLAYS

use super::{Options, Shared, lock};
use crate::isolate::bench::{Bench, Problem};
use crate::isolate::finding::{self, Finding};
use crate::isolate::oracle::Channel;
use crate::isolate::pair::Pair;
use crate::isolate::program::Actor;
use crate::isolate::verdict::accepted;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How many findings of a worker are kept where the first was enough.
const FIRST: usize = 3;

/// How much longer it replays what it could not shrink, before it tells more of the same by name only.
const GRACE: Duration = Duration::from_secs(10);

/// How long a worker shrinks and replays at most.
const SHRINKING: Duration = Duration::from_secs(20);

/// How long it does so for each finding that it has.
const EACH: Duration = Duration::from_secs(6);

/// How long it does so for one finding at most.
const ONE: Duration = Duration::from_secs(10);

/// Shrinks and replays what a worker found.
pub(super) fn end(
    bench: &Bench,
    shared: &Shared,
    pair: &mut Pair<'_>,
    options: &Options,
    found_here: &mut Vec<Finding>,
) -> Result<(), Problem> {
    // What the other worker found meanwhile may say it all.
    found_here.retain(|finding| {
        let read = (Channel::Read, finding.object.clone());
        finding.accepted.is_some()
            || !matches!(finding.channel(), Channel::Existence | Channel::Count)
            || !lock(&shared.known).contains(&read)
            || accepted(bench, Channel::Read, &finding.object, "").is_some()
    });
    if options.fail_fast {
        // What was found in the meantime is not what was asked for.
        found_here.sort_by_key(|finding| (finding.accepted.is_some(), finding.ms));
        found_here.truncate(FIRST);
    }
    let endless = pair.one.endless().chain(pair.two.endless());
    endless.for_each(|object| _ = lock(&shared.slow).insert(object.clone(), 2));
    found_here.sort_by_key(|finding| (finding.accepted.is_some(), finding.channel()));
    let rest = keep_some(found_here);
    lock(&shared.more).extend(rest.iter().map(|finding| (finding.channel(), finding.object.clone())));
    let count = found_here.len();
    let end = Instant::now() + SHRINKING.min(EACH * count as u32);
    let mut told = BTreeSet::new();
    for at in 0..count {
        // One at a time: what is not replayed when the server fails is still there.
        let mut finding = found_here.remove(0);
        let kind = (finding.accepted.is_some(), finding.channel());
        if Instant::now() > end + GRACE && told.contains(&kind) {
            lock(&shared.more).insert((finding.channel(), finding.object));
            continue;
        }
        told.insert(kind);
        if finding.program.steps.iter().any(|step| step.actor == Actor::Beside) && finding.replays > 0 {
            lock(&shared.findings).push(finding);
            continue;
        }
        let now = Instant::now();
        let part = ONE.min(end.saturating_duration_since(now) / (count - at).max(1) as u32);
        let least = least(bench, pair, &mut finding, (now + part * 2 / 3, now + part));
        lock(&shared.findings).push(finding);
        least?;
    }
    Ok(())
}

/// Shrinks a finding and replays it, in worlds with its rows.
fn least(
    bench: &Bench,
    pair: &mut Pair<'_>,
    finding: &mut Finding,
    until: (Instant, Instant),
) -> Result<(), Problem> {
    if finding.rows.1.len() > finding::CROWD {
        return finding::shrink(bench, pair, finding, until);
    }
    // Its own rows first: the worlds have moved on since it was found.
    match pair.rebuild_exactly(finding.base, None, (&finding.rows.0, &finding.rows.1)) {
        Ok(()) => finding::shrink(bench, pair, finding, until),
        // Rows that cannot be written out are made as they were.
        Err(Problem::Harness(_)) => {
            pair.rebuild(finding.stage)?;
            finding::replay(bench, pair, finding, until.1)
        }
        Err(other) => Err(other),
    }
}

/// Takes out findings that only say the same of yet another object: a slip in every one of hundreds of tables is read
/// once, and each finding costs seconds to replay. They are told by name.
fn keep_some(found: &mut Vec<Finding>) -> Vec<Finding> {
    const OF_A_KIND: usize = 20;
    let mut counts = BTreeMap::<(bool, Channel), usize>::new();
    let (kept, rest) = std::mem::take(found).into_iter().partition(|finding| {
        let count = counts.entry((finding.accepted.is_some(), finding.channel())).or_default();
        *count += 1;
        *count <= OF_A_KIND
    });
    *found = kept;
    rest
}

pub(super) fn told_by_name(more: &BTreeSet<(Channel, String)>) -> Vec<String> {
    let mut by_channel = BTreeMap::<&str, Vec<&str>>::new();
    for (channel, object) in more {
        by_channel.entry(channel.name()).or_default().push(object);
    }
    by_channel
        .into_iter()
        .map(|(channel, objects)| {
            format!("channel {channel}, the same on {} more: {}", objects.len(), objects.join(", "))
        })
        .collect()
}
