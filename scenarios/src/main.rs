//! The command with this repository's targets.

fn main() -> std::process::ExitCode {
    proofhouse::cli::main(proofhouse_scenarios::proof_house())
}
