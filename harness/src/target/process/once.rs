//! A command that runs once to its end, such as a step of a target's set-up: watched and ended like a target.

use super::child::{next_mark, spawn};
use super::descendants::{self, MARK};
use super::system::{self, Exit};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Runs a command with its output in a file. Nothing that it started is left when this returns.
///
/// # Errors
/// In words: it does not start, ends with another status than 0, or takes too long.
pub(in crate::target) fn run(
    words: &[String],
    folder: &Path,
    log: &File,
    limit: Duration,
) -> Result<(), String> {
    let (program, arguments) = words.split_first().ok_or("the command is empty")?;
    let output = || log.try_clone().map(Stdio::from).map_err(|error| error.to_string());
    let mark = next_mark();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env(MARK, &mark);
    command.stdin(Stdio::null()).stdout(output()?).stderr(output()?);
    system::adopt_orphans();
    system::isolate(&mut command);
    let mut child = spawn(command).map_err(|error| format!("{program:?} does not start: {error}"))?;
    let pid = i32::try_from(child.id()).map_err(|error| error.to_string())?;
    let (sender, ended) = channel();
    let waiter = std::thread::spawn(move || {
        let _ = sender.send(system::wait(pid));
    });
    let exit = ended.recv_timeout(limit);
    descendants::end_all(pid, &mark);
    // The process is dead, so that its waiter ends; it must not look for it after it was reaped.
    let _ = waiter.join();
    let _ = child.wait();
    match exit {
        Ok(Ok(Exit::Code(0))) => Ok(()),
        Ok(Ok(exit)) => Err(format!("ended with {exit}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("did not end within {limit:?}")),
    }
}
