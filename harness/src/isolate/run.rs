//! The run: workers with two worlds each, stages of rows, systematic programs first, then random ones.

use super::bench::{Bench, Problem, Volume};
use super::catalogue::Catalogue;
use super::contract::{Contract, Family, Level, fill};
use super::data::Made;
use super::finding::{self, Finding};
use super::oracle::{Channel, Leak, Marks};
use super::program::{Changes, Kind, Pools, Program, Setting, Step, column_of, random, systematic};
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
    /// Whether to stop looking at the first finding that is not accepted.
    pub fail_fast: bool,
    /// Whether lines about the progress are printed.
    pub quiet: bool,
}

/// Two worlds of one worker.
pub struct Pair<'bench> {
    /// World 1.
    pub one: World<'bench>,
    /// World 2.
    pub two: World<'bench>,
    /// How its rows were made last.
    stage: Stage,
    /// B's values in each.
    pub marks: (Marks, Marks),
    /// The catalogue.
    pub catalogue: &'bench Catalogue,
    bench: &'bench Bench,
}

impl<'bench> Pair<'bench> {
    fn new(bench: &'bench Bench, worker: usize, stage: Stage) -> Result<Self, Problem> {
        // Not at once: the kernel stops a server when the thread that started it ends.
        let one = bench.server(&format!("w{worker}-1"))?;
        let two = bench.server(&format!("w{worker}-2"))?;
        let (one, two) = both(
            || World::new(bench, one, 1, stage.base, stage.volumes.0, stage.number),
            || World::new(bench, two, 2, stage.base, stage.volumes.1, stage.number),
        );
        let mut pair = Self {
            one: one?,
            two: two?,
            stage,
            marks: Default::default(),
            catalogue: &bench.catalogue,
            bench,
        };
        pair.learn()?;
        Ok(pair)
    }

    fn rebuild(&mut self, stage: Stage) -> Result<(), Problem> {
        self.stage = stage;
        let (one, two) = both(
            || self.one.build(stage.base, &Rows::Volume(stage.volumes.0, stage.number)),
            || self.two.build(stage.base, &Rows::Volume(stage.volumes.1, stage.number)),
        );
        one.and(two)?;
        self.learn()
    }

