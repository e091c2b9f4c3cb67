//! The journal loses nothing, whatever happens to the store, to the disk or to the process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger::IdlePolicy;
use ledger_store::*;
use sqlx::Connection;

use crate::sample::*;

fn config(dir: &Path) -> JournalConfig {
    JournalConfig {
        segment_bytes: 4_000,
        move_every: Duration::from_millis(5),
        settle_every: None,
        ..JournalConfig::new(dir.join("journal"))
    }
}

fn open(dir: &Path, store: &SqlStore, ids: u64) -> Journal {
    Journal::open(
        &config(dir),
        Arc::new(store.clone()),
        CountingIds::from(ids),
        clock(),
    )
    .unwrap()
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir.join("journal"))
        .unwrap()
        .map(|e| e.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "journal"))
        .collect();
    files.sort();
    files
}

async fn requests(store: &SqlStore) -> u64 {
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!(proof.requests, proof.attempts);
    proof.requests
}

#[tokio::test(flavor = "multi_thread")]
async fn what_many_tasks_append_arrives_once_and_leaves_no_files() {
    let (dir, store) = store(IdlePolicy::Separate).await;
    let journal = Arc::new(open(dir.path(), &store, 1));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let journal = Arc::clone(&journal);
        tasks.spawn(async move {
            for n in 0..50 {
                journal.append(&served(task * 1_000 + n, 30)).unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    journal.drain().await.unwrap();
    assert_eq!(requests(&store).await, 400);
    assert_eq!(journal.status().backlog_bytes, 0);
    journal.shutdown().await.unwrap();
    assert_eq!(segments(dir.path()), Vec::<std::path::PathBuf>::new());
    assert!(matches!(
        journal.append(&served(1, 1)),
        Err(JournalError::Closed)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_store_slows_nobody_and_loses_nothing() {
    let (dir, store) = store(IdlePolicy::Separate).await;
    let journal = open(dir.path(), &store, 1);
    let url = format!("sqlite://{}", dir.path().join("books.db").display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE")
        .execute(&mut other)
        .await
        .unwrap();
    let mut slowest = Duration::ZERO;
    for n in 0..500 {
        let begun = std::time::Instant::now();
        journal.append(&served(n, 30)).unwrap();
        slowest = slowest.max(begun.elapsed());
    }
    // The store's own patience is 5 s: an append that waited for it would take longer than this.
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(journal.status().backlog_bytes > 100_000);
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    journal.drain().await.unwrap();
    assert_eq!(requests(&store).await, 500);
    journal.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_store_leaves_is_moved_at_the_next_start() {
    let (dir, store) = store(IdlePolicy::Separate).await;
    let journal = open(dir.path(), &store, 1);
    journal.append(&served(1, 30)).unwrap();
    journal.drain().await.unwrap();
    store.close().await.unwrap();
    // No readers any more: the next segment cannot be looked up, so nothing of it is taken.
    for n in 2..60 {
        journal.append(&served(n, 30)).unwrap();
    }
    assert!(matches!(
        journal.shutdown().await,
        Err(JournalError::Store(_))
    ));
    assert!(!segments(dir.path()).is_empty());

    let path = dir.path().join("books.db");
    let again = SqlStore::open(&path, pricing(IdlePolicy::Separate))
        .await
        .unwrap();
    let journal = open(dir.path(), &again, 1_000);
    journal.append(&served(100, 30)).unwrap();
    journal.drain().await.unwrap();
    assert_eq!(requests(&again).await, 60);
    journal.shutdown().await.unwrap();
    assert!(segments(dir.path()).is_empty());
}

/// A folder with one segment of these groups, as a killed process leaves it.
async fn left_behind(dir: &Path, count: u64) -> std::path::PathBuf {
    let (_elsewhere, away) = store(IdlePolicy::Separate).await;
    let stuck = JournalConfig {
        move_every: Duration::from_secs(3_600),
        segment_bytes: 1 << 20,
        ..config(dir)
    };
    let journal = Journal::open(&stuck, Arc::new(away), CountingIds::from(1), clock()).unwrap();
    for n in 0..count {
        journal.append(&served(n, 30)).unwrap();
    }
    let file = segments(dir).remove(0);
    let kept = dir.join("kept");
    std::fs::copy(&file, &kept).unwrap();
    journal.shutdown().await.unwrap();
    std::fs::rename(kept, &file).unwrap();
    file
}

async fn after_replay(dir: &Path) -> (u64, JournalStatus) {
    let path = dir.join("books.db");
    let store = SqlStore::open(&path, pricing(IdlePolicy::Separate))
        .await
        .unwrap();
    let journal = open(dir, &store, 1_000);
    journal.drain().await.unwrap();
    let found = (requests(&store).await, journal.status());
    journal.shutdown().await.unwrap();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_end_is_skipped_and_the_rest_is_kept() {
    for cut in [1, 5, 12, 100] {
        let dir = tempfile::tempdir().unwrap();
        let file = left_behind(dir.path(), 10).await;
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - cut]).unwrap();
        let (requests, status) = after_replay(dir.path()).await;
        assert_eq!(requests, 9, "cut by {cut}");
        assert!(status.skipped_bytes > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_middle_costs_one_group() {
    let dir = tempfile::tempdir().unwrap();
    let file = left_behind(dir.path(), 10).await;
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&file, &bytes).unwrap();
    let (requests, status) = after_replay(dir.path()).await;
    assert_eq!(requests, 9);
    assert!(status.skipped_bytes > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_copied_back_adds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = left_behind(dir.path(), 10).await;
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(after_replay(dir.path()).await.0, 10);
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(after_replay(dir.path()).await.0, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_at_its_bound_refuses() {
    let (dir, store) = store(IdlePolicy::Separate).await;
    let small = JournalConfig {
        max_bytes: 2_000,
        move_every: Duration::from_secs(3_600),
        ..config(dir.path())
    };
    let journal = Journal::open(
        &small,
        Arc::new(store.clone()),
        CountingIds::from(1),
        clock(),
    )
    .unwrap();
    let taken = (0..100)
        .take_while(|n| journal.append(&served(*n, 30)).is_ok())
        .count();
    assert!((2..20).contains(&taken), "{taken}");
    assert!(matches!(
        journal.append(&served(200, 30)),
        Err(JournalError::Full { .. })
    ));
    journal.drain().await.unwrap();
    journal.append(&served(200, 30)).unwrap();
    journal.shutdown().await.unwrap();
    assert_eq!(requests(&store).await, u64::try_from(taken).unwrap() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_are_closed_when_they_are_due() {
    let (dir, store) = store(IdlePolicy::Separate).await;
    let often = JournalConfig {
        settle_every: Some(Duration::ZERO),
        ..config(dir.path())
    };
    let journal = Journal::open(
        &often,
        Arc::new(store.clone()),
        CountingIds::from(1),
        clock(),
    )
    .unwrap();
    journal.append(&served(1, 30)).unwrap();
    journal.append(&[counters("w0", 60, 5_000_000, 0)]).unwrap();
    journal.drain().await.unwrap();
    // The pass that follows a settled one starts after it.
    journal.drain().await.unwrap();
    journal.shutdown().await.unwrap();
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!((proof.windows, proof.pending), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_journal_at_a_time() {
    let (dir, store) = store(IdlePolicy::Separate).await;
    let first = open(dir.path(), &store, 1);
    first.append(&served(1, 30)).unwrap();
    let second = Journal::open(
        &config(dir.path()),
        Arc::new(store.clone()),
        CountingIds::from(1_000),
        clock(),
    );
    assert!(matches!(second, Err(JournalError::InUse)), "{second:?}");
    first.append(&served(2, 30)).unwrap();
    first.shutdown().await.unwrap();
    let again = open(dir.path(), &store, 2_000);
    again.append(&served(3, 30)).unwrap();
    again.shutdown().await.unwrap();
    assert_eq!(requests(&store).await, 3);
}
