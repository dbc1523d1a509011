use super::cache::Cache;
use super::search::grow;
use super::*;
use crate::tape::Pool;
use std::cell::Cell;

fn list(source: &mut Source) -> Vec<i64> {
    source.list("list", 0..=50, |source| source.integer(-1_000_000..=1_000_000))
}

/// The tape of the first seed whose value fails.
fn failing<T>(generate: impl Fn(&mut Source) -> T, fails: impl Fn(&T) -> bool) -> Tape {
    (0..)
        .find_map(|seed| {
            let mut source = Source::seeded(seed);
            let value = generate(&mut source);
            fails(&value).then(|| source.into_tape())
        })
        .expect("some seed fails")
}

fn two_large(list: &[i64]) -> bool {
    list.iter().filter(|value| value.abs() > 1000).count() >= 2
}

#[test]
fn the_same_tape_and_test_give_the_same_result() {
    let tape = failing(list, |list| two_large(list));
    let run = || shrink(tape.clone(), &Budget::default(), |source| two_large(&list(source)));
    let shrunk = run();
    assert_eq!(list(&mut Source::replay(shrunk.tape.clone())), [1001, 1001]);
    assert_eq!(shrunk.stopped, Stopped::FixedPoint);
    assert_eq!(shrunk, run());
}

#[test]
fn the_result_is_interesting_also_when_the_evaluations_end() {
    let tape = failing(list, |list| list.len() > 20 && two_large(list));
    for evaluations in 1..60 {
        let budget = Budget { evaluations, ..Budget::default() };
        let shrunk = shrink(tape.clone(), &budget, |source| two_large(&list(source)));
        assert!(shrunk.evaluations <= evaluations);
        assert!(two_large(&list(&mut Source::replay(shrunk.tape.clone()))));
        assert_eq!(shrunk.stopped == Stopped::Evaluations, shrunk.evaluations == evaluations);
    }
}

#[test]
fn a_search_without_time_says_so_and_leaves_the_tape() {
    let tape = failing(list, |list| two_large(list));
    let budget = Budget { evaluations: 1000, time: Duration::ZERO };
    let shrunk = shrink(tape.clone(), &budget, |source| two_large(&list(source)));
    assert_eq!((shrunk.tape, shrunk.evaluations, shrunk.stopped), (tape, 0, Stopped::Time));
}

#[test]
fn a_tape_that_is_not_interesting_comes_back_as_it_was() {
    let tape = failing(list, |list| two_large(list));
    let shrunk = shrink(tape.clone(), &Budget::default(), |source| {
        list(source);
        false
    });
    assert_eq!((shrunk.tape, shrunk.evaluations, shrunk.stopped), (tape, 1, Stopped::FixedPoint));
    assert_eq!(shrunk.passes, [""; 0]);
}

#[test]
fn no_case_is_run_twice() {
    let tape = failing(list, |list| list.len() > 10 && two_large(list));
    let mut seen = std::collections::BTreeMap::new();
    shrink(tape, &Budget::default(), |source| {
        let value = list(source);
        *seen.entry(value.clone()).or_insert(0) += 1;
        two_large(&value)
    });
    let repeated: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(repeated.is_empty(), "{repeated:?}");
}

#[test]
fn a_discarded_case_is_not_interesting_and_does_not_stop_the_search() {
    let generate = |source: &mut Source| Some(list(source)).filter(|list| list.len() % 2 == 0);
    let fails = |list: &Option<Vec<i64>>| list.as_ref().is_some_and(|list| list.len() >= 3);
    let shrunk = shrink(failing(generate, fails), &Budget::default(), |source| fails(&generate(source)));
    assert_eq!(generate(&mut Source::replay(shrunk.tape)), Some(vec![0; 4]));
}

#[test]
fn a_tape_from_text_shrinks_like_the_tape_itself() {
    let tape = failing(list, |list| two_large(list));
    let flat = Tape::from_hint(&tape.to_hint()).expect("a hint");
    let run = |tape| shrink(tape, &Budget::default(), |source| two_large(&list(source)));
    assert_eq!(run(flat), run(tape));
}

