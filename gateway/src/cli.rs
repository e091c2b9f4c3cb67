//! The commands of `moegate`, one module each.

mod capture;
mod check;
mod demo;
mod docs;
mod gate;
mod key;
mod ledger;
mod noting;
mod plugin;
mod quality;
mod scenario;
mod serve;
mod signals;
mod table;

pub use gate::{shadow_report, verdict_report};
pub use key::make as make_key;
pub use ledger::shown as ledger_report;
pub(crate) use plugin::{WIT, build_component, cache, has_tools};
pub use scenario::{known_share, last_days, quality, shown as scenario_report};
pub use table::Table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, Overrides, load};

/// One endpoint in front of many small experts, and a ledger that says what each scenario costs.
#[derive(Debug, Parser)]
#[command(name = "moegate", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine, play sample traffic, print what it cost.
    Demo(demo::DemoArgs),
    /// Serve until SIGTERM or Ctrl-C, then drain.
    Serve(serve::ServeArgs),
    /// Check a configuration and exit.
    Check(ConfigArgs),
    /// Make, list and withdraw API keys.
    Key(key::KeyArgs),
    /// Ask the gate, and put a better one in its place.
    Gate(gate::GateArgs),
    /// Show and delete what is kept of requests for the gate to learn from.
    Capture(capture::CaptureArgs),
    /// Read what scenarios cost.
    Scenario(scenario::ScenarioArgs),
    /// Measure how good answers are.
    Quality(quality::QualityArgs),
    /// Prove, close, correct and export the books.
    Ledger(ledger::LedgerArgs),
    /// Add, list and remove documents that plugins may search.
    Docs(docs::DocsArgs),
    /// Write, try, publish and install plugins.
    Plugin(plugin::PluginArgs),
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "MOEGATE_CONFIG",
        default_value = "moegate.toml"
    )]
    pub config: PathBuf,
}

impl ConfigArgs {
    /// Loads and checks it.
    ///
    /// # Errors
    /// See [`load`].
    pub fn load(&self) -> Result<Config, ConfigError> {
        load(&self.config, &Overrides::default())
    }
}

/// Runs a command.
///
/// # Errors
/// Whatever the command could not do; a [`ConfigError`] where the configuration is at fault.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Key(args) => key::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Scenario(args) => scenario::run(&args),
        Command::Quality(args) => quality::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::Docs(args) => docs::run(&args),
        Command::Plugin(args) => plugin::run(&args),
    }
}

/// Prints a line for people on standard output.
pub fn say(text: impl std::fmt::Display) {
    #[expect(
        clippy::print_stdout,
        reason = "commands talk to people here and nowhere else"
    )]
    {
        println!("{text}");
    }
}

fn runtime(threads: Option<usize>) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.enable_all().thread_name("moegate").build()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_configuration_is_named_before_or_after_what_to_do() {
        for line in [
            "moegate ledger --config f.toml verify",
            "moegate ledger verify --config f.toml",
            "moegate scenario report --config f.toml",
            "moegate key list --tenant t --config f.toml",
        ] {
            let matches = Cli::command().try_get_matches_from(line.split(' '));
            let matches = matches.unwrap_or_else(|why| panic!("{line}: {why}"));
            let (_, of_command) = matches.subcommand().expect("a command");
            let named = of_command.get_one::<PathBuf>("config");
            assert_eq!(named, Some(&PathBuf::from("f.toml")), "{line}");
        }
    }
}
