//! What the books can take: thirty days of traffic posted and settled as the gateway does it, then every question a page
//! asks, at the sizes pages ask it.

mod traffic;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ledger::Month;
use ledger_store::{EventBatch, JudgedQuery, LedgerStore, RequestsWanted, Span, SqlStore, Store};
use serde::Serialize;
use units::{Bucket, TenantId, Timestamp};
use uuid::Uuid;

use traffic::{BUCKET, BUCKETS, START, Traffic};

/// Requests of one batch, about what a second of a busy gateway leaves in its journal.
const BATCH: usize = 1_000;
/// How often each question is asked.
const TIMES: usize = 20;

/// What is measured.
#[derive(Debug, Clone)]
pub struct LedgerPlan {
    /// Requests of thirty days.
    pub requests: u64,
    /// Prove the books at the end.
    pub verify: bool,
}

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub struct LedgerFigures {
    /// Requests posted.
    pub requests: u64,
    /// Attempts posted.
    pub attempts: u64,
    /// Lines of closed windows.
    pub window_lines: u64,
    /// Time of posting and settling, without making the traffic, s.
    pub seconds: f64,
    /// Attempts posted and settled in a second.
    pub attempts_per_second: f64,
    /// Bytes of the file for each request.
    pub bytes_per_request: u64,
    /// What each question took.
    pub queries: Vec<Asked>,
    /// Time of the proof, s.
    pub verify_seconds: Option<f64>,
}

/// One question.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// Its name.
    pub query: &'static str,
    /// Of one tenant, the largest, or of all.
    pub one_tenant: bool,
    /// Days of its span.
    pub days: i64,
    /// How often it was asked.
    pub times: usize,
    /// Half took at most this, ms.
    pub median_ms: f64,
    /// The longest, ms.
    pub max_ms: f64,
}

/// Fills the books in a new file and asks them.
///
/// # Errors
/// The store refuses, or its books do not hold.
pub async fn measure(file: &Path, plan: &LedgerPlan) -> Result<LedgerFigures> {
    let traffic = Traffic::new(plan.requests)?;
    let store = SqlStore::open(file, traffic.pricing()?).await?;
    let mut figures = fill(&store, &traffic, plan).await?;
    store.close().await?;
    let bytes = std::fs::metadata(file).context("the file of the books")?;
    figures.bytes_per_request = bytes.len() / plan.requests.max(1);
    let store = SqlStore::open(file, traffic.pricing()?).await?;
    for days in [1, 30] {
        for tenant in [None, traffic.largest()] {
            ask(&store, tenant, days, &mut figures.queries).await?;
        }
    }
    if plan.verify {
        let begun = Instant::now();
        let proof = store.verify().await?;
        anyhow::ensure!(proof.holds(), "the books do not hold: {:?}", proof.breaks);
        figures.verify_seconds = Some(begun.elapsed().as_secs_f64());
    }
    store.close().await?;
    Ok(figures)
}

async fn fill(store: &SqlStore, traffic: &Traffic, plan: &LedgerPlan) -> Result<LedgerFigures> {
    let (mut spent, mut attempts, mut lines) = (Duration::ZERO, 0, 0);
    let (mut end, segment) = (0, Uuid::from_u128(1));
    for bucket in 0..BUCKETS {
        let mut rest = traffic.requests_of(bucket);
        loop {
            let mut events = Vec::with_capacity(BATCH * 3);
            for n in rest.by_ref().take(BATCH) {
                traffic.request(n, &mut events);
            }
            let last = rest.is_empty();
            if last {
                // Just before the bucket ends, as the gateway's timer does it.
                events.extend(traffic.counters((bucket + 1) * BUCKET - 1_000_000_000));
            }
            end += 1;
            let batch = EventBatch {
                segment,
                end,
                events,
            };
            let begun = Instant::now();
            attempts += store.apply(batch).await?.attempts;
            spent += begun.elapsed();
            if last {
                break;
            }
        }
        let begun = Instant::now();
        let now = START + (bucket + 1) * BUCKET;
        let closed = store.settle(Timestamp::from_unix_nanos(i64::try_from(now)?));
        lines += closed.await?.lines;
        spent += begun.elapsed();
    }
    let seconds = spent.as_secs_f64();
    let attempts_per_second = attempts as f64 / seconds;
    Ok(LedgerFigures {
        requests: plan.requests,
        attempts,
        window_lines: lines,
        seconds,
        attempts_per_second,
        bytes_per_request: 0,
        queries: Vec::new(),
        verify_seconds: None,
    })
}

