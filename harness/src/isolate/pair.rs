//! Two worlds of one worker, and how their rows are made.

use super::bench::{Bench, Problem, Volume};
use super::catalogue::Catalogue;
use super::contract::Contract;
use super::data::Made;
use super::oracle::Marks;
use super::program::{Actor, Kind, Pools, Program, Step};
use super::world::{Rows, World, parted};

/// What B's statement says while A runs, where the contract gives none.
pub const AT_WORK: &str = "zebra-at-work-7741";

/// Two worlds of one worker.
pub struct Pair<'bench> {
    /// World 1.
    pub one: World<'bench>,
    /// World 2.
    pub two: World<'bench>,
    /// How its rows were made last.
    pub(super) stage: Stage,
    /// B's values in each.
    pub marks: (Marks, Marks),
    /// The catalogue.
    pub catalogue: &'bench Catalogue,
    bench: &'bench Bench,
}

impl<'bench> Pair<'bench> {
    pub(super) fn new(bench: &'bench Bench, worker: usize, stage: Stage) -> Result<Self, Problem> {
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

    /// Two worlds with exactly these rows.
    ///
    /// # Errors
    /// A row is refused, or a server fails.
    pub fn exactly(bench: &'bench Bench, given: &[Made], own: (&[Made], &[Made])) -> Result<Self, Problem> {
        let rows = |own: &[Made]| Rows::Exactly { base: Some(given.to_vec()), own: own.to_vec() };
        let one = World::with(bench, bench.server("replay-1")?, 1, 0, &rows(own.0))?;
        let two = World::with(bench, bench.server("replay-2")?, 2, 0, &rows(own.1))?;
        let stage = Stage::default();
        let mut pair =
            Self { one, two, stage, marks: Default::default(), catalogue: &bench.catalogue, bench };
        pair.learn()?;
        Ok(pair)
    }

    /// Puts B to work in world 2 where the program says so.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn start_beside(&mut self, program: &Program) -> Result<(), Problem> {
        if program.kind == Kind::Session {
            return Ok(());
        }
        let beside = |step: &&Step| step.actor == Actor::Beside;
        let statements: Vec<String> =
            program.steps.iter().filter(beside).map(|step| step.sql.clone()).collect();
        if statements.is_empty() { Ok(()) } else { self.put_to_work(&statements) }
    }

    /// B begins to work in world 2. What it commits is its own doing, not A's.
    pub(super) fn put_to_work(&mut self, statements: &[String]) -> Result<(), Problem> {
        self.two.begin_beside(statements)?;
        self.two.learn()?;
        self.two.learn_digest()?;
        self.marks.1 = self.marks_of(&self.two);
        self.marks.1.add(AT_WORK);
        Ok(())
    }

    pub(super) fn revive(&mut self) -> Result<(), Problem> {
        self.one.revive()?;
        self.two.revive()
    }

    pub(super) fn rebuild(&mut self, stage: Stage) -> Result<(), Problem> {
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

    pub(super) fn contract(&self) -> &'bench Contract {
        &self.bench.contract
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
        self.marks = (self.marks_of(&self.one), self.marks_of(&self.two));
        Ok(())
    }

    /// Tables in which a program that just ran did otherwise to A's own rows in one world than in the other, though its
    /// answers may be alike. Where it seems so, it runs once more in world 1, to tell noise.
    ///
    /// # Errors
    /// A world fails.
    pub fn parted(&mut self, program: &Program) -> Result<Vec<usize>, Problem> {
        let (one, two) = (self.one.last_effects().to_vec(), self.two.last_effects().to_vec());
        if parted(&one, &one, &two).is_empty() {
            return Ok(Vec::new());
        }
        self.one.run(program)?;
        Ok(parted(&one, self.one.last_effects(), &two))
    }

    fn marks_of(&self, world: &World<'_>) -> Marks {
        let words: Vec<Vec<String>> =
            self.bench.words.iter().map(|words| words.values().cloned().collect()).collect();
        let Self { bench, .. } = self;
        Marks::new(&bench.catalogue, &world.rows, &world.owners, &world.public, &words, &bench.secrets)
    }

    pub(super) fn pools(&self) -> Pools {
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// Which base the worlds are made from.
    pub(super) base: usize,
    /// How many rows B has in each.
    pub(super) volumes: (Volume, Volume),
    /// Where their numbers begin.
    pub(super) number: usize,
}
