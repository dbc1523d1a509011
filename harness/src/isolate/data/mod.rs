//! Rows: whose they are, how they are made, what changed.

mod alike;
mod crowd;
mod make;
mod owner;
mod repair;
mod several;
mod snapshot;
mod value;

pub use make::{Made, Maker, Who};
pub use owner::{Owner, Rule, Rules, TableRule};
pub use repair::candidates_for;
pub use snapshot::{Cells, Snapshot, digest};
pub use value::{Flavour, candidates_of, shape};
