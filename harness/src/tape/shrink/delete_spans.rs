//! Deletes elements of lists, neighbours together: from the last to the first, the run growing while it succeeds.

use super::search::{Search, grow};
use crate::tape::SpanKind;

pub(super) fn run(search: &mut Search<'_>) {
    let mut parent = 0;
    // Outer lists first. Deleting inside a list leaves the indexes of the spans before it as they are.
    while parent < search.best().spans.len() {
        if search.best().spans[parent].kind == SpanKind::List {
            delete_members(search, parent);
        }
        parent += 1;
    }
}

fn delete_members(search: &mut Search<'_>, parent: usize) {
    let mut left = search.best().members(Some(parent)).len();
    while left > 0 && !search.is_over() {
        let base = search.best().clone();
        let members = base.members(Some(parent));
        let Some(last) = left.min(members.len()).checked_sub(1) else { return };
        let deleted = grow(last as u64 + 1, |count| {
            search.consider(base.without(Some(parent), members[last + 1 - count as usize], members[last]))
        });
        left = last.saturating_sub(deleted as usize);
    }
}
