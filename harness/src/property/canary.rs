//! `canary`: values stay out of errors and logs.

use super::support::{call_name, verdict, views};
use super::total::{misfit, step};
use super::{Judgement, Property};
use crate::case::{Case, Observation, Run, Step};
use crate::generate::text::{CANARY, CANARY_DIGITS};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use crate::target::CallError;
use base64::Engine as _;
use proofhouse_models::mapper::Capabilities;
use serde_json::Value;
use std::collections::BTreeSet;

/// A caller's or stored value never appears in an error's text or fields, on standard error, or in a log.
pub struct Canary;

impl Property for Canary {
    fn id(&self) -> &'static str {
        "canary"
    }

    fn statement(&self) -> &'static str {
        "no value appears in an error or in a log"
    }

    fn needs(&self, _: &Capabilities) -> Result<(), String> {
        Ok(())
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        generate(source, target)
    }

    fn judge(&self, _: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let marks = marks(case);
        let mut violations = Vec::new();
        let mut checked = false;
        for view in views(case, observed) {
            let name = call_name(&view.step.call);
            let mut places: Vec<(&str, &str)> = vec![("log", &view.seen.log)];
            match &view.seen.outcome {
                Ok(_) => {}
                Err(CallError::Broken { detail, .. }) => places.push(("log", detail)),
                Err(CallError::Reported { message, class, fields, .. }) => {
                    checked |= !marks.is_empty();
                    places.push(("error text", message));
                    places.push(("error class", class));
                    places.extend(fields.values().map(|text| ("error field", text.as_str())));
                }
            }
            for (place, text) in places {
                if let Some(mark) = marks.iter().find(|mark| text.contains(mark.as_str())) {
                    violations.push(view.violation(
                        format!("{name}: value in the {place}"),
                        format!("a value appears in the {place}"),
                        excerpt(text, mark),
                        "no value",
                    ));
                }
            }
        }
        verdict(violations, checked, "no error with a marked value")
    }

    fn is_passive(&self) -> bool {
        true
    }
}

fn excerpt(text: &str, mark: &str) -> String {
    let at = text.find(mark).unwrap_or(0);
    let before: String = text[..at].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
    let after: String = text[at..].chars().take(60).collect();
    format!("…{before}{after}…")
}

/// The marked values of a case, and their bytes as base64.
fn marks(case: &Case) -> BTreeSet<String> {
    let mut marks = BTreeSet::new();
    if let Ok(value) = serde_json::to_value(&case.runs) {
        collect(&value, &mut marks);
    }
    marks
}

fn collect(value: &Value, marks: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let number = text.starts_with(CANARY_DIGITS) && text.len() == CANARY_DIGITS.len() + 4;
            let word = text.starts_with(CANARY) && text.len() == CANARY.len() + 4;
            if number || word {
                marks.insert(text.clone());
                if word {
                    marks.insert(base64::engine::general_purpose::STANDARD.encode(text));
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, marks)),
        Value::Object(object) => object.values().for_each(|value| collect(value, marks)),
        _ => {}
    }
}

/// Calls that fail, on tables full of marked values.
fn generate(source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, false);
    generator.swarm.canaries = true;
    generator.swarm.long = false;
    generator.swarm.illegal = source.chance(30);
    let wish = Wish { version: true, sort_key: 25, defaults: false, indexes: true };
    let model = generator.model(source, wish)?;
    let mut starts = generator.starts(source, &model, 1..=2);
    if source.chance(40) {
        for start in &mut starts {
            misfit(&mut generator, source, &model, start);
        }
    }
    let failing = source.list("step", 1..=3, |source| {
        if source.chance(60) {
            super::guard::step(&mut generator, source, &model, &starts)
        } else {
            step(&mut generator, source, &model, &starts)
        }
    });
    let steps = failing.into_iter().collect::<Result<Vec<Step>, Discard>>()?;
    Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
}
