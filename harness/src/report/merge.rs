//! Shards of a run become one run.
//!
//! A shard runs every N-th case, and a case has the same number in a shard as in a run of all. With a budget in cases
//! the merged run equals the run that was never sharded, in these: for each property and target the verdict and its
//! reason, cases, discards by reason, labels, and findings: identity, number of cases that showed it, generator and
//! number of the first case, least case, stability. Not equal are times (the longest of the shards' stands for them) and
//! the folder of saved cases. The runs of the shrinker and the words on what matters are those of the shard that had
//! the first case; they are equal too wherever the target answers alike each time.
//!
//! Three things a sharded run cannot know, so that they may differ: which of more than twenty identities of one passive
//! property in one cell are shrunk, where `--first` stops, and what a target that answers by chance shows. With a budget
//! in time each shard takes that time, so that the merged run is longer than one of all.
//!
//! Stores are judged in the first shard alone, by time; their rows are that shard's.

use super::run_file::RunFile;
use crate::engine::campaign::{CampaignOutcome, Row, Verdict, stale};
use crate::engine::cell::{IDENTITIES, Shard};
use crate::engine::finding::Finding;
use crate::engine::seed::short_name;
use crate::property;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A run, and the folder from which it was read.
pub type Part = (PathBuf, RunFile);

/// Why runs are no shards of one run: each text names folders and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Nothing was given.
    #[error("no folder of a shard was named")]
    Nothing,
    /// Two were run in different ways.
    #[error(
        "{}: its {what} is {its}, and that of {} is {others}: these are no shards of one run", folder.display(),
        other.display()
    )]
    Differ {
        /// What differs, in a word.
        what: &'static str,
        /// A folder.
        folder: PathBuf,
        /// What it has.
        its: String,
        /// The first folder.
        other: PathBuf,
        /// What that has.
        others: String,
    },
    /// The same share twice.
    #[error("{} and {} are both the share {shard}: name each share once", one.display(), other.display())]
    Doubled {
        /// The share.
        shard: Shard,
        /// A folder.
        one: PathBuf,
        /// The other one.
        other: PathBuf,
    },
    /// Some are not there.
    #[error("{} of {of} shares missing: {}; name their folders, or merge what there is with --partial", missing.len(), list(missing))]
    Missing {
        /// Those that are not there.
        missing: Vec<Shard>,
        /// How many there should be.
        of: u64,
    },
}

fn list(shards: &[Shard]) -> String {
    let shown: Vec<String> = shards.iter().take(12).map(Shard::to_string).collect();
    let more = if shards.len() > shown.len() { ", …" } else { "" };
    shown.join(", ") + more
}

/// One run out of its shards. `partial` takes what there is: each share that is missing is an error of the run.
///
/// # Errors
/// [`MergeError`] where they are not the shards of one run.
pub fn merge(mut parts: Vec<Part>, partial: bool) -> Result<RunFile, MergeError> {
    parts.sort_by_key(|(_, run)| run.shard);
    let Some((first, rest)) = parts.split_first() else { return Err(MergeError::Nothing) };
    for part in rest {
        same(first, part)?;
    }
    for pair in parts.windows(2) {
        if pair[0].1.shard == pair[1].1.shard {
            let [(one, run), (other, _)] = pair else { continue };
            return Err(MergeError::Doubled { shard: run.shard, one: one.clone(), other: other.clone() });
        }
    }
    let of = first.1.shard.of;
    let there: BTreeSet<Shard> = parts.iter().map(|(_, run)| run.shard).collect();
    // Found without counting up to a number that a broken file may hold.
    let absent = (0..of).map(|index| Shard { index, of }).filter(|shard| !there.contains(shard));
    let missing: Vec<Shard> = absent.take(1_000).collect();
    if !missing.is_empty() && !partial {
        return Err(MergeError::Missing { missing, of });
    }
    let order: Vec<&'static str> = property::all().iter().map(|property| property.id()).collect();
    let rows = (0..first.1.rows.len())
        .map(|at| {
            let rows: Vec<(Shard, &Row)> = parts.iter().map(|(_, run)| (run.shard, &run.rows[at])).collect();
            if order.contains(&rows[0].1.property.as_str()) {
                merge_row(&rows, &order)
            } else {
                rows[0].1.clone()
            }
        })
        .collect();
    let mut errors: Vec<String> =
        missing.iter().map(|shard| format!("the share {shard} is missing: its cases were not run")).collect();
    for (_, run) in &parts {
        errors.extend(run.errors.iter().map(|error| match of {
            1 => error.clone(),
            _ => format!("share {}: {error}", run.shard),
        }));
    }
    let seconds = parts.iter().map(|(_, run)| run.seconds).fold(0.0, f64::max);
    Ok(RunFile { shard: Shard::WHOLE, seconds, rows, errors, ..first.1.clone() })
}

