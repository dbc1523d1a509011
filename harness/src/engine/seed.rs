//! Seeds: one run's seed gives each case its own, whatever worker takes it.

use sha2::{Digest, Sha256};

/// The seed of case `index` of a property under a run's seed.
///
/// It depends on nothing else, so that any number of workers and any shard generate the same cases.
pub fn case_seed(run: u64, property: &str, index: u64) -> u64 {
    let mut hash = Sha256::new();
    hash.update(b"proofhouse case 1");
    hash.update(run.to_le_bytes());
    hash.update((property.len() as u64).to_le_bytes());
    hash.update(property.as_bytes());
    hash.update(index.to_le_bytes());
    first_word(&hash.finalize())
}

/// A short hexadecimal name for a text, for the names of files.
pub fn short_name(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn first_word(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_cases_have_unrelated_seeds() {
        let seeds: std::collections::BTreeSet<u64> = (0..1000).map(|i| case_seed(1, "frame", i)).collect();
        assert_eq!(seeds.len(), 1000);
        assert_ne!(case_seed(1, "frame", 0), case_seed(1, "guard", 0));
        assert_ne!(case_seed(1, "frame", 0), case_seed(2, "frame", 0));
    }
}
