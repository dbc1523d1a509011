//! Targets described in a file: what to run, what to prepare once, and what the machine must have.
//!
//! ```toml
//! name = "boto3"
//! version = "1.44.5"
//! requires = ["python3"]
//! setup = ["python3 -m venv {home}/venv", "{home}/venv/bin/pip install -r {here}/requirements.txt"]
//! command = "{home}/venv/bin/python {here}/adapter.py"
//! env = { LOG_LEVEL = "debug" }
//! ```
//!
//! `{here}` is the manifest's folder. `{home}` is a private folder, made on first use, whose name carries a hash
//! of the manifest and of the files that its `setup` names: a change of either gives a new folder, and the old
//! one is never mended in place. `setup` runs inside it, the target inside `{here}`.

use super::process::{ProcessLaunch, once, split};
use super::{Launch, LaunchError, Target};
use crate::wire::Wire;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;

/// The time of one set-up command. Compilers and registries are slow, but do not take longer than this.
const SETUP_LIMIT: Duration = Duration::from_secs(900);

/// Written last into a private folder: without it the folder is half made, and made anew.
const READY: &str = ".ready";

/// What to install where an executable is missing.
const INSTALL: [(&str, &str); 7] = [
    ("python3", "Python 3.9 or later"),
    ("go", "Go 1.22 or later"),
    ("node", "Node.js 20 or later"),
    ("npm", "npm, which comes with Node.js"),
    ("java", "a Java runtime, 17 or later"),
    ("mvn", "Apache Maven"),
    ("cargo", "Rust, from rustup.rs"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: Spanned<String>,
    #[serde(default)]
    version: String,
    command: Spanned<Words>,
    #[serde(default)]
    setup: Vec<Spanned<Words>>,
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// A command as one line or as a list of words.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a command line, or a list of its words")]
enum Words {
    Line(String),
    List(Vec<String>),
}

/// Why a manifest cannot be used: with its file and line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(String);

/// A target described in a file.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The name in reports and for `--target`.
    pub name: String,
    /// The version of the library under test; empty where the file names none.
    pub version: String,
    here: PathBuf,
    home: PathBuf,
    setup: Vec<Vec<String>>,
    requires: Vec<String>,
    launch: ProcessLaunch,
}

impl Manifest {
    /// Reads a manifest. Nothing is prepared or started yet.
    ///
    /// # Errors
    /// [`ManifestError`] says what is wrong, and in which line.
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let failed = |error: io::Error| ManifestError(format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(failed)?;
        let path = fs::canonicalize(path).map_err(failed)?;
        Self::parse(&path, &text, &house())
    }

    fn parse(path: &Path, text: &str, house: &Path) -> Result<Self, ManifestError> {
        let document: Document = toml::from_str(text).map_err(|error| match error.span() {
            Some(span) => at(path, text, span, error.message()),
            None => ManifestError(format!("{}: {}", path.display(), error.message())),
        })?;
        let name = document.name.get_ref().clone();
        let plain = |character: char| character.is_ascii_alphanumeric() || "-_.@".contains(character);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            let why = "a name has letters, digits, and - _ . @ only";
            return Err(at(path, text, document.name.span(), why));
        }
        let here = path.parent().unwrap_or(Path::new("/")).to_owned();
        let raw = |words: &Spanned<Words>| {
            let list = match words.get_ref() {
                Words::Line(line) => split(line),
                Words::List(list) if list.is_empty() => Err("the command is empty".to_owned()),
                Words::List(list) => Ok(list.clone()),
            };
            list.map_err(|why| at(path, text, words.span(), &why))
        };
        let command = raw(&document.command)?;
        let setup = document.setup.iter().map(raw).collect::<Result<Vec<_>, _>>()?;
        let hash = hash(text, &here, &setup);
        let home = house.join("targets").join(format!("{name}-{hash}"));
        let fill = |words: &[String]| -> Vec<String> {
            let places = [("{here}", &here), ("{home}", &home)];
            let filled = words.iter().map(|word| {
                places.iter().fold(word.clone(), |word, (place, folder)| {
                    word.replace(place, &folder.display().to_string())
                })
            });
            filled.collect()
        };
        let env = document
            .env
            .iter()
            .map(|(name, value)| (name.clone(), fill(std::slice::from_ref(value)).pop().unwrap_or_default()));
        let launch = ProcessLaunch::new(name.clone(), fill(&command)).cwd(&here).env(env.collect());
        let setup = setup.iter().map(|words| fill(words)).collect();
        let (version, requires) = (document.version, document.requires);
        Ok(Self { name, version, here, home, setup, requires, launch })
    }

    /// The private folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The manifest's folder.
    pub fn here(&self) -> &Path {
        &self.here
    }

    fn check_requirements(&self) -> Result<(), LaunchError> {
        let Some(missing) = self.requires.iter().find(|program| !on_path(program)) else { return Ok(()) };
        let install = INSTALL.iter().find(|(program, _)| program == missing);
        let install = install.map_or("it", |(_, install)| install);
        Err(LaunchError::Missing { reason: format!("{missing} is not on PATH; install {install}") })
    }

    /// Makes the private folder, unless it is ready. Two runs that start together wait for each other.
    fn set_up(&self, progress: &dyn Fn(&str)) -> Result<(), LaunchError> {
        let failed =
            |error: io::Error| LaunchError::Failed(format!("cannot make {}: {error}", self.home.display()));
        // Whoever is being forked at this moment holds the lock a little longer than we did: ask for it only where it matters.
        if self.home.join(READY).exists() {
            return Ok(());
        }
        if let Some(parent) = self.home.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let lock = File::create(self.home.with_extension("lock")).map_err(failed)?;
        if lock.try_lock().is_err() {
            progress(&format!("{}: another run sets it up; waiting", self.name));
            lock.lock().map_err(failed)?;
        }
        if self.home.join(READY).exists() {
            return Ok(());
        }
        if self.home.exists() {
            fs::remove_dir_all(&self.home).map_err(failed)?;
        }
        fs::create_dir(&self.home).map_err(failed)?;
        let log_path = self.home.join("setup.log");
        let log = File::options().create(true).append(true).open(&log_path).map_err(failed)?;
        for (step, words) in self.setup.iter().enumerate() {
            let shown = words.join(" ").replace(&self.home.display().to_string(), "{home}");
            let shown = shown.replace(&self.here.display().to_string(), "{here}");
            progress(&format!("setting up {}, {} of {}: {shown}", self.name, step + 1, self.setup.len()));
            if let Err(why) = once::run(words, &self.home, &log, SETUP_LIMIT) {
                let tail = tail(&log_path);
                let log = log_path.display();
                let reason =
                    format!("its set-up failed: `{shown}` {why}; the whole output is in {log}{tail}");
                return Err(LaunchError::Missing { reason });
            }
        }
        // The file appears at once or not at all.
        let draft = self.home.join(".ready.draft");
        fs::write(&draft, b"").and_then(|()| fs::rename(&draft, self.home.join(READY))).map_err(failed)
    }
}

