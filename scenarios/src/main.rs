//! The command with this repository's targets.

/// Half of what the harness does between two calls of an engine is making and dropping JSON.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    proofhouse::cli::main(proofhouse_scenarios::proof_house())
}
