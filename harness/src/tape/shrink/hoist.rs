//! Replaces a span by one of its own descendants of the same label: a tree by one of its subtrees.

use super::search::Search;

pub(super) fn run(search: &mut Search<'_>) {
    let mut span = 0;
    while span < search.best().spans.len() && !search.is_over() {
        if !hoist(search, span) {
            span += 1;
        }
    }
}

/// Tries all descendants of the span, those with the fewest choices first.
fn hoist(search: &mut Search<'_>, span: usize) -> bool {
    let base = search.best().clone();
    let at = base.spans[span];
    let after = base.after(span);
    let mut inside: Vec<usize> = (span + 1..after)
        .filter(|&inner| base.spans[inner].label == at.label && base.spans[inner].kind == at.kind)
        .filter(|&inner| base.spans[inner].end - base.spans[inner].start < at.end - at.start)
        .collect();
    inside.sort_by_key(|&inner| base.spans[inner].end - base.spans[inner].start);
    inside.into_iter().any(|inner| {
        let candidate = base.replaced(base.parent(span), span..after, at.start..at.end, &base.whole(inner));
        search.consider(candidate)
    })
}
