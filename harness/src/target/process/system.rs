//! The few calls of the operating system that the standard library does not offer. Unsafe code lives here alone.
#![expect(unsafe_code, reason = "system calls without a safe wrapper: sessions, death signals, polling")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Once;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// By itself, with a status.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(libc::SIGKILL) => write!(f, "signal 9 (killed)"),
            Self::Signal(libc::SIGSEGV) => write!(f, "signal 11 (segmentation fault)"),
            Self::Signal(libc::SIGABRT) => write!(f, "signal 6 (aborted)"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Puts the child into a session of its own, has it killed when this process dies, and keeps its crashes
/// from writing core files.
///
/// The death signal is tied to the *thread* that starts the child: start it on one that outlives it.
pub(super) fn isolate(command: &mut Command) {
    let parent = std::process::id();
    let setup = move || {
        // SAFETY: between fork and exec only async-signal-safe calls are allowed, and these are.
        unsafe {
            if libc::setsid() == -1 {
                return Err(io::Error::last_os_error());
            }
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
            #[cfg(target_os = "linux")]
            {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // The parent may have died before the signal was asked for.
                if u32::try_from(libc::getppid()) != Ok(parent) {
                    libc::_exit(1);
                }
            }
        }
        Ok(())
    };
    // SAFETY: the closure allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(setup);
    }
    let _ = parent;
}

/// Makes this process the parent of grandchildren whose own parent has died, so that they can be reaped here.
pub(super) fn adopt_orphans() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(target_os = "linux")]
        // SAFETY: sets a flag of this process.
        unsafe {
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        }
    });
}

/// Kills one process.
pub(super) fn kill(pid: i32) {
    // SAFETY: sends a signal; a pid that is gone is an error without effect.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
    }
}

/// Waits until a child has ended, without reaping it: its number stays taken until [`reap`].
pub(super) fn wait(pid: i32) -> io::Result<Exit> {
    loop {
        // SAFETY: an all-zero siginfo is valid, and it outlives the call that fills it.
        let (result, code, status) = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let id = libc::id_t::try_from(pid).unwrap_or_default();
            let result = libc::waitid(libc::P_PID, id, &raw mut info, libc::WEXITED | libc::WNOWAIT);
            (result, info.si_code, info.si_status())
        };
        if result == 0 {
            return Ok(if code == libc::CLD_EXITED { Exit::Code(status) } else { Exit::Signal(status) });
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Reaps a child that has ended; nothing happens for one that runs, or that is no child.
pub(super) fn reap(pid: i32) {
    // SAFETY: the status is not asked for.
    unsafe {
        libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG);
    }
}

/// Makes reads from our end of a pipe return at once where there is nothing.
pub(super) fn set_nonblocking(file: &impl AsRawFd) -> io::Result<()> {
    let fd = file.as_raw_fd();
    // SAFETY: flags of an open descriptor.
    let result = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        if flags == -1 { -1 } else { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) }
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Waits until there is something to read, or the other end is closed, or the time is over.
pub(super) fn wait_readable(fd: BorrowedFd<'_>, millis: i32) {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid pollfd.
    unsafe {
        libc::poll(&raw mut poll, 1, millis);
    }
}