#[test]
fn a_panic_that_is_caught_in_the_test_leaves_a_tape_that_shrinks() {
    let fails = |source: &mut Source| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            source.span("outer", |source| {
                let list = list(source);
                // Resumed, not raised: prints nothing.
                if two_large(&list) {
                    std::panic::resume_unwind(Box::new("two large ones"));
                }
            });
        }))
        .is_err()
    };
    let tape = (0..)
        .find_map(|seed| {
            let mut source = Source::seeded(seed);
            fails(&mut source).then(|| source.into_tape())
        })
        .expect("some seed fails");
    let shrunk = shrink(tape, &Budget::default(), fails);
    assert_eq!(list(&mut Source::replay(shrunk.tape.flat())), [1001, 1001]);
}

#[test]
fn a_boolean_is_turned_off_with_what_depended_on_it_though_no_span_says_so() {
    let generate = |source: &mut Source| {
        let extra = source.chance(50).then(|| (source.integer(5..=900), source.integer(0..=900)));
        (extra, source.integer(0..=900))
    };
    let fails = |value: &(Option<(i64, i64)>, i64)| value.1 == 777;
    let mut source = Source::replay(Tape::from_hint("1 400 300 777").expect("a hint"));
    assert!(fails(&generate(&mut source)));
    let shrunk = shrink(source.into_tape(), &Budget::default(), |source| fails(&generate(source)));
    assert_eq!(generate(&mut Source::replay(shrunk.tape)), (None, 777));
}

#[test]
fn keys_from_a_pool_shrink_to_one_key() {
    let generate = |source: &mut Source| {
        let mut pool = Pool::new();
        source.list("key", 0..=30, |source| {
            source.span("key", |source| pool.draw(source, 50, |source| source.integer(0..=4095)))
        })
    };
    let fails =
        |keys: &Vec<i64>| keys.iter().any(|key| keys.iter().filter(|other| *other == key).count() >= 3);
    for seed in 0..30 {
        let tape = (0..)
            .find_map(|case| {
                let mut source = Source::seeded(seed << 32 | case);
                fails(&generate(&mut source)).then(|| source.into_tape())
            })
            .expect("some case fails");
        let shrunk = shrink(tape, &Budget::default(), |source| fails(&generate(source)));
        assert_eq!(generate(&mut Source::replay(shrunk.tape)), [0, 0, 0], "seed {seed}");
    }
}

#[test]
fn a_long_tape_shrinks_within_its_budget() {
    let generate = |source: &mut Source| {
        let length = source.integer(0..=3000);
        (0..length).map(|_| source.integer(0..=1000)).collect::<Vec<_>>()
    };
    let fails = |list: &Vec<i64>| list.iter().filter(|value| **value > 990).count() >= 2;
    let shrunk =
        shrink(failing(generate, |list| list.len() > 2000 && fails(list)), &Budget::default(), |source| {
            fails(&generate(source))
        });
    assert_eq!(generate(&mut Source::replay(shrunk.tape)), [991, 991]);
}

#[test]
fn the_cache_knows_a_candidate_by_what_a_replay_would_read() {
    let mut source = Source::replay(Tape::from_hint("1 5 0").expect("a hint"));
    list(&mut source);
    let tape = source.into_tape();
    let mut cache = Cache::default();
    cache.insert(&tape, true);
    assert_eq!(cache.get(&tape), Some((true, 3)));
    // Values behind the end of the list are never read; another value in it is.
    assert_eq!(cache.get(&Tape::from_hint("1 5 0 77 3").expect("a hint")), Some((true, 3)));
    assert_eq!(cache.get(&Tape::from_hint("1 5").expect("a hint")), Some((true, 3)));
    assert_eq!(cache.get(&Tape::from_hint("1 6 0").expect("a hint")), None);
}

#[test]
fn growing_takes_a_logarithm_and_finds_the_largest_step() {
    for largest in [0, 1, 2, 3, 7, 100, 1000] {
        let calls = Cell::new(0);
        let found = grow(1000, |step| {
            calls.set(calls.get() + 1);
            step <= largest
        });
        assert_eq!(found, largest);
        assert!(calls.get() <= 20, "{largest}: {}", calls.get());
    }
}

