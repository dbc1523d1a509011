//! What can be wrong in a contract before a server is needed.

use super::Contract;
use std::ops::Range;
use std::path::Path;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ContractError {
    /// File and line.
    pub place: String,
    /// In words.
    pub reason: String,
}

pub(super) fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> ContractError {
    let span = error.span().unwrap_or(0..0);
    ContractError { place: place(path, text, &span), reason: error.message().to_owned() }
}

fn place(path: &Path, text: &str, span: &Range<usize>) -> String {
    let line = text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1);
    format!("{}:{line}", path.display())
}

pub(super) fn check(contract: &Contract) -> Result<(), ContractError> {
    let at = |span: &Range<usize>, reason: String| ContractError {
        place: place(&contract.path, &contract.text, span),
        reason,
    };
    let ids = &contract.tenant.ids;
    if ids.as_ref().len() < 2 {
        return Err(at(&ids.span(), "ids: two or more tenants are needed".to_owned()));
    }
    for (position, id) in ids.as_ref().iter().enumerate() {
        if id.contains(['\'', '"', '\\']) {
            return Err(at(&ids.span(), format!("ids: {id} has a quote in it")));
        }
        if ids.as_ref()[..position].contains(id) {
            return Err(at(&ids.span(), format!("ids: {id} stands there twice")));
        }
    }
    for (name, values) in &contract.tenant.vars {
        if values.as_ref().len() != ids.as_ref().len() {
            let reason =
                format!("vars.{name}: {} values for {} tenants", values.as_ref().len(), ids.as_ref().len());
            return Err(at(&values.span(), reason));
        }
    }
    let database = &contract.database;
    if database.schema.is_empty() == database.template.is_none() {
        return Err(contract.error_at("[database]", "either schema or template must be given"));
    }
    for file in database.schema.iter().chain(&database.superuser).chain(&database.super_each) {
        if !contract.folder().join(file).is_file() {
            return Err(contract.error_at(file, format!("{file}: no such file")));
        }
    }
    for (name, table) in &contract.tables {
        let error = |reason: String| contract.error_at(name, reason);
        if let Some(via) = &table.via
            && !via.contains("->")
            && !via.contains("<-")
        {
            return Err(error(format!(
                "tables.{name}: via must be `column -> table.column` or `column <- table.column`"
            )));
        }
        if table.writable && !table.shared {
            return Err(error(format!("tables.{name}: writable is for shared tables")));
        }
        if table.shared && table.closed {
            return Err(error(format!("tables.{name}: either shared or closed")));
        }
        if let Some(holds) = &table.holds
            && !contract.tenant.vars.contains_key(holds)
        {
            return Err(error(format!("tables.{name}: holds = {holds}, which is not in vars")));
        }
        if let Some(tenant) = &table.tenant
            && !ids.as_ref().contains(tenant)
        {
            return Err(error(format!("tables.{name}: tenant {tenant} is not in ids")));
        }
    }
    const CHANNELS: [&str; 7] = ["write", "read", "existence", "dos", "count", "sequence", "timing"];
    for key in contract.allow.keys() {
        let channel = key.split('@').next().unwrap_or_default();
        if !CHANNELS.contains(&channel) {
            return Err(contract.error_at(key, format!("allow: {channel} is not a channel")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Contract;
    use std::path::Path;

    const MINIMAL: &str =
        "[database]\ntemplate = 't'\n[tenant]\nrole = 'app'\ncolumn = 'tenant'\nenter = []\n";

    fn parse(text: &str) -> Result<Contract, String> {
        Contract::parse(Path::new("shop/tenancy.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_but_five_keys_has_a_default() {
        let contract = parse(MINIMAL).expect("a contract");
        assert_eq!(contract.ids(), ["1", "2"]);
        assert_eq!(contract.name(), "shop");
        assert_eq!(contract.database.owner, "owner");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = parse(&MINIMAL.replace("enter = []", "enter = []\nentre = []")).expect_err("unknown");
        assert!(error.starts_with("shop/tenancy.toml:7: "), "{error}");
    }

    #[test]
    fn a_tenant_id_with_a_quote_is_refused_with_its_line() {
        let error = parse(&format!("{MINIMAL}ids = ['1', \"o'b\"]\n")).expect_err("quote");
        assert_eq!(error, "shop/tenancy.toml:7: ids: o'b has a quote in it");
    }

    #[test]
    fn variables_must_be_given_for_every_tenant() {
        let error = parse(&format!("{MINIMAL}vars = {{ user = ['u'] }}\n")).expect_err("too few");
        assert!(error.contains("1 values for 2 tenants"), "{error}");
    }
}
