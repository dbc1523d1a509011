//! The run: workers with two worlds each, stages of rows, systematic programs first, then random ones.

use super::bench::{Bench, Problem, Volume};
use super::catalogue::Catalogue;
use super::contract::{Contract, Family, Level, fill};
use super::finding::{self, Finding};
use super::oracle::{Leak, Marks};
use super::program::{Kind, Pools, Program, Setting, Step, random, systematic};
use super::report::{Coverage, Report};
use super::self_check;
use super::world::{Rows, World};
use crate::backend::postgres::Choice;
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
    /// Whether lines about the progress are printed.
    pub quiet: bool,
}

/// Two worlds of one worker.
pub struct Pair<'bench> {
    /// World 1.
    pub one: World<'bench>,
    /// World 2.
    pub two: World<'bench>,
    /// B's values in each.
    pub marks: (Marks, Marks),
    /// The catalogue.
    pub catalogue: &'bench Catalogue,
    bench: &'bench Bench,
}

impl<'bench> Pair<'bench> {
    fn new(bench: &'bench Bench, worker: usize, stage: Stage, number: usize) -> Result<Self, Problem> {
        let one = bench.server(&format!("w{worker}-1"))?;
        let two = bench.server(&format!("w{worker}-2"))?;
        let mut pair = Self {
            one: World::new(bench, one, 1, stage.base, stage.volumes.0, number)?,
            two: World::new(bench, two, 2, stage.base, stage.volumes.1, number)?,
            marks: Default::default(),
            catalogue: &bench.catalogue,
            bench,
        };
        pair.learn()?;
        Ok(pair)
    }

    fn rebuild(&mut self, stage: Stage, number: usize) -> Result<(), Problem> {
        self.one.build(stage.base, &Rows::Volume(stage.volumes.0, number))?;
        self.two.build(stage.base, &Rows::Volume(stage.volumes.1, number))?;
        self.learn()
    }

    /// Reads rows, marks and baselines of both worlds.
    ///
    /// # Errors
    /// A world fails.
    pub fn learn(&mut self) -> Result<(), Problem> {
        self.one.learn()?;
        self.two.learn()?;
        let alike: Vec<(i64, bool)> =
            self.one.sequences.own.iter().zip(&self.two.sequences.own).map(|(a, b)| *a.max(b)).collect();
        self.one.learn_all(&alike)?;
        self.two.learn_all(&alike)?;
        let words: Vec<Vec<String>> =
            self.bench.words.iter().map(|words| words.values().cloned().collect()).collect();
        let of = |world: &World<'_>| {
            Marks::new(&self.bench.catalogue, &world.rows, &world.owners, &world.public, &words)
        };
        self.marks = (of(&self.one), of(&self.two));
        Ok(())
    }

    fn pools(&self) -> Pools {
        let mut pools = Pools::new(self.catalogue, &self.bench.contract);
        for world in [&self.two, &self.one] {
            pools.add(self.catalogue, &self.bench.contract, &world.rows.tables, &world.owners);
        }
        pools
    }
}

/// Rows of a stage.
#[derive(Clone, Copy, Debug)]
struct Stage {
    base: usize,
    volumes: (Volume, Volume),
}

const STAGES: [Stage; 5] = [
    Stage { base: 0, volumes: (Volume::None, Volume::Few) },
    Stage { base: 0, volumes: (Volume::Few, Volume::Other) },
    Stage { base: 1, volumes: (Volume::None, Volume::Few) },
    Stage { base: 0, volumes: (Volume::Few, Volume::Many) },
    Stage { base: 1, volumes: (Volume::Few, Volume::Other) },
];

