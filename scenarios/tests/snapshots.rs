//! Snapshots are what reviewers read: none may wait for a review, and none may be left behind by a test that is gone.

use std::path::{Path, PathBuf};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn no_snapshot_waits_for_a_review() {
    let mut all = Vec::new();
    files(&root().join("snapshots"), &mut all);
    let waiting: Vec<&PathBuf> =
        all.iter().filter(|path| path.extension().is_some_and(|extension| extension == "new")).collect();
    assert!(waiting.is_empty(), "review with `cargo insta review`: {waiting:#?}");
}

#[test]
fn every_snapshot_belongs_to_a_test() {
    let mut all = Vec::new();
    files(&root().join("snapshots"), &mut all);
    all.retain(|path| path.extension().is_some_and(|extension| extension == "snap"));
    assert!(!all.is_empty());
    for path in all {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let source = text.lines().find_map(|line| line.strip_prefix("source: "));
        let source = source.unwrap_or_else(|| panic!("{} names no source", path.display()));
        let test = std::fs::read_to_string(root().join(source));
        let test = test.unwrap_or_else(|_| panic!("{} is orphaned: {source} is gone", path.display()));
        // Reports are compared by a helper in one file; the tests that name them stand beside it.
        let beside = |text: &str| text.contains(&format!("\"{name}\""));
        let folder = root().join(source).parent().map(Path::to_path_buf).unwrap_or_default();
        let mut near = Vec::new();
        files(&folder, &mut near);
        let named = beside(&test)
            || near.iter().any(|path| {
                path.extension().is_some_and(|extension| extension == "rs")
                    && std::fs::read_to_string(path).is_ok_and(|text| beside(&text))
            });
        assert!(named, "{} is orphaned: no test in {source} names {name:?}", path.display());
    }
}