impl Launch for Manifest {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn prepare(&self, progress: &dyn Fn(&str)) -> Result<(), LaunchError> {
        self.check_requirements()?;
        if self.setup.is_empty() { Ok(()) } else { self.set_up(progress) }
    }

    fn launch(&self, wire: &Arc<Wire>, seed: u64) -> Result<Box<dyn Target>, LaunchError> {
        if !self.setup.is_empty() && !self.home.join(READY).exists() {
            return Err(LaunchError::Failed(format!("{} is not set up", self.name)));
        }
        self.launch.launch(wire, seed)
    }
}

/// Where private things of this project are kept: `$PROOFHOUSE_HOME`, or `target/proofhouse` beside the nearest
/// `Cargo.lock` above the current folder, or in the current folder itself.
pub fn house() -> PathBuf {
    if let Some(home) = std::env::var_os("PROOFHOUSE_HOME").filter(|home| !home.is_empty()) {
        return std::path::absolute(&home).unwrap_or_else(|_| PathBuf::from(home));
    }
    let current = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let root = current.ancestors().find(|folder| folder.join("Cargo.lock").exists()).unwrap_or(&current);
    root.join("target").join("proofhouse")
}

/// Whether a program is on the PATH, or is a path to an executable.
pub(crate) fn on_path(program: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let executable = |path: &Path| {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return executable(Path::new(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| executable(&folder.join(program)))
}

fn at(path: &Path, text: &str, span: Range<usize>, why: &str) -> ManifestError {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    ManifestError(format!("{}:{line}:{column}: {why}", path.display()))
}

/// The last lines of a log, to be put behind an explanation.
fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(5)..].join("\n");
    if last.is_empty() { String::new() } else { format!("; it ends with:\n{last}") }
}

