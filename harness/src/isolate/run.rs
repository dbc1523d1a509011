//! The run: workers with two worlds each, stages of rows, systematic programs first, then random ones.

mod beside;
mod crowd;
mod ending;

use super::bench::{Bench, Problem, Volume};
use super::contract::{Contract, Level, fill};
use super::finding::{self, Finding};
use super::oracle::Channel;
use super::pair::{Pair, Stage};
use super::program::{Changes, Program, Setting, random, systematic};
use super::report::{Coverage, Report};
use super::self_check;
use super::timing::{self, Timing};
use super::verdict::{finding_of, is_new};
use crate::backend::postgres::Choice;
use crate::report::visible::plain;
use crate::tape::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The contract's file.
    pub contract: PathBuf,
    /// How long to look for leaks.
    pub time: Duration,
    /// Seed of rows and random programs.
    pub seed: u64,
    /// Workers; each has two servers.
    pub jobs: usize,
    /// Where reports go.
    pub report: Option<PathBuf>,
    /// Where findings are saved.
    pub failures: PathBuf,
    /// Which Postgres.
    pub postgres: Choice,
    /// Whether to stop looking at the first finding that is not accepted.
    pub fail_fast: bool,
    /// Whether lines about the progress are printed.
    pub quiet: bool,
}

impl Options {
    /// A quiet run by one worker for half a minute, without a report.
    pub fn new(contract: PathBuf, failures: PathBuf) -> Self {
        Self {
            contract,
            time: Duration::from_secs(30),
            seed: 0,
            jobs: 1,
            report: None,
            failures,
            postgres: Choice::default(),
            fail_fast: false,
            quiet: true,
        }
    }
}

const STAGES: [Stage; 5] = [
    Stage { base: 0, volumes: (Volume::None, Volume::Few), number: 0 },
    Stage { base: 1, volumes: (Volume::Few, Volume::Other), number: 0 },
    Stage { base: 1, volumes: (Volume::None, Volume::Few), number: 0 },
    Stage { base: 0, volumes: (Volume::Few, Volume::Many), number: 0 },
    Stage { base: 0, volumes: (Volume::Few, Volume::Other), number: 0 },
];

/// What workers share.
struct Shared {
    start: Instant,
    findings: Mutex<Vec<Finding>>,
    known: Mutex<BTreeSet<(Channel, String)>>,
    cases: std::sync::atomic::AtomicUsize,
    coverage: Mutex<Coverage>,
    cases_of: Mutex<BTreeMap<&'static str, usize>>,
    failed: std::sync::atomic::AtomicBool,
    /// Objects on which statements had to be stopped, and how often.
    slow: Mutex<BTreeMap<String, usize>>,
    timings: Mutex<Vec<Timing>>,
    /// What leaks in the same way as many others, and is told by name only.
    more: Mutex<BTreeSet<(Channel, String)>>,
}

impl Shared {
    /// Whether a step of the program had to be stopped so many times: it would be stopped again, three seconds later.
    fn ends_never(&self, program: &Program, times: usize) -> bool {
        let slow = lock(&self.slow);
        program.steps.iter().any(|step| slow.get(&step.object).is_some_and(|count| *count >= times))
    }
}

