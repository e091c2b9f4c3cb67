//! `moegate serve`: the gateway until SIGTERM or Ctrl-C, then a drain. SIGHUP looks at the gates' pointers at once.

use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::signals::Signals;
use super::{ConfigArgs, runtime, say};
use crate::config::{Config, Overrides, load};
use crate::gateway::Gateway;

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address and port, instead of the configured one; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let overrides = Overrides::default().with("server.listen", args.listen.clone());
    let config = load(&args.config.config, &overrides)?;
    crate::telemetry::install(&config.log)?;
    let runtime = runtime(config.server.threads)?;
    runtime.block_on(serve(config))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    // Before anybody can know of the process, so that no signal finds it unprepared.
    let mut signals = Signals::listen()?;
    let mut hangup = signal(SignalKind::hangup())?;
    let gateway = Gateway::start(config).await?;
    // One line for programs that wait for the port.
    let mut bound = serde_json::json!({"listening": gateway.address()});
    if let Some(address) = gateway.operations() {
        bound["operations"] = address.to_string().into();
    }
    say(bound);
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let app = std::sync::Arc::clone(gateway.app());
    tokio::select! {
        () = gateway.run(stop) => {}
        () = async {
            loop {
                tokio::select! {
                    () = signals.heard() => break,
                    _ = hangup.recv() => drop(app.refresh_gates().await),
                }
            }
            tracing::info!("draining");
            stopping.cancel();
            std::future::pending::<()>().await;
        } => {}
    }
    Ok(())
}
