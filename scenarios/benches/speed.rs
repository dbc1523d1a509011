//! What the harness costs: `cargo bench -p proofhouse-scenarios --bench speed`.
//!
//! For some properties, cases per second of the correct mapper through target, wire and embedded engine, beside the
//! same requests made bare on the same engine; and two workers beside one. The sides take turns in one run and the
//! fastest turn of each counts, so that a machine which does other work meanwhile does not decide. Ratios are printed,
//! nothing is asserted. `ONLY` names one property.

use proofhouse::backend::{Backend, BackendChoice, Embedded};
use proofhouse::case::Case;
use proofhouse::engine::seed::case_seed;
use proofhouse::engine::worker::{STACK, Worker};
use proofhouse::property::{self, Property};
use proofhouse::tape::Source;
use proofhouse::target::Launch;
use proofhouse::wire::Reply;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// As the command has it; both sides of each ratio use it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROPERTIES: [&str; 4] = ["frame", "agreement", "never_broader", "round_trip"];
/// Cases of one turn, and turns.
const CASES: u64 = 400;
const TURNS: usize = 7;

/// An engine that also writes down what it is asked.
struct Recorder {
    engine: Embedded,
    calls: Mutex<Vec<(String, Value)>>,
}

impl Backend for Recorder {
    fn name(&self) -> String {
        self.engine.name()
    }

    fn version(&self) -> String {
        self.engine.version()
    }

    fn call(&self, operation: &str, request: &Value) -> Reply {
        let call = (operation.to_owned(), request.clone());
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        self.engine.call(operation, request)
    }

    fn clear(&self) {
        self.engine.clear();
    }
}

fn control() -> Arc<dyn Launch> {
    let all = proofhouse_scenarios::catalogue();
    all.into_iter().find(|target| target.name() == "control").expect("it is in the catalogue")
}

fn worker(backend: Arc<dyn Backend>) -> Worker {
    Worker::start(control(), backend, 0).expect("a target in this process starts")
}

fn generate(property: &dyn Property, worker: &Worker) -> Vec<Case> {
    let draw = |index| {
        let mut source = Source::seeded(case_seed(0, property.id(), index));
        property.generate(&mut source, worker.capabilities()).ok()
    };
    (0..CASES).filter_map(draw).collect()
}

fn fastest(slot: &mut Duration, body: impl FnOnce()) {
    let begin = Instant::now();
    body();
    *slot = (*slot).min(begin.elapsed());
}

fn harness_beside_bare(id: &str) {
    let property = property::all().into_iter().find(|property| property.id() == id).expect("a property");
    let recorder = Arc::new(Recorder { engine: Embedded::new(), calls: Mutex::default() });
    let mut recording = worker(recorder.clone());
    let cases = generate(property.as_ref(), &recording);
    recorder.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    for case in &cases {
        recording.execute(case);
    }
    let calls = std::mem::take(&mut *recorder.calls.lock().unwrap_or_else(PoisonError::into_inner));

    let mut through = worker(Arc::new(Embedded::new()));
    let bare = Embedded::new();
    let [mut all, mut executed, mut engine] = [Duration::MAX; 3];
    for _ in 0..TURNS {
        fastest(&mut all, || {
            for case in generate(property.as_ref(), &through) {
                let observed = through.execute(&case);
                property.judge(through.capabilities(), &case, &observed);
            }
        });
        fastest(&mut executed, || {
            for case in &cases {
                through.execute(case);
            }
        });
        fastest(&mut engine, || {
            for (operation, request) in &calls {
                bare.call(operation, request);
            }
        });
    }
    let rate = |took: Duration| cases.len() as f64 / took.as_secs_f64();
    println!(
        "{id:<14} {:>6.1} requests a case · {:>7.0} cases/s in all · {:>7.0} run only · {:>7.0} bare · ratio {:.2} in all, \
         {:.2} run only",
        calls.len() as f64 / cases.len() as f64,
        rate(all),
        rate(executed),
        rate(engine),
        engine.as_secs_f64() / all.as_secs_f64(),
        engine.as_secs_f64() / executed.as_secs_f64(),
    );
}

fn two_workers_beside_one(id: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut took = [Duration::MAX; 2];
    for _ in 0..TURNS {
        for (jobs, slot) in [1, 2].into_iter().zip(&mut took) {
            fastest(slot, || {
                let check = proofhouse::check(id, control()).backend(BackendChoice::Embedded);
                check.cases(4 * CASES).jobs(jobs).failures(folder.path()).regressions(folder.path()).run();
            });
        }
    }
    let rate = |took: Duration| (4 * CASES) as f64 / took.as_secs_f64();
    let [one, two] = took;
    println!(
        "{id:<14} {:>7.0} cases/s with one worker · {:>7.0} with two · ratio {:.2}",
        rate(one),
        rate(two),
        one.as_secs_f64() / two.as_secs_f64()
    );
}

fn main() {
    let only = std::env::var("ONLY").ok();
    let chosen = move || {
        let only = only.clone();
        PROPERTIES.into_iter().filter(move |id| only.as_ref().is_none_or(|only| only == id))
    };
    let body = move || {
        chosen().for_each(harness_beside_bare);
        chosen().for_each(two_workers_beside_one);
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(body);
    thread.expect("a thread").join().expect("no panic");
}
