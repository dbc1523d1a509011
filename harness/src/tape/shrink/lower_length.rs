//! Lowers a number and deletes as many of the choices that follow: a length that was drawn before its elements.

use super::search::{Search, grow};

pub(super) fn run(search: &mut Search<'_>) {
    let mut at = 0;
    while at < search.best().choices.len() && !search.is_over() {
        let choice = search.best().choices[at];
        if choice.last_rank() > 1 && choice.value > choice.simplest && choice.distance() <= 10_000 {
            shorten(search, at);
        }
        at += 1;
    }
}

fn shorten(search: &mut Search<'_>, at: usize) {
    let mut first = at + 1;
    loop {
        let base = search.best().clone();
        let Some(choice) = base.choices.get(at) else { return };
        let most = choice.distance().min((base.choices.len().saturating_sub(first)) as u64);
        if most == 0 || search.is_over() {
            return;
        }
        grow(most, |count| {
            let lower = base.with(&[(at, base.choices[at].value - count as i64)]);
            search.consider(lower.without_choices(first..first + count as usize))
        });
        first += 1;
    }
}
