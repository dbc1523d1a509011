//! The smallest SQL script that shows a finding in psql: both worlds, one after the other.

use super::Finding;
use crate::backend::postgres::{quote_name, quote_text};
use crate::isolate::bench::Bench;
use crate::isolate::contract::fill;
use crate::isolate::data::Made;
use crate::isolate::program::{Actor, Kind};

/// The script.
pub fn script(bench: &Bench, finding: &Finding) -> String {
    let contract = &bench.contract;
    let mut out = format!(
        "-- {}\n-- Run as a superuser on a throw-away server: psql -X -f THIS postgres\n\\set VERBOSITY verbose\n",
        finding.title()
    );
    let folder = contract.folder().canonicalize().unwrap_or_else(|_| contract.folder());
    let role_of = |tenant: usize| contract.role(tenant);
    let who = usize::from(finding.program.kind == Kind::Partition);
    let mut roles = vec![contract.database.owner.clone()];
    roles.extend((0..contract.ids().len()).map(role_of));
    roles.dedup();
    for role in &roles {
        let create = format!("CREATE ROLE {} LOGIN", quote_name(role));
        out.push_str(&format!(
            "SELECT {} WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = {}) \\gexec\n",
            quote_text(&create).trim(),
            quote_text(role)
        ));
    }
    for (world, rows) in [(1, &finding.rows.0), (2, &finding.rows.1)] {
        let database = format!("{}_world{world}", contract.name());
        let name = quote_name(&database);
        out.push_str(&format!("\n-- World {world}\nDROP DATABASE IF EXISTS {name};\n"));
        out.push_str(&format!(
            "CREATE DATABASE {name} OWNER {};\n\\connect {name}\n",
            quote_name(&contract.database.owner)
        ));
        for extension in &contract.database.extensions {
            out.push_str(&format!("CREATE EXTENSION IF NOT EXISTS {} CASCADE;\n", quote_name(extension)));
        }
        for file in &contract.database.superuser {
            out.push_str(&format!("\\i {}\n", folder.join(file).display()));
        }
        out.push_str(&format!("SET SESSION AUTHORIZATION {};\n", quote_name(&contract.database.owner)));
        for file in &contract.database.schema {
            out.push_str(&format!("\\i {}\n", folder.join(file).display()));
        }
        for tenant in 0..contract.ids().len() {
            let mut words = contract.words(tenant);
            words.insert("world".to_owned(), world.to_string());
            for statement in &contract.tenant.create {
                out.push_str(&format!("{};\n", fill(statement, &words)));
            }
        }
        out.push_str("RESET SESSION AUTHORIZATION;\n");
        for file in &contract.database.super_each {
            out.push_str(&format!("\\i {}\n", folder.join(file).display()));
        }
        section(&mut out, "-- rows of A and of everyone", &finding.base_rows);
        section(&mut out, "-- rows of B", rows);
        out.push_str("ANALYZE;\n-- A\n");
        out.push_str(&format!("SET SESSION AUTHORIZATION {};\n", quote_name(&role_of(who))));
        let enter = |tenant: usize| {
            let mut text = String::new();
            if contract.tenant.transaction {
                text.push_str("BEGIN;\n");
            }
            for statement in &contract.tenant.enter {
                text.push_str(&format!("{};\n", fill(statement, &bench.words[tenant])));
            }
            text
        };
        match finding.program.kind {
            Kind::Session | Kind::Outside => {}
            Kind::Requests => out.push_str(&enter(0)),
            Kind::Partition => out.push_str(&enter(1)),
            Kind::Transaction => {
                out.push_str(&enter(0));
                out.push_str("BEGIN;\n");
            }
        }
        for step in &finding.program.steps {
            match step.actor {
                Actor::Enter(tenant) => out.push_str(&enter(tenant)),
                Actor::Leave(tenant) => {
                    if contract.tenant.transaction {
                        out.push_str("COMMIT;\n");
                    }
                    for statement in &contract.tenant.leave {
                        out.push_str(&format!("{};\n", fill(statement, &bench.words[tenant])));
                    }
                }
                Actor::A | Actor::Before => {
                    out.push_str(&format!("{};\n", step.inlined()));
                    if let Some(rows) = &step.copy {
                        out.push_str(&format!("{rows}\\.\n"));
                    }
                }
                Actor::Beside => out.push_str(&format!("-- B on a second connection: {}\n", step.sql)),
            }
        }
        if finding.program.kind == Kind::Transaction {
            out.push_str("COMMIT;\n");
        }
        out.push_str("RESET SESSION AUTHORIZATION;\n");
    }
    out.push_str("\\connect postgres\n");
    for line in format!("world 1: {}\nworld 2: {}", finding.seen.0, finding.seen.1).lines() {
        out.push_str(&format!("-- {line}\n"));
    }
    out
}

fn section(out: &mut String, title: &str, rows: &[Made]) {
    if rows.is_empty() {
        return;
    }
    out.push_str(&format!("{title}\n"));
    for made in rows {
        out.push_str(&format!("BEGIN; {}; COMMIT;\nRESET SESSION AUTHORIZATION; RESET ALL;\n", made.again));
    }
}
