//! The run: workers with two worlds each, stages of rows, systematic programs first, then random ones.

use super::bench::{Bench, Problem, Volume};
use super::contract::{Contract, Family, Level, fill};
use super::finding::{self, Finding};
use super::oracle::{Channel, Leak};
use super::pair::{AT_WORK, Pair, Stage};
use super::program::{Changes, Kind, Program, Setting, Step, random, systematic};
use super::report::{Coverage, Report};
use super::self_check;
use super::timing::{self, Timing};
use super::verdict::{accepted, finding_of, is_new};
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
            bench.notes.iter().cloned().chain(stopped).chain(told_by_name(&more)).collect()
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
            neighbour(bench, shared, &mut pair, &programs, options, part, found_here)?;
        }
        let mut changes = Changes::new(&setting);
        // A look at what was changed costs as much as a dozen programs.
        const BETWEEN: usize = 12;
        for (at, program) in programs.iter().enumerate() {
            if !time_left() {
                break;
            }
            found_here.extend(trial(bench, shared, &mut pair, program, options)?);
            let noted = if pair.two.last_changed() { changes.note(program) } else { None };
            let next = noted.or_else(|| if at % BETWEEN == 0 { changes.later() } else { None });
            if let Some(next) = next.filter(|_| time_left()) {
                found_here.extend(trial(bench, shared, &mut pair, &next, options)?);
            }
        }
        while let Some(program) = changes.later().filter(|_| time_left()) {
            found_here.extend(trial(bench, shared, &mut pair, &program, options)?);
        }
        if worker == 0 && !checked {
            let ending: Vec<&Program> =
                programs.iter().filter(|program| !shared.ends_never(program, 1)).collect();
            self_check::identical(bench, &mut pair, &ending)?;
            checked = true;
            if bench.contract.neighbour.concurrent.is_empty() && !enough() {
                neighbour(bench, shared, &mut pair, &programs, options, deadline, found_here)?;
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
        if let Err(Problem::Harness(_)) = pair.rebuild(stage) {
            // A server that was restarted from outside: once more.
            pair.revive()?;
            pair.rebuild(stage)?;
        }
    }
    // What the other worker found meanwhile may say it all.
    found_here.retain(|finding| {
        let read = (Channel::Read, finding.object.clone());
        finding.accepted.is_some()
            || !matches!(finding.channel(), Channel::Existence | Channel::Count)
            || !lock(&shared.known).contains(&read)
            || accepted(bench, Channel::Read, &finding.object, "").is_some()
    });
    if options.fail_fast {
        // What was found in the meantime is not what was asked for.
        found_here.sort_by_key(|finding| (finding.accepted.is_some(), finding.ms));
        found_here.truncate(FIRST);
    }
    let endless = pair.one.endless().chain(pair.two.endless());
    endless.for_each(|object| _ = lock(&shared.slow).insert(object.clone(), 2));
    // Shrinking has time of its own.
    found_here.sort_by_key(|finding| (finding.accepted.is_some(), finding.channel()));
    let rest = keep_some(found_here);
    lock(&shared.more).extend(rest.iter().map(|finding| (finding.channel(), finding.object.clone())));
    let end = Instant::now() + SHRINKING.min(Duration::from_secs(4) * found_here.len() as u32);
    let count = found_here.len();
    let mut told = BTreeSet::new();
    for at in 0..count {
        // One at a time: what is not replayed when the server fails is still there.
        let mut finding = found_here.remove(0);
        let kind = (finding.accepted.is_some(), finding.channel());
        if Instant::now() > end + GRACE && told.contains(&kind) {
            lock(&shared.more).insert((finding.channel(), finding.object));
            continue;
        }
        told.insert(kind);
        let left = end.saturating_duration_since(Instant::now()) / (count - at).max(1) as u32;
        let until = Instant::now() + left.min(Duration::from_secs(8));
        if finding.program.steps.iter().any(|step| step.actor == super::program::Actor::Beside) {
            lock(&shared.findings).push(finding);
            continue;
        }
        let least = least(bench, &mut pair, &mut finding, until);
        lock(&shared.findings).push(finding);
        least?;
    }
    if worker == 0 && !options.quiet && !options.fail_fast && options.time >= TIMED {
        // Information: where it cannot be had, the run is none the worse.
        if let Ok(timings) = timed(bench, &mut pair, &parameters, options.time / 5) {
            *lock(&shared.timings) = timings;
        }
    }
    Ok(())
}

/// Shrinks a finding and replays it, in worlds with its rows.
fn least(bench: &Bench, pair: &mut Pair<'_>, finding: &mut Finding, until: Instant) -> Result<(), Problem> {
    // Its own rows first: the worlds have moved on since it was found.
    match pair.rebuild_exactly(finding.base, None, (&finding.rows.0, &finding.rows.1)) {
        Ok(()) => finding::shrink(bench, pair, finding, until),
        // Rows that cannot be written out are made as they were.
        Err(Problem::Harness(_)) => {
            pair.rebuild(finding.stage)?;
            finding::replay(bench, pair, finding)
        }
        Err(other) => Err(other),
    }
}

/// The shortest run that ends with a look at times.
const TIMED: Duration = Duration::from_secs(20);

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

