//! Corpora: inputs for the byte driver out of property runs and saved cases, and as text for a repository.
//!
//! Seeds come from the seeded driver, written as bytes. Of many, those are kept that together show most: each label of
//! the cases, each option of each pick, lists of each length, ends of ranges. That needs no instrumentation, so the
//! same seeds come out on any machine.
//!
//! As text a corpus is one file: a line of hexadecimal digits for each input, `#` before a remark. It reads as a diff.

use crate::case::Case;
use crate::engine::case_file::{CaseFile, write_whole};
use crate::engine::prune::is_part_of;
use crate::engine::seed::case_seed;
use crate::property::{self, Property};
use crate::tape::{BadHint, Choice, Source, SpanKind, Tape};
use proofhouse_models::mapper::Capabilities;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// Choices of a span that count as its features; what comes later in a long span is alike.
const POSITIONS: usize = 12;

/// A pick of so many options has a feature for each; a wider range has one for each magnitude.
const OPTIONS: u64 = 16;

/// A saved case as an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The property whose generator reads the bytes: the case's own, or the one whose case a passive property judged.
    pub property: &'static str,
    /// The input.
    pub bytes: Vec<u8>,
}

/// Why a saved case is no input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// It holds no tape.
    #[error("the case has no tape; a case that was written by hand has no bytes, `replay` runs it as it is")]
    NoTape,
    /// The tape is no tape.
    #[error("the case's tape cannot be read: {0}")]
    Tape(#[from] BadHint),
    /// No generator leads from the tape to the case.
    #[error(
        "no generator leads from the tape to the case: it was edited, or a generator changed since; `replay` runs it \
         as it is"
    )]
    Stale,
}

/// The bytes from which the byte driver draws a saved case, for a target with these capabilities; of a case from which
/// items or steps were taken away behind the shrinker ([`crate::engine::prune`]), the case before.
///
/// # Errors
/// [`EncodeError`] where the case is not what its tape leads to.
pub fn encode(file: &CaseFile, capabilities: &Capabilities) -> Result<Encoded, EncodeError> {
    if file.tape.trim().is_empty() && file.case.runs.iter().any(|run| !run.program.is_empty()) {
        return Err(EncodeError::NoTape);
    }
    let tape = Tape::from_hint(&file.tape)?;
    let mut all = property::all();
    // Its own generator first; a passive property judges the cases of others.
    all.sort_by_key(|property| property.id() != file.property);
    for property in all.iter().filter(|property| property.needs(capabilities).is_ok()) {
        let mut source = Source::replay(tape.clone());
        let Ok(whole) = property.generate(&mut source, capabilities) else { continue };
        if is_part_of(&file.case, &whole) {
            let bytes = source.tape().to_bytes();
            if decode(property.as_ref(), capabilities, &bytes).as_ref() == Some(&whole) {
                return Ok(Encoded { property: property.id(), bytes });
            }
        }
    }
    Err(EncodeError::Stale)
}

/// The case that the byte driver draws; nothing where the bytes lead to none.
pub fn decode(property: &dyn Property, capabilities: &Capabilities, bytes: &[u8]) -> Option<Case> {
    property.generate(&mut Source::from_bytes(bytes), capabilities).ok()
}

/// Inputs of a property: of so many cases from a seed those that together show most, at most `most`.
pub fn seeds(
    property: &dyn Property,
    capabilities: &Capabilities,
    seed: u64,
    cases: u64,
    most: usize,
) -> Vec<Vec<u8>> {
    let mut candidates: BTreeMap<Vec<u8>, BTreeSet<Feature>> = BTreeMap::new();
    for index in 0..cases {
        let mut source = Source::seeded(case_seed(seed, property.id(), index));
        if property.generate(&mut source, capabilities).is_err() {
            continue;
        }
        let bytes = source.tape().to_bytes();
        if !bytes.is_empty() {
            let features = features(source.tape(), source.labels());
            candidates.insert(bytes, features);
        }
    }
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    while kept.len() < most {
        // Most that is unseen for its length: a long input costs each later mutation a long time.
        let worth = |bytes: &[u8], features: &BTreeSet<Feature>| {
            let fresh = features.difference(&seen).count();
            (fresh * 1_000 / (20 + bytes.len()), std::cmp::Reverse(bytes.len()))
        };
        let best = candidates.iter().max_by_key(|(bytes, features)| worth(bytes, features));
        let Some(bytes) = best.filter(|(_, f)| f.difference(&seen).next().is_some()).map(|(b, _)| b.clone())
        else {
            break;
        };
        seen.extend(candidates.remove(&bytes).unwrap_or_default());
        kept.push(bytes);
    }
    kept.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    kept
}

