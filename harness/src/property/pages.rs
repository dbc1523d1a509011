//! The pages of one read, joined: each row of the intent once, in the order that was asked for.

use super::Violation;
use super::rows::{in_order, record_key, records, sort_attribute};
use super::support::View;
use crate::target::{CallError, OWN_CLASS};
use proofhouse_models::mapper::expect::raw_key;
use proofhouse_models::mapper::expect::rows::{Rows, query_rows, scan_rows};
use proofhouse_models::mapper::expect::show::show_item;
use proofhouse_models::mapper::{Call, Capabilities, Model};
use serde_json::Value;

/// Judges each read whose pages were all read; true where there was one.
pub fn judge_pages(
    target: &Capabilities,
    model: &Model,
    views: &[View<'_>],
    violations: &mut Vec<Violation>,
) -> bool {
    let mut checked = false;
    for (at, first) in views.iter().enumerate() {
        if first.step.reuse.is_some() {
            continue;
        }
        if let Some((rows, sort)) = intent(target, model, first) {
            checked |= judge_chain(target, model, &rows, sort.as_deref(), &views[at..], violations);
        }
    }
    checked
}

/// The rows of a paged read without a limit, and the attribute by which they are to come.
fn intent(target: &Capabilities, model: &Model, first: &View<'_>) -> Option<(Rows, Option<String>)> {
    match &first.step.call {
        Call::Query(query) if query.page.is_some() && query.limit.is_none() => {
            Some((query_rows(model, target, first.before, query)?, sort_attribute(model, query)))
        }
        Call::Scan(scan) if scan.page.is_some() && scan.limit.is_none() => {
            Some((scan_rows(model, target, first.before, scan)?, None))
        }
        _ => None,
    }
}

/// The first of the views is the first page; those that take up the cursor of the page before it go on.
fn judge_chain(
    target: &Capabilities,
    model: &Model,
    rows: &Rows,
    sort: Option<&str>,
    views: &[View<'_>],
    violations: &mut Vec<Violation>,
) -> bool {
    let name = views[0].step.call.method();
    let mut joined = Vec::new();
    let mut last = &views[0];
    let mut pages = 0;
    loop {
        let answer = match &last.seen.outcome {
            Ok(answer) => answer,
            Err(error) => {
                if pages > 0 && is_refused(last, error) {
                    violations.push(last.violation(
                        format!("{name}: the next page is refused"),
                        format!("the engine refuses a {name} that goes on behind the target's own cursor"),
                        last.seen.exchanges.last().map(|e| e.reply.body.to_string()).unwrap_or_default(),
                        "the next page",
                    ));
                }
                return pages > 0;
            }
        };
        let Some(records) = records(answer) else { return false };
        for record in &records {
            let Some(key) = record_key(model, target, record) else { return false };
            if joined.contains(&key) {
                violations.push(last.violation(
                    format!("{name}: a row on two pages"),
                    format!("the pages of a {name} hold one row twice"),
                    show_item(record),
                    "each row once",
                ));
                return true;
            }
            joined.push(key);
        }
        pages += 1;
        if answer.get("cursor").is_none_or(Value::is_null) {
            break;
        }
        let next = views.iter().find(|next| next.run == last.run && next.step.reuse == Some(last.index));
        match next {
            Some(next) => last = next,
            None => return false,
        }
    }
    if pages < 2 || rows.absent_operand {
        return false;
    }
    let certain: Vec<_> = rows.certain.iter().map(|item| raw_key(model, item)).collect();
    if let Some(missing) = certain.iter().position(|key| !joined.contains(key)) {
        violations.push(last.violation(
            format!("{name}: a row on no page"),
            format!("the pages of a {name} miss a row that belongs to it"),
            format!("{} rows on {pages} pages", joined.len()),
            show_item(&rows.certain[missing]),
        ));
    } else if let Some(sort) = sort
        && rows.open.is_empty()
        && joined.len() == certain.len()
        && !in_order(model, sort, &rows.certain, &joined)
    {
        violations.push(last.violation(
            format!("{name}: order of pages"),
            "a query answered its pages in another order",
            format!("{} rows on {pages} pages", joined.len()),
            rows.certain.iter().map(show_item).collect::<Vec<_>>().join("\n"),
        ));
    }
    true
}

/// Whether the engine found fault with the request itself, and not with the moment.
fn is_refused(view: &View<'_>, error: &CallError) -> bool {
    let sent = !matches!(error, CallError::Reported { class, .. } if class == OWN_CLASS);
    sent && view
        .seen
        .exchanges
        .last()
        .is_some_and(|exchange| exchange.reply.error_name() == Some("ValidationException"))
}
