//! What the judges of several properties share.

use super::{Judgement, Violation};
use crate::case::{Case, Observation, Step, StepObservation};
use crate::target::CallError;
use proofhouse_models::mapper::expect::{Difference, Mismatch};
use proofhouse_models::mapper::{Call, Capabilities, Condition, ErrorKind, Field, Model, Operand};
use proofhouse_models::value::{AttributeValue, Item};

/// One step with what was before and after it.
pub struct View<'a> {
    /// Index of the case's run.
    pub run: usize,
    /// Index of the step.
    pub index: usize,
    /// The step.
    pub step: &'a Step,
    /// The table before it.
    pub before: &'a [Item],
    /// What was observed.
    pub seen: &'a StepObservation,
}

impl View<'_> {
    /// The error's kind, where the target reported one.
    pub fn kind(&self) -> Option<ErrorKind> {
        self.seen.outcome.as_ref().err().and_then(CallError::kind)
    }

    /// Whether the step says nothing of data: unsupported, or no answer, which `total` judges.
    pub fn says_nothing(&self) -> bool {
        match &self.seen.outcome {
            Ok(_) => false,
            Err(CallError::Broken { .. }) => true,
            Err(CallError::Reported { kind, .. }) => *kind == ErrorKind::Unsupported,
        }
    }

    /// A violation that this step shows.
    pub fn violation(
        &self,
        identity: impl Into<String>,
        title: impl Into<String>,
        observed: impl Into<String>,
        expected: impl Into<String>,
    ) -> Violation {
        Violation {
            identity: identity.into(),
            title: title.into(),
            run: self.run,
            step: self.index,
            observed: observed.into(),
            expected: expected.into(),
            hazard: None,
        }
    }
}

/// Every step that was run, with the table before it.
pub fn views<'a>(case: &'a Case, observed: &'a Observation) -> Vec<View<'a>> {
    let mut views = Vec::new();
    for run in &observed.runs {
        let Some(of) = case.runs.get(run.of) else { continue };
        let mut before: &[Item] = &run.start;
        for (index, (step, seen)) in of.program.iter().zip(&run.steps).enumerate() {
            views.push(View { run: run.of, index, step, before, seen });
            before = &seen.after;
        }
    }
    views
}

/// The verdict on a case: violations of one identity once, worst first; discarded where nothing was checked.
pub fn verdict(violations: Vec<Violation>, checked: bool, otherwise: &'static str) -> Judgement {
    let mut kept: Vec<Violation> = Vec::new();
    for violation in violations {
        if !kept.iter().any(|known| known.identity == violation.identity) {
            kept.push(violation);
        }
    }
    kept.sort_by_key(|violation| violation.hazard.is_some());
    match (kept.is_empty(), checked) {
        (false, _) => Judgement::Violated(kept),
        (true, true) => Judgement::Held,
        (true, false) => Judgement::Discarded(otherwise),
    }
}

/// The call in the words of identities: `update partial`, `transact`.
pub fn call_name(call: &Call) -> String {
    match call {
        Call::Update(update) => format!("update {}", update.form.name()),
        call => call.method().to_owned(),
    }
}

/// What is particular about a condition, in the words of identities: ` of sets`, ` of groups`, or nothing.
///
/// Mappers that lose a group, or that take a set for a list, show it by the same symptom. The words keep
/// such faults apart, so that one of them can be accepted without the other.
pub fn condition_words(condition: &Condition) -> &'static str {
    fn any(condition: &Condition, test: &dyn Fn(&Condition) -> bool) -> bool {
        test(condition) || condition.children().iter().any(|child| any(child, test))
    }
    let has_set = |part: &Condition| {
        part.operands().into_iter().filter_map(Operand::value).any(|value| {
            matches!(value, AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_))
        })
    };
    let has_group = |part: &Condition| part.children().iter().any(|child| !child.children().is_empty());
    match condition {
        _ if any(condition, &has_set) => " of sets",
        _ if any(condition, &has_group) => " of groups",
        _ => "",
    }
}

/// The filter of a read, or of a read that is only built.
pub fn filter_of(call: &Call) -> Option<Condition> {
    match call {
        Call::Query(query) => query.filter.clone(),
        Call::Scan(scan) => scan.filter.clone(),
        Call::Build { params, .. } => serde_json::from_value(params.get("filter")?.clone()).ok(),
        _ => None,
    }
}

