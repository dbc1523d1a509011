//! The generators over what targets may declare, and the judges on observations made by hand.

use super::{Judgement, Property, all, frame, total};
use crate::case::{Case, Observation, Run, RunObservation, Start, Step, StepObservation};
use crate::tape::Source;
use crate::target::CallError;
use proofhouse_models::mapper::call::Key;
use proofhouse_models::mapper::contract::{Features, Learned};
use proofhouse_models::mapper::{
    Call, Capabilities, Contract, Field, FieldType, Form, Model, Operand, Update,
};
use proofhouse_models::value::{AttributeValue, Item};
use serde_json::{Value, json};

fn names(list: &str) -> Vec<String> {
    list.split(' ').map(str::to_owned).collect()
}

/// A target that offers everything.
fn everything() -> Capabilities {
    let types = "string bool bytes int8 int16 int32 int64 uint8 uint16 uint32 uint64 float64 decimal timestamp any \
                 list map set option struct";
    Capabilities {
        methods: names(
            "define create put get update delete query scan batch_get batch_put batch_delete transact marshal \
             unmarshal build reset",
        ),
        update_forms: vec![Form::Patch, Form::Named, Form::Partial, Form::Whole, Form::Builder],
        types: types.split_whitespace().map(Value::from).collect(),
        conditions: names(
            "and or not eq ne lt le gt ge between in begins_with contains exists not_exists type size",
        ),
        features: Features {
            version: true,
            encrypted: true,
            hostile_names: true,
            indexes: true,
            ..Features::default()
        },
        ..Capabilities::default()
    }
}

/// A target that offers little.
fn little() -> Capabilities {
    Capabilities {
        methods: names("define put get update query"),
        update_forms: vec![Form::Patch],
        types: vec![json!("string")],
        conditions: names("eq"),
        ..Capabilities::default()
    }
}

/// A target that offers everything to tenants.
fn tenanted() -> Capabilities {
    let features = Features { tenancy: true, ..everything().features };
    Capabilities {
        features,
        learned: Learned { joins: names("# %23"), stored: names("{t}#{p} {s}") },
        ..everything()
    }
}

#[test]
fn every_property_generates_cases_that_survive_being_saved() {
    for target in [everything(), little(), tenanted()] {
        for property in all() {
            if property.needs(&target).is_err() {
                continue;
            }
            let mut discarded = 0;
            for seed in 0..150 {
                let mut source = Source::seeded(seed);
                let Ok(case) = property.generate(&mut source, &target) else {
                    discarded += 1;
                    continue;
                };
                let saved = serde_json::to_string(&case).expect("a case is JSON");
                let read: Case = serde_json::from_str(&saved).expect("a case reads back");
                assert_eq!(read, case, "{} seed {seed}", property.id());
            }
            assert!(discarded < 90, "{}: {discarded} of 150 discarded", property.id());
        }
    }
}

#[test]
fn no_default_holds_a_struct_and_other_collections_have_some() {
    let mut defaults = 0;
    for seed in 0..1_500 {
        let target = everything();
        let round_trip = all().into_iter().find(|property| property.id() == "round_trip").expect("it is one");
        let Ok(case) = round_trip.generate(&mut Source::seeded(seed), &target) else { continue };
        for field in case.model.fields.iter().filter(|field| field.default.is_some()) {
            assert!(!field.kind.holds_struct(), "seed {seed}: {}", field.kind.kind_words());
            defaults += usize::from(matches!(field.kind, FieldType::List(_) | FieldType::Map(_)));
        }
    }
    assert!(defaults > 20, "{defaults}");
}

#[test]
fn no_update_names_a_place_within_another_that_it_names() {
    // Little else than maps and places in them.
    let target = Capabilities {
        types: vec![json!("string"), json!("map")],
        update_forms: vec![Form::Patch],
        update_operands: Some(names("set remove set_path")),
        ..everything()
    };
    let mut several = 0;
    for seed in 0..12_000 {
        let Ok(case) = frame::Frame.generate(&mut Source::seeded(seed), &target) else { continue };
        for step in case.runs.iter().flat_map(|run| &run.program) {
            let Call::Update(update) = &step.call else { continue };
            let removed = update.remove.iter().map(|entry| entry.path().0);
            let set = update.set_path.iter().map(|(path, _)| path.0.clone());
            let places: Vec<_> = removed.chain(set).collect();
            for (at, place) in places.iter().enumerate() {
                let within = |other: &&Vec<_>| place.starts_with(other) || other.starts_with(place);
                assert_eq!(places[at + 1..].iter().find(within), None, "seed {seed}: {place:?}");
            }
            several += usize::from(places.len() > 1);
        }
    }
    assert!(several > 50, "{several}");
}

