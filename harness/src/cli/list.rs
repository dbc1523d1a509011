//! `list`: what this proof house knows.

use super::{Catalogue, Failure};
use crate::engine::stores;
use crate::engine::threats::{Status, ThreatModel};
use crate::property;
use clap::{Args, ValueEnum};

#[derive(Args)]
pub(super) struct Arguments {
    /// What to list
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Threats,
    Properties,
    Targets,
    Backends,
}

pub(super) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<u8, Failure> {
    let all = property::all();
    match arguments.what {
        What::Properties => {
            for property in &all {
                println!("{:<22} {}", property.id(), property.statement());
            }
            for (id, statement) in stores::PROPERTIES {
                println!("{id:<22} {statement}");
            }
        }
        What::Targets => {
            for name in catalogue.names()? {
                println!("{name}");
            }
        }
        What::Backends => {
            println!("embedded        dynoxide, in process; the default");
            println!("dynamodb-local  DynamoDB Local in a container; needs a Docker daemon");
            println!("reference       the reference model, in process");
            println!("http://…        any DynamoDB endpoint; --allow-remote where it is not on this machine");
        }
        What::Threats => {
            let known = super::run::known_properties(&all);
            for path in &catalogue.threats {
                let model = ThreatModel::read(path, &known).map_err(Failure::usage)?;
                println!("{} — {}", model.name, model.title);
                for threat in &model.threats {
                    let shown = match threat.status {
                        Status::Tested => threat.properties.join(" "),
                        Status::Planned => {
                            format!("planned: {}", threat.reason.as_deref().unwrap_or_default())
                        }
                        Status::Outside => {
                            format!("outside: {}", threat.reason.as_deref().unwrap_or_default())
                        }
                    };
                    println!("  {:<14} {}\n  {:<14}   {shown}", threat.id, threat.title, "");
                }
            }
        }
    }
    Ok(0)
}