/// Asks everything of the last `days`.
async fn ask(
    store: &SqlStore,
    tenant: Option<&TenantId>,
    days: i64,
    asked: &mut Vec<Asked>,
) -> Result<()> {
    let store: &dyn Store = store;
    let end = Timestamp::from_unix_nanos(i64::try_from(START + BUCKETS * BUCKET)?);
    // Not at midnight: a page shows the last hours, not days of the calendar.
    let to = Bucket::of(end).index() - 10;
    let span = Span {
        from: Bucket::from_index(to - days * 96),
        to: Bucket::from_index(to),
    };
    let step = if days == 1 { 4 } else { 96 };
    let since = Timestamp::from_unix_nanos(
        end.unix_nanos() - days * i64::try_from(96 * BUCKET).unwrap_or(i64::MAX),
    );
    let judged = JudgedQuery {
        tenant: tenant.cloned(),
        since,
        after: None,
        limit: 100,
    };
    let month = Month::of(since);
    let mut note = |query, times: Vec<Duration>| {
        asked.push(summed(query, tenant.is_some(), days, times));
    };
    let mut times: [Vec<Duration>; 6] = Default::default();
    for _ in 0..TIMES {
        let [scenarios, experts, series, platform, spend, page] = &mut times;
        let begun = Instant::now();
        store.scenario_summaries(tenant.cloned(), span).await?;
        scenarios.push(begun.elapsed());
        let begun = Instant::now();
        store.experts_by_scenario(tenant.cloned(), span).await?;
        experts.push(begun.elapsed());
        let begun = Instant::now();
        store.series(tenant.cloned(), span, step).await?;
        series.push(begun.elapsed());
        let begun = Instant::now();
        store.platform_cost(span).await?;
        platform.push(begun.elapsed());
        let begun = Instant::now();
        store.spend(month).await?;
        spend.push(begun.elapsed());
        let begun = Instant::now();
        store.judged(judged.clone()).await?;
        page.push(begun.elapsed());
    }
    let [scenarios, experts, series, platform, spend, page] = times;
    if let Some(tenant) = tenant {
        of_pages(store, tenant, span, &mut note).await?;
    }
    note("scenario_summaries", scenarios);
    note("experts_by_scenario", experts);
    note("series", series);
    note("platform_cost", platform);
    note("spend", spend);
    note("judged", page);
    // An export reads every line once: no page asks for it.
    let begun = Instant::now();
    let mut take = |_| ControlFlow::Continue(());
    store
        .charges(tenant.cloned(), span, step, &mut take)
        .await?;
    note("charges (an export)", vec![begun.elapsed()]);
    Ok(())
}

/// What pages of one tenant ask besides, by days as they begin in a zone that is not that of the rollups.
async fn of_pages(
    store: &dyn Store,
    tenant: &TenantId,
    span: Span,
    note: &mut impl FnMut(&'static str, Vec<Duration>),
) -> Result<()> {
    let mut times: [Vec<Duration>; 6] = Default::default();
    for _ in 0..TIMES {
        let [costs, tagged, traffic, judged, paired, requests] = &mut times;
        let begun = Instant::now();
        store.costs(Some(tenant.clone()), span, 96).await?;
        costs.push(begun.elapsed());
        let begun = Instant::now();
        store.tagged_costs(tenant.clone(), span, 96).await?;
        tagged.push(begun.elapsed());
        let begun = Instant::now();
        store.traffic(tenant.clone(), span, 96).await?;
        traffic.push(begun.elapsed());
        let begun = Instant::now();
        store
            .judgements(tenant.clone(), span, ledger::Ppm::new(500_000))
            .await?;
        judged.push(begun.elapsed());
        let begun = Instant::now();
        store
            .paired(tenant.clone(), span, ledger::Ppm::new(500_000))
            .await?;
        paired.push(begun.elapsed());
        let begun = Instant::now();
        let wanted = RequestsWanted {
            tenant: tenant.clone(),
            span,
            scenario: None,
            expert: None,
            tag: None,
            most: 200,
        };
        store.requests(wanted).await?;
        requests.push(begun.elapsed());
    }
    let [costs, tagged, traffic, judged, paired, requests] = times;
    note("costs by day", costs);
    note("costs by day and tags", tagged);
    note("traffic by day", traffic);
    note("judgements", judged);
    note("judge beside others", paired);
    note("requests, 200", requests);
    Ok(())
}

fn summed(query: &'static str, one_tenant: bool, days: i64, mut times: Vec<Duration>) -> Asked {
    times.sort_unstable();
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
    Asked {
        query,
        one_tenant,
        days,
        times: times.len(),
        median_ms: ms(times.get(times.len() / 2)),
        max_ms: ms(times.last()),
    }
}
