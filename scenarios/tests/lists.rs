//! What a proof house knows, as a reviewer reads it: a property or a threat that comes or goes shows as a diff.

use std::path::Path;
use std::process::Command;

/// What `list` prints, from the root of the repository.
fn list(what: &str) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_proofhouse"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["list", what])
        .output()
        .expect("the command runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/lists"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn the_properties() {
    snapshot("properties", &list("properties"));
}

#[test]
fn the_threats() {
    snapshot("threats", &list("threats"));
}
