//! A finding as a person reads it: symptom, program, what differs, why it may be, what is usually done.

use super::Finding;
use crate::isolate::oracle::Channel;
use crate::isolate::program::{Actor, Kind, Program};

/// The property that a finding breaks.
pub fn property_of(channel: Channel, program: &Program) -> &'static str {
    match (program.kind, channel) {
        (Kind::Outside, _) => "isolation_fail_closed",
        (Kind::Session, _) => "pool_hygiene",
        (Kind::Partition, _) => "tenant_partition",
        (_, Channel::Write | Channel::Dos) => "isolation_write",
        (_, Channel::Read) => "isolation_read",
        _ => "isolation_infer",
    }
}

/// The finding as text.
pub fn print(finding: &Finding, contract: &str, file: &str) -> String {
    let mut out = String::new();
    let head = if finding.accepted.is_some() { "ACCEPTED" } else { "FINDING" };
    let property = property_of(finding.channel(), &finding.program);
    out.push_str(&format!("{head}  {property}: {}       {contract}\n", finding.title()));
    for (at, step) in finding.program.steps.iter().enumerate() {
        let mark = if at == finding.step { '>' } else { ' ' };
        let text = match step.actor {
            Actor::A => step.inlined(),
            Actor::Enter(0) => "(A enters)".to_owned(),
            Actor::Enter(_) => "(B enters, same connection)".to_owned(),
            Actor::Leave(0) => "(A gives the connection back)".to_owned(),
            Actor::Leave(_) => "(B gives the connection back)".to_owned(),
            Actor::Before => format!("B: {}", step.sql),
            Actor::Beside => format!("B on its own connection: {}", step.sql),
        };
        out.push_str(&format!("{mark} {:>2}  {}\n", at + 1, text.replace('\n', " ")));
        if at == finding.step {
            block(&mut out, "world 1", &finding.seen.0);
            block(&mut out, "world 2", &finding.seen.1);
        }
    }
    if finding.program.kind == Kind::Outside {
        out.push_str("  without  enter: a request that forgot it\n");
    }
    let channels: Vec<&str> = finding.channels.iter().map(|channel| channel.name()).collect();
    out.push_str(&format!("  channel  {}\n", channels.join(", ")));
    out.push_str(&format!(
        "  B has    {} in world 1, {} in world 2\n",
        rows(finding.rows.0.len()),
        rows(finding.rows.1.len())
    ));
    if let Some(hint) = &finding.hint {
        out.push_str(&format!("  hint     {}\n", hint.text));
    }
    out.push_str(&format!("  usual    {}\n", fix(finding)));
    if let Some(reason) = &finding.accepted {
        out.push_str(&format!("  accepted {reason}\n"));
    }
    out.push_str(&format!(
        "  stable {} of {} · program {} · shrunk {} → {} in {} runs · {} ms\n",
        finding.stable,
        finding.replays,
        finding.tests,
        finding.shrink.0,
        finding.shrink.1,
        finding.shrink.2,
        finding.ms
    ));
    out.push_str(&format!("  saved    {file}.case.json, {file}.sql\n"));
    out
}

fn rows(count: usize) -> String {
    match count {
        0 => "no row of its own".to_owned(),
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    }
}

fn block(out: &mut String, name: &str, text: &str) {
    for (at, line) in text.lines().enumerate() {
        let label = if at == 0 { name } else { "" };
        out.push_str(&format!("        {label:<9} {line}\n"));
    }
}

/// What is usually done about such a leak.
fn fix(finding: &Finding) -> &'static str {
    let verb = finding.program.steps.get(finding.step).map_or("", |step| step.verb.as_str());
    let function = verb == "function";
    let hinted = finding.hint.as_ref().is_some_and(|hint| hint.as_owner);
    let reads =
        hinted && matches!(verb, "function" | "statement" | "select" | "filter" | "aggregate" | "join");
    match (finding.channel(), finding.program.kind) {
        (_, Kind::Outside) => {
            "policies that compare with a missing setting as NULL: no rows; never coalesce to the row's own tenant"
        }
        (_, Kind::Session) => {
            "enter inside the request's transaction (SET LOCAL), or DISCARD ALL before the connection goes back"
        }
        (_, Kind::Partition) => {
            "one policy for every tenant: compare the tenant column with =, never with an order or a prefix"
        }
        (Channel::Read, _) if function => {
            "SECURITY INVOKER, or a tenant condition and a search_path inside the function; parameters, not pasted text"
        }
        (Channel::Read, _) => {
            "ENABLE and FORCE ROW LEVEL SECURITY with a policy on the tenant column; views with security_invoker and security_barrier"
        }
        (Channel::Write, _) if verb == "truncate" => "REVOKE TRUNCATE: policies do not hold for it",
        (Channel::Write, _) => {
            "USING and WITH CHECK on the tenant column for every command; views WITH CHECK OPTION; foreign keys with the tenant in them"
        }
        (Channel::Existence, _) if reads => {
            "compare the tenant before any LIMIT, count or error of the query, not after; SECURITY INVOKER for what needs no owner's rights"
        }
        (Channel::Existence, _) => {
            "put the tenant into the key: UNIQUE (tenant, …), FOREIGN KEY (tenant, …), EXCLUDE (tenant WITH =, …)"
        }
        (Channel::Dos, _) => {
            "foreign keys with the tenant in them; REVOKE UPDATE on sequences and shared rows"
        }
        (Channel::Count, _) => "REVOKE what counts other tenants' rows, or count within the tenant",
        (Channel::Sequence, _) => "random ids, or a sequence for each tenant; or accept it: [allow] sequence",
        (Channel::Timing, _) => "accept it, or bound what one tenant can store",
    }
}
