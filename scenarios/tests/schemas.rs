//! The shipped schemas and their mutants: contracts that can be read, and heads that say what to expect.

use proofhouse::isolate::contract::{Contract, Level};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres")
}

fn folders(below: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(below).map(|list| list.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let mut found: Vec<PathBuf> =
        entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

fn mutants() -> Vec<PathBuf> {
    folders(&folder()).iter().flat_map(|store| folders(&store.join("mutants"))).collect()
}

/// What the head of a mutant says after a word.
fn head(text: &str, word: &str) -> Option<String> {
    let start = format!("-- {word}: ");
    text.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
}

#[test]
fn every_contract_can_be_read() {
    let stores = folders(&folder());
    assert!(stores.len() >= 5, "{stores:?}");
    for store in stores.iter().chain(&mutants()) {
        let contract = Contract::read(&store.join("tenancy.toml")).map_err(|error| error.to_string());
        assert!(contract.is_ok(), "{contract:?}");
    }
}

#[test]
fn every_mutant_says_its_class_its_channel_and_the_level_of_its_contract() {
    let all = mutants();
    assert!(all.len() >= 50, "{}", all.len());
    for mutant in all {
        let text = std::fs::read_to_string(mutant.join("mutant.sql")).expect("mutant.sql");
        let place = mutant.display();
        let class = head(&text, "class").unwrap_or_default();
        assert!(class.starts_with(|letter: char| ('A'..='K').contains(&letter)), "{place}: class {class}");
        const CHANNELS: [&str; 6] = ["write", "read", "existence", "dos", "count", "sequence"];
        let channels = head(&text, "channel").unwrap_or_default();
        let mut words = channels.split_whitespace().peekable();
        assert!(words.peek().is_some() && words.all(|word| CHANNELS.contains(&word)), "{place}: {channels}");
        let contract = Contract::read(&mutant.join("tenancy.toml")).expect("a contract");
        let level = if contract.adversary.level == Level::Sql { "sql" } else { "queries" };
        assert_eq!(head(&text, "level").as_deref(), Some(level), "{place}");
    }
}

#[test]
fn the_mutants_of_the_workflow_store_cover_every_class() {
    let heads: Vec<String> = folders(&folder().join("workflow_store/mutants"))
        .iter()
        .filter_map(|mutant| std::fs::read_to_string(mutant.join("mutant.sql")).ok())
        .filter_map(|text| head(&text, "class"))
        .collect();
    assert!(heads.len() >= 40, "{}", heads.len());
    for letter in 'A'..='K' {
        assert!(heads.iter().any(|class| class.starts_with(letter)), "no mutant of class {letter}");
    }
}
