//! Compiles one component from standard input to code on standard output, under bounds it sets itself. It must
//! not know of plugins, files or the network: the gateway gives it bytes and takes bytes.
//!
//! Exit status: 0 with code, 2 where the component is refused, 1 for anything else; a bound ends it by a signal.

use std::io::{Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use plugin_engine::Metering;
use rustix::process::{Resource, Rlimit, setrlimit};
use wasmtime::Engine;

#[derive(Debug, Parser)]
#[command(
    name = "moegate-plugin-compiler",
    version,
    about = "Compiles a plugin from stdin to stdout"
)]
struct Args {
    /// How work will be counted.
    #[arg(long, value_enum, default_value_t = Count::Time)]
    metering: Count,
    /// Most CPU time, seconds.
    #[arg(long, default_value_t = 30)]
    cpu_seconds: u64,
    /// Most address space, bytes.
    #[arg(long, default_value_t = 2 << 30)]
    memory_bytes: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Count {
    Time,
    Fuel,
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(why) => {
            tell(&format!("{why:#}"));
            ExitCode::FAILURE
        }
    }
}

fn tell(text: &str) {
    let line: String = text.chars().take(2_000).collect();
    let _told = writeln!(std::io::stderr(), "{line}");
}

fn run() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    bound(&args)?;
    let mut component = Vec::new();
    std::io::stdin()
        .read_to_end(&mut component)
        .context("reading the component")?;
    let metering = match args.metering {
        Count::Time => Metering::Time,
        Count::Fuel => Metering::Fuel,
    };
    let engine = Engine::new(&plugin_engine::compiling(metering))
        .map_err(|why| anyhow::anyhow!("{why:#}"))?;
    let code = match engine.precompile_component(&component) {
        Ok(code) => code,
        Err(why) => {
            tell(&format!("{why:#}"));
            return Ok(ExitCode::from(2));
        }
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&code)
        .and_then(|()| out.flush())
        .context("writing the code")?;
    Ok(ExitCode::SUCCESS)
}

/// Bounds of this process: CPU time, memory, no file written, no core left behind.
fn bound(args: &Args) -> anyhow::Result<()> {
    let both = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(Resource::Cpu, both(args.cpu_seconds.max(1))).context("bounding CPU time")?;
    setrlimit(Resource::As, both(args.memory_bytes)).context("bounding memory")?;
    setrlimit(Resource::Core, both(0)).context("bounding cores")?;
    setrlimit(Resource::Fsize, both(0)).context("bounding files")?;
    Ok(())
}
