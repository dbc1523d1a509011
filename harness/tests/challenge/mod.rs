//! The public shrinking challenge (jlink/shrinking-challenge): properties that are false, each with a least
//! counterexample. The generators are ordinary code over a [`Source`] and know nothing of the answer.

pub mod program;
pub mod property;

use proofhouse::tape::Source;
use std::fmt::Debug;

/// One challenge.
pub struct Challenge {
    /// Its name in the public list; `difference` counts three times.
    pub name: &'static str,
    /// The counterexample that the choices lead to, as text; none where the property holds or does not apply.
    pub fails: fn(&mut Source) -> Option<String>,
    /// The least counterexample.
    pub least: &'static str,
    /// What the median of evaluations may be at most; see the pinned test.
    pub ceiling: usize,
}

/// All challenges.
pub const CHALLENGES: [Challenge; 13] = [
    Challenge { name: "bound5", fails: bound5, least: "[[], [], [], [-1], [-32768]]", ceiling: 160 },
    Challenge {
        name: "large union list",
        fails: large_union_list,
        least: "[[0, 1, -1, 2, -2]]",
        ceiling: 200,
    },
    Challenge { name: "length list", fails: length_list, least: "[900]", ceiling: 60 },
    Challenge { name: "reverse", fails: reverse, least: "[0, 1]", ceiling: 20 },
    Challenge { name: "deletion", fails: deletion, least: "([0, 0], 0)", ceiling: 50 },
    Challenge { name: "distinct", fails: distinct, least: "[0, 1, -1]", ceiling: 40 },
    Challenge {
        name: "nested lists",
        fails: nested_lists,
        least: "[[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]",
        ceiling: 140,
    },
    Challenge { name: "coupling", fails: coupling, least: "[1, 0]", ceiling: 45 },
    Challenge { name: "difference 1", fails: difference_1, least: "(10, 10)", ceiling: 90 },
    Challenge { name: "difference 2", fails: difference_2, least: "(10, 6)", ceiling: 75 },
    Challenge { name: "difference 3", fails: difference_3, least: "(10, 9)", ceiling: 85 },
    Challenge { name: "binary heap", fails: binary_heap, least: "(0, None, (0, (0), (1)))", ceiling: 90 },
    Challenge { name: "calculator", fails: calculator, least: "0 / (0 + 0)", ceiling: 60 },
];

/// Programs with planted bugs, as the product generates them.
pub const PROGRAMS: [Challenge; 6] = [
    Challenge {
        name: "clobber",
        fails: program::clobber,
        least: "List | [Put { key: 0, record: [[\"\"]] }, Update { key: 0, form: \"partial\", record: [[]], condition: None }]",
        ceiling: 180,
    },
    Challenge {
        name: "revived",
        fails: program::revived,
        least: "Number | [Put { key: 0, record: [-] }, Delete { key: 0 }, Put { key: 0, record: [9007199254740993] }]",
        ceiling: 250,
    },
    Challenge {
        name: "grouping",
        fails: program::grouping,
        least: "Text | [Query { condition: And([Exists(0), Or([Exists(0), Exists(0)])]) }]",
        ceiling: 140,
    },
    Challenge {
        name: "confused",
        fails: program::confused,
        least: "Text | [Put { key: 0, record: [-] }, Update { key: 256, form: \"patch\", record: [-], condition: None }]",
        ceiling: 240,
    },
    Challenge {
        name: "quoted",
        fails: program::quoted,
        least: "Text Text List | [Put { key: 0, record: [-, -, [[\"'\"]]] }]",
        ceiling: 200,
    },
    Challenge {
        name: "stale",
        fails: program::stale,
        least: "Text | [Put { key: 0, record: [-] }, Get { key: 0 }, Get { key: 0 }, Get { key: 0 }]",
        ceiling: 120,
    },
];

fn int32(source: &mut Source) -> i64 {
    source.integer(i64::from(i32::MIN)..=i64::from(i32::MAX))
}

fn found(fails: bool, value: impl Debug) -> Option<String> {
    fails.then(|| format!("{value:?}"))
}

fn bound5(source: &mut Source) -> Option<String> {
    let lists: Vec<Vec<i16>> =
        (0..5).map(|_| source.list("list", 0..=10, |source| source.integer(-32768..=32767) as i16)).collect();
    found(property::bound5(&lists), lists)
}

fn large_union_list(source: &mut Source) -> Option<String> {
    let lists = source.list("lists", 0..=20, |source| source.list("list", 0..=20, int32));
    found(property::large_union_list(&lists), lists)
}

fn length_list(source: &mut Source) -> Option<String> {
    let length = source.integer(1..=100);
    let list: Vec<i64> = (0..length).map(|_| source.integer(0..=1000)).collect();
    found(property::length_list(&list), list)
}

fn reverse(source: &mut Source) -> Option<String> {
    let list = source.list("list", 0..=50, int32);
    found(property::reverse(&list), list)
}

fn deletion(source: &mut Source) -> Option<String> {
    let list = source.list("list", 1..=50, int32);
    let element = *source.pick(&list);
    found(property::deletion(&list, element), (list, element))
}

fn distinct(source: &mut Source) -> Option<String> {
    let list = source.list("list", 0..=50, int32);
    found(property::distinct(&list), list)
}

fn nested_lists(source: &mut Source) -> Option<String> {
    let lists = source.list("lists", 0..=20, |source| source.list("list", 0..=20, int32));
    found(property::nested_lists(&lists), lists)
}

fn coupling(source: &mut Source) -> Option<String> {
    let length = source.integer(1..=20);
    let list: Vec<usize> = (0..length).map(|_| source.below(length as usize)).collect();
    found(property::coupling(&list), list)
}

fn difference(source: &mut Source, bad: fn(i64) -> bool) -> Option<String> {
    let mut positive = || source.integer(1..=i64::from(i32::MAX));
    let (a, b) = (positive(), positive());
    found(property::difference(a, b, bad), (a, b))
}

fn difference_1(source: &mut Source) -> Option<String> {
    difference(source, |difference| difference == 0)
}

fn difference_2(source: &mut Source) -> Option<String> {
    difference(source, |difference| (1..=4).contains(&difference))
}

fn difference_3(source: &mut Source) -> Option<String> {
    difference(source, |difference| difference == 1)
}

fn heap(source: &mut Source, least: i64, depth: usize) -> Option<Box<property::Heap>> {
    source.span("heap", |source| {
        (depth > 0 && source.chance(60)).then(|| {
            let value = source.integer(least..=i64::from(i32::MAX));
            let left = heap(source, value, depth - 1);
            let right = heap(source, value, depth - 1);
            Box::new(property::Heap { value, left, right })
        })
    })
}

fn binary_heap(source: &mut Source) -> Option<String> {
    let heap = heap(source, 0, 6);
    property::binary_heap(heap.as_deref()).then(|| property::show(heap.as_deref()))
}

fn expression(source: &mut Source, depth: usize) -> property::Expression {
    use property::Expression::{Add, Divide, Literal};
    source.span("expression", |source| {
        let kind = if depth == 0 { 0 } else { *source.pick(&[0, 1, 2]) };
        let mut inner = || Box::new(expression(source, depth - 1));
        match kind {
            0 => Literal(int32(source)),
            1 => Add(inner(), inner()),
            _ => Divide(inner(), inner()),
        }
    })
}

fn calculator(source: &mut Source) -> Option<String> {
    let expression = expression(source, 5);
    property::calculator(&expression).then(|| expression.to_string())
}
