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
        if let Some(intent) = intent(target, model, first) {
            checked |= judge_chain(target, model, &intent, &views[at..], violations);
        }
    }
    checked
}

/// What the pages of a read are to hold together.
struct Intent {
    rows: Rows,
    /// The attribute by which they are to come.
    sort: Option<String>,
    /// Rows of one answer at most: the cursor then stands behind the last of them, not behind what was read.
    limit: Option<usize>,
}

fn intent(target: &Capabilities, model: &Model, first: &View<'_>) -> Option<Intent> {
    let limit = |limit: Option<u64>| limit.and_then(|limit| usize::try_from(limit).ok());
    match &first.step.call {
        Call::Query(query) if query.page.is_some() => Some(Intent {
            rows: query_rows(model, target, first.before, query)?,
            sort: sort_attribute(model, query),
            limit: limit(query.limit),
        }),
        Call::Scan(scan) if scan.page.is_some() => Some(Intent {
            rows: scan_rows(model, target, first.before, scan)?,
            sort: None,
            limit: limit(scan.limit),
        }),
        _ => None,
    }
}

/// The first of the views is the first page; those that take up the cursor of the page before it go on.
fn judge_chain(
    target: &Capabilities,
    model: &Model,
    Intent { rows, sort, limit }: &Intent,
    views: &[View<'_>],
    violations: &mut Vec<Violation>,
) -> bool {
    let name = views[0].step.call.method();
    let mut joined = Vec::new();
    let mut last = &views[0];
    let mut pages = 0;
    let mut on_last;
    let mut ended = true;
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
        on_last = records.len();
        if answer.get("cursor").is_none_or(Value::is_null) {
            break;
        }
        let next = views.iter().find(|next| next.run == last.run && next.step.reuse == Some(last.index));
        match next {
            Some(next) => last = next,
            None => {
                ended = false;
                break;
            }
        }
    }
    if pages < 2 || rows.absent_operand {
        return false;
    }
    let certain: Vec<_> = rows.certain.iter().map(|item| raw_key(model, item)).collect();
    // A target may end at the limit, so the last answer has to be short of it to say that no row is left.
    let whole = ended && limit.is_none_or(|limit| on_last < limit);
    if limit.is_some()
        && let Some(sort) = sort
        && rows.open.is_empty()
        && joined.len() <= certain.len()
        && !in_order(model, sort, &rows.certain, &joined)
    {
        violations.push(last.violation(
            format!("{name}: a row between limited pages"),
            "a query with a limit went on behind rows that it had not answered",
            format!("{} rows on {pages} pages", joined.len()),
            rows.certain.iter().map(show_item).collect::<Vec<_>>().join("\n"),
        ));
    } else if !whole {
        return limit.is_some();
    } else if let Some(missing) = certain.iter().position(|key| !joined.contains(key)) {
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