/// A recursive value of all kinds of choices, with and without spans.
fn anything(source: &mut Source, depth: usize) -> Vec<i64> {
    let mut all = Vec::new();
    match source.below(if depth == 0 { 2 } else { 7 }) {
        0 => all.push(source.integer(-1000..=1000)),
        1 => all.extend(source.chance(30).then(|| source.integer(0..=9))),
        2 => all.extend(source.list("list", 0..=6, |source| anything(source, depth - 1)).concat()),
        3 => all.extend(source.span("tree", |source| anything(source, depth - 1))),
        4 => {
            let length = source.integer(0..=6);
            all.extend((0..length).flat_map(|_| anything(source, depth - 1)));
        }
        5 => {
            let columns = source.list("column", 1..=4, |source| source.below(3));
            let row = |source: &mut Source| {
                columns.iter().map(|_| source.span("cell", |source| source.integer(0..=9))).collect()
            };
            let rows: Vec<Vec<i64>> = source.list("row", 0..=4, row);
            all.extend(rows.concat());
            all.push(source.below(columns.len()) as i64);
        }
        _ => {
            for _ in 0..2 {
                all.extend(source.span("tree", |source| anything(source, depth - 1)));
            }
        }
    }
    all
}

#[test]
fn no_structure_and_no_test_brings_a_pass_out_of_step() {
    for seed in 0..150 {
        let mut source = Source::seeded(seed);
        let first = anything(&mut source, 4);
        // A test without sense: holds on the first value, and on a third of all others.
        let interesting = |value: &Vec<i64>| {
            let sum = value.iter().fold(seed, |sum, value| sum.wrapping_mul(31).wrapping_add(*value as u64));
            *value == first || sum % 3 == 0
        };
        let budget = Budget { evaluations: 300, ..Budget::default() };
        let shrunk = shrink(source.tape().clone(), &budget, |source| interesting(&anything(source, 4)));
        let mut again = Source::replay(shrunk.tape.clone());
        assert!(interesting(&anything(&mut again, 4)), "seed {seed}");
        assert_eq!(again.into_tape(), shrunk.tape);
        assert!(shrunk.tape.simplicity(source.tape()).is_le());
    }
}

#[test]
fn counterparts_that_stand_in_no_span_go_with_their_element() {
    // Fields of kinds, and a value for each of them, drawn at the top.
    let generate = |source: &mut Source| {
        let kinds = source.list("field", 1..=6, |source| source.below(4));
        let value = |kind: &usize, source: &mut Source| match kind {
            0 => 0,
            _ => source.integer(0..=99),
        };
        let values: Vec<i64> =
            kinds.iter().map(|kind| source.span("value", |source| value(kind, source))).collect();
        kinds.into_iter().zip(values).collect::<Vec<(usize, i64)>>()
    };
    let fails = |fields: &Vec<(usize, i64)>| fields.contains(&(3, 40));
    for seed in 0..200_000 {
        let mut source = Source::seeded(seed);
        let fields = generate(&mut source);
        if fields.len() > 3 && fails(&fields) {
            let shrunk = shrink(source.into_tape(), &Budget::default(), |source| fails(&generate(source)));
            // Other passes come there, too, by twice as many.
            assert!(shrunk.evaluations <= 30, "seed {seed}: {}", shrunk.evaluations);
            assert_eq!(generate(&mut Source::replay(shrunk.tape)), [(3, 40)], "seed {seed}");
        }
    }
}

#[test]
fn what_a_later_element_brought_is_there_from_the_start() {
    let generate = |source: &mut Source| {
        let value = |source: &mut Source| source.span("value", |source| source.integer(0..=999));
        (value(source), source.integer(0..=9), source.list("step", 0..=4, value))
    };
    // A step writes over what was there: none can go, and they cannot change places, unless one goes with its value
    // in the other's place. What stands between them keeps runs of choices from going.
    let fails = |(first, between, steps): &(i64, i64, Vec<i64>)| {
        *between == 5 && steps.last().unwrap_or(first) == &777
    };
    for seed in 0..100_000 {
        let mut source = Source::seeded(seed);
        let drawn = generate(&mut source);
        if drawn.0 != 777 && fails(&drawn) {
            let shrunk = shrink(source.into_tape(), &Budget::default(), |source| fails(&generate(source)));
            assert_eq!(generate(&mut Source::replay(shrunk.tape)), (777, 5, vec![]), "seed {seed}");
        }
    }
}
