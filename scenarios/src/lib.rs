//! What is run: targets, threat models, schemas, and the mutants that prove the properties.

mod house;

pub use house::proof_house;
