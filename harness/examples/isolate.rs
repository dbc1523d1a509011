//! `cargo run -p proofhouse --example isolate -- CONTRACT.toml --time 10s`

use clap::Parser;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: proofhouse::cli::isolate::Args,
}

fn main() -> std::process::ExitCode {
    proofhouse::cli::isolate::run(Command::parse().args)
}
