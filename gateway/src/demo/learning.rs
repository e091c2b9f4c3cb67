//! The loop in the demo: after the first part of the traffic a gate is retrained on its judgements and put into the shadow
//! of the live one; after the rest, what it is worth is told, whatever that is.

use std::sync::Arc;

use anyhow::Context;
use gate_learn::promotion::{Bar, Verdict};
use ledger_store::ShadowSummary;
use units::Timestamp;

use crate::app::App;
use crate::cli::{say, shadow_report, verdict_report};
use crate::gates::Version;
use crate::promotion::{Bench, shadow, verdict};
use crate::retraining::{Made, Scope, make};

/// Seed of the split and of the training.
const SEED: u64 = 20_261_125;

/// What came of it.
#[derive(Debug)]
pub(super) struct Learned {
    /// The candidate.
    pub(super) version: Version,
    /// How it did beside the live gate.
    pub(super) shadowed: ShadowSummary,
    /// What it is worth.
    pub(super) verdict: Verdict,
}

/// Retrains on what was judged since an instant, and puts the candidate into the shadow.
pub(super) async fn retrain(app: &Arc<App>, since: Timestamp) -> anyhow::Result<Made> {
    settle(app).await?;
    let scope = Scope {
        tenants: Vec::new(),
        since,
        seed: SEED,
    };
    let (store, captures) = (app.recorder.store(), app.capture.store());
    let now = app.clock.now();
    let catalog = app.catalog.load_full();
    let made = make(
        &app.config,
        &catalog,
        store.as_ref(),
        captures.as_ref(),
        &scope,
        now,
    )
    .await?;
    shadow(app.gates.registry(), Some(&made.version), now)?;
    app.refresh_gates().await;
    say(format_args!(
        "retrained on {} judged requests, {} kept from it: log loss {:.4} of the live gate, {:.4} of version {}",
        made.figures.lessons,
        made.held_out,
        made.figures.loss_live,
        made.figures.loss,
        made.version,
    ));
    Ok(made)
}

/// Judges the candidate on what it has not learned from, and tells it.
pub(super) async fn tell(app: &Arc<App>, version: Version) -> anyhow::Result<Learned> {
    settle(app).await?;
    let bench = Bench {
        config: &app.config,
        catalog: &app.catalog.load_full(),
        tenants: &app.tenants,
        store: app.recorder.store().as_ref(),
        captures: app.capture.store().as_ref(),
    };
    let bar = Bar::default();
    let verdict = verdict(&bench, app.gates.registry(), &version, &bar).await?;
    let name = app.gates.registry().load(&version)?.version().to_string();
    let shadowed = app.capture.store().shadowed(None, name).await?;
    say(shadow_report(version.as_str(), &shadowed));
    say(verdict_report(&verdict));
    let lift = verdict.over_live.as_ref().map_or_else(
        || "lift over the live gate: unknown".to_owned(),
        |lift| {
            format!(
                "lift over the live gate: {:+.4} accepted answers a request, {:+.4} to {:+.4} with {:.0} % confidence",
                lift.value,
                lift.low,
                lift.high,
                bar.level * 100.0,
            )
        },
    );
    say(lift);
    if verdict.refusals.is_empty() {
        say("it may be promoted: moegate gate promote");
    }
    for refusal in &verdict.refusals {
        say(format_args!("it would be refused: {refusal}"));
    }
    Ok(Learned {
        version,
        shadowed,
        verdict,
    })
}

/// Waits until judgements are in the books and features in their file.
async fn settle(app: &Arc<App>) -> anyhow::Result<()> {
    app.capture.settle().await;
    app.recorder
        .drain()
        .await
        .context("the journal is not in the store")
}
