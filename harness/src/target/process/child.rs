//! One run of a target's process: started in a session of its own, watched, and ended with all that it started.

use super::descendants;
use super::output::{Event, Log, read_lines};
use super::system;
use super::{Limits, environment};
use crate::target::Endpoint;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child as StdChild, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// Events that wait for the caller. Few, so that a flood stands in the pipe and not in memory.
const QUEUE: usize = 256;

/// A running process. Ended, with everything that it started, when dropped.
pub(super) struct Child {
    inner: StdChild,
    pid: i32,
    mark: String,
    requests: Sender<Vec<u8>>,
    events: Receiver<Event>,
    counted: Arc<AtomicU64>,
    log: Arc<Log>,
    ended: bool,
}

/// What to start.
pub(super) struct Start<'a> {
    pub command: &'a [String],
    pub cwd: Option<&'a PathBuf>,
    pub env: &'a BTreeMap<String, String>,
    pub endpoint: &'a Endpoint,
    pub limits: &'a Limits,
}

impl Child {
    /// Starts the process and the threads that read it.
    pub fn start(start: &Start<'_>) -> io::Result<Self> {
        system::adopt_orphans();
        let (program, arguments) = start.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mark = next_mark();
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(cwd) = start.cwd {
            command.current_dir(cwd);
        }
        environment::apply(&mut command, start.endpoint, &mark, start.env);
        system::isolate(&mut command);
        let mut inner = spawn(command)?;
        let pid = i32::try_from(inner.id()).map_err(io::Error::other)?;
        let pipes = (inner.stdin.take(), inner.stdout.take(), inner.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::Error::other("a pipe is missing"));
        };
        let (requests, to_write) = channel::<Vec<u8>>();
        let (sender, events) = sync_channel(QUEUE);
        let counted = Arc::new(AtomicU64::new(0));
        let log = Log::start(stderr, start.limits.log)?;
        // A target that does not read must not block the caller: whole requests are written on a thread. The
        // pipe breaks when the target ends, and then so does the thread.
        thread("target input", move || {
            while let Ok(line) = to_write.recv() {
                if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
                    return;
                }
            }
        })?;
        let (line_limit, flood_limit) = (start.limits.line, start.limits.flood);
        let (count, from_output) = (counted.clone(), sender.clone());
        thread("target output", move || read_lines(stdout, line_limit, flood_limit, &count, &from_output))?;
        thread("target end", move || {
            if let Ok(exit) = system::wait(pid) {
                let _ = sender.send(Event::Exited(exit));
            }
        })?;
        Ok(Self { inner, pid, mark, requests, events, counted, log, ended: false })
    }

    /// Sends a line. What cannot be written shows as the process's end.
    pub fn send(&self, line: Vec<u8>) {
        self.counted.store(0, Ordering::Relaxed);
        let _ = self.requests.send(line);
    }

    /// The next event before the deadline.
    pub fn next(&self, deadline: Instant) -> Option<Event> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.events.recv_timeout(left) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            // Both threads are done; nothing comes any more.
            Err(RecvTimeoutError::Disconnected) => Some(Event::Closed),
        }
    }

    /// An event that is there already.
    pub fn pending(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Bytes of standard output since the last line was sent.
    pub fn bytes(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }

    /// What it wrote to standard error.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Kills what the process started, and the process if it still runs.
    pub fn end(&mut self) {
        if self.ended {
            return;
        }
        descendants::end_all(self.pid, &self.mark);
    }

    /// Ends everything and reaps the process.
    pub fn finish(&mut self) {
        if !self.ended {
            descendants::end_all(self.pid, &self.mark);
            let _ = self.inner.wait();
            self.ended = true;
            self.log.stop();
        }
    }

    #[cfg(test)]
    pub fn mark(&self) -> &str {
        &self.mark
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.finish();
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(256 * 1024).spawn(run)?;
    Ok(())
}

/// A mark that no other process of this machine has: this process and a count.
pub(super) fn next_mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static BEGAN: OnceLock<u128> = OnceLock::new();
    let began = BEGAN.get_or_init(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map(|time| time.as_nanos()).unwrap_or_default()
    });
    format!("{}-{began:x}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

struct Job {
    command: Command,
    answer: Sender<io::Result<StdChild>>,
}

/// Starts a process on a thread that lives as long as this process: the child is killed when the thread that
/// started it ends, which must not be a worker's.
pub(super) fn spawn(command: Command) -> io::Result<StdChild> {
    static SPAWNER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, work) = channel::<Job>();
        let run = move || {
            while let Ok(Job { mut command, answer }) = work.recv() {
                let _ = answer.send(command.spawn());
            }
        };
        // Without a thread the sender has no receiver, and every start is an error.
        let _ = thread("target starter", run);
        Mutex::new(jobs)
    });
    let (answer, result) = channel();
    let jobs = spawner.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let ended = || io::Error::other("the thread that starts targets has ended");
    jobs.send(Job { command, answer }).map_err(|_| ended())?;
    result.recv().map_err(|_| ended())?
}
