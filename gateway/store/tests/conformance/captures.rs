//! Captured features stay with their tenant, go when they are told to, and leave no bytes behind.

use ledger::Ppm;
use ledger_store::*;
use tempfile::TempDir;
use units::{DecisionId, Timestamp};
use uuid::Uuid;

use crate::sample::*;

fn decision(n: u64) -> DecisionId {
    DecisionId::from_uuid(Uuid::from_u64_pair(n, 3))
}

fn capture(n: u64, owner: u64, seconds: i64) -> CaptureRecord {
    CaptureRecord {
        tenant: tenant(owner),
        decision: decision(n),
        at: at(seconds),
        features: format!("features-of-{owner}-{n}").into_bytes(),
    }
}

fn shadow(n: u64, owner: u64, same: bool) -> ShadowRecord {
    ShadowRecord {
        tenant: tenant(owner),
        decision: decision(n),
        at: at(0),
        live: "live@1".into(),
        live_choice: expert(0),
        shadow: "next@2".into(),
        choice: expert(u64::from(!same)),
        quality: Ppm::new(700_000),
        live_quality: Ppm::new(600_000),
    }
}

async fn open() -> (TempDir, SqliteCaptures) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteCaptures::open(&dir.path().join("capture.db"))
        .await
        .unwrap();
    (dir, store)
}

#[tokio::test]
async fn a_tenant_sees_its_own_and_nobody_elses() {
    let (_dir, store) = open().await;
    store
        .keep(
            vec![capture(1, 0, 0), capture(1, 1, 0), capture(2, 1, 0)],
            Vec::new(),
        )
        .await
        .unwrap();
    // A repetition changes nothing.
    let mut other = capture(1, 0, 50);
    other.features = b"another".to_vec();
    store.keep(vec![other], Vec::new()).await.unwrap();
    let asked = vec![decision(2), decision(1), decision(3)];
    let own = store.features(tenant(0), asked.clone()).await.unwrap();
    assert_eq!(own, [None, Some(b"features-of-0-1".to_vec()), None]);
    let theirs = store.features(tenant(1), asked).await.unwrap();
    assert_eq!(theirs[0].as_deref(), Some(&b"features-of-1-2"[..]));
    assert_eq!(theirs[1].as_deref(), Some(&b"features-of-1-1"[..]));
}

#[tokio::test]
async fn what_is_forgotten_is_gone_from_the_files_too() {
    let (dir, store) = open().await;
    let all = (0..40)
        .map(|n| capture(n, n % 2, i64::try_from(n).unwrap()))
        .collect();
    let shadows = (0..10).map(|n| shadow(n, n % 2, n % 3 > 0)).collect();
    store.keep(all, shadows).await.unwrap();
    let bytes = || {
        let files = std::fs::read_dir(dir.path()).unwrap();
        let read = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap());
        String::from_utf8_lossy(&read.collect::<Vec<_>>()).into_owned()
    };
    assert!(bytes().contains("features-of-0-6"));
    let one = store
        .forget(tenant(0), Forget::Decision(decision(6)))
        .await
        .unwrap();
    assert_eq!(one, 2, "its features and what the shadow said of it");
    assert!(!bytes().contains("features-of-0-6"));
    let old = store
        .forget(tenant(0), Forget::Before(at(20)))
        .await
        .unwrap();
    assert_eq!(old, 9 + 4);
    assert!(!bytes().contains("features-of-0-18") && bytes().contains("features-of-0-20"));
    assert_eq!(store.forget(tenant(0), Forget::All).await.unwrap(), 10);
    assert_eq!(store.forget(tenant(0), Forget::All).await.unwrap(), 0);
    assert!(!bytes().contains("features-of-0"));
    let left = store.usage().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].captures, left[0].shadows), (20, 5));
    assert_eq!((left[0].tenant.clone(), left[0].oldest), (tenant(1), at(0)));
}

#[tokio::test]
async fn shadows_are_counted_by_gate_and_tenant() {
    let (dir, store) = open().await;
    let shadows = (0..9).map(|n| shadow(n, n % 3, n % 2 == 0)).collect();
    store.keep(Vec::new(), shadows).await.unwrap();
    let all = store.shadowed(None, "next@2".to_owned()).await.unwrap();
    assert_eq!((all.decisions, all.same), (9, 5));
    assert_eq!(all.changes, [(expert(0), expert(1), 4)]);
    let own = store
        .shadowed(Some(tenant(0)), "next@2".to_owned())
        .await
        .unwrap();
    assert_eq!(own.decisions, 3);
    let strange = store.shadowed(None, "other".to_owned()).await.unwrap();
    assert_eq!(strange, ShadowSummary::default());
    store.close().await;
    let again = SqliteCaptures::open(&dir.path().join("capture.db"))
        .await
        .unwrap();
    assert_eq!(
        again.shadowed(None, "next@2".to_owned()).await.unwrap(),
        all
    );
}

#[tokio::test]
async fn an_empty_file_has_nothing() {
    let (_dir, store) = open().await;
    assert!(store.usage().await.unwrap().is_empty());
    let before = Forget::Before(Timestamp::from_unix_nanos(i64::MAX));
    assert_eq!(store.forget(tenant(0), before).await.unwrap(), 0);
}