/// Twelve hexadecimal digits over the manifest and over what its set-up names below `{here}`: files, or whole
/// folders without what tools leave in them.
fn hash(text: &str, here: &Path, setup: &[Vec<String>]) -> String {
    let mut files = Vec::new();
    for word in setup.iter().flatten().filter_map(|word| word.split("{here}").nth(1)) {
        collect(&here.join(word.trim_start_matches('/')), &mut files);
    }
    files.sort();
    files.dedup();
    let mut hasher = Sha256::new();
    hasher.update(text);
    hasher.update(here.display().to_string());
    for file in files {
        let bytes = fs::read(&file).unwrap_or_default();
        hasher.update(format!("\0{}\0{}\0", file.display(), bytes.len()));
        hasher.update(bytes);
    }
    hasher.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    const LEFT_BY_TOOLS: [&str; 5] = ["target", "node_modules", "__pycache__", "venv", "build"];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.is_dir() && !name.starts_with('.') && !LEFT_BY_TOOLS.contains(&&*name) {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            collect(&entry.path(), files);
        }
    } else if path.is_file() {
        files.push(path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn parse(text: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(Path::new("/x/t.toml"), text, Path::new("/house"))
    }

    fn written(folder: &Path, text: &str) -> Manifest {
        Manifest::parse(&folder.join("t.toml"), text, &folder.join("house")).expect("it is right")
    }

    fn prepare(manifest: &Manifest) -> (Result<(), LaunchError>, Vec<String>) {
        let lines = RefCell::new(Vec::new());
        let result = manifest.prepare(&|line| lines.borrow_mut().push(line.to_owned()));
        (result, lines.into_inner())
    }

    #[test]
    fn mistakes_are_told_with_file_and_line() {
        for (text, place) in [
            ("name = \"a\"\ncommand = \"x\"\ncomand = \"y\"", "/x/t.toml:3:1: unknown field `comand`"),
            ("name = \"a\"", "/x/t.toml:1:1: missing field `command`"),
            ("name = \"a\"\ncommand = \"sh 'x\"", "/x/t.toml:2:11: a quote is not closed"),
            ("name = \"a\"\ncommand = []", "/x/t.toml:2:11: the command is empty"),
            ("name = \"a\"\ncommand = 5", "/x/t.toml:2:11: expected a command line"),
            ("name = \"../a\"\ncommand = \"x\"", "/x/t.toml:1:8: a name has letters"),
            ("name = \"a\ncommand", "/x/t.toml:2:8: key with no value"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with(place), "{error}");
        }
        let error = Manifest::load(Path::new("/no/such.toml")).expect_err("it is not there");
        assert!(error.to_string().starts_with("/no/such.toml: "), "{error}");
    }

    #[test]
    fn what_is_missing_is_named_with_what_to_install() {
        let text = "name = \"a\"\ncommand = \"x\"\nrequires = [\"sh\", \"no-such-language\"]";
        let (result, _) = prepare(&parse(text).expect("it is right"));
        let reason = "no-such-language is not on PATH; install it".to_owned();
        assert_eq!(result, Err(LaunchError::Missing { reason }));
    }

    #[test]
    fn the_set_up_runs_once_in_its_private_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = r#"
            name = "a"
            command = "sh {home}/adapter"
            setup = ["sh -c 'echo made >>{home}/made; pwd >pwd'", ["cp", "{here}/source", "adapter"]]
        "#;
        fs::write(folder.path().join("source"), "exit 0").expect("it is written");
        let manifest = written(folder.path(), text);
        let (result, lines) = prepare(&manifest);
        assert_eq!(result, Ok(()));
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains("setting up a, 2 of 2: cp {here}/source adapter"), "{lines:?}");
        assert_eq!(prepare(&manifest), (Ok(()), Vec::new()));
        assert_eq!(fs::read_to_string(manifest.home().join("made")).expect("it is there"), "made\n");
        assert!(manifest.home().join("adapter").exists());
    }

    #[test]
    fn a_changed_file_of_the_set_up_gives_a_new_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "name = \"a\"\ncommand = \"x\"\nsetup = [\"cp {here}/source {home}/x\"]";
        let home = || written(folder.path(), text).home().to_owned();
        fs::write(folder.path().join("source"), "1").expect("it is written");
        let first = home();
        fs::write(folder.path().join("other"), "1").expect("it is written");
        assert_eq!(home(), first);
        fs::write(folder.path().join("source"), "2").expect("it is written");
        assert_ne!(home(), first);
    }

    #[test]
    fn a_failed_set_up_is_told_with_its_output_and_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "name = \"a\"\ncommand = \"x\"\nsetup = [\"sh -c 'echo no network; test -e {here}/ok'\"]";
        let manifest = written(folder.path(), text);
        let (Err(LaunchError::Missing { reason }), _) = prepare(&manifest) else { panic!("it failed") };
        assert!(reason.contains("exit status 1") && reason.contains("no network"), "{reason}");
        assert!(manifest.launch(&Arc::new(Wire::new(Arc::new(NoEngine))), 1).is_err());
        fs::write(folder.path().join("ok"), "").expect("it is written");
        assert_eq!(prepare(&written(folder.path(), text)).0, Ok(()));
    }

    struct NoEngine;

    impl crate::backend::Backend for NoEngine {
        fn name(&self) -> String {
            String::new()
        }

        fn version(&self) -> String {
            String::new()
        }

        fn call(&self, _: &str, _: &serde_json::Value) -> crate::wire::Reply {
            crate::wire::Reply::ok(serde_json::json!({}))
        }

        fn clear(&self) {}
    }

    #[test]
    fn two_runs_at_once_set_up_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "name = \"a\"\ncommand = \"x\"\nsetup = [\"sh -c 'echo made >>{here}/made'\"]";
        // Read before any set-up begins: what a set-up writes below its folder changes the hash of a later reading.
        let manifests: Vec<Manifest> = (0..4).map(|_| written(folder.path(), text)).collect();
        std::thread::scope(|scope| {
            for manifest in &manifests {
                scope.spawn(|| prepare(manifest).0.expect("it is made"));
            }
        });
        assert_eq!(fs::read_to_string(folder.path().join("made")).expect("it is there"), "made\n");
    }
}
