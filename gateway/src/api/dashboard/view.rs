//! Makes rows of the store into the view models of the pages.

use dashboard::{
    Basis, CostCell, ExpertCell, Frame, Period, QualityCell, ScenarioRow, ScenariosPage, SignedIn,
};
use ledger_store::{ScenarioSummary, Span, StoreError};
use units::{Bucket, Timestamp};

use super::{Wish, visit};
use crate::app::App;
use crate::sessions::Session;

/// The scenarios of the session's tenant, and of no other.
pub(super) async fn scenarios(
    app: &App,
    session: &Session,
    wish: &Wish,
) -> Result<ScenariosPage, StoreError> {
    let period = wish
        .period
        .as_deref()
        .and_then(Period::from_name)
        .unwrap_or_default();
    let basis = wish
        .basis
        .as_deref()
        .and_then(Basis::from_name)
        .unwrap_or_default();
    let to = Bucket::of(app.clock.now()).next();
    let from = Bucket::from_index(to.index().saturating_sub(period.buckets().into()));
    let span = Span { from, to };
    let rows = app
        .recorder
        .store()
        .scenario_summaries(Some(session.tenant.clone()), span)
        .await?;
    Ok(ScenariosPage {
        frame: frame(app, Some(session), dashboard::SCENARIOS_PATH),
        period,
        basis,
        currency: app.recorder.rates().currency(),
        rows: rows.iter().map(scenario).collect(),
        platform: None,
    })
}

/// What stands around a page.
pub(super) fn frame(app: &App, session: Option<&Session>, current: &str) -> Frame {
    let name = |session: &Session| {
        let tenant = app.tenants.get(&session.tenant);
        tenant.map_or_else(|| session.tenant.to_string(), |tenant| tenant.name.clone())
    };
    Frame {
        signed_in: session.map(|s| SignedIn {
            name: name(s),
            csrf: s.csrf.clone(),
        }),
        made_at: in_words(app.clock.now()),
        links: session.map_or_else(Vec::new, |session| {
            visit::links(app, &session.tenant, current)
        }),
    }
}

fn scenario(row: &ScenarioSummary) -> ScenarioRow {
    let cost = &row.cost;
    ScenarioRow {
        tenant: row.tenant.to_string(),
        scenario: row.scenario.to_string(),
        requests: row.requests,
        errors: row.errors,
        experts: row
            .experts
            .iter()
            .map(|e| ExpertCell {
                name: e.expert.as_ref().map(ToString::to_string),
                requests: e.requests,
            })
            .collect(),
        cost: CostCell {
            marginal: cost.marginal,
            loaded: cost.loaded,
            known: cost.known,
            unknown: cost.unknown,
            pending: cost.pending,
        },
        p50: row.p50,
        p99: row.p99,
        quality: row
            .quality
            .iter()
            .map(|q| QualityCell {
                source: q.source.as_str().to_owned(),
                count: q.count,
                mean_ppm: q.mean.get(),
            })
            .collect(),
    }
}

fn in_words(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.unix_seconds())
        .map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
        .unwrap_or_default()
}
