//! The `moegate` command: reads arguments, loads configuration, runs, drains, exits.

use std::process::ExitCode;

use clap::Parser;
use moegate::cli::{Cli, run};

/// Requests allocate on one thread and free on another; this allocator minds less than glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    small_pages();
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

/// Asks for pages of the ordinary size. The heap here is many small and short-lived pieces over several threads' arenas,
/// which huge pages round up to 2 MiB each: measured, they cost a third of the memory under load and saved no time.
/// A kernel without them has nothing to switch off.
fn small_pages() {
    let _refused = nix::sys::prctl::set_thp_disable(true);
}
