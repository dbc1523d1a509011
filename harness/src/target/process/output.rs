//! What a target writes: answers on standard output, line by line and capped, and its log on standard error.

use super::system;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::ChildStderr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

/// What happens to a running target.
#[derive(Debug)]
pub(super) enum Event {
    /// A line of standard output, without its end.
    Line(Vec<u8>),
    /// More output than an answer can be; the rest is not read. The text says which limit was passed.
    Flooded(String),
    /// Standard output is closed by all that held it.
    Closed,
    /// The process ended.
    Exited(system::Exit),
}

/// Reads lines until the end, a line over `line_limit` bytes, or `flood_limit` bytes since `counted` was last
/// set to zero. Blocks where nobody takes the events, so that memory stays bounded.
pub(super) fn read_lines(
    mut input: impl Read,
    line_limit: usize,
    flood_limit: u64,
    counted: &AtomicU64,
    events: &SyncSender<Event>,
) {
    let mut line = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let total = counted.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
        let mut rest = &buffer[..read];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            if events.send(Event::Line(std::mem::take(&mut line))).is_err() {
                return;
            }
        }
        line.extend_from_slice(rest);
        let flood = if line.len() > line_limit {
            format!("a line of more than {line_limit} bytes; it begins with {}", excerpt(&line))
        } else if total > flood_limit {
            format!("more than {flood_limit} bytes on standard output for one request")
        } else {
            continue;
        };
        let _ = events.send(Event::Flooded(flood));
        return;
    }
    // A last line without an end is a line all the same.
    if !line.is_empty() && events.send(Event::Line(line)).is_err() {
        return;
    }
    let _ = events.send(Event::Closed);
}

/// The beginning of a line, as a person can read it: at most 200 characters, in quotes.
pub(super) fn excerpt(line: &[u8]) -> String {
    let head = &line[..line.len().min(800)];
    let text = String::from_utf8_lossy(head);
    let short: String = text.chars().take(200).collect();
    let more = if short.len() < line.len() && text.len() >= short.len() && short.len() < text.len()
        || head.len() < line.len()
    {
        " …"
    } else {
        ""
    };
    format!("{short:?}{more}")
}

/// The last bytes of standard error since they were last taken.
pub(super) struct Log {
    state: Mutex<LogState>,
    stopped: AtomicBool,
}

struct LogState {
    input: Option<ChildStderr>,
    kept: VecDeque<u8>,
    limit: usize,
    cut: bool,
}

impl Log {
    /// Reads on a thread, so that the target never waits for its log to be read.
    pub fn start(input: ChildStderr, limit: usize) -> io::Result<Arc<Self>> {
        system::set_nonblocking(&input)?;
        let readable = input.as_fd().try_clone_to_owned()?;
        let state = LogState { input: Some(input), kept: VecDeque::new(), limit, cut: false };
        let log = Arc::new(Self { state: Mutex::new(state), stopped: AtomicBool::new(false) });
        let shared = log.clone();
        std::thread::Builder::new().name("target log".to_owned()).spawn(move || {
            while !shared.stopped.load(Ordering::Relaxed) && shared.read() {
                system::wait_readable(readable.as_fd(), 500);
            }
        })?;
        Ok(log)
    }

    /// Reads what is there now; false at the end.
    fn read(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).drain()
    }

    /// Takes what was written so far, also what still stands in the pipe.
    pub fn take(&self) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.drain();
        let text = state.text();
        state.kept.clear();
        state.cut = false;
        text
    }

    /// The last characters, left in place.
    pub fn tail(&self, characters: usize) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.drain();
        let text = state.text();
        let skip = text.chars().count().saturating_sub(characters);
        text.chars().skip(skip).collect::<String>().trim_end().to_owned()
    }

    /// Ends the thread soon, also where somebody still holds the pipe.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

impl LogState {
    fn drain(&mut self) -> bool {
        let Some(input) = &mut self.input else { return false };
        let mut buffer = [0; 16 * 1024];
        // A target that writes without end must not keep us here: the rest is read the next time.
        for _ in 0..64 {
            match input.read(&mut buffer) {
                Ok(0) => {
                    self.input = None;
                    return false;
                }
                Ok(read) => {
                    self.kept.extend(&buffer[..read]);
                    let over = self.kept.len().saturating_sub(self.limit);
                    self.kept.drain(..over);
                    self.cut |= over > 0;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.input = None;
                    return false;
                }
            }
        }
        true
    }

    fn text(&self) -> String {
        let bytes: Vec<u8> = self.kept.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        if self.cut { format!("[…]{text}") } else { text.into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    fn read(input: &[u8], line_limit: usize, flood_limit: u64) -> Vec<String> {
        let (events, received) = sync_channel(1_000);
        read_lines(input, line_limit, flood_limit, &AtomicU64::new(0), &events);
        drop(events);
        let name = |event| match event {
            Event::Line(line) => String::from_utf8_lossy(&line).into_owned(),
            Event::Flooded(_) => "FLOOD".to_owned(),
            Event::Closed => "CLOSED".to_owned(),
            Event::Exited(_) => "EXITED".to_owned(),
        };
        received.iter().map(name).collect()
    }

    #[test]
    fn lines_are_split_and_a_last_one_needs_no_end() {
        assert_eq!(read(b"a\n\nb", 10, 100), ["a", "", "b", "CLOSED"]);
        assert_eq!(read(b"", 10, 100), ["CLOSED"]);
    }

    #[test]
    fn a_line_over_the_limit_ends_the_reading() {
        assert_eq!(read(b"ok\n0123456789abc", 10, 100), ["ok", "FLOOD"]);
    }

    #[test]
    fn many_short_lines_over_the_limit_end_the_reading() {
        assert_eq!(read(&b"x\n".repeat(60), 10, 100).last().map(String::as_str), Some("FLOOD"));
    }

    #[test]
    fn an_excerpt_is_short_and_says_that_it_is_cut() {
        assert_eq!(excerpt(b"abc"), "\"abc\"");
        assert!(excerpt(&[b'x'; 5_000]).ends_with("…"));
        assert!(excerpt(&[b'x'; 201]).ends_with("…"));
        assert!(!excerpt(&[b'x'; 200]).ends_with("…"));
        assert_eq!(excerpt(b"\xff"), "\"\u{fffd}\"");
    }
}
