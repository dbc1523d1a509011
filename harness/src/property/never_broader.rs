//! `never_broader`: a read answers the rows of its intent, none more and none fewer.

use super::pages::judge_pages;
use super::rows::judge_rows;
use super::support::{verdict, views};
use super::{Judgement, Property};
use crate::case::{Case, Observation, Run, Step};
use crate::generate::record::other_keys;
use crate::generate::{Generator, Wish};
use crate::tape::{Discard, Source};
use proofhouse_models::mapper::{Call, Capabilities};

/// A read returns exactly the rows of its intent: never a row more, and when all pages are read none fewer.
pub struct NeverBroader;

impl Property for NeverBroader {
    fn id(&self) -> &'static str {
        "never_broader"
    }

    fn statement(&self) -> &'static str {
        "a read answers the rows of its intent, none more and none fewer"
    }

    fn needs(&self, target: &Capabilities) -> Result<(), String> {
        if target.has("query") || target.has("scan") {
            Ok(())
        } else {
            Err("the target offers neither query nor scan".to_owned())
        }
    }

    fn generate(&self, source: &mut Source, target: &Capabilities) -> Result<Case, Discard> {
        generate(source, target, false)
    }

    fn judge(&self, target: &Capabilities, case: &Case, observed: &Observation) -> Judgement {
        let mut violations = Vec::new();
        let mut checked = false;
        let views = views(case, observed);
        for view in &views {
            checked |= judge_rows(target, &case.model, view, &mut violations);
        }
        checked |= judge_pages(target, &case.model, &views, &mut violations);
        verdict(violations, checked, "no read went through")
    }

    fn floors(&self, target: &Capabilities) -> Vec<(&'static str, u32)> {
        let mut floors = Vec::new();
        if !target.conditions.is_empty() {
            floors.push(("filter", 25));
        }
        if target.has("query") {
            floors.push(("query", 20));
        }
        floors
    }
}

/// Pages behind the first: more than a table of seven items has.
const MOST_PAGES: i64 = 8;

/// A table of items that differ little, and one or two reads.
pub fn generate(source: &mut Source, target: &Capabilities, hostile: bool) -> Result<Case, Discard> {
    let mut generator = Generator::draw(source, target, hostile);
    generator.swarm.long = false;
    generator.swarm.absents = false;
    let wish = Wish { version: false, sort_key: 75, defaults: false, indexes: true };
    let model = generator.model(source, wish)?;
    let starts = generator.starts(source, &model, 1..=7);
    let has = |method: &str, weight: u32| if target.has(method) { weight } else { 0 };
    let mut steps: Vec<Step> = Vec::new();
    let reads = source.list("step", 1..=2, |source| {
        let choice = *source.weighted(&[
            (has("scan", 35), 0),
            (has("query", 50), 1),
            (has("get", 5), 2),
            (has("batch_get", 8), 3),
        ]);
        match choice {
            0 => Some(Call::Scan(Box::new(generator.scan(source, &model, &starts)))),
            1 => generator.query(source, &model, &starts).map(|query| Call::Query(Box::new(query))),
            2 => {
                let key = generator.key(source, &model, &starts);
                Some(Call::Get { model: model.name.clone(), key, consistent: None })
            }
            _ => {
                let mut keys = source.list("key", 1..=3, |source| generator.key(source, &model, &starts));
                if source.chance(8) {
                    // More than one request holds, and what is stored comes last.
                    keys = other_keys(&model, &keys[0], 100).chain(keys.iter().cloned()).collect();
                }
                Some(Call::BatchGet { model: model.name.clone(), keys })
            }
        }
    });
    for read in reads {
        let Some(read) = read else { return Err(Discard("no query of the model")) };
        let (filter, paged) = match &read {
            Call::Query(query) => (query.filter.is_some(), query.page.is_some()),
            Call::Scan(scan) => (scan.filter.is_some(), scan.page.is_some()),
            _ => (false, false),
        };
        source.label(read.method());
        if filter {
            source.label("filter");
        }
        steps.push(read.clone().into());
        // The next pages of a paged read, often all of them; those behind the last are not sent.
        if paged && source.chance(60) {
            for _ in 0..source.integer_towards(1..=MOST_PAGES, 1) {
                let before = steps.len() - 1;
                steps.push(Step::reusing(read.clone(), before));
            }
        }
    }
    Ok(Case { model, runs: vec![Run::new(starts, steps)], notes: Default::default() })
}
