//! The case that is running, kept in a file for whoever finds the process gone.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// A file that is written over with each case: making a new one costs more than many a case.
pub struct Running {
    file: File,
    /// Bytes of the last case; behind them are blanks, if anything.
    length: usize,
}

impl Running {
    /// Over an empty file.
    pub fn new(file: File) -> Self {
        Self { file, length: 0 }
    }

    /// Puts a case, as JSON, in the place of the last one.
    ///
    /// # Errors
    /// What the system says, such as that the disk is full.
    pub fn write(&mut self, mut json: Vec<u8>) -> std::io::Result<()> {
        let length = json.len();
        // Blanks over what is left of a longer case: JSON may end in them, and one write leaves no half of either.
        json.resize(length.max(self.length), b' ');
        self.length = length;
        self.file.write_all_at(&json, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_is_read_whole_whatever_came_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("case.json");
        let mut running = Running::new(File::create(&path).expect("a file"));
        for length in [3, 900, 2, 1, 40, 7] {
            let text = serde_json::to_vec(&vec![length; length]).expect("JSON");
            running.write(text).expect("a write");
            let read: Vec<usize> =
                serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("one case");
            assert_eq!(read, vec![length; length]);
        }
    }

    #[test]
    fn one_long_case_does_not_make_all_later_writes_long() {
        let file = tempfile::tempfile().expect("a file");
        let mut running = Running::new(file);
        running.write(vec![b'1'; 1_000_000]).expect("a write");
        running.write(vec![b'1'; 10]).expect("a write");
        assert_eq!(running.length, 10);
    }
}
