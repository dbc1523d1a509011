//! `frame`: an update leaves alone what it does not name.

use super::support::{View, call_name, mismatch_words, needs_update, verdict, views};
use super::{Judgement, Property, Violation};
use crate::case::{Case, Observation, Run, Step};
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::expect::{self, Difference};
use proofhouse_models::mapper::{Call, Capabilities, Form};

/// After an update that names the set N, every attribute outside N and the managed fields is as it was in
/// the raw item, and items with other keys are untouched.
pub struct Frame;

impl Property for Frame {
    fn id(&self) -> &'static str {
        "frame"
    }

    fn statement(&self) -> &'static str {
        "an update changes only the attributes that it names, and no other item"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        needs_update(target)
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        generate(source, target, false)
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations = Vec::new();
        let mut checked = false;
        for view in views(case, observed) {
            if view.says_nothing() || !view.step.call.is_write() {
                continue;
            }
            // A refused update tells nothing of the frame, unless it changed something all the same.
            checked |= view.seen.outcome.is_ok();
            violations.extend(judge_step(target, case, &view));
        }
        verdict(violations, checked, "no update went through")
    }

    fn floors(&self, target: &Capabilities) -> Vec<(&'static str, u32)> {
        let share = 40 / target.update_forms.len().max(1) as u32;
        let floor = |form: &Form| (form_label(*form), share);
        target.update_forms.iter().map(floor).chain([("hit", 40)]).collect()
    }
}

/// The label of a form.
pub fn form_label(form: Form) -> &'static str {
    match form {
        Form::Patch => "form patch",
        Form::Named => "form named",
        Form::Partial => "form partial",
        Form::Whole => "form whole",
        Form::Builder => "form builder",
    }
}

/// A table with a few items and one or two updates.
pub fn generate(source: &mut Source, target: &Capabilities, hostile: bool) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, hostile);
    let wish = Wish { version: true, sort_key: 30, defaults: true, indexes: false };
    let model = generator.model(source, wish)?;
    let starts = generator.starts(source, &model, 1..=3);
    let mut steps: Vec<Step> = Vec::new();
    let updates = source.list("step", 1..=2, |source| generator.update(source, &model, &starts));
    for update in updates {
        let update = update?;
        source.label(form_label(update.form));
        if crate::generate::update::stored_record(&model, &starts, &update.key).is_some() {
            source.label("hit");
        }
        steps.push(Call::Update(Box::new(update)).into());
    }
    Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
}

fn judge_step(target: &Capabilities, case: &Case, view: &View<'_>) -> Vec<Violation> {
    let model = &case.model;
    let Some(expected) = expect::expect(model, target, view.before, &view.step.call) else {
        return Vec::new();
    };
    let name = call_name(&view.step.call);
    let differences = expect::compare(model, &expected, view.before, &view.seen.after);
    differences
        .into_iter()
        .filter(|found| match found.difference {
            Difference::Unnamed | Difference::OtherItem => true,
            // A partial update names what it fills; the other forms name what they mention, empty or not. A path
            // names its place only: what lies beside it in the field has to stay.
            Difference::Named => {
                let of_path = matches!(found.how.as_str(), "set_path" | "remove path");
                (of_path || found.kept && is_partial(&view.step.call)) && view.seen.outcome.is_ok()
            }
            Difference::Missing | Difference::Remains => false,
        })
        .map(|found| {
            let title = match found.difference {
                Difference::OtherItem => "an update changed another item".to_owned(),
                Difference::Named => "an update changed an attribute that it did not fill".to_owned(),
                _ => "an update changed an attribute that it did not name".to_owned(),
            };
            let identity = format!("{name}: {}", mismatch_words(model, &found));
            let mut violation = view.violation(identity, title, found.observed, found.expected);
            violation.hazard = found.hazard.map(str::to_owned);
            violation
        })
        .collect()
}

fn is_partial(call: &Call) -> bool {
    matches!(call, Call::Update(update) if update.form == Form::Partial)
}
