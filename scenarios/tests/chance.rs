//! A target that breaks a property by chance, as one does whose requests follow a map's order.

use proofhouse::case::Case;
use proofhouse::target::{Launch, LaunchError, Outcome, Target};
use proofhouse::wire::Wire;
use proofhouse_models::mapper::Capabilities;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Answers one `build` in eight with another request: which ones, no case decides.
struct Fickle {
    mapper: Box<dyn Target>,
    calls: Arc<AtomicU64>,
}

impl Target for Fickle {
    fn capabilities(&self) -> &Capabilities {
        self.mapper.capabilities()
    }

    fn call(&mut self, method: &str, params: &Value) -> Outcome {
        let mut outcome = self.mapper.call(method, params);
        if let ("build", Ok(answer)) = (method, &mut outcome) {
            let call = self.calls.fetch_add(1, Ordering::Relaxed);
            if call.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61 == 0 {
                answer["request"]["ReturnConsumedCapacity"] = json!("TOTAL");
            }
        }
        outcome
    }
}

struct LaunchFickle {
    mapper: Arc<dyn Launch>,
    calls: Arc<AtomicU64>,
}

impl Launch for LaunchFickle {
    fn name(&self) -> String {
        "fickle".to_owned()
    }

    fn launch(&self, wire: &Arc<Wire>, seed: u64) -> Result<Box<dyn Target>, LaunchError> {
        Ok(Box::new(Fickle { mapper: self.mapper.launch(wire, seed)?, calls: self.calls.clone() }))
    }
}

/// The calls of a case's only run, each once.
fn distinct(case: &Case) -> usize {
    let mut calls: Vec<_> = case.runs[0].program.iter().map(|step| &step.call).collect();
    calls.dedup();
    calls.len()
}

#[test]
fn what_shows_in_one_try_of_eight_is_a_stable_and_small_finding() {
    let folder = tempfile::tempdir().expect("a folder");
    let mapper = proofhouse_scenarios::catalogue()
        .into_iter()
        .find(|target| target.name() == "control")
        .expect("it is in the catalogue");
    let fickle: Arc<dyn Launch> = Arc::new(LaunchFickle { mapper, calls: Default::default() });
    let check = proofhouse::check("deterministic", fickle).cases(40).failures(folder.path());
    let outcome = check.outcome();
    let findings = &outcome.rows[0].findings;
    assert!(!findings.is_empty(), "{:?}", outcome.rows[0]);
    for finding in findings {
        assert_eq!((finding.stable.shown, finding.stable.of), (20, 20), "{finding:?}");
        assert_eq!(distinct(&finding.case), 1, "{:?}", finding.case);
        assert!(!finding.case.runs[0].fresh, "{:?}", finding.case);
    }
}