/// What workers share.
struct Shared {
    start: Instant,
    findings: Mutex<Vec<Finding>>,
    known: Mutex<BTreeSet<(super::oracle::Channel, String)>>,
    cases: std::sync::atomic::AtomicUsize,
    coverage: Mutex<Coverage>,
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
            println!("note: {note}");
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
    for outcome in outcomes {
        outcome?;
    }
    let mut findings = shared.findings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    findings.sort_by_key(|finding| (finding.accepted.is_some(), finding.channel(), finding.tests));
    let coverage = shared.coverage.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let cases = shared.cases.into_inner();
    if cases == 0 {
        return Err(Problem::Harness(
            "no program was run: the time is too short, or the role may use nothing".to_owned(),
        ));
    }
    let report = Report {
        contract: bench.contract.name(),
        backend: bench.backend.clone(),
        findings,
        cases,
        seed: options.seed,
        ms: start.elapsed().as_millis(),
        coverage,
        objects: objects(&bench),
        empty: bench.empty.clone(),
        notes: bench.notes.clone(),
    };
    report.save(&bench, options).map_err(|error| Problem::Harness(format!("report: {error}")))?;
    Ok(report)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn work(bench: &Bench, shared: &Shared, options: &Options, worker: usize) -> Result<(), Problem> {
    let jobs = options.jobs.max(1);
    let mut turn = worker;
    let number = (options.seed % 7) as usize;
    let mut pair = Pair::new(bench, worker, STAGES[turn % STAGES.len()], number)?;
    if worker == 0 {
        self_check::planted(bench, &mut pair)?;
    }
    // The time is for looking: servers and rows are there.
    let deadline = Instant::now() + options.time;
    let parameters = parameters(bench, &mut pair);
    let mut found_here: Vec<Finding> = Vec::new();
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
        let mut programs = systematic(&setting);
        programs.extend(unaligned(&programs));
        let stage_end = Instant::now() + options.time / 4;
        let until = if round == 0 { deadline } else { deadline.min(stage_end) };
        let time_left = |found: &[Finding]| Instant::now() + reserve(options.time, found.len()) < until;
        for program in &programs {
            if !time_left(&found_here) {
                break;
            }
            found_here.extend(trial(bench, shared, &mut pair, program, options)?);
        }
        if worker == 0 && !checked {
            self_check::identical(bench, &mut pair, &programs)?;
            checked = true;
            neighbour(bench, shared, &mut pair, &programs, options, deadline, &mut found_here)?;
        }
        if round > 0 || turn >= jobs {
            let mut source = Source::seeded(options.seed.wrapping_mul(1_000_003).wrapping_add(turn as u64));
            for _ in 0..400 {
                if !time_left(&found_here) {
                    break;
                }
                let Some(program) = random(&setting, &programs, &mut source) else { break };
                found_here.extend(trial(bench, shared, &mut pair, &program, options)?);
            }
        }
        if Instant::now() + reserve(options.time, found_here.len()) >= deadline {
            break;
        }
        turn += jobs;
        pair.rebuild(STAGES[turn % STAGES.len()], number + turn)?;
    }
    let end = deadline.max(Instant::now() + Duration::from_millis(1500));
    found_here.sort_by_key(|finding| (finding.accepted.is_some(), finding.channel()));
    let count = found_here.len();
    for (at, mut finding) in found_here.into_iter().enumerate() {
        let left = end.saturating_duration_since(Instant::now()) / (count - at).max(1) as u32;
        let until = Instant::now() + left.min(Duration::from_secs(6));
        if finding.program.steps.iter().any(|step| step.actor == super::program::Actor::Beside) {
            lock(&shared.findings).push(finding);
            continue;
        }
        // Its own rows first: the worlds have moved on since it was found.
        pair.one.build(finding.base, &Rows::Exactly { base: None, own: finding.rows.0.clone() })?;
        pair.two.build(finding.base, &Rows::Exactly { base: None, own: finding.rows.1.clone() })?;
        pair.learn()?;
        finding::shrink(bench, &mut pair, &mut finding, until)?;
        lock(&shared.findings).push(finding);
    }
    Ok(())
}

