//! The queue takes what fits, drops and counts the rest, and forgets what is old or was never agreed to.

use std::sync::atomic::{AtomicUsize, Ordering};

use ledger_store::{
    CaptureRecord, CaptureUsage, ShadowRecord, ShadowSummary, SqliteCaptures, StoreFuture,
};
use router::Captured;
use tokio::sync::Semaphore;
use units::{DecisionId, ScenarioId, TenantId, Timestamp};
use uuid::Uuid;

use super::*;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::gates::Gates;

/// Tenant `a` agrees for two days, `b` does not.
fn config(dir: &std::path::Path) -> Config {
    let gate = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/gate");
    let text = format!(
        "[gate]\ndir = {gate:?}\n[store]\ndir = {dir:?}\n\
         [[tenants]]\nid = \"a\"\nname = \"A\"\ncapture = {{ days = 2 }}\n\
         [[tenants]]\nid = \"b\"\nname = \"B\"\n"
    );
    toml::from_str(&text).unwrap()
}

fn start(config: &Config, store: Arc<dyn CaptureStore>, metrics: &Metrics) -> Capture {
    let tenants = Arc::new(Tenants::new(config));
    let watch = Watch {
        gates: Arc::new(Gates::open(config).unwrap()),
        catalog: Arc::new(Catalog::read(config).unwrap()),
        tenants: Arc::clone(&tenants),
    };
    Capture::start(store, &tenants, watch, metrics.clone())
}

fn note(n: u128) -> Note {
    Note {
        tenant: TenantId::new("a").unwrap(),
        decision: DecisionId::from_uuid(Uuid::from_u128(n)),
        at: Timestamp::from_unix_seconds(1_000_000),
        scenario: ScenarioId::unassigned(),
        features: Box::new(Captured {
            table_bits: 15,
            known_bits: 18,
            ..Captured::new()
        }),
        live: None,
    }
}

#[tokio::test]
async fn what_is_offered_is_in_the_file_after_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let store = Arc::new(
        SqliteCaptures::open(&dir.path().join("capture.sqlite"))
            .await
            .unwrap(),
    );
    let metrics = Metrics::new().unwrap();
    let capture = start(&config, store.clone(), &metrics);
    assert!(capture.takes(&TenantId::new("a").unwrap()));
    assert!(!capture.takes(&TenantId::new("b").unwrap()));
    for n in 0..500 {
        capture.offer(note(n));
    }
    capture.shutdown().await;
    assert_eq!(store.usage().await.unwrap()[0].captures, 500);
    assert_eq!(
        (metrics.captured.get(), metrics.capture_dropped.get()),
        (500, 0)
    );
    capture.offer(note(501));
    let day = 86_400;
    let later = Timestamp::from_unix_seconds(1_000_000 + 2 * day);
    assert_eq!(capture.forget_old(later).await.unwrap(), 0);
    let later = Timestamp::from_unix_seconds(1_000_001 + 2 * day);
    assert_eq!(capture.forget_old(later).await.unwrap(), 500);
    let foreign = CaptureRecord {
        tenant: TenantId::new("b").unwrap(),
        decision: DecisionId::from_uuid(Uuid::from_u128(1)),
        at: later,
        features: vec![1],
    };
    store.keep(vec![foreign], Vec::new()).await.unwrap();
    assert_eq!(
        capture.forget_old(later).await.unwrap(),
        1,
        "it never agreed, or no more"
    );
}

/// A store that writes nothing until it may.
#[derive(Debug)]
struct Stuck {
    may: Semaphore,
    kept: AtomicUsize,
}

impl CaptureStore for Stuck {
    fn keep(&self, captures: Vec<CaptureRecord>, _: Vec<ShadowRecord>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let _permit = self.may.acquire().await;
            self.kept.fetch_add(captures.len(), Ordering::SeqCst);
            Ok(())
        })
    }

    fn features(&self, _: TenantId, _: Vec<DecisionId>) -> StoreFuture<'_, Vec<Option<Vec<u8>>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn shadowed(&self, _: Option<TenantId>, _: String) -> StoreFuture<'_, ShadowSummary> {
        Box::pin(async { Ok(ShadowSummary::default()) })
    }

    fn forget(&self, _: TenantId, _: Forget) -> StoreFuture<'_, u64> {
        Box::pin(async { Ok(0) })
    }

    fn usage(&self) -> StoreFuture<'_, Vec<CaptureUsage>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[tokio::test]
async fn a_store_that_hangs_makes_nobody_wait() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let store = Arc::new(Stuck {
        may: Semaphore::new(0),
        kept: AtomicUsize::new(0),
    });
    let metrics = Metrics::new().unwrap();
    let capture = start(&config, store.clone(), &metrics);
    let offered = 5_000;
    for n in 0..offered {
        capture.offer(note(n));
    }
    let dropped = metrics.capture_dropped.get();
    assert!(dropped >= 5_000 - 1_024 - 256, "{dropped}");
    store.may.add_permits(1);
    capture.shutdown().await;
    let kept = u64::try_from(store.kept.load(Ordering::SeqCst)).unwrap();
    assert_eq!(kept + dropped, 5_000);
    assert_eq!(metrics.captured.get(), kept);
}
