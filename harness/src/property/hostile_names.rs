//! `hostile_names`: the other properties, for names that break naive code.

use super::{
    Judgement, Property, agreement, frame, guard, meaning, never_broader, presence, rewrite, round_trip,
};
use crate::case::{Case, Observation};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::Capabilities;
use serde_json::json;

/// Reserved words, twins by case, prototypes, dots, brackets, placeholders: the other properties hold for them.
pub struct HostileNames;

type Generate = fn(&mut Source, &Capabilities, bool) -> Result<Case, Discard>;

/// The properties that are held to hostile names.
fn parts() -> Vec<(Box<dyn Property>, Generate)> {
    vec![
        (Box::new(frame::Frame), frame::generate),
        (Box::new(round_trip::RoundTrip), round_trip::generate),
        (Box::new(guard::Guard), guard::generate),
        (Box::new(never_broader::NeverBroader), never_broader::generate),
        (Box::new(agreement::Agreement), agreement::generate),
        (Box::new(meaning::Meaning), meaning::generate),
        (Box::new(rewrite::Rewrite), rewrite::generate),
        (Box::new(presence::Presence), presence::generate),
    ]
}

/// The note that says which property judges the case.
const NOTE: &str = "property";

impl Property for HostileNames {
    fn id(&self) -> &'static str {
        "hostile_names"
    }

    fn statement(&self) -> &'static str {
        "the other properties hold whatever fields and map keys are called"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        if !target.features.hostile_names {
            return Err("the target does not take hostile names".to_owned());
        }
        if parts().iter().any(|(property, _)| property.needs(target).is_ok()) {
            Ok(())
        } else {
            Err("none of the other properties applies".to_owned())
        }
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        let parts: Vec<_> =
            parts().into_iter().filter(|(property, _)| property.needs(target).is_ok()).collect();
        let (property, generate) = source.pick(&parts);
        let mut case = generate(source, target, true)?;
        case.notes.insert(NOTE.to_owned(), json!(property.id()));
        Ok(case)
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let id = case.notes.get(NOTE).and_then(|note| note.as_str()).unwrap_or_default();
        match parts().iter().find(|(property, _)| property.id() == id) {
            Some((property, _)) => match property.judge(target, case, observed) {
                Judgement::Violated(mut violations) => {
                    for violation in &mut violations {
                        violation.identity = format!("{id}: {}", violation.identity);
                    }
                    Judgement::Violated(violations)
                }
                other => other,
            },
            None => Judgement::Discarded("the case names no property"),
        }
    }
}