/// What a merged run saw, for the reports.
pub fn outcome(run: &RunFile) -> CampaignOutcome {
    CampaignOutcome {
        stale: stale(&run.accepted, &run.rows),
        rows: run.rows.clone(),
        errors: run.errors.clone(),
    }
}

/// Whether two runs are shares of the same one.
fn same((other, first): &Part, (folder, run): &Part) -> Result<(), MergeError> {
    let differ = |what, its: String, others: String| {
        Err(MergeError::Differ { what, folder: folder.clone(), its, other: other.clone(), others })
    };
    let traits = |run: &RunFile| -> [(&'static str, String); 6] {
        let models = run.models.iter().map(|model| format!("{} {:?}\n", model.name, model.threats));
        let first = if run.first { ", up to the first finding" } else { "" };
        [
            ("number of shares", run.shard.of.to_string()),
            ("seed", run.seed.to_string()),
            ("backend", run.backend.clone()),
            ("build", run.build.clone()),
            ("budget", format!("{}{first}", run.budget)),
            ("set of threat models", short_name(&models.collect::<String>())),
        ]
    };
    for ((what, its), (_, others)) in traits(run).into_iter().zip(traits(first)) {
        if its != others {
            return differ(what, its, others);
        }
    }
    let check = |run: &RunFile, at| {
        let row: Option<&Row> = run.rows.get(at);
        row.map_or_else(|| "none".to_owned(), |row| format!("{} on {}", row.property, row.target))
    };
    for at in 0..run.rows.len().max(first.rows.len()) {
        if check(run, at) != check(first, at) {
            return differ("list of checks", check(run, at), check(first, at));
        }
        let (its, others) = (&run.rows[at].version, &first.rows[at].version);
        // A target that could not be started has no version.
        if its != others && !its.is_empty() && !others.is_empty() {
            return differ("version of a target", its.clone(), others.clone());
        }
    }
    Ok(())
}

fn merge_row(rows: &[(Shard, &Row)], order: &[&str]) -> Row {
    let ran = |row: &Row| row.cases > 0 || !row.findings.is_empty();
    let first = rows[0].1;
    let mut row = Row { findings: Vec::new(), more: Vec::new(), ..first.clone() };
    let idle =
        rows.iter().find(|(_, row)| !ran(row) && matches!(row.verdict, Verdict::NotRun | Verdict::Error));
    if !rows.iter().any(|(_, row)| ran(row)) {
        if let Some((_, row)) = idle {
            return (*row).clone();
        }
        return first.clone();
    }
    (row.cases, row.discarded, row.reason) = (0, 0, None);
    (row.discards, row.labels) = Default::default();
    for (_, other) in rows {
        row.cases += other.cases;
        row.discarded += other.discarded;
        row.ms = row.ms.max(other.ms);
        add(&mut row.discards, &other.discards);
        add(&mut row.labels, &other.labels);
        if row.floors.is_empty() {
            row.floors.clone_from(&other.floors);
        }
        if row.version.is_empty() {
            row.version.clone_from(&other.version);
        }
    }
    findings(&mut row, rows, order);
    row.settle();
    if let Some((shard, idle)) = idle {
        // The others' cases do not stand for its own.
        let why = idle.reason.as_deref().unwrap_or("it has no cases");
        row.reason = Some(format!("the share {shard} was not run: {why}"));
        row.verdict = Verdict::Error;
    }
    row
}

fn add(sums: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (name, count) in counts {
        *sums.entry(name.clone()).or_default() += count;
    }
}

/// The findings of all shards: of each identity the one that a run of all would have met first.
fn findings(row: &mut Row, rows: &[(Shard, &Row)], order: &[&str]) {
    // Saved cases run first, then the generators in their order, each from its first case.
    let place = |finding: &Finding| {
        let generator = order.iter().position(|id| *id == finding.generator);
        (!finding.regression, generator, finding.first)
    };
    let mut all: Vec<&Finding> = rows.iter().flat_map(|(_, row)| &row.findings).collect();
    all.sort_by_key(|one| place(one));
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut saved: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in &all {
        let identity = finding.violation.identity.as_str();
        let mut count = finding.count;
        if finding.regression {
            // Every shard replays a saved case, a run of all does once.
            let replays = saved.entry(identity).or_default();
            *replays += 1;
            count -= u64::from(*replays > 1).min(count);
        }
        *counts.entry(identity.to_owned()).or_default() += count;
    }
    for (identity, count) in rows.iter().flat_map(|(_, row)| &row.more) {
        *counts.entry(identity.clone()).or_default() += count;
    }
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in all {
        let identity = &finding.violation.identity;
        if row.findings.iter().any(|known| known.violation.identity == *identity) {
            continue;
        }
        let of_generator = shown.entry(&finding.generator).or_default();
        if !finding.regression {
            *of_generator += 1;
            if *of_generator > IDENTITIES {
                continue;
            }
        }
        let count = counts.remove(identity).unwrap_or(finding.count);
        row.findings.push(Finding { count, ..finding.clone() });
    }
    row.findings.sort_by(|a, b| (a.first, &a.violation.identity).cmp(&(b.first, &b.violation.identity)));
    row.more = counts.into_iter().collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn parts(names: &[&str]) -> Vec<Part> {
        names.iter().map(|name| (PathBuf::from(name.replace('/', "-")), sample::run_file(name))).collect()
    }

    fn frame(run: &mut RunFile) -> &mut Row {
        &mut run.rows[0]
    }

    #[test]
    fn cases_labels_and_discards_add_up() {
        let alone = sample::run_file("1/1");
        let merged = merge(parts(&["3/3", "1/3", "2/3"]), false).expect("merged");
        assert_eq!(merged.shard, Shard::WHOLE);
        for (row, one) in merged.rows.iter().zip(&alone.rows) {
            assert_eq!((row.cases, row.discarded), (3 * one.cases, 3 * one.discarded), "{}", one.property);
            assert!(one.labels.iter().all(|(label, count)| row.labels[label] == 3 * count));
            assert!(one.discards.iter().all(|(reason, count)| row.discards[reason] == 3 * count));
        }
        assert_eq!(merged.rows[0].more, [("update partial: one more".to_owned(), 9)]);
        assert_eq!(merged.errors.len(), 3, "an error of each share");
    }

    #[test]
    fn of_each_identity_the_first_case_stays() {
        let mut parts = parts(&["1/2", "2/2"]);
        frame(&mut parts[1].1).findings[1].first = 3;
        frame(&mut parts[1].1).findings[1].tape = "the least".to_owned();
        let merged = merge(parts, false).expect("merged");
        let found = &merged.rows[0].findings;
        let firsts: Vec<(u64, u64)> = found.iter().map(|finding| (finding.first, finding.count)).collect();
        assert_eq!(firsts, [(3, 34), (228, 34)]);
        assert_eq!(found[0].tape, "the least");
    }

    #[test]
    fn a_case_of_an_earlier_generator_comes_before_one_of_a_lower_number() {
        let mut parts = parts(&["1/2", "2/2"]);
        for (part, (generator, first)) in parts.iter_mut().zip([("well_formed", 1), ("meaning", 900)]) {
            let finding = &mut frame(&mut part.1).findings[0];
            (finding.generator, finding.first) = (generator.to_owned(), first);
        }
        let merged = merge(parts, false).expect("merged");
        let found =
            merged.rows[0].findings.iter().find(|finding| finding.generator != "frame").expect("found");
        assert_eq!((found.generator.as_str(), found.first), ("meaning", 900));
    }

    #[test]
    fn a_saved_case_counts_once_for_all_shards() {
        let mut parts = parts(&["1/2", "2/2"]);
        for part in &mut parts {
            let finding = &mut frame(&mut part.1).findings[0];
            (finding.regression, finding.first, finding.count) = (true, 0, 5);
        }
        let merged = merge(parts, false).expect("merged");
        assert_eq!(merged.rows[0].findings[0].count, 9);
    }

    #[test]
    fn no_more_identities_are_shown_than_one_run_would_shrink() {
        let mut parts = parts(&["1/2", "2/2"]);
        for (part, offset) in parts.iter_mut().zip([0, 1]) {
            let row = frame(&mut part.1);
            row.more.clear();
            row.findings = (0..20)
                .map(|number| {
                    let first = 2 * number + offset;
                    Finding { first, ..sample::finding("frame", "alpha", &format!("identity {first:02}")) }
                })
                .collect();
        }
        let merged = merge(parts, false).expect("merged");
        let row = &merged.rows[0];
        assert!(row.findings.iter().enumerate().all(|(at, finding)| finding.first == at as u64));
        assert_eq!((row.findings.len(), row.more.len()), (20, 20));
    }

    #[test]
    fn a_floor_is_judged_on_all_cases_together() {
        let mut parts = parts(&["1/2", "2/2"]);
        for (part, labelled) in parts.iter_mut().zip([0, 500]) {
            let row =
                part.1.rows.iter_mut().find(|row| row.verdict == Verdict::Held).expect("a row that held");
            row.floors = [("form=partial".to_owned(), 30)].into();
            (row.cases, row.labels) = (600, [("form=partial".to_owned(), labelled)].into());
            row.settle();
            assert_eq!(row.verdict, Verdict::Held, "too few cases for a floor");
        }
        let verdict =
            |run: &RunFile| run.rows.iter().find(|row| !row.floors.is_empty()).map(|row| row.verdict);
        assert_eq!(verdict(&merge(parts.clone(), false).expect("merged")), Some(Verdict::Held));
        for part in &mut parts {
            let row = part.1.rows.iter_mut().find(|row| !row.floors.is_empty()).expect("the row");
            row.labels = [("form=partial".to_owned(), 100)].into();
        }
        assert_eq!(verdict(&merge(parts, false).expect("merged")), Some(Verdict::Error));
    }

    #[test]
    fn a_share_that_could_not_run_a_check_is_no_silent_gap() {
        let mut parts = parts(&["1/2", "2/2"]);
        let row = frame(&mut parts[1].1);
        *row = Row {
            verdict: Verdict::NotRun,
            reason: Some("go is not installed".to_owned()),
            ..sample::row("frame", "alpha", Verdict::NotRun)
        };
        let merged = merge(parts, false).expect("merged");
        assert_eq!(merged.rows[0].verdict, Verdict::Error);
        let reason = merged.rows[0].reason.as_deref().unwrap_or_default();
        assert!(reason.contains("2/2") && reason.contains("go is not installed"), "{reason}");
        assert!(!merged.rows[0].findings.is_empty(), "what the other share found is kept");
    }

    #[test]
    fn what_is_no_share_of_the_same_run_is_refused_by_name() {
        type Change = fn(&mut RunFile);
        let changes: [(Change, &str); 9] = [
            (|run| run.seed = 8, "seed is 8, and that of 1-2 is 7"),
            (|run| run.backend = "reference".to_owned(), "backend is reference"),
            (|run| run.build = "0.0.9".to_owned(), "build is 0.0.9"),
            (|run| run.shard = "2/3".parse().expect("a share"), "number of shares is 3"),
            (|run| run.budget = "9 cases each".to_owned(), "budget is 9 cases each"),
            (|run| run.first = true, "up to the first finding"),
            (|run| run.models.clear(), "set of threat models"),
            (|run| drop(run.rows.pop()), "list of checks is none"),
            (
                |run| run.rows[0].version = "9".to_owned(),
                "version of a target is 9, and that of 1-2 is 1.2.3",
            ),
        ];
        for (change, words) in changes {
            let mut parts = parts(&["1/2", "2/2"]);
            change(&mut parts[1].1);
            let error = merge(parts, true).expect_err(words).to_string();
            assert!(error.contains(words), "{error}");
        }
        let doubled = merge(parts(&["1/2", "1/2"]), true).expect_err("doubled").to_string();
        assert!(doubled.contains("are both the share 1/2"), "{doubled}");
        assert_eq!(merge(Vec::new(), true), Err(MergeError::Nothing));
    }

    #[test]
    fn a_missing_share_is_named_and_with_partial_an_error_of_the_run() {
        let error = merge(parts(&["1/4", "3/4"]), false).expect_err("refused").to_string();
        assert!(error.contains("2 of 4 shares missing: 2/4, 4/4") && error.contains("--partial"), "{error}");
        let merged = merge(parts(&["1/4", "3/4"]), true).expect("merged");
        assert!(merged.errors[0].contains("2/4 is missing") && merged.errors[1].contains("4/4 is missing"));
    }
}
