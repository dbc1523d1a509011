//! `doctor`: what this machine offers, and whether an adapter speaks the protocol.

mod adapter;
mod shape;

pub use adapter::check_target;

use super::{Catalogue, FAILED, Failure};
use clap::Args;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Args)]
pub(super) struct Arguments {
    /// Check this target's adapter method by method: a name, a target.toml, or a command
    #[arg(long)]
    target: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<u8, Failure> {
    let mut out = io::stdout().lock();
    if arguments.target.is_empty() {
        machine(&mut out).map_err(Failure::failed)?;
        return Ok(0);
    }
    let mut right = true;
    for word in &arguments.target {
        let launch = catalogue.find(word)?;
        right &= check_target(launch.as_ref(), &mut out);
    }
    Ok(if right { 0 } else { FAILED })
}

/// A tool that targets or engines need: how it is asked for its version, and what it is for.
const TOOLS: [(&str, &[&str], &str); 5] = [
    ("python3", &["--version"], "targets in Python; install Python 3.9 or later"),
    ("go", &["version"], "targets in Go; install Go 1.22 or later"),
    ("node", &["--version"], "targets in JavaScript; install Node.js 20 or later"),
    ("java", &["-version"], "targets in Java and DynamoDB Local; install a Java runtime, 17 or later"),
    ("docker", &["info", "--format", "{{.ServerVersion}}"], "engines in containers; start a Docker daemon"),
];

/// Prints which languages and engines this machine offers, and what is missing for what.
///
/// # Errors
/// The output cannot be written.
pub fn machine(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  ok       {:<10} in process, always there", "embedded")?;
    writeln!(out, "  ok       {:<10} in process, always there", "reference")?;
    for (program, arguments, purpose) in TOOLS {
        match answer(program, arguments) {
            Ok(version) => writeln!(out, "  ok       {program:<10} {version}")?,
            Err(why) => writeln!(out, "  missing  {program:<10} {why}: {purpose}")?,
        }
    }
    match postgres() {
        Some((folder, version)) => {
            writeln!(out, "  ok       {:<10} {version}, in {}", "postgres", folder.display())?;
        }
        None => writeln!(
            out,
            "  missing  {:<10} not on PATH nor below /usr/lib/postgresql: --postgres local; \
             --postgres embedded fetches its own",
            "postgres"
        )?,
    }
    writeln!(out, "\nWhat is missing is not run, and said so; it never counts as held.")
}

/// The first line that a tool prints of itself. A client without its daemon fails here.
fn answer(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "not on PATH".to_owned(),
        _ => error.to_string(),
    })?;
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
    };
    // Java prints its version on standard error.
    let (first, second) = (text(&output.stdout), text(&output.stderr));
    if !output.status.success() {
        let said = if second.is_empty() { first } else { second };
        return Err(format!("it does not work ({said})"));
    }
    Ok(if first.is_empty() { second } else { first })
}

/// The folder of the newest Postgres server that is installed, and what it says of itself.
fn postgres() -> Option<(PathBuf, String)> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    let entries = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = entries.map(|entry| entry.path().join("bin")).collect();
    installed.sort();
    folders.extend(installed.into_iter().rev());
    folders.into_iter().find_map(|folder| {
        let server: &Path = &folder.join("postgres");
        let version = answer(server.to_str()?, &["--version"]).ok()?;
        Some((folder, version))
    })
}
