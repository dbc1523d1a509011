//! Finding and ending every process that a target started, also those that left its session.

use super::system;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

/// The variable that marks a target's processes; children inherit it.
pub(super) const MARK: &str = "PROOFHOUSE_TARGET_ID";

/// How long processes may take to go after they were killed. Only one that is stuck in the kernel takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

struct Entry {
    pid: i32,
    parent: i32,
    session: i32,
    zombie: bool,
}

/// Kills a target's process and all that it started: members of its session, descendants, and whoever carries
/// its mark. Returns when they are gone; zombies of ours are reaped.
pub(super) fn end_all(root: i32, mark: &str) {
    let mark = format!("{MARK}={mark}");
    let deadline = Instant::now() + PATIENCE;
    let mut known = BTreeSet::from([root]);
    loop {
        let entries = entries();
        grow(&mut known, &entries, root, &mark);
        let mut left = false;
        for entry in entries.iter().filter(|entry| known.contains(&entry.pid)) {
            if entry.zombie {
                // The root is reaped by its owner at the end, so that its number stays taken until then.
                let ours = u32::try_from(entry.parent) == Ok(std::process::id());
                if ours && entry.pid != root {
                    system::reap(entry.pid);
                }
                // A zombie whose parent was killed too comes to us, or to init, in the next round.
                left |= known.contains(&entry.parent) && entry.parent != root;
            } else {
                system::kill(entry.pid);
                left = true;
            }
        }
        if !left || Instant::now() > deadline {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Adds members of the session, descendants of what is known, and carriers of the mark.
fn grow(known: &mut BTreeSet<i32>, entries: &[Entry], root: i32, mark: &str) {
    let here = i32::try_from(std::process::id()).unwrap_or_default();
    for entry in entries {
        if entry.pid != here && (entry.session == root || carries(entry, mark)) {
            known.insert(entry.pid);
        }
    }
    loop {
        let before = known.len();
        for entry in entries {
            if known.contains(&entry.parent) {
                known.insert(entry.pid);
            }
        }
        if known.len() == before {
            return;
        }
    }
}

fn carries(entry: &Entry, mark: &str) -> bool {
    let environment = fs::read(format!("/proc/{}/environ", entry.pid)).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

fn entries() -> Vec<Entry> {
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything, so fields count from the last parenthesis.
        let stat = String::from_utf8_lossy(&stat);
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let session = fields.nth(1)?.parse().ok()?;
        Some(Entry { pid, parent, session, zombie: matches!(state, "Z" | "X") })
    })
    .collect()
}

/// Processes that carry a mark, zombies aside.
#[cfg(test)]
pub(super) fn carriers(mark: &str) -> Vec<i32> {
    let mark = format!("{MARK}={mark}");
    entries()
        .into_iter()
        .filter(|entry| !entry.zombie && carries(entry, &mark))
        .map(|entry| entry.pid)
        .collect()
}
