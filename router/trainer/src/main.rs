//! `moegate-train`: reads the command line and runs one command of the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Err(error) = models::load_cuda() {
        trainer::say(&format!(
            "cannot start with the CUDA part of libtorch: {error}"
        ));
        return ExitCode::FAILURE;
    }
    match trainer::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            trainer::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
