//! What the harness costs: `cargo bench -p proofhouse-scenarios --bench speed`.
//!
//! For some properties, cases per second of the correct mapper through target, wire and embedded engine, beside the
//! same calls of the mapper made bare (tables made, starting items put, the mapper called, tables dropped; nothing
//! observed), and beside the same requests made bare on the engine, without a mapper; and two workers beside one. The
//! sides take turns in one run and the fastest turn of each counts, so that a machine which does other work meanwhile does
//! not decide. Ratios are printed, nothing is asserted. `ONLY` names one property, `TURNS` says how many.

use proofhouse::backend::{Backend, BackendChoice, Embedded};
use proofhouse::case::Case;
use proofhouse::engine::seed::case_seed;
use proofhouse::engine::worker::{STACK, Worker};
use proofhouse::property::{self, Property};
use proofhouse::tape::Source;
use proofhouse::target::{Launch, LaunchError, Outcome, Target};
use proofhouse::wire::{Reply, Wire};
use proofhouse_models::mapper::Capabilities;
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// As the command has it; both sides of each ratio use it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROPERTIES: [&str; 4] = ["frame", "agreement", "never_broader", "round_trip"];
/// Cases of one turn, and turns where `TURNS` does not say.
const CASES: u64 = 400;
const TURNS: usize = 7;

fn turns() -> usize {
    std::env::var("TURNS").ok().and_then(|turns| turns.parse().ok()).unwrap_or(TURNS)
}

/// What an execution did.
#[derive(Clone)]
enum Act {
    /// A request to the engine, and whether the mapper made it.
    Request(String, Value, bool),
    /// A call of the mapper.
    Call(String, Value),
}

#[derive(Default)]
struct Log {
    acts: Vec<Act>,
    in_mapper: bool,
}

fn open(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An engine that also writes down what it is asked.
struct Recorder {
    engine: Embedded,
    log: Arc<Mutex<Log>>,
}

impl Backend for Recorder {
    fn name(&self) -> String {
        self.engine.name()
    }

    fn version(&self) -> String {
        self.engine.version()
    }

    fn call(&self, operation: &str, request: &Value) -> Reply {
        let mut log = open(&self.log);
        let by_mapper = log.in_mapper;
        log.acts.push(Act::Request(operation.to_owned(), request.clone(), by_mapper));
        drop(log);
        self.engine.call(operation, request)
    }

    fn clear(&self) {
        self.engine.clear();
    }

    fn stores_what_is_put(&self) -> bool {
        self.engine.stores_what_is_put()
    }
}

/// A mapper that also writes down how it is called.
struct Recorded {
    mapper: Box<dyn Target>,
    log: Arc<Mutex<Log>>,
}

impl Target for Recorded {
    fn capabilities(&self) -> &Capabilities {
        self.mapper.capabilities()
    }

    fn call(&mut self, method: &str, params: &Value) -> Outcome {
        let mut log = open(&self.log);
        log.acts.push(Act::Call(method.to_owned(), params.clone()));
        log.in_mapper = true;
        drop(log);
        let outcome = self.mapper.call(method, params);
        open(&self.log).in_mapper = false;
        outcome
    }
}

struct LaunchRecorded(Arc<Mutex<Log>>);

impl Launch for LaunchRecorded {
    fn name(&self) -> String {
        control().name()
    }

    fn launch(&self, wire: &Arc<Wire>, seed: u64) -> Result<Box<dyn Target>, LaunchError> {
        Ok(Box::new(Recorded { mapper: control().launch(wire, seed)?, log: Arc::clone(&self.0) }))
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
    let log = Arc::new(Mutex::new(Log::default()));
    let recorder = Arc::new(Recorder { engine: Embedded::new(), log: Arc::clone(&log) });
    let mut recording = Worker::start(Arc::new(LaunchRecorded(Arc::clone(&log))), recorder, 0)
        .expect("a target in this process starts");
    let cases = generate(property.as_ref(), &recording);
    open(&log).acts.clear();
    for case in &cases {
        recording.execute(case);
    }
    let acts = std::mem::take(&mut open(&log).acts);
    let requests = acts.iter().filter(|act| matches!(act, Act::Request(..))).count();

    let mut through = worker(Arc::new(Embedded::new()));
    let bare = Embedded::new();
    let wire = Arc::new(Wire::new(Arc::new(Embedded::new())));
    let mut mapper = control().launch(&wire, 0).expect("a target in this process starts");
    let [mut all, mut executed, mut called, mut engine] = [Duration::MAX; 4];
    for _ in 0..turns() {
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
        fastest(&mut called, || {
            for act in &acts {
                match act {
                    Act::Call(method, params) => {
                        // An error is an answer as well.
                        let _ = mapper.call(method, params);
                        wire.take_exchanges();
                    }
                    // The harness' own looks at the table are what is measured.
                    Act::Request(operation, request, false) if operation != "Scan" => {
                        wire.backend().call(operation, request);
                    }
                    Act::Request(..) => {}
                }
            }
        });
        fastest(&mut engine, || {
            for act in &acts {
                if let Act::Request(operation, request, _) = act {
                    bare.call(operation, request);
                }
            }
        });
    }
    let rate = |took: Duration| cases.len() as f64 / took.as_secs_f64();
    let ratio = |bare: Duration, side: Duration| bare.as_secs_f64() / side.as_secs_f64();
    println!(
        "{id:<14} {:>5.1} requests a case · cases/s {:>6.0} in all, {:>6.0} run only, {:>6.0} mapper bare, {:>6.0} engine bare \
         · run only beside mapper {:.2}, beside engine {:.2} · in all {:.2}, {:.2}",
        requests as f64 / cases.len() as f64,
        rate(all),
        rate(executed),
        rate(called),
        rate(engine),
        ratio(called, executed),
        ratio(engine, executed),
        ratio(called, all),
        ratio(engine, all),
    );
}

fn two_workers_beside_one(id: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut took = [Duration::MAX; 2];
    for _ in 0..turns() {
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
