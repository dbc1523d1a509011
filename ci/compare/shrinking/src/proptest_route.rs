//! The challenges as proptest strategies.

use crate::Outcome;
use crate::challenge::property::{self, Expression, Heap};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::Cell;
use std::fmt::Debug;

/// Draws cases until one fails and shrinks it.
pub fn run(challenge: &str, seed: u64) -> Outcome {
    // Equal numbers of 32 bits never come by luck: some are small, as the other two routes draw them.
    let int = || prop_oneof![any::<i32>().prop_map(i64::from), -32..=32i64];
    let nested = || vec(vec(int(), 0..=20), 0..=20);
    let positive = || (1..=i64::from(i32::MAX), 1..=i64::from(i32::MAX));
    match challenge {
        "bound5" => least(seed, vec(vec(any::<i16>(), 0..=10), 5), |lists| property::bound5(lists), debug),
        "large union list" => least(seed, nested(), |lists| property::large_union_list(lists), debug),
        "length list" => {
            let lists = (1..=100usize).prop_flat_map(|length| vec(0..=1000i64, length));
            least(seed, lists, |list| property::length_list(list), debug)
        }
        "reverse" => least(seed, vec(int(), 0..=50), |list| property::reverse(list), debug),
        "deletion" => {
            let pairs = vec(int(), 1..=50).prop_flat_map(|list| {
                let indexes = 0..list.len();
                (Just(list), indexes).prop_map(|(list, index)| (list.clone(), list[index]))
            });
            least(seed, pairs, |(list, element)| property::deletion(list, *element), debug)
        }
        "distinct" => least(seed, vec(int(), 0..=50), |list| property::distinct(list), debug),
        "nested lists" => least(seed, nested(), |lists| property::nested_lists(lists), debug),
        "coupling" => {
            let lists = (1..=20usize).prop_flat_map(|length| vec(0..length, length));
            least(seed, lists, |list| property::coupling(list), debug)
        }
        "difference 1" => {
            least(seed, near(positive()), |&(a, b)| property::difference(a, b, |d| d == 0), debug)
        }
        "difference 2" => least(
            seed,
            near(positive()),
            |&(a, b)| property::difference(a, b, |d| (1..=4).contains(&d)),
            debug,
        ),
        "difference 3" => {
            least(seed, near(positive()), |&(a, b)| property::difference(a, b, |d| d == 1), debug)
        }
        "binary heap" => least(
            seed,
            heap(0, 6),
            |heap| property::binary_heap(heap.as_deref()),
            |heap| property::show(heap.as_deref()),
        ),
        "calculator" => least(seed, expression(), property::calculator, Expression::to_string),
        other => panic!("no such challenge: {other}"),
    }
}

/// Two numbers of 31 bits are never near each other by luck: half of the pairs are small.
fn near(pairs: impl Strategy<Value = (i64, i64)> + 'static) -> impl Strategy<Value = (i64, i64)> {
    prop_oneof![pairs, (1..=32i64, 1..=32i64)]
}

fn heap(least: i64, depth: usize) -> proptest::strategy::BoxedStrategy<Option<Box<Heap>>> {
    if depth == 0 {
        return Just(None).boxed();
    }
    let node = (least..=i64::from(i32::MAX)).prop_flat_map(move |value| {
        (heap(value, depth - 1), heap(value, depth - 1))
            .prop_map(move |(left, right)| Some(Box::new(Heap { value, left, right })))
    });
    prop_oneof![2 => Just(None), 3 => node].boxed()
}

fn expression() -> impl Strategy<Value = Expression> {
    any::<i32>().prop_map(|value| Expression::Literal(i64::from(value))).prop_recursive(5, 64, 2, |inner| {
        let pair = || (inner.clone(), inner.clone());
        prop_oneof![
            pair().prop_map(|(a, b)| Expression::Add(Box::new(a), Box::new(b))),
            pair().prop_map(|(a, b)| Expression::Divide(Box::new(a), Box::new(b))),
        ]
    })
}

fn debug(value: &impl Debug) -> String {
    format!("{value:?}")
}

fn least<S: Strategy>(
    seed: u64,
    strategy: S,
    fails: impl Fn(&S::Value) -> bool,
    show: impl Fn(&S::Value) -> String,
) -> Outcome {
    let config = Config {
        cases: 10_000_000,
        failure_persistence: None,
        max_shrink_iters: 10_000,
        verbose: 0,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let runs = Cell::new(0);
    let result = TestRunner::new_with_rng(config, rng).run(&strategy, |value| {
        let bad = fails(&value);
        if bad || runs.get() > 0 {
            runs.set(runs.get() + 1);
        }
        if bad { Err(TestCaseError::fail("")) } else { Ok(()) }
    });
    match result {
        Err(TestError::Fail(_, value)) => (show(&value), runs.get()),
        _ => ("not found".to_owned(), 0),
    }
}
