//! The challenges as generators of hegeltest.

use crate::Outcome;
use crate::challenge::property::{self, Expression, Heap};
use hegel::generators::{booleans, integers, vecs};
use hegel::{HealthCheck, Hegel, Settings, TestCase, Verbosity};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

/// Draws cases until one fails and shrinks it.
pub fn run(challenge: &str, seed: u64) -> Outcome {
    match challenge {
        "bound5" => least(seed, |case| {
            let lists: Vec<Vec<i16>> =
                (0..5).map(|_| case.draw(vecs(integers::<i16>()).max_size(10))).collect();
            found(property::bound5(&lists), lists)
        }),
        "large union list" => least(seed, |case| {
            let lists = nested(case);
            found(property::large_union_list(&lists), lists)
        }),
        "length list" => least(seed, |case| {
            let length = case.draw(integers::<i64>().min_value(1).max_value(100));
            let list: Vec<i64> =
                (0..length).map(|_| case.draw(integers::<i64>().min_value(0).max_value(1000))).collect();
            found(property::length_list(&list), list)
        }),
        "reverse" => least(seed, |case| {
            let list = list(case, 0);
            found(property::reverse(&list), list)
        }),
        "deletion" => least(seed, |case| {
            let list = list(case, 1);
            let element = list[case.draw(integers::<usize>().max_value(list.len() - 1))];
            found(property::deletion(&list, element), (list, element))
        }),
        "distinct" => least(seed, |case| {
            let list = list(case, 0);
            found(property::distinct(&list), list)
        }),
        "nested lists" => least(seed, |case| {
            let lists = nested(case);
            found(property::nested_lists(&lists), lists)
        }),
        "coupling" => least(seed, |case| {
            let length = case.draw(integers::<usize>().min_value(1).max_value(20));
            let list: Vec<usize> =
                (0..length).map(|_| case.draw(integers::<usize>().max_value(length - 1))).collect();
            found(property::coupling(&list), list)
        }),
        "difference 1" => least(seed, |case| difference(case, |difference| difference == 0)),
        "difference 2" => least(seed, |case| difference(case, |difference| (1..=4).contains(&difference))),
        "difference 3" => least(seed, |case| difference(case, |difference| difference == 1)),
        "binary heap" => least(seed, |case| {
            let heap = heap(case, 0, 6);
            property::binary_heap(heap.as_deref()).then(|| property::show(heap.as_deref()))
        }),
        "calculator" => least(seed, |case| {
            let expression = expression(case, 5);
            property::calculator(&expression).then(|| expression.to_string())
        }),
        other => panic!("no such challenge: {other}"),
    }
}

fn list(case: &TestCase, least: usize) -> Vec<i64> {
    let list: Vec<i32> = case.draw(vecs(integers::<i32>()).min_size(least).max_size(50));
    list.into_iter().map(i64::from).collect()
}

fn nested(case: &TestCase) -> Vec<Vec<i64>> {
    let lists: Vec<Vec<i32>> = case.draw(vecs(vecs(integers::<i32>()).max_size(20)).max_size(20));
    lists.into_iter().map(|list| list.into_iter().map(i64::from).collect()).collect()
}

fn difference(case: &TestCase, bad: fn(i64) -> bool) -> Option<String> {
    let positive = || case.draw(integers::<i64>().min_value(1).max_value(i64::from(i32::MAX)));
    let (a, b) = (positive(), positive());
    found(property::difference(a, b, bad), (a, b))
}

fn heap(case: &TestCase, least: i64, depth: usize) -> Option<Box<Heap>> {
    if depth == 0 || !case.draw(booleans()) {
        return None;
    }
    let value = case.draw(integers::<i64>().min_value(least).max_value(i64::from(i32::MAX)));
    let left = heap(case, value, depth - 1);
    let right = heap(case, value, depth - 1);
    Some(Box::new(Heap { value, left, right }))
}

fn expression(case: &TestCase, depth: usize) -> Expression {
    let kind = if depth == 0 { 0 } else { case.draw(integers::<u8>().max_value(2)) };
    let inner = || Box::new(expression(case, depth - 1));
    match kind {
        0 => Expression::Literal(i64::from(case.draw(integers::<i32>()))),
        1 => Expression::Add(inner(), inner()),
        _ => Expression::Divide(inner(), inner()),
    }
}

fn found(fails: bool, value: impl Debug) -> Option<String> {
    fails.then(|| format!("{value:?}"))
}

fn least(seed: u64, test: fn(&TestCase) -> Option<String>) -> Outcome {
    let seen: Arc<Mutex<(String, usize)>> = Arc::default();
    let kept = Arc::clone(&seen);
    let run = move || {
        Hegel::new(move |case: TestCase| {
            let result = test(&case);
            let mut kept = kept.lock().expect("no panic holds the lock");
            if result.is_some() || kept.1 > 0 {
                kept.1 += 1;
            }
            if let Some(value) = result {
                kept.0 = value;
                drop(kept);
                panic!("a counterexample");
            }
        })
        .settings(
            Settings::from_profile("base")
                .seed(Some(seed))
                .test_cases(1_000_000)
                .verbosity(Verbosity::Quiet)
                .print_blob(false)
                .database(None)
                .suppress_health_check(HealthCheck::all()),
        )
        .run();
    };
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err();
    let (value, runs) = seen.lock().expect("no panic holds the lock").clone();
    // The last run reports the result and is no part of the search.
    if failed && runs > 0 { (value, runs - 1) } else { ("not found".to_owned(), runs) }
}
