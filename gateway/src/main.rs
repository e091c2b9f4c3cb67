//! The `moegate` command: reads arguments, loads configuration, runs, drains, exits.

use std::process::ExitCode;

use clap::Parser;
use moegate::cli::{Cli, run};

/// Requests allocate on one thread and free on another; this allocator minds less than glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(why) => {
            #[expect(
                clippy::print_stderr,
                reason = "the one place where a command says why it failed"
            )]
            {
                eprintln!("moegate: {why:#}");
            }
            // 78 is EX_CONFIG of sysexits: supervisors need not try again.
            let config = why.downcast_ref::<moegate::config::ConfigError>().is_some();
            ExitCode::from(if config { 78 } else { 1 })
        }
    }
}
