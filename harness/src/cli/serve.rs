//! `serve`: an engine as a DynamoDB endpoint on loopback, until the command is interrupted.

use super::Failure;
use super::run::choose_backend;
use crate::wire::{Listener, Wire};
use clap::Args;
use std::io::Read as _;
use std::sync::Arc;

#[derive(Args)]
pub(super) struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The engine: reference, embedded or dynamodb-local
    #[arg(long, default_value = "reference", value_name = "NAME")]
    backend: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let engine = choose_backend(&arguments.backend, false)?.open().map_err(Failure::failed)?;
    let version = engine.version();
    let wire = Arc::new(Wire::new(engine));
    let listener = Listener::start_on(wire, arguments.port)
        .map_err(|error| Failure::failed(format!("cannot listen on port {}: {error}", arguments.port)))?;
    let endpoint = listener.endpoint();
    println!("{version} at {}", endpoint.url);
    println!("export AWS_ENDPOINT_URL={}", endpoint.url);
    println!("export AWS_REGION={}", endpoint.region);
    println!("export AWS_ACCESS_KEY_ID={}", endpoint.access_key_id);
    println!("export AWS_SECRET_ACCESS_KEY={}", endpoint.secret_access_key);
    println!("close standard input or interrupt to end");
    // Whoever starts it holds its standard input: when that closes, the endpoint has no user any more.
    let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
    Ok(0)
}