/// Runs a contract.
///
/// # Errors
/// A contract that cannot be used, or a harness or backend that failed.
pub fn run(options: &Options) -> Result<Report, Problem> {
    let start = Instant::now();
    let contract = Contract::read(&options.contract)?;
    let bench = Bench::prepare(contract, &options.postgres, 2)?;
    let prepared = start.elapsed();
    if !options.quiet {
        for note in &bench.notes {
            println!("note: {}", plain(note));
        }
        println!(
            "isolate {} · {} · {} tables, {} functions · ready in {} ms",
            bench.contract.name(),
            bench.backend,
            bench.catalogue.tables.len(),
            bench.catalogue.functions.iter().filter(|f| !f.extension).count(),
            prepared.as_millis()
        );
    }
    let shared = Shared {
        start,
        findings: Mutex::new(Vec::new()),
        known: Mutex::new(BTreeSet::new()),
        cases: std::sync::atomic::AtomicUsize::new(0),
        coverage: Mutex::new(Coverage::default()),
        cases_of: Mutex::new(BTreeMap::new()),
        failed: std::sync::atomic::AtomicBool::new(false),
        slow: Mutex::new(BTreeMap::new()),
        timings: Mutex::new(Vec::new()),
        more: Mutex::new(BTreeSet::new()),
    };
    let outcomes: Vec<Result<(), Problem>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..options.jobs.max(1))
            .map(|worker| {
                let (bench, shared) = (&bench, &shared);
                scope.spawn(move || work(bench, shared, options, worker))
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| {
                handle.join().unwrap_or_else(|_| Err(Problem::Harness("a worker panicked".to_owned())))
            })
            .collect()
    });
    let mut ended_early = None;
    for outcome in outcomes {
        match outcome {
            // What was found before the server or its disk failed holds.
            Err(Problem::Harness(error)) if !lock(&shared.findings).is_empty() => ended_early = Some(error),
            outcome => outcome?,
        }
    }
    let mut findings = shared.findings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let read: BTreeSet<String> = findings
        .iter()
        .filter(|finding| finding.accepted.is_none() && finding.channel() == Channel::Read)
        .map(|finding| finding.object.clone())
        .collect();
    findings.retain(|finding| {
        finding.accepted.is_some()
            || !matches!(finding.channel(), Channel::Existence | Channel::Count)
            || !read.contains(&finding.object)
    });
    findings.sort_by_key(|finding| (finding.accepted.is_some(), finding.channel(), finding.tests));
    let coverage = shared.coverage.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let cases = shared.cases.into_inner();
    if cases == 0 {
        return Err(Problem::Harness(
            "no program was run: the time is too short, or the role may use nothing".to_owned(),
        ));
    }
    let mut report = Report {
        contract: bench.contract.name(),
        backend: bench.backend.clone(),
        findings,
        cases,
        cases_of: shared.cases_of.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner),
        seed: options.seed,
        ms: start.elapsed().as_millis(),
        coverage,
        objects: objects(&bench),
        empty: bench.empty.clone(),
        notes: {
            let slow = shared.slow.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            let stopped = slow.into_iter().filter(|(_, count)| *count > 1).map(|(object, _)| {
                format!(
                    "statements on {object} did not end within three seconds, or ended the server, twice; no more of them \
                     were sent"
                )
            });
            let more = shared.more.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            bench.notes.iter().cloned().chain(stopped).chain(ending::told_by_name(&more)).collect()
        },
        timings: shared.timings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner),
        ended_early,
        unsaved: None,
    };
    // What was found is told even where it cannot be kept.
    report.unsaved = report.save(&bench, options).err().map(|error| error.to_string());
    Ok(report)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A worker from its first row to its last replay. Where it fails, what it found until then is kept as it is.
fn work(bench: &Bench, shared: &Shared, options: &Options, worker: usize) -> Result<(), Problem> {
    let mut found_here = Vec::new();
    let outcome = look(bench, shared, options, worker, &mut found_here);
    lock(&shared.findings).append(&mut found_here);
    outcome
}

