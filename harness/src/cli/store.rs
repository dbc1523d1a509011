//! `store`: findings, corpora and history of a report's folder, to and from a place that outlives it.

use super::Failure;
use crate::store::place::{Place, PlaceError};
use crate::store::{Kind, check, gather, scatter};
use clap::{Args, Subcommand};
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Add what a report's folder holds to a place; nothing there is ever overwritten
    Push {
        /// The folder of a report
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// A folder, file:///FOLDER, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX
        #[arg(value_name = "URL")]
        url: String,
        #[command(flatten)]
        options: Options,
    },
    /// Add what a place holds to a report's folder; files that are there stay
    Pull {
        /// A folder, file:///FOLDER, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX
        #[arg(value_name = "URL")]
        url: String,
        /// The folder of a report; it is made where it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Args)]
struct Options {
    /// Only these: failures, corpus, history, runs; without it all
    #[arg(long, value_delimiter = ',', value_name = "KIND,...")]
    only: Vec<Kind>,
    /// Allow a place that is not on this machine
    #[arg(long)]
    allow_remote: bool,
}

impl Options {
    fn kinds(&self) -> Vec<Kind> {
        if self.only.is_empty() { Kind::ALL.to_vec() } else { self.only.clone() }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let placed = |error: PlaceError| {
        if error.is_usage() { Failure::usage(error) } else { Failure::failed(error) }
    };
    match &arguments.what {
        What::Push { folder, url, options } => {
            if !folder.is_dir() {
                return Err(Failure::usage(format!(
                    "{}: no such folder; name the folder of a report",
                    folder.display()
                )));
            }
            let objects = gather(folder, &options.kinds()).map_err(Failure::failed)?;
            let place = Place::open(url, options.allow_remote, true).map_err(placed)?;
            let count = objects.len();
            let fresh = place.push(objects, &options.kinds()).map_err(placed)?;
            println!("{fresh} of {count} objects were new in {url}");
        }
        What::Pull { url, folder, options } => {
            let place = Place::open(url, options.allow_remote, false).map_err(placed)?;
            let there = gather(folder, &options.kinds()).map_err(Failure::failed)?;
            let known: BTreeSet<String> = there.into_iter().map(|object| object.name).collect();
            let mut objects = place.pull(&options.kinds(), &known).map_err(placed)?;
            let pulled = objects.len();
            objects.retain(|object| match check(object) {
                Ok(()) => true,
                Err(refused) => {
                    eprintln!("{refused}");
                    false
                }
            });
            let fresh = scatter(folder, &objects).map_err(Failure::failed)?;
            println!("{fresh} of {pulled} objects were new in {}", folder.display());
        }
    }
    Ok(0)
}
