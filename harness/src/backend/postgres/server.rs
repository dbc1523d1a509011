//! A throw-away server: made, started, copied, stopped and removed by the harness.
//!
//! It listens on a unix socket in its own folder and on loopback, never syncs, and has no background work
//! that would make two worlds differ (autovacuum is off). Root cannot run a server, so root runs it as
//! `nobody`. When the harness dies the kernel tells the server; a folder that nobody holds any more is
//! removed by the next run.

use super::binaries::Binaries;
use super::client::{Address, Connection, Host};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NOBODY: u32 = 65534;
const PREFIX: &str = "proofhouse-pg-";

/// Whether the harness runs as root.
#[expect(unsafe_code, reason = "geteuid has no safe wrapper in the standard library")]
pub fn is_root() -> bool {
    // SAFETY: no arguments, no memory, cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// A folder with data folders in it, locked while the harness lives and removed afterwards.
#[derive(Debug)]
pub struct Ground {
    folder: PathBuf,
    _lock: File,
}

impl Ground {
    /// A new folder in memory where there is room for it, else in the temporary folder. Removes those that earlier runs left behind.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new() -> Result<Self, String> {
        let temporary = roomy_memory().unwrap_or_else(std::env::temp_dir);
        remove_stale(&std::env::temp_dir());
        remove_stale(&temporary);
        let unique = format!("{PREFIX}{}-{:x}", std::process::id(), super::random());
        let folder = temporary.join(unique);
        std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let lock = File::create(folder.join("lock")).map_err(|error| format!("lock: {error}"))?;
        lock.lock().map_err(|error| format!("lock: {error}"))?;
        give(&folder)?;
        Ok(Self { folder, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Databases are made by the dozen: in memory that takes a fifth of the time. Two gigabytes must be free.
fn roomy_memory() -> Option<PathBuf> {
    let memory = PathBuf::from("/dev/shm");
    (free(&memory)? > 2 << 30).then_some(memory)
}

/// Free bytes of the file system that holds a folder.
fn free(folder: &Path) -> Option<u64> {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(folder).output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().nth(1)?.trim().parse().ok()
}

/// Why a server on a data folder may have broken down, where something tells: its log, or a disk so full that the log
/// holds nothing.
pub(super) fn cause(data: &Path, alive: bool) -> Option<String> {
    const LITTLE: u64 = 1 << 20;
    if free(data).is_some_and(|left| left < LITTLE) {
        return Some(format!("no space is left in {}", data.display()));
    }
    let words = last_words(data);
    // A server that a panic ended may already be back.
    (!alive || words.contains("PANIC: ")).then(|| format!("the server ended: {words}"))
}

fn remove_stale(temporary: &Path) {
    for entry in std::fs::read_dir(temporary).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(lock) = File::open(entry.path().join("lock")) else { continue };
        if lock.try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn give(folder: &Path) -> Result<(), String> {
    if is_root() {
        std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY))
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(())
}

/// A command that runs as a user who may run a server, and dies with the harness.
#[expect(unsafe_code, reason = "prctl before exec is the only way to have the kernel stop the server")]
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).env_clear().env("LC_ALL", "C").env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir("/");
    #[cfg(target_os = "linux")]
    // SAFETY: prctl is async-signal-safe and touches no memory of this process.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGQUIT);
            Ok(())
        });
    }
    command
}

/// Makes a data folder.
///
/// # Errors
/// What `initdb` said.
pub fn make(
    ground: &Ground,
    binaries: &Binaries,
    parameters: &[(String, String)],
) -> Result<PathBuf, String> {
    let data = ground.path().join("data");
    let kept = binaries.bin.parent().map(|folder| beside(folder, "fresh-data"));
    if let Some(kept) = kept.as_ref().filter(|kept| kept.is_dir()) {
        copy(kept, &data)?;
    } else {
        initialise(binaries, &data)?;
        if let Some(kept) = kept.filter(|_| binaries.name.contains("embedded")) {
            keep(&data, &kept);
        }
    }
    configure(&data, parameters)?;
    Ok(data)
}

/// Keeps a copy of a data folder for later runs, whole or not at all.
///
/// Threads of one process race for it as other runs do, so each makes its copy in a folder of its own; the first one stays.
fn keep(data: &Path, kept: &Path) {
    let Some(Ok(own)) = kept.parent().map(tempfile::tempdir_in) else { return };
    let partial = own.path().join("data");
    if copy(data, &partial).is_ok() {
        let _ = std::fs::rename(&partial, kept);
    }
}

fn beside(folder: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}-{suffix}", folder.display()))
}

/// Arguments of `initdb`: alike wherever a data folder is made.
pub(super) const INITDB: [&str; 10] = [
    "-U",
    "postgres",
    "-A",
    "trust",
    "-E",
    "UTF8",
    "--locale=C",
    "--no-sync",
    "--no-instructions",
    "--wal-segsize=1",
];