fn look(
    bench: &Bench,
    shared: &Shared,
    options: &Options,
    worker: usize,
    found_here: &mut Vec<Finding>,
) -> Result<(), Problem> {
    let jobs = options.jobs.max(1);
    let mut turn = worker;
    let number = (options.seed % 7) as usize;
    let mut pair = Pair::new(bench, worker, Stage { number, ..STAGES[turn % STAGES.len()] })?;
    if worker == 0 {
        self_check::planted(bench, &mut pair)?;
    }
    // The time is for looking: servers and rows are there.
    let deadline = Instant::now() + options.time;
    let parameters = parameters(bench, &mut pair);
    let mut checked = false;
    // One worker does, unless another begins with as many rows.
    let crowds = worker == jobs - 1 && jobs < STAGES.len() - 1 && options.time >= crowd::SHORTEST;
    let mut crowd_at = crowds.then(|| Instant::now() + crowd::begins(options.time));
    let (mut kept, mut resumed) = (None, None);
    loop {
        let round = turn / STAGES.len();
        let pools = pair.pools();
        let setting = Setting {
            contract: &bench.contract,
            catalogue: &bench.catalogue,
            rules: &bench.rules,
            pools: &pools,
            parameters: &parameters,
        };
        let mut programs = systematic(&setting, &pair.two.inserts_of_b());
        // The most promising in the rows of each worker, of the rest another part first.
        let first = programs.len() / 8;
        let rest = programs.len() - first;
        programs[first..].rotate_left(rest * worker / jobs);
        let stage_end = Instant::now() + options.time / 4;
        let until = if round == 0 { deadline } else { deadline.min(stage_end) };
        let enough = || options.fail_fast && shared.failed.load(std::sync::atomic::Ordering::Relaxed);
        let time_left = || Instant::now() < until && !enough();
        if worker == 0 && !checked && !enough() && !bench.contract.neighbour.concurrent.is_empty() {
            let part = Instant::now() + options.time / 5;
            beside::neighbour(bench, shared, &mut pair, &programs, options, part, found_here)?;
        }
        let mut changes = kept.take().unwrap_or_else(|| Changes::new(&setting));
        let begin = resumed.take().unwrap_or(0);
        // A look at what was changed costs as much as a dozen programs.
        const BETWEEN: usize = 12;
        for (at, program) in programs.iter().enumerate().skip(begin) {
            if !time_left() {
                break;
            }
            if crowd_at.is_some_and(|crowd_at| Instant::now() > crowd_at) {
                crowd_at = None;
                resumed = Some(at);
                break;
            }
            let noted = followed(bench, shared, &mut pair, program, (options, &mut changes), found_here)?;
            let next = noted.or_else(|| if at % BETWEEN == 0 { changes.later() } else { None });
            if let Some(next) = next.filter(|_| time_left()) {
                found_here.extend(trial(bench, shared, &mut pair, &next, options)?);
            }
        }
        if resumed.is_some() || time_left() && crowd_at.take().is_some() {
            resumed.get_or_insert(programs.len());
            kept = Some(changes);
            crowd::look(bench, shared, &mut pair, options, (&parameters, deadline), found_here)?;
            continue;
        }
        while let Some(program) = changes.later().filter(|_| time_left()) {
            found_here.extend(trial(bench, shared, &mut pair, &program, options)?);
        }
        if worker == 0 && !checked {
            let ending: Vec<&Program> =
                programs.iter().filter(|program| !shared.ends_never(program, 1)).collect();
            let end = if enough() { Instant::now() } else { until };
            self_check::identical(bench, &mut pair, &ending, end + CHECKING)?;
            checked = true;
            if bench.contract.neighbour.concurrent.is_empty() && time_left() {
                beside::neighbour(bench, shared, &mut pair, &programs, options, deadline, found_here)?;
            }
        }
        if round > 0 || turn >= jobs {
            let mut source = Source::seeded(options.seed.wrapping_mul(1_000_003).wrapping_add(turn as u64));
            for _ in 0..400 {
                if !time_left() {
                    break;
                }
                let Some(program) = random(&setting, &programs, &mut source) else { break };
                found_here.extend(trial(bench, shared, &mut pair, &program, options)?);
            }
        }
        if Instant::now() >= deadline || enough() {
            break;
        }
        turn += jobs;
        let stage = Stage { number: number + turn, ..STAGES[turn % STAGES.len()] };
        rebuild(&mut pair, stage)?;
    }
    ending::end(bench, shared, &mut pair, options, found_here)?;
    if worker == 0 && !options.quiet && !options.fail_fast && options.time >= TIMED {
        // Information: where it cannot be had, the run is none the worse.
        if let Ok(timings) = timed(bench, &mut pair, &parameters, TIMING.min(options.time / 5)) {
            *lock(&shared.timings) = timings;
        }
    }
    Ok(())
}

/// Makes the rows of a stage.
fn rebuild(pair: &mut Pair<'_>, stage: Stage) -> Result<(), Problem> {
    if let Err(Problem::Harness(_)) = pair.rebuild(stage) {
        // A server that was restarted from outside: once more.
        pair.revive()?;
        pair.rebuild(stage)?;
    }
    Ok(())
}

/// Runs a program and notes what it changed: the program with the next request, where that is to come at once.
fn followed(
    bench: &Bench,
    shared: &Shared,
    pair: &mut Pair<'_>,
    program: &Program,
    (options, changes): (&Options, &mut Changes),
    found_here: &mut Vec<Finding>,
) -> Result<Option<Program>, Problem> {
    let found = trial(bench, shared, pair, program, options)?;
    let changed = pair.one.last_changed() || pair.two.last_changed();
    // What told already need not be followed up to tell.
    let asks = changed && Changes::follows(program) && found.is_empty();
    let parted = if asks { pair.parted(program)? } else { Vec::new() };
    found_here.extend(found);
    Ok(if changed { changes.note(program, &parted) } else { None })
}

/// The shortest run that ends with a look at times.
const TIMED: Duration = Duration::from_secs(20);

/// How long it looks at them at most.
const TIMING: Duration = Duration::from_secs(8);

/// How long the check of equal worlds may take where the time is up.
const CHECKING: Duration = Duration::from_secs(2);

