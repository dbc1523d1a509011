//! A bench on a thread of its own: a fuzzer calls from its main thread, whose stack is less than an engine needs.

use super::{Bench, FuzzError, Ran, Setting};
use crate::engine::worker::STACK;
use crate::report::terminal;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What one input came to, for a fuzzer.
#[derive(Debug)]
pub enum Answer {
    /// The bytes lead to no case: they are of no use in a corpus.
    NoCase,
    /// A case ran, and nothing is wrong.
    Fine,
    /// A finding: shrunk, replayed, and saved.
    Found {
        /// As a person reads it, with the place of the saved case.
        text: String,
    },
}

/// A running bench that takes inputs one by one.
pub struct Session {
    inputs: SyncSender<Vec<u8>>,
    answers: Receiver<Answer>,
}

impl Session {
    /// Starts target and engine. Findings are saved in `failures`.
    ///
    /// # Errors
    /// [`FuzzError`], as [`Bench::open`].
    ///
    /// # Panics
    /// Where the system has no more threads.
    pub fn start(setting: Setting, failures: PathBuf) -> Result<Self, FuzzError> {
        let (inputs, received) = sync_channel::<Vec<u8>>(1);
        let (answer, answers) = sync_channel(1);
        let (opened, ready) = sync_channel(1);
        let body = move || {
            let mut bench = match Bench::open(setting) {
                Ok(bench) => {
                    let _ = opened.send(Ok(()));
                    bench
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                    return;
                }
            };
            while let Ok(bytes) = received.recv() {
                let said = match bench.run(&bytes) {
                    Ran::NoCase(_) => Answer::NoCase,
                    Ran::Discarded(_) | Ran::Held | Ran::Known(_) => Answer::Fine,
                    Ran::Broken(suspect) => {
                        let mut finding = bench.minimise(*suspect);
                        let saved = Bench::save(&mut finding, &failures);
                        let trouble =
                            saved.err().map(|error| format!("error: {error}\n")).unwrap_or_default();
                        let text = format!(
                            "{}  input {} of this process, after {:.2} s\n{trouble}",
                            terminal::finding(&finding, &[]),
                            finding.first + 1,
                            finding.ms_to_failure as f64 / 1000.0,
                        );
                        Answer::Found { text }
                    }
                };
                if answer.send(said).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("bench".to_owned())
            .stack_size(STACK)
            .spawn(body)
            .expect("a thread: the system has no more");
        ready.recv().expect("the bench says whether it opened")?;
        Ok(Self { inputs, answers })
    }

    /// Runs one input.
    ///
    /// # Panics
    /// Where the harness itself panicked on it, which a fuzzer takes for a crash as well.
    pub fn run(&self, bytes: &[u8]) -> Answer {
        let sent = self.inputs.send(bytes.to_vec());
        sent.ok()
            .and_then(|()| self.answers.recv().ok())
            .expect("the harness panicked on this input; its words stand above")
    }
}
