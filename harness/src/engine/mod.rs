//! The engine: from properties, targets and a budget to findings.
//!
//! | module | holds |
//! |---|---|
//! | [`campaign`] | targets × properties, saved cases first |
//! | [`cell`] | one property on one target, by all workers, committed in order |
//! | [`worker`] | one engine, one wire, one running target |
//! | [`execute`] | a case on fresh tables |
//! | `cursor` | cursors changed by someone who does not know how they are made |
//! | [`learn`] | what a probe sees of how a target stores tenants |
//! | [`minimise`], [`explain`] | from a failing case to the least one, and what of it matters |
//! | [`prune`] | what of it the tape could not drop |
//! | [`finding`], [`case_file`] | what is kept of it |
//! | `running` | the case at work, for whoever finds the process gone |
//! | [`row`] | the verdict of one property on one target or store |
//! | [`stores`] | schemas of a threat model, judged by `isolate` |
//! | [`threats`], [`accepted`] | the files that people write |
//! | [`weights`] | how a campaign's time is shared out |
//! | [`seed`] | a seed for each case |

pub mod accepted;
pub mod campaign;
pub mod case_file;
pub mod cell;
pub mod check;
mod cursor;
pub mod execute;
pub mod explain;
pub mod finding;
pub mod learn;
pub mod minimise;
pub mod prune;
pub mod row;
mod running;
pub mod seed;
pub mod stores;
pub mod threats;
pub mod weights;
pub mod worker;
