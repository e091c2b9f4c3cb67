//! `kill -9` in the middle of work: every acknowledged request is in the books exactly once.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ledger::IdlePolicy;
use ledger_store::*;

use crate::sample::*;

const FOLDER: &str = "LEDGER_STORE_CRASH_FOLDER";
const ROUND: &str = "LEDGER_STORE_CRASH_ROUND";
const PER_ROUND: u64 = 1_000_000;

async fn parts(folder: &std::path::Path, ids: u64) -> (SqlStore, Journal) {
    let path = folder.join("books.db");
    let store = SqlStore::open(&path, pricing(IdlePolicy::Separate))
        .await
        .unwrap();
    let config = JournalConfig {
        segment_bytes: 64 << 10,
        move_every: Duration::from_millis(1),
        settle_every: Some(Duration::from_millis(10)),
        ..JournalConfig::new(folder.join("journal"))
    };
    let journal = Journal::open(
        &config,
        Arc::new(store.clone()),
        CountingIds::from(ids),
        clock(),
    )
    .unwrap();
    (store, journal)
}

/// The victim: appends and says so, until it is killed. Without its folder it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn victim() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else {
        return;
    };
    let round: u64 = round.parse().unwrap();
    let (_store, journal) = parts(folder.as_ref(), round * PER_ROUND).await;
    let mut out = std::io::stdout().lock();
    for n in (round * PER_ROUND).. {
        journal.append(&served(n, 30)).unwrap();
        if n % 64 == 0 {
            journal.append(&[counters("w0", 40, n, 0)]).unwrap();
        }
        // The answer leaves: from here on the request counts.
        writeln!(out, "answered {n}").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_no_answered_request() {
    let dir = tempfile::tempdir().unwrap();
    let mut answered = Vec::new();
    for round in 1..=5_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::victim", "--nocapture"])
            .env(FOLDER, dir.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let (mut seen, enough) = (0, 700 * round + 13);
        while lines.read_line(&mut line).unwrap() > 0 {
            // A line that ends was written before the kill; the last one may be cut.
            if line.ends_with('\n')
                && let Some((_, n)) = line.trim().rsplit_once("answered ")
            {
                answered.push(n.parse::<u64>().unwrap());
                seen += 1;
                if seen == enough {
                    child.kill().unwrap();
                }
            }
            line.clear();
        }
        child.wait().unwrap();
        assert!(seen >= enough, "round {round} ended by itself after {seen}");
    }
    let (store, journal) = parts(dir.path(), 100 * PER_ROUND).await;
    journal.drain().await.unwrap();
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!(
        proof.requests, proof.attempts,
        "a group is there as a whole"
    );
    for n in &answered {
        let owner = store.request_tenant(request_id(*n)).await.unwrap();
        assert_eq!(
            owner,
            Some(tenant(*n)),
            "request {n} was answered and is lost"
        );
    }
    assert!(proof.requests >= u64::try_from(answered.len()).unwrap());
    journal.shutdown().await.unwrap();
}
