//! `moegate-worker`: reads its arguments, writes a card or serves, and drains on SIGTERM, Ctrl-C or the parent's end.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use expert_worker::{Args, CardArgs, Command, ServeArgs, SystemClock, SystemIds, Worker};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> anyhow::Result<()> {
    // The gateway does without huge pages and its children inherit that; large matrices want them.
    let _refused = nix::sys::prctl::set_thp_disable(false);
    models::load_cuda().context("cannot start with the CUDA part of libtorch")?;
    let args = match Args::parse().command {
        Command::Serve(args) => args,
        Command::Card(args) => return card(args),
    };
    let filter = EnvFilter::try_from_env("MOEGATE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let ended = runtime.block_on(serve(&args));
    // A read of stdin may hang for ever, so nobody waits for it.
    runtime.shutdown_background();
    ended
}

fn card(args: CardArgs) -> anyhow::Result<()> {
    let folder = args.folder.clone();
    let card = args.run()?;
    let mut stdout = std::io::stdout().lock();
    let path = folder.join(expert_card::CARD_FILE);
    writeln!(stdout, "{} is the card of {}", path.display(), card.id)
        .context("cannot write to stdout")
}

async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let worker = Worker::start(
        args.config(),
        Arc::new(SystemClock::start()),
        Arc::new(SystemIds),
    )
    .await?;
    announce(&worker)?;
    wait(&mut terminate, &mut interrupt, args.exit_with_parent).await;
    worker.stop().await?;
    Ok(())
}

/// Tells the parent the address, as one line of JSON.
fn announce(worker: &Worker) -> anyhow::Result<()> {
    let line = serde_json::json!({ "listening": worker.address().to_string() });
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").context("cannot write to stdout")?;
    stdout.flush().context("cannot write to stdout")
}

async fn wait(terminate: &mut Signal, interrupt: &mut Signal, exit_with_parent: bool) {
    let parent_ends = async {
        if exit_with_parent {
            let closed = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            drop(tokio::task::spawn_blocking(closed).await);
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = parent_ends => {}
    }
}