fn initialise(binaries: &Binaries, data: &Path) -> Result<(), String> {
    let output = command(&binaries.bin.join("initdb"))
        .args(INITDB)
        .arg("-D")
        .arg(data)
        .output()
        .map_err(|error| format!("initdb: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("initdb: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

/// Lines of `postgresql.conf`: those of the harness, then those of the contract.
pub(super) fn settings(parameters: &[(String, String)]) -> String {
    let mut text = String::from(
        "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\njit = off\n\
         shared_buffers = 32MB\nmax_connections = 60\nmax_wal_size = 512MB\nlog_min_messages = fatal\n\
         max_parallel_workers_per_gather = 0\nlogging_collector = off\ntimezone = 'UTC'\n\
         dynamic_shared_memory_type = mmap\n",
    );
    for (name, value) in parameters {
        text.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
    }
    text
}

fn configure(data: &Path, parameters: &[(String, String)]) -> Result<(), String> {
    let text = settings(parameters);
    let file = data.join("postgresql.conf");
    let mut conf =
        File::options().append(true).open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    conf.write_all(text.as_bytes()).map_err(|error| format!("{}: {error}", file.display()))
}

/// The process of a running server. Dropping it stops it.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a server on a data folder.
    ///
    /// # Errors
    /// What the server wrote to its log, where it does not come up within 30 seconds.
    pub fn start(ground: &Ground, binaries: &Binaries, data: &Path) -> Result<(Self, Address), String> {
        evict(data);
        // A server that comes back is where it was: foreign servers in its databases lead there.
        let note = data.with_extension("port");
        let before = std::fs::read_to_string(&note).ok().and_then(|text| text.parse().ok());
        let port = match before.filter(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            Some(port) => port,
            None => free_port().map_err(|error| format!("no free port: {error}"))?,
        };
        std::fs::write(&note, port.to_string()).map_err(|error| format!("{}: {error}", note.display()))?;
        let log = data.with_extension("log");
        // What a server said before it broke down stays there when it comes back.
        let file = File::options().create(true).append(true).open(&log);
        let file = file.map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = file.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let child = command(&binaries.bin.join("postgres"))
            .arg("-D")
            .arg(data)
            .args(["-k", &ground.path().to_string_lossy(), "-p", &port.to_string(), "-h", "127.0.0.1"])
            .stdout(file)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("postgres: {error}"))?;
        let address = Address {
            host: Host::Socket(ground.path().to_path_buf()),
            port,
            user: "postgres".to_owned(),
            password: None,
            others: None,
            database: "postgres".to_owned(),
        };
        let mut server = Self { child };
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if Connection::open(&address, &[]).is_ok() {
                return Ok((server, address));
            }
            let ended = matches!(server.child.try_wait(), Ok(Some(_)));
            if ended || Instant::now() > deadline {
                return Err(format!("the server does not start: {}", last_words(data)));
            }
            std::thread::sleep(Duration::from_millis(15));
        }
    }

    /// Whether the server still runs.
    pub fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops it cleanly, so that its folder can be copied.
    pub fn stop(&mut self) {
        self.signal(libc::SIGINT);
        let _ = self.child.wait();
    }

    #[expect(unsafe_code, reason = "sending a signal to one's own child has no safe wrapper")]
    fn signal(&mut self, signal: i32) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // SAFETY: the process is our child and has not been waited for.
            unsafe { libc::kill(self.child.id().cast_signed(), signal) };
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(libc::SIGQUIT);
        let _ = self.child.wait();
    }
}

/// The last lines of a server's log, of which those that tell why it ended come before all others.
fn last_words(data: &Path) -> String {
    const LINES: usize = 4;
    let text = std::fs::read_to_string(data.with_extension("log")).unwrap_or_default();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| !line.contains("the database system is")) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let grave: Vec<&str> =
        lines.iter().copied().filter(|line| line.contains("PANIC: ") || line.contains("FATAL: ")).collect();
    let told = if grave.is_empty() { lines } else { grave };
    told[told.len().saturating_sub(LINES)..].join("\n")
}

/// Ends a server that runs on a data folder of ours without being our child: `pg_ctl restart` from outside starts one.
/// A second server on the folder would not start beside it.
#[expect(unsafe_code, reason = "a signal to a process that is no child has no safe wrapper")]
fn evict(data: &Path) {
    let pid = || -> Option<i32> {
        let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok().filter(|pid| *pid > 1)?;
        // The number may be another process's by now: only one that stands in this folder is meant.
        let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        (lines.next()?.trim() == data.to_string_lossy() && cwd == data).then_some(pid)
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Some(pid) = pid().filter(|_| Instant::now() < deadline) {
        // SAFETY: no memory is touched; the process is a server on a folder that only this harness uses.
        unsafe { libc::kill(pid, libc::SIGQUIT) };
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Copies the folder of a stopped server, with modes and owners.
///
/// # Errors
/// The file, and what the system said: no space, for one.
pub fn copy(data: &Path, to: &Path) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("cannot copy {}: {error}", path.display());
    let meta = std::fs::symlink_metadata(data).map_err(|error| failed(data, error))?;
    if meta.is_dir() {
        std::fs::create_dir(to).map_err(|error| failed(to, error))?;
        for entry in std::fs::read_dir(data).map_err(|error| failed(data, error))? {
            let entry = entry.map_err(|error| failed(data, error))?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        std::fs::set_permissions(to, meta.permissions()).map_err(|error| failed(to, error))?;
    } else if meta.is_symlink() {
        let aim = std::fs::read_link(data).map_err(|error| failed(data, error))?;
        std::os::unix::fs::symlink(aim, to).map_err(|error| failed(to, error))?;
    } else {
        std::fs::copy(data, to).map_err(|error| failed(data, error))?;
    }
    // Only root may give files away, and only then have they another owner.
    std::os::unix::fs::lchown(to, Some(meta.uid()), Some(meta.gid())).map_err(|error| failed(to, error))
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_keep_at_once_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, kept) = (folder.path().join("data"), folder.path().join("kept"));
        for number in 0..300 {
            let part = data.join((number % 10).to_string());
            std::fs::create_dir_all(&part).expect("a folder");
            std::fs::write(part.join(number.to_string()), "page").expect("a file");
        }
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| keep(&data, &kept));
            }
        });
        let files =
            (0..300).filter(|number| kept.join(format!("{}/{number}", number % 10)).is_file()).count();
        assert_eq!(files, 300);
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").flatten().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}