/// The one field of the model that an error's text names, if it does: after a word such as `field`, or quoted.
pub fn blamed_field<'a>(model: &'a Model, text: &str) -> Option<&'a Field> {
    const WORDS: [&str; 6] = ["field", "attribute", "property", "member", "column", "key"];
    let is_quote = |c: char| matches!(c, '"' | '\'' | '`' | '[' | ']');
    let mut named: Option<&Field> = None;
    let mut before = "";
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
        let quoted = word.starts_with(is_quote) && word.contains(bare);
        let introduced = WORDS.iter().any(|known| before.eq_ignore_ascii_case(known));
        before = bare;
        if bare.is_empty() || !(quoted || introduced) {
            continue;
        }
        let is = |field: &&Field| {
            field.name.eq_ignore_ascii_case(bare) || field.attribute().eq_ignore_ascii_case(bare)
        };
        match (model.fields.iter().find(is), named) {
            (Some(field), Some(other)) if field.name != other.name => return None,
            (Some(field), _) => named = Some(field),
            (None, _) => {}
        }
    }
    named
}

/// What an attribute is to the model, in the words of identities.
pub fn attribute_role(model: &Model, attribute: &str) -> &'static str {
    match model.field_of_attribute(attribute) {
        None => "undeclared attribute",
        Some(field) if field.default.is_some() => "attribute with a default",
        Some(_) => "unnamed attribute",
    }
}

/// The identity's part of a mismatch: `unnamed attribute removed`, `other item changed`.
pub fn mismatch_words(model: &Model, mismatch: &Mismatch) -> String {
    match mismatch.difference {
        Difference::Unnamed => {
            format!("{} {}", attribute_role(model, &mismatch.attribute), mismatch.happened)
        }
        Difference::Named => format!("{} {}", mismatch.how, mismatch.happened),
        Difference::OtherItem => format!("other item {}", mismatch.happened),
        Difference::Missing => "item missing".to_owned(),
        Difference::Remains => "item not deleted".to_owned(),
    }
}

/// An error unless the target offers an update form.
///
/// # Errors
/// The reason for *not applicable*.
pub fn needs_update(target: &Capabilities) -> Result<(), String> {
    needs_method(target, "update")?;
    if target.update_forms.is_empty() {
        Err("the target offers no form of update".to_owned())
    } else {
        Ok(())
    }
}

/// An error unless the target offers the method.
///
/// # Errors
/// The reason for *not applicable*.
pub fn needs_method(target: &Capabilities, method: &str) -> Result<(), String> {
    if target.has(method) { Ok(()) } else { Err(format!("the target does not offer {method}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn condition(json: serde_json::Value) -> Condition {
        serde_json::from_value(json).expect("a condition of the protocol")
    }

    #[test]
    fn words_of_a_condition_keep_lost_groups_and_sets_apart() {
        let eq = json!({ "eq": [["a"], { "S": "x" }] });
        let set = json!({ "eq": [["a"], { "SS": ["x"] }] });
        let words = |json| condition_words(&condition(json));
        assert_eq!(words(eq.clone()), "");
        assert_eq!(words(json!({ "and": [eq, eq] })), "");
        assert_eq!(words(json!({ "or": [eq, { "and": [eq, eq] }] })), " of groups");
        assert_eq!(words(json!({ "not": { "or": [eq, eq] } })), " of groups");
        assert_eq!(words(json!({ "or": [eq, { "and": [eq, set] }] })), " of sets");
    }

    #[test]
    fn an_error_names_a_field_after_a_word_for_it_or_in_quotes() {
        let model: Model = serde_json::from_value(json!({
            "name": "User", "table": "users", "partition_key": "id",
            "fields": [
                { "name": "id", "type": "string" },
                { "name": "a", "type": { "map": "any" } },
                { "name": "b", "attribute": "total", "type": "string" }
            ]
        }))
        .expect("a model of the protocol");
        let named = |text| blamed_field(&model, text).map(|field| field.name.as_str());
        assert_eq!(named("failed to unmarshal field A: cannot convert bool"), Some("a"));
        assert_eq!(named("cannot read \"total\""), Some("b"));
        assert_eq!(named("a value is missing"), None, "an article is no field");
        assert_eq!(named("field a differs from field b"), None, "two are none");
        assert_eq!(named("field a, once more field a"), Some("a"));
    }
}