#[test]
fn a_case_holds_only_what_the_target_declares() {
    let target = little();
    for property in all().into_iter().filter(|property| property.needs(&target).is_ok()) {
        for seed in 0..150 {
            let Ok(case) = property.generate(&mut Source::seeded(seed), &target) else { continue };
            assert!(case.model.fields.iter().all(|field| field.kind == FieldType::String));
            assert!(case.model.indexes.is_empty() && case.model.version.is_none());
            for step in case.runs.iter().flat_map(|run| &run.program) {
                assert!(target.has(step.call.method()), "{}: {}", property.id(), step.call.method());
            }
        }
    }
}

#[test]
fn the_simplest_case_is_small_and_plain() {
    let case = frame::Frame
        .generate(&mut Source::replay(Default::default()), &everything())
        .expect("the simplest choices make a case");
    let names: Vec<&str> = case.model.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["id", "a"]);
    assert_eq!((case.runs.len(), case.runs[0].start.len(), case.runs[0].program.len()), (1, 1, 1));
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// An update of `a` on an item with `a`, `b` and an undeclared `x`, and the item that it left.
fn judged(form: Form, after: &[(&str, &str)]) -> Judgement {
    let model = Model {
        name: "User".to_owned(),
        table: "users".to_owned(),
        partition_key: "id".to_owned(),
        sort_key: None,
        version: None,
        tenancy: None,
        indexes: Vec::new(),
        fields: ["id", "a", "b"].map(|name| Field::new(name, FieldType::String)).to_vec(),
    };
    let item = |entries: &[(&str, &str)]| -> Item {
        entries.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect()
    };
    let start = item(&[("id", "1"), ("a", "old"), ("b", "kept"), ("x", "extra")]);
    let mut update = Update::new("User", Key::from([("id".to_owned(), text("1"))]), form);
    let record =
        [("id", "1"), ("a", "new")].map(|(name, value)| (name.to_owned(), Operand::Value(text(value))));
    match form {
        Form::Patch => update.set = [("a".to_owned(), Operand::Value(text("new")))].into(),
        _ => update.record = Some(record.into()),
    }
    let case = Case {
        model,
        runs: vec![Run::new(vec![Start::default()], vec![Step::from(Call::Update(Box::new(update)))])],
        notes: Default::default(),
    };
    let step = StepObservation {
        outcome: Ok(json!({})),
        exchanges: Vec::new(),
        after: vec![item(after)],
        log: String::new(),
    };
    let run = RunObservation { of: 0, refused: None, broken: None, start: vec![start], steps: vec![step] };
    let target = Capabilities { contract: Contract::default(), ..everything() };
    frame::Frame.judge(&target, &case, &Observation { runs: vec![run] })
}

#[test]
fn a_definition_that_is_not_answered_is_no_answer() {
    let error = CallError::Broken { how: "crashed".to_owned(), detail: "exit status 9".to_owned() };
    let run = RunObservation {
        of: 0,
        refused: Some("define: crashed".to_owned()),
        broken: Some(("define", error)),
        start: Vec::new(),
        steps: Vec::new(),
    };
    let observed = Observation { runs: vec![run] };
    let mut source = Source::seeded(0);
    let case = total::Total.generate(&mut source, &everything()).expect("a case");
    assert_eq!(identities(total::Total.judge(&everything(), &case, &observed)), ["define: crashed"]);
    assert_eq!(observed.unanswered(), Some("the target crashed"));
    assert_eq!(observed.cost(), 1);
}

fn identities(judgement: Judgement) -> Vec<String> {
    match judgement {
        Judgement::Violated(list) => list.into_iter().map(|violation| violation.identity).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn an_update_that_keeps_the_rest_holds() {
    let after = [("id", "1"), ("a", "new"), ("b", "kept"), ("x", "extra")];
    assert_eq!(judged(Form::Patch, &after), Judgement::Held);
    assert_eq!(judged(Form::Partial, &after), Judgement::Held);
}

#[test]
fn an_unnamed_attribute_that_is_gone_breaks_the_frame() {
    let after = [("id", "1"), ("a", "new"), ("x", "extra")];
    assert_eq!(identities(judged(Form::Partial, &after)), ["update partial: unnamed attribute removed"]);
    // A whole record names every declared field: what it leaves out is removed by right.
    assert_eq!(judged(Form::Whole, &after), Judgement::Held);
}

#[test]
fn an_undeclared_attribute_survives_every_update() {
    let after = [("id", "1"), ("a", "new")];
    assert_eq!(identities(judged(Form::Whole, &after)), ["update whole: undeclared attribute removed"]);
}
