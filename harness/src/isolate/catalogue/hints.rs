//! Static facts that may explain a finding. A hint is never a finding, and a finding never rests on a hint.

use super::{Catalogue, Table};
use crate::backend::postgres::client::{Connection, Result};

/// A static fact that may explain a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// The relation or function that it is about; empty where it is about all.
    pub about: String,
    /// The constraint of that relation, where it is about one.
    pub constraint: Option<String>,
    /// Whether what it is about acts with its owner's rights.
    pub as_owner: bool,
    /// The sentence.
    pub text: String,
}

impl Hint {
    fn new(about: impl Into<String>, text: impl Into<String>) -> Self {
        Self { about: about.into(), text: text.into(), ..Self::default() }
    }

    fn with_owners_rights(self) -> Self {
        Self { as_owner: true, ..self }
    }

    /// Whether the object, as a leak names it, is what the fact is about.
    pub fn is_about(&self, object: &str) -> bool {
        self.about == object || self.constraint.as_deref() == Some(object)
    }
}

/// Reads facts that often stand behind a leak.
///
/// # Errors
/// The catalogue cannot be read.
pub fn hints(catalogue: &Catalogue, connection: &mut Connection, role: &str) -> Result<Vec<Hint>> {
    let mut hints = Vec::new();
    let flags = connection.run(&format!(
        "SELECT rolsuper, rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = {}",
        crate::backend::postgres::quote_text(role)
    ))?;
    for row in flags {
        if row[0].as_deref() == Some("t") {
            hints.push(Hint::new("", format!("{role} is a superuser: no policy holds for it")));
        } else if row[1].as_deref() == Some("t") {
            hints.push(Hint::new("", format!("{role} has BYPASSRLS: no policy holds for it")));
        }
    }
    for table in &catalogue.tables {
        hints.extend(of_table(catalogue, table));
    }
    for function in &catalogue.functions {
        if function.definer && function.executable && !function.extension && !function.trigger {
            let path = if function.settings.contains("search_path") {
                String::new()
            } else {
                " and without a search_path of its own".to_owned()
            };
            let text = format!("{} runs with its owner's rights (SECURITY DEFINER){path}", function.label());
            hints.push(Hint::new(function.label(), text).with_owners_rights());
        }
    }
    let views = connection.run(
        "SELECT n.nspname, c.relname, coalesce(array_to_string(c.reloptions, ','), '') \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'v' AND n.nspname !~ '^(pg_|information_schema)'",
    )?;
    for row in views {
        let [Some(schema), Some(name), Some(options)] = &row[..] else { continue };
        let Some(at) = catalogue.tables.iter().position(|t| &t.schema == schema && &t.name == name) else {
            continue;
        };
        let label = catalogue.tables[at].label();
        if !options.contains("security_invoker=true") && !options.contains("security_invoker=on") {
            let text = format!("{label} reads with its owner's rights (no security_invoker)");
            hints.push(Hint::new(&label, text).with_owners_rights());
        }
        if !options.contains("security_barrier") {
            hints.push(Hint::new(&label, format!("{label} has no security_barrier")));
        }
        if !options.contains("check_option") && catalogue.tables[at].through & 12 != 0 {
            hints.push(Hint::new(&label, format!("{label} can be written through and has no CHECK OPTION")));
        }
    }
    Ok(hints)
}

fn of_table(catalogue: &Catalogue, table: &Table) -> Vec<Hint> {
    let mut facts = Vec::new();
    let label = table.label();
    let fact = |text: String| Hint::new(&label, text);
    match (table.kind, table.security) {
        ('r' | 'p', (false, _)) if table.rights.contains(['S', 'I', 'U', 'D']) => {
            facts.push(fact(format!("row-level security is not enabled on {label}")));
        }
        ('r' | 'p', (true, false)) if table.owned => {
            facts.push(fact(format!("row-level security of {label} is not forced, and the role owns it")));
        }
        ('m', _) if table.may('S') => {
            facts.push(fact(format!("{label} is a materialized view: no policy can be set on it")));
        }
        _ => {}
    }
    for constraint in &table.constraints {
        if matches!(constraint.kind, 'p' | 'u' | 'x') {
            let names: Vec<&str> =
                constraint.columns.iter().map(|at| table.columns[*at].name.as_str()).collect();
            let text = format!(
                "{} holds over all rows of {label}, whoever's they are: ({})",
                constraint.name,
                names.join(", ")
            );
            facts.push(Hint { constraint: Some(constraint.name.clone()), ..fact(text) });
        }
        if constraint.kind == 'f'
            && let Some(target) = catalogue.table(constraint.target)
            && constraint.columns.len() == 1
        {
            let target = &catalogue.tables[target];
            let action = match constraint.on_delete {
                'c' => ", and deletes go through (ON DELETE CASCADE)",
                'n' => ", and a delete sets it to null (ON DELETE SET NULL)",
                _ => "",
            };
            let text = format!(
                "{} refers to {} without the tenant: policies do not hold for foreign keys{action}",
                constraint.name,
                target.label()
            );
            facts.push(Hint { constraint: Some(constraint.name.clone()), ..fact(text) });
        }
    }
    facts
}