    /// Makes both worlds anew with exactly these rows, for a few programs.
    ///
    /// # Errors
    /// A row is refused, or a world fails.
    pub fn rebuild_exactly(
        &mut self,
        base: usize,
        given: Option<&Vec<Made>>,
        own: (&[Made], &[Made]),
    ) -> Result<(), Problem> {
        let rows = |own: &[Made]| Rows::Exactly { base: given.cloned(), own: own.to_vec() };
        let (one, two) = both(
            || self.one.build_unless_so(base, &rows(own.0)),
            || self.two.build_unless_so(base, &rows(own.1)),
        );
        if one? | two? {
            self.learn()?;
        }
        Ok(())
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
            Marks::new(
                &self.bench.catalogue,
                &world.rows,
                &world.owners,
                &world.public,
                &words,
                &self.bench.secrets,
            )
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

/// Two things at once.
fn both<A: Send, B: Send>(one: impl FnOnce() -> A + Send, two: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let two = two();
        match one.join() {
            Ok(one) => (one, two),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Rows of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Which base the worlds are made from.
    base: usize,
    /// How many rows B has in each.
    volumes: (Volume, Volume),
    /// Where their numbers begin.
    number: usize,
}

const STAGES: [Stage; 5] = [
    Stage { base: 0, volumes: (Volume::None, Volume::Few), number: 0 },
    Stage { base: 0, volumes: (Volume::Few, Volume::Other), number: 0 },
    Stage { base: 1, volumes: (Volume::None, Volume::Few), number: 0 },
    Stage { base: 0, volumes: (Volume::Few, Volume::Many), number: 0 },
    Stage { base: 1, volumes: (Volume::Few, Volume::Other), number: 0 },
];

/// What workers share.
struct Shared {
    start: Instant,
    findings: Mutex<Vec<Finding>>,
    known: Mutex<BTreeSet<(Channel, String)>>,
    cases: std::sync::atomic::AtomicUsize,
    coverage: Mutex<Coverage>,
    failed: std::sync::atomic::AtomicBool,
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
        failed: std::sync::atomic::AtomicBool::new(false),
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
    let mut pair = Pair::new(bench, worker, Stage { number, ..STAGES[turn % STAGES.len()] })?;
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
        let enough = || options.fail_fast && shared.failed.load(std::sync::atomic::Ordering::Relaxed);
        let time_left = || Instant::now() < until && !enough();
        let mut changes = Changes::default();
        for program in &programs {
            if !time_left() {
                break;
            }
            found_here.extend(trial(bench, shared, &mut pair, program, options)?);
            if pair.two.last_changed() {
                changes.note(program);
            }
        }
        for program in changes.followed(&setting) {
            if !time_left() {
                break;
            }
            found_here.extend(trial(bench, shared, &mut pair, &program, options)?);
        }
        if worker == 0 && !checked {
            self_check::identical(bench, &mut pair, &programs)?;
            checked = true;
            neighbour(bench, shared, &mut pair, &programs, options, deadline, &mut found_here)?;
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
        pair.rebuild(Stage { number: number + turn, ..STAGES[turn % STAGES.len()] })?;
    }
    // What the other worker found meanwhile may say it all.
    found_here.retain(|finding| {
        let read = (Channel::Read, finding.object.clone());
        finding.accepted.is_some()
            || !matches!(finding.channel(), Channel::Existence | Channel::Count)
            || !lock(&shared.known).contains(&read)
            || accepted(bench, Channel::Read, &finding.object, "").is_some()
    });
    // Shrinking has time of its own.
    found_here.sort_by_key(|finding| (finding.accepted.is_some(), finding.channel()));
    let end = Instant::now() + SHRINKING.min(Duration::from_secs(4) * found_here.len() as u32);
    let count = found_here.len();
    for (at, mut finding) in found_here.into_iter().enumerate() {
        let left = end.saturating_duration_since(Instant::now()) / (count - at).max(1) as u32;
        let until = Instant::now() + left.min(Duration::from_secs(8));
        if finding.program.steps.iter().any(|step| step.actor == super::program::Actor::Beside) {
            lock(&shared.findings).push(finding);
            continue;
        }
        // Its own rows first: the worlds have moved on since it was found.
        match pair.rebuild_exactly(finding.base, None, (&finding.rows.0, &finding.rows.1)) {
            Ok(()) => finding::shrink(bench, &mut pair, &mut finding, until)?,
            // Rows that cannot be written out are made as they were.
            Err(Problem::Harness(_)) => {
                pair.rebuild(finding.stage)?;
                finding::replay(bench, &mut pair, &mut finding)?;
            }
            Err(other) => return Err(other),
        }
        lock(&shared.findings).push(finding);
    }
    Ok(())
}

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
            leak.channels = vec![Channel::Sequence];
        }
    }
    let mut found = Vec::new();
    for leak in leaks {
        if !is_new(bench, &mut lock(&shared.known), &leak) {
            continue;
        }
        let mut finding = finding_of(bench, shared, pair, program, &leak, tests);
        if program.steps.len() > 1 {
            finding::fewer_steps(bench, pair, &mut finding)?;
        }
        if finding.accepted.is_none() {
            shared.failed.store(true, std::sync::atomic::Ordering::Relaxed);
            if !options.quiet {
                println!("  {:>6} ms  {}", finding.ms, finding.title());
            }
        }
        found.push(finding);
    }
    Ok(found)
}

/// Whether the leak says something that is not known: who reads an object's rows learns how many they are, too.
fn is_new(bench: &Bench, known: &mut BTreeSet<(Channel, String)>, leak: &Leak) -> bool {
    let read = (Channel::Read, leak.object.clone());
    let implied = matches!(leak.channel(), Channel::Existence | Channel::Count)
        && known.contains(&read)
        && accepted(bench, Channel::Read, &leak.object, "").is_none();
    !implied && known.insert(leak.identity())
}

/// The reason for which the contract accepts a channel on an object, which a statement may know by another name.
fn accepted(bench: &Bench, channel: Channel, object: &str, addressed: &str) -> Option<String> {
    let names = |what: &str| {
        what == object || what.rsplit('.').next() == Some(object) || what == addressed || {
            // A column stands for the constraints that hold it.
            column_of(&bench.catalogue, what).is_some_and(|(table, column)| {
                bench.catalogue.tables[table]
                    .constraints
                    .iter()
                    .any(|c| c.name == object && c.columns.contains(&column))
            })
        }
    };
    let fits = |key: &str| match key.split_once('@') {
        None => key == channel.name(),
        Some((name, what)) => name == channel.name() && names(what),
    };
    bench.contract.allow.iter().find(|(key, _)| fits(key)).map(|(_, reason)| reason.clone())
}

fn finding_of(
    bench: &Bench,
    shared: &Shared,
    pair: &Pair<'_>,
    program: &Program,
    leak: &Leak,
    tests: usize,
) -> Finding {
    let object = leak.object.clone();
    let addressed = program.steps.get(leak.step).map_or("", |step| step.object.as_str());
    let accepted = accepted(bench, leak.channel(), &object, addressed);
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
        stage: pair.stage,
        shrink: (0, 0, 0),
        stable: 0,
        tests,
        ms: shared.start.elapsed().as_millis(),
        accepted,
    }
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
        if Instant::now() > deadline {
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
            if is_new(bench, &mut lock(&shared.known), &leak) {
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
