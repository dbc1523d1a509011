//! The terminal: a progress line where a person looks on, plain lines otherwise. Only this file knows
//! indicatif.

use crate::engine::campaign::{Listener, Row, write_report};
use crate::engine::cell::Shard;
use crate::engine::finding::Finding;
use crate::engine::stores::Leak;
use crate::engine::threats::ThreatModel;
use crate::report::visible::plain;
use crate::report::{jsonl, terminal};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::PathBuf;
use std::time::Duration;

/// Prints a campaign as it goes on, and keeps its results on disk.
pub(crate) struct Console {
    bar: ProgressBar,
    models: Vec<ThreatModel>,
    results: Option<PathBuf>,
    seed: u64,
    shard: Shard,
}

impl Console {
    /// For the threat models of a run; `results` is the file that is kept up to date.
    pub(crate) fn new(models: Vec<ThreatModel>, results: Option<PathBuf>, seed: u64, shard: Shard) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, models, results, seed, shard }
    }

    /// Takes the progress line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn print(&self, text: &str) {
        self.bar.suspend(|| println!("{text}"));
    }

    fn threats_of(&self, property: &str) -> Vec<String> {
        let threats = self.models.iter().flat_map(|model| &model.threats);
        threats.filter(|t| t.properties.iter().any(|p| p == property)).map(|t| t.id.clone()).take(3).collect()
    }
}

impl Listener for Console {
    fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{}", plain(line)));
    }

    fn progress(&self, target: &str, property: &str, cases: u64) {
        self.bar.set_message(format!("{target} · {property} · {cases} cases"));
    }

    fn finding(&self, finding: &Finding) {
        self.print(&terminal::finding(finding, &self.threats_of(&finding.property)));
    }

    fn leak(&self, leak: &Leak) {
        self.print(&leak.text);
    }

    fn rows(&self, rows: &[Row]) {
        let Some(path) = &self.results else { return };
        let lines = jsonl::lines(&self.models, rows, self.seed, self.shard);
        if let Err(error) = write_report(path, &jsonl::text(&lines)) {
            self.say(&format!("error: {error}"));
        }
    }
}
