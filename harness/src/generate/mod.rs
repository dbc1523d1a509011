//! Generators of data models, records, update patterns, conditions and hostile text.
