//! The `bench` command: a mock upstream, a load driver, and the gateway beside nginx.

use std::io::Write;

use clap::Parser;

mod cli;

fn main() -> anyhow::Result<()> {
    let cli = cli::Cli::parse();
    let runtime = cli.runtime()?;
    let said = runtime.block_on(cli.run())?;
    std::io::stdout().write_all(said.as_bytes())?;
    Ok(())
}