/// Takes out findings that only say the same of yet another object: a slip in every one of hundreds of tables is read
/// once, and each finding costs seconds to replay. They are told by name.
fn keep_some(found: &mut Vec<Finding>) -> Vec<Finding> {
    const EACH: usize = 20;
    let mut counts = BTreeMap::<(bool, Channel), usize>::new();
    let (kept, rest) = std::mem::take(found).into_iter().partition(|finding| {
        let count = counts.entry((finding.accepted.is_some(), finding.channel())).or_default();
        *count += 1;
        *count <= EACH
    });
    *found = kept;
    rest
}

fn told_by_name(more: &BTreeSet<(Channel, String)>) -> Vec<String> {
    let mut by_channel = BTreeMap::<&str, Vec<&str>>::new();
    for (channel, object) in more {
        by_channel.entry(channel.name()).or_default().push(object);
    }
    by_channel
        .into_iter()
        .map(|(channel, objects)| {
            format!("channel {channel}, the same on {} more: {}", objects.len(), objects.join(", "))
        })
        .collect()
}

/// How many findings of a worker are kept where the first was enough.
const FIRST: usize = 3;

/// How much longer it replays what it could not shrink, before it tells more of the same by name only.
const GRACE: Duration = Duration::from_secs(20);

/// How long a worker shrinks at most.
const SHRINKING: Duration = Duration::from_secs(20);

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
    for leak in leaks {
        if !is_new(bench, &mut lock(&shared.known), &leak) {
            continue;
        }
        let mut finding =
            finding_of(bench, pair, program, &leak, (tests, shared.start.elapsed().as_millis()));
        if program.steps.len() > 1 {
            finding::fewer_steps(bench, pair, &mut finding)?;
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

/// B at work while A runs, in world 2 only.
fn neighbour(
    bench: &Bench,
    shared: &Shared,
    pair: &mut Pair<'_>,
    programs: &[Program],
    options: &Options,
    deadline: Instant,
    found: &mut Vec<Finding>,
) -> Result<(), Problem> {
    let contract = &bench.contract;
    let seen = contract.adversary.level == Level::Sql
        && (contract.sends(Family::Backends) || contract.sends(Family::Locks));
    if contract.neighbour.concurrent.is_empty() && !seen {
        return Ok(());
    }
    let mut statements = contract.neighbour.concurrent.clone();
    if statements.is_empty() {
        statements = vec![format!("SELECT '{AT_WORK}', pg_advisory_lock(7741)")];
    }
    pair.put_to_work(&statements)?;
    let mut seen_here: Vec<(&Program, Finding)> = Vec::new();
    let enough = || options.fail_fast && shared.failed.load(std::sync::atomic::Ordering::Relaxed);
    'programs: for program in
        programs.iter().filter(|program| matches!(program.kind, Kind::Requests | Kind::Transaction))
    {
        if Instant::now() > deadline || enough() {
            break;
        }
        if shared.ends_never(program, 2) {
            continue;
        }
        let mut marked = program.clone();
        marked.steps.splice(
            0..0,
            statements.iter().map(|sql| Step {
                actor: super::program::Actor::Beside,
                ..Step::new("beside", "", sql.clone())
            }),
        );
        count(shared, program);
        let revivals = (pair.one.revivals(), pair.two.revivals());
        let lost = |pair: &Pair<'_>| (pair.one.revivals(), pair.two.revivals()) != revivals;
        let leaks = pair.leaks(program)?;
        if lost(pair) {
            // B is not at work any more, and what it had committed is gone: that would look like A's doing.
            break;
        }
        lock(&shared.coverage).saw(program, pair.two.last_codes());
        for leak in leaks {
            if is_new(bench, &mut lock(&shared.known), &leak) {
                let shifted = Leak { step: leak.step + statements.len(), ..leak };
                let mut finding =
                    finding_of(bench, pair, &marked, &shifted, (0, shared.start.elapsed().as_millis()));
                finding.tests = shared.cases.load(std::sync::atomic::Ordering::Relaxed);
                // Where B must be at work for it, it is replayed here and not shrunk.
                for _ in 0..20 {
                    let again = pair.leaks(program)?;
                    finding.stable +=
                        usize::from(again.iter().any(|leak| leak.identity() == finding.identity()));
                }
                if lost(pair) {
                    lock(&shared.known).remove(&finding.identity());
                    break 'programs;
                }
                if finding.accepted.is_none() {
                    shared.failed.store(true, std::sync::atomic::Ordering::Relaxed);
                    if !options.quiet {
                        println!("  {:>6} ms  {}", finding.ms, plain(&finding.title()));
                    }
                }
                seen_here.push((program, finding));
            }
        }
    }
    pair.two.end_beside()?;
    pair.two.renew()?;
    pair.learn()?;
    // What shows without B at work is told, and shrunk, without it.
    for (program, finding) in seen_here {
        let same = pair.leaks(program)?.into_iter().find(|leak| leak.identity() == finding.identity());
        found.push(match same {
            Some(leak) => {
                Finding { tests: finding.tests, ..finding_of(bench, pair, program, &leak, (0, finding.ms)) }
            }
            None => finding,
        });
    }
    Ok(())
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
