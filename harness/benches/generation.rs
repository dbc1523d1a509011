//! Generated programs per second: from a source of choices, and from the equal proptest strategy, in one run.
//! `cargo bench -p proofhouse --bench generation`. Both build the same types with the same sizes and odds; the time
//! of proptest includes its value trees, which it cannot do without.

use proofhouse::tape::Source;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::hint::black_box;
use std::time::{Duration, Instant};

const NAMES: [&str; 6] = ["id", "name", "tags", "card", "rev", "at"];

#[derive(Clone, Debug)]
enum Value {
    Null,
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<Value>),
}

#[derive(Clone, Debug)]
enum Step {
    Get(i64),
    Put(i64, Vec<(&'static str, Value)>),
    Update(i64, &'static str, Vec<(&'static str, Value)>),
    Delete(i64),
}

fn text(source: &mut Source) -> String {
    let length = source.below(9);
    (0..length).map(|_| char::from(b'a' + source.below(26) as u8)).collect()
}

fn value(source: &mut Source, depth: usize) -> Value {
    source.span("value", |source| match source.below(if depth == 0 { 4 } else { 5 }) {
        0 => Value::Null,
        1 => Value::Flag(source.chance(50)),
        2 => Value::Number(source.integer(i64::MIN..=i64::MAX)),
        3 => Value::Text(text(source)),
        _ => {
            let length = source.below(5);
            Value::List((0..length).map(|_| value(source, depth - 1)).collect())
        }
    })
}

fn record(source: &mut Source) -> Vec<(&'static str, Value)> {
    let length = source.below(6);
    (0..length).map(|_| source.span("field", |source| (NAMES[source.below(6)], value(source, 2)))).collect()
}

fn program(source: &mut Source) -> Vec<Step> {
    let length = 1 + source.below(20);
    (0..length)
        .map(|_| {
            source.span("step", |source| match source.below(4) {
                0 => Step::Get(source.below(4096) as i64),
                1 => Step::Put(source.below(4096) as i64, record(source)),
                2 => Step::Update(source.below(4096) as i64, NAMES[source.below(6)], record(source)),
                _ => Step::Delete(source.below(4096) as i64),
            })
        })
        .collect()
}

fn strategy() -> impl Strategy<Value = Vec<Step>> {
    let text = || vec(proptest::char::range('a', 'z'), 0..9).prop_map(String::from_iter);
    let leaf = move || {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Flag),
            any::<i64>().prop_map(Value::Number),
            text().prop_map(Value::Text),
        ]
    };
    let level = move |inner: proptest::strategy::BoxedStrategy<Value>| {
        prop_oneof![4 => leaf(), 1 => vec(inner, 0..5).prop_map(Value::List)].boxed()
    };
    let value = level(level(leaf().boxed()));
    let record = vec((select(&NAMES[..]), value), 0..6);
    let key = || 0..=4095i64;
    let step = prop_oneof![
        key().prop_map(Step::Get),
        (key(), record.clone()).prop_map(|(key, record)| Step::Put(key, record)),
        (key(), select(&NAMES[..]), record).prop_map(|(key, form, record)| Step::Update(key, form, record)),
        key().prop_map(Step::Delete),
    ];
    vec(step, 1..=20)
}

/// What a program holds: keeps both sides honest about equal sizes.
fn size(value: &Value) -> usize {
    match value {
        Value::Null => 1,
        Value::Flag(flag) => 1 + usize::from(black_box(*flag)),
        Value::Number(number) => 1 + (black_box(*number) & 1) as usize,
        Value::Text(text) => text.len(),
        Value::List(list) => 1 + list.iter().map(size).sum::<usize>(),
    }
}

fn weight(program: &[Step]) -> usize {
    program
        .iter()
        .map(|step| match step {
            Step::Get(key) | Step::Delete(key) => 1 + (*key & 1) as usize,
            Step::Put(key, record) => {
                (*key & 1) as usize + record.iter().map(|(_, value)| 1 + size(value)).sum::<usize>()
            }
            Step::Update(key, form, record) => {
                (*key & 1) as usize
                    + form.len()
                    + record.iter().map(|(_, value)| 1 + size(value)).sum::<usize>()
            }
        })
        .sum()
}

/// Programs in one slice, and how many slices there are: the fastest slice counts, so that a machine which does other
/// work meanwhile does not decide. A slice has more programs than a processor can learn by heart.
const PROGRAMS: u64 = 2_000;
const SLICES: u64 = 20;

/// One side of the comparison.
#[derive(Default)]
struct Side {
    weight: usize,
    fastest: Option<Duration>,
}

impl Side {
    fn slice(&mut self, draw: impl FnMut(u64) -> Vec<Step>) {
        let start = Instant::now();
        let programs: Vec<_> = (0..PROGRAMS).map(draw).collect();
        let took = start.elapsed();
        self.fastest = Some(self.fastest.map_or(took, |fastest| fastest.min(took)));
        self.weight += black_box(programs).iter().map(|program| weight(program)).sum::<usize>();
    }

    fn rate(&self) -> f64 {
        PROGRAMS as f64 / self.fastest.unwrap_or_default().as_secs_f64()
    }
}

fn main() {
    let strategy = strategy();
    let (mut tape, mut tree) = (Side::default(), Side::default());
    for _ in 0..SLICES {
        // Each slice has the same programs again, so that the fastest is not the one with the smallest.
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        tape.slice(|seed| program(&mut Source::seeded(seed)));
        tree.slice(|_| strategy.new_tree(&mut runner).map_or_else(|_| Vec::new(), |tree| tree.current()));
    }
    let mean = |side: &Side| side.weight as f64 / (SLICES * PROGRAMS) as f64;
    println!("tape      {:>9.0} programs/s, mean weight {:.1}", tape.rate(), mean(&tape));
    println!("proptest  {:>9.0} programs/s, mean weight {:.1}", tree.rate(), mean(&tree));
    println!("ratio     {:>9.1}", tape.rate() / tree.rate());
}