/// How long the steps of one program's findings are shrunk at most, all together.
const STEPS: Duration = Duration::from_secs(4);

/// Measures statements in worlds in which B has few rows and thousands.
fn timed(
    bench: &Bench,
    pair: &mut Pair<'_>,
    parameters: &BTreeMap<String, Vec<u32>>,
    most: Duration,
) -> Result<Vec<Timing>, Problem> {
    pair.rebuild(Stage { base: 0, volumes: (Volume::Few, Volume::Many), number: 0 })?;
    let pools = pair.pools();
    let (contract, catalogue, rules) = (&bench.contract, &bench.catalogue, &bench.rules);
    let setting = Setting { contract, catalogue, rules, pools: &pools, parameters };
    timing::measure(pair, &systematic(&setting, &[]), Instant::now() + most)
}

/// Types of the parameters of the contract's statements.
fn parameters(bench: &Bench, pair: &mut Pair<'_>) -> BTreeMap<String, Vec<u32>> {
    let adversary = &bench.contract.adversary;
    let mut all = BTreeMap::new();
    for statement in adversary.statements.iter().chain(&adversary.outside) {
        let mut sql = fill(statement, &bench.words[0]);
        for number in 1..10 {
            sql = sql.replace(&format!("{{{number}}}"), "1");
        }
        if let Ok(types) = pair.one.parameter_types(&sql) {
            all.insert(statement.clone(), types);
        }
    }
    all
}

/// Counts a program that is about to run, and says which one it is, from 1.
fn count(shared: &Shared, program: &Program) -> usize {
    for property in super::report::properties_of(program.kind) {
        *lock(&shared.cases_of).entry(property).or_default() += 1;
    }
    shared.cases.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
}

fn trial(
    bench: &Bench,
    shared: &Shared,
    pair: &mut Pair<'_>,
    program: &Program,
    options: &Options,
) -> Result<Vec<Finding>, Problem> {
    if program.unaligned && bench.catalogue.sequences.is_empty() {
        return Ok(Vec::new());
    }
    if shared.ends_never(program, 2) {
        return Ok(Vec::new());
    }
    let tests = count(shared, program);
    let leaks = pair.leaks(program)?;
    for world in [&pair.one, &pair.two].into_iter().filter(|world| world.was_slow() > 0) {
        // Only what was stopped: the other steps of the program may be worth sending again.
        let step = program.steps.get(world.stopped_at()).filter(|step| !step.object.is_empty());
        if let Some(step) = step {
            *lock(&shared.slow).entry(step.object.clone()).or_default() += world.was_slow();
            break;
        }
    }
    lock(&shared.coverage).saw(program, pair.two.last_codes());
    let mut found = Vec::new();
    let until = Instant::now() + STEPS;
    for leak in leaks {
        if !is_new(bench, &mut lock(&shared.known), &leak) {
            continue;
        }
        let mut finding =
            finding_of(bench, pair, program, &leak, (tests, shared.start.elapsed().as_millis()));
        if program.steps.len() > 1 {
            finding::fewer_steps(bench, pair, &mut finding, until)?;
        }
        if finding.accepted.is_none() {
            shared.failed.store(true, std::sync::atomic::Ordering::Relaxed);
            if !options.quiet {
                println!("  {:>6} ms  {}", finding.ms, plain(&finding.title()));
            }
        }
        found.push(finding);
    }
    Ok(found)
}

/// Tables, views and functions that the role may use.
fn objects(bench: &Bench) -> Vec<String> {
    let schemas = &bench.contract.adversary.schemas;
    let inside = |schema: &String| schemas.is_empty() || schemas.contains(schema);
    let queries = bench.contract.adversary.level == Level::Queries;
    let tables = bench
        .catalogue
        .tables
        .iter()
        .filter(|table| !table.extension && inside(&table.schema) && !(queries && table.partition))
        .filter(|table| ['S', 'I', 'U', 'D'].iter().any(|right| table.may(*right)))
        .map(super::catalogue::Table::label);
    let functions = bench
        .catalogue
        .functions
        .iter()
        .filter(|function| {
            function.executable && !function.trigger && !function.extension && inside(&function.schema)
        })
        .map(super::catalogue::Function::label);
    let adversary = &bench.contract.adversary;
    let statements = (0..adversary.statements.len()).map(|at| format!("statements[{at}]"));
    let mut all: Vec<String> = if adversary.only {
        statements.collect()
    } else {
        tables.chain(functions).chain(statements).collect()
    };
    all.dedup();
    all
}
