//! `moegate demo`: everything on this machine, with sample traffic.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio_util::sync::CancellationToken;
use units::TenantId;

use super::signals::Signals;
use super::{runtime, say};
use crate::config::{Config, Overrides, load};
use crate::demo::{self, Client, Outcome};
use crate::gateway::Gateway;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Play the traffic, print the tables, exit: 0 only if every check held.
    #[arg(long)]
    once: bool,
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "deploy/demo/moegate.toml")]
    config: PathBuf,
    /// The sample traffic, JSON lines.
    #[arg(long, value_name = "FILE", default_value = "deploy/demo/traffic.jsonl")]
    traffic: PathBuf,
    /// Address and port, instead of the configured one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Folder of ledger and journal, instead of the configured one.
    #[arg(long, value_name = "DIR")]
    store: Option<String>,
}

pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let overrides = Overrides::default()
        .with("server.listen", args.listen.clone())
        .with("store.dir", args.store.clone());
    let config = load(&args.config, &overrides)?;
    crate::telemetry::install(&config.log)?;
    runtime(config.server.threads)?.block_on(show(config, args))
}

async fn show(config: Config, args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let first = config.tenants.first().map(|tenant| tenant.id.clone());
    let gateway = Gateway::start(config).await?;
    let address = gateway.address();
    let app = std::sync::Arc::clone(gateway.app());
    let stop = CancellationToken::new();
    let client = Client::new(address);
    let visit = async {
        // A signal ends the traffic too; what was answered by then is in the books.
        let played = tokio::select! {
            played = demo::run(&app, &client, &args.traffic) => played,
            () = signals.heard() => Err(anyhow::anyhow!("interrupted")),
        };
        if let (Ok(outcome), false) = (&played, args.once) {
            invite(&format!("http://{address}"), outcome, first.as_ref());
            signals.heard().await;
        }
        stop.cancel();
        played
    };
    let ((), played) = tokio::join!(gateway.run(stop.clone()), visit);
    let held = played?.checks.iter().all(|check| check.held);
    if args.once {
        say(if held {
            "every check held"
        } else {
            "a check failed"
        });
    }
    Ok(if held || !args.once {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn invite(base: &str, outcome: &Outcome, first: Option<&TenantId>) {
    let key = first.and_then(|tenant| outcome.keys.get(tenant));
    let key = key.map_or("", String::as_str);
    say(format_args!(
        "
serving on {base} until Ctrl-C
dashboard  {base}/dashboard/portfolio
           sign in with {finance}
           operator    {operator}
a key      {key}
try        curl -s {base}/v1/chat/completions -H 'Authorization: Bearer {key}' \\
             -H 'Content-Type: application/json' \\
             -d '{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"My card has not arrived yet\"}}]}}'
",
        finance = outcome.finance,
        operator = outcome.operator.as_deref().unwrap_or("none"),
    ));
}