/// What an input shows: a label, or a choice of a span with its option or magnitude.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Feature {
    Label(String),
    Length(&'static str, u32),
    Choice(&'static str, usize, u64),
}

fn features(tape: &Tape, labels: &[String]) -> BTreeSet<Feature> {
    let mut found: BTreeSet<Feature> = labels.iter().cloned().map(Feature::Label).collect();
    // The spans around the present choice, each with the number of its own choices so far.
    let mut open: Vec<(usize, &'static str, usize)> = Vec::new();
    let mut next = 0;
    for (at, choice) in tape.choices.iter().enumerate() {
        open.retain(|(end, ..)| *end > at);
        while let Some(span) = tape.spans.get(next).filter(|span| span.start <= at) {
            next += 1;
            if span.kind == SpanKind::List {
                let inside = tape.spans[next..].iter().take_while(|inner| inner.depth > span.depth);
                let length = inside.filter(|inner| inner.depth == span.depth + 1).count();
                found.insert(Feature::Length(span.label, length.ilog2_or_zero()));
            }
            if span.end > at {
                open.push((span.end, span.label, 0));
            }
        }
        let (label, position) = match open.last_mut() {
            Some((_, label, position)) => {
                *position += 1;
                (*label, *position)
            }
            None => ("", at),
        };
        if !choice.is_forced() && position < POSITIONS {
            found.insert(Feature::Choice(label, position, bucket(choice)));
        }
    }
    found
}

/// The option of a pick; for a wider range its ends or the magnitude of the rank.
fn bucket(choice: &Choice) -> u64 {
    let (rank, last) = (choice.rank(), choice.last_rank());
    match rank {
        rank if last < OPTIONS => rank,
        _ if choice.value == choice.min => 100,
        _ if choice.value == choice.max => 101,
        rank => 200 + u64::from(64 - rank.leading_zeros()),
    }
}

trait Magnitude {
    fn ilog2_or_zero(self) -> u32;
}

impl Magnitude for usize {
    fn ilog2_or_zero(self) -> u32 {
        self.checked_ilog2().map_or(0, |log| log + 1)
    }
}

/// A corpus as text: a line for each input, in the order given.
pub fn to_text(inputs: &[Vec<u8>]) -> String {
    inputs.iter().filter(|input| !input.is_empty()).map(|input| hex::encode(input) + "\n").collect()
}

/// A line of a corpus is not in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: not an input in pairs of hexadecimal digits; a remark begins with #")]
pub struct BadCorpus {
    /// From 1.
    pub line: usize,
}

/// The inputs of a corpus in text.
///
/// # Errors
/// The first line that is no input.
pub fn from_text(text: &str) -> Result<Vec<Vec<u8>>, BadCorpus> {
    let mut inputs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        inputs.push(hex::decode(line).map_err(|_| BadCorpus { line: number + 1 })?);
    }
    Ok(inputs)
}

/// The inputs in a folder of a fuzzer, by name.
///
/// # Errors
/// What the system answers.
pub fn read_folder(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    files.iter().map(std::fs::read).collect()
}

/// The name of an input: 16 digits, so that grown corpora of a hundred thousand have no two of the same.
fn name(input: &[u8]) -> String {
    let mut digits = hex::encode(Sha256::digest(to_text(&[input.to_vec()])));
    digits.truncate(16);
    digits
}

/// Writes inputs into a folder of a fuzzer, each under a name made of its content; what is there stays.
///
/// # Errors
/// What the system answers.
pub fn write_folder(folder: &Path, inputs: &[Vec<u8>]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for input in inputs {
        write_whole(&folder.join(name(input)), input).map_err(io::Error::other)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corpus_survives_the_way_through_text() {
        let inputs = vec![vec![0, 255, 16], vec![7]];
        let text = format!("# two inputs\n\n{}", to_text(&inputs));
        assert_eq!(from_text(&text), Ok(inputs));
        assert_eq!(to_text(&[vec![]]), "", "the empty input needs no line: every fuzzer tries it");
    }

    #[test]
    fn a_line_that_is_no_input_is_named() {
        for bad in ["0ff", "zz", "+1", "é1"] {
            assert_eq!(from_text(&format!("00\n{bad}\n")), Err(BadCorpus { line: 2 }), "{bad}");
        }
    }

    #[test]
    fn a_corpus_survives_the_way_through_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut inputs = vec![vec![1, 2], vec![3]];
        write_folder(folder.path(), &inputs).expect("written");
        write_folder(folder.path(), &inputs).expect("written twice, kept once");
        let mut read = read_folder(folder.path()).expect("read");
        read.sort();
        inputs.sort();
        assert_eq!(read, inputs);
    }

    #[test]
    fn options_lengths_and_ends_are_features() {
        let draw = |bytes: &[u8]| {
            let mut source = Source::from_bytes(bytes);
            let list = source.list("n", 0..=9, |source| source.integer(0..=1_000_000));
            let pick = source.span("pick", |source| *source.pick(&["a", "b"]));
            (features(source.tape(), source.labels()), list, pick)
        };
        let (none, list, pick) = draw(&[]);
        assert_eq!((list.len(), pick), (0, "a"));
        let (some, list, pick) = draw(&[255, 199, 0, 1]);
        assert_eq!((list, pick), (vec![1_000_000], "b"));
        let fresh: Vec<_> = some.difference(&none).cloned().collect();
        assert_eq!(
            fresh,
            [
                Feature::Length("n", 2),
                Feature::Choice("n", 1, 1),
                Feature::Choice("n", 2, 101),
                Feature::Choice("pick", 1, 1)
            ]
        );
    }
}