/// Time to keep for shrinking.
fn reserve(total: Duration, findings: usize) -> Duration {
    (Duration::from_millis(900) * findings as u32).min(total / 3)
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

/// Programs whose numbers may come from a sequence, with sequences as each world's rows left them.
fn unaligned(programs: &[Program]) -> Vec<Program> {
    programs
        .iter()
        .filter(|program| {
            program.kind == Kind::Requests
                && program.steps.iter().any(|step| {
                    matches!(step.verb.as_str(), "function" | "statement" | "sequence")
                        || step.verb == "insert" && step.sql.contains("RETURNING")
                })
        })
        .map(|program| Program { unaligned: true, ..program.clone() })
        .collect()
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
    let tests = shared.cases.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
    let mut leaks = pair.leaks(program)?;
    lock(&shared.coverage).saw(program, pair.two.last_codes());
    if program.unaligned && !leaks.is_empty() {
        // What goes away when sequences stand alike is theirs.
        let aligned = pair.leaks(&Program { unaligned: false, ..program.clone() })?;
        leaks.retain(|leak| !aligned.iter().any(|other| other.step == leak.step && !leak.direct));
        for leak in leaks.iter_mut().filter(|leak| !leak.direct) {
            leak.channels = vec![super::oracle::Channel::Sequence];
        }
    }
    let mut found = Vec::new();
    for leak in leaks {
        if !lock(&shared.known).insert(leak.identity()) {
            continue;
        }
        let mut finding = finding_of(bench, shared, pair, program, &leak, tests);
        if program.steps.len() > 1 {
            finding::fewer_steps(bench, pair, &mut finding)?;
        }
        if !options.quiet && finding.accepted.is_none() {
            println!("  {:>6} ms  {}", finding.ms, finding.title());
        }
        found.push(finding);
    }
    Ok(found)
}

fn finding_of(
    bench: &Bench,
    shared: &Shared,
    pair: &Pair<'_>,
    program: &Program,
    leak: &Leak,
    tests: usize,
) -> Finding {
    let allow = &bench.contract.allow;
    let object = leak.object.clone();
    let accepted = allow
        .iter()
        .find(|(key, _)| match key.split_once('@') {
            None => key.as_str() == leak.channel().name(),
            Some((channel, what)) => {
                channel == leak.channel().name()
                    && (what == object
                        || what.rsplit('.').next() == Some(object.as_str())
                        || names(program, leak.step, what))
            }
        })
        .map(|(_, reason)| reason.clone());
    let base = pair.two.base();
    Finding {
        channels: leak.channels.clone(),
        hint: hint(bench, program, &object),
        object,
        program: program.clone(),
        step: leak.step,
        seen: leak.seen.clone(),
        base,
        base_rows: bench.base_rows[base].clone(),
        rows: (pair.one.made.clone(), pair.two.made.clone()),
        shrink: (0, 0, 0),
        stable: 0,
        tests,
        ms: shared.start.elapsed().as_millis(),
        accepted,
    }
}

/// Whether the allowed object is the step's own, by another of its names.
fn names(program: &Program, step: usize, what: &str) -> bool {
    program.steps.get(step).is_some_and(|step| step.object == what)
}

/// A fact about the object, or about one that the program names.
fn hint(bench: &Bench, program: &Program, object: &str) -> Option<String> {
    let hints = &bench.catalogue.hints;
    let general = hints.iter().find(|(about, _)| about.is_empty());
    let exact = hints.iter().find(|(about, text)| {
        about == object || !object.is_empty() && text.starts_with(&format!("{object} "))
    });
    let near = hints.iter().find(|(about, _)| {
        !about.is_empty()
            && program
                .steps
                .iter()
                .any(|step| step.object == *about || step.sql.contains(&format!("{about}(")))
    });
    general.or(exact).or(near).map(|(_, text)| text.clone())
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
        statements = vec!["SELECT 'zebra-at-work-7741', pg_advisory_lock(7741)".to_owned()];
    }
    pair.two.begin_beside(&statements)?;
    pair.marks.1.add("zebra-at-work-7741");
    for program in
        programs.iter().filter(|program| matches!(program.kind, Kind::Requests | Kind::Transaction))
    {
        if Instant::now() + reserve(options.time, found.len()) > deadline {
            break;
        }
        let mut marked = program.clone();
        marked.steps.splice(
            0..0,
            statements.iter().map(|sql| Step {
                actor: super::program::Actor::Beside,
                ..Step::new("beside", "", sql.clone())
            }),
        );
        let leaks = pair.leaks(program)?;
        for leak in leaks {
            if lock(&shared.known).insert(leak.identity()) {
                let shifted = Leak { step: leak.step + statements.len(), ..leak };
                let mut finding = finding_of(bench, shared, pair, &marked, &shifted, 0);
                finding.tests = shared.cases.load(std::sync::atomic::Ordering::Relaxed);
                // B must be at work for it, so it is replayed here and not shrunk.
                for _ in 0..20 {
                    let again = pair.leaks(program)?;
                    finding.stable +=
                        usize::from(again.iter().any(|leak| leak.identity() == finding.identity()));
                }
                if !options.quiet && finding.accepted.is_none() {
                    println!("  {:>6} ms  {}", finding.ms, finding.title());
                }
                found.push(finding);
            }
        }
    }
    pair.two.end_beside()?;
    pair.two.renew()?;
    pair.learn()?;
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
    let mut all: Vec<String> = tables.chain(functions).collect();
    all.dedup();
    all
}
