//! What is run: targets, threat models, schemas, and the mutants that prove the properties.

pub mod catalogue;
mod house;
pub mod mapper;
pub mod mutants;
pub mod targets;

pub use catalogue::{catalogue, correct_mapper};
pub use house::proof_house;
