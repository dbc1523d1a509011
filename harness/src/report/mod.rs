//! Reports: one file a format.
//!
//! | module | holds |
//! |---|---|
//! | [`evidence`] | what all reports tell: threats with their rows, gaps and counts |
//! | [`terminal`], [`show`] | what a person reads on the terminal |
//! | [`jsonl`] | `results.jsonl` |
//! | [`html`] | `index.html` |
//! | [`junit`] | `junit.xml` |
//! | [`sarif`] | `results.sarif` |
//! | [`history`] | `history.jsonl`: a line a run |
//! | [`run_file`], [`merge`] | `run.json`: a run as data; one run out of its shards |
//! | [`mutants`] | the table of planted bugs, as `ci/mutants` measures it |
//! | [`visible`] | text of a target, made safe to look at |
//! | [`folder`] | the folder that holds them all |

pub mod evidence;
pub mod folder;
pub mod history;
pub mod html;
pub mod jsonl;
pub mod junit;
pub mod merge;
pub mod mutants;
pub mod run_file;
#[cfg(test)]
mod sample;
pub mod sarif;
pub mod show;
pub mod terminal;
pub mod visible;
