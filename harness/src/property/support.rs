//! What the judges of several properties share.

use super::{Judgement, Violation};
use crate::case::{Case, Observation, Step, StepObservation};
use crate::target::CallError;
use proofhouse_models::mapper::expect::{Difference, Mismatch};
use proofhouse_models::mapper::{Call, Capabilities, ErrorKind, Model};
use proofhouse_models::value::Item;

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
