//! What only a server can be asked: several gateways at once, and connections that die.

use ledger::IdlePolicy;
use ledger_store::*;

use crate::sample::*;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn gateways_settle_one_after_the_other() {
    let Some(server) = Server::start() else {
        return;
    };
    let home = Home::Database(server.database());
    // Both bring the tables up to date at once, too.
    let (first, second) = tokio::join!(
        home.open(IdlePolicy::Separate),
        home.open(IdlePolicy::Separate)
    );
    let mut tasks = tokio::task::JoinSet::new();
    for (gateway, store) in [first.clone(), second].into_iter().enumerate() {
        tasks.spawn(async move {
            let segment = uuid::Uuid::from_u128(gateway as u128);
            let worker = format!("w{gateway}");
            for round in 0..20_i64 {
                let n = u64::try_from(round).unwrap() * 2 + gateway as u64;
                let mut events = served(n, round);
                events.push(counters(&worker, round + 1, 1_000_000, 0));
                let batch = EventBatch {
                    segment,
                    end: n,
                    events,
                };
                store.apply(batch).await.unwrap();
                store.settle(at(round + 1)).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    first.settle(at(60)).await.unwrap();
    let proof = first.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!((proof.requests, proof.attempts, proof.pending), (40, 40, 0));
    // Two workers for twenty seconds each at 0.35 an hour, each window rounded once.
    let whole = 40 * 350_000_000_000_i128 / 3_600;
    let windows = i128::from(proof.windows);
    let over = proof.pool_cost.get() - whole;
    assert!(over.abs() <= windows, "{over} over in {windows} windows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_connections_were_cut_goes_on() {
    let Some(server) = Server::start() else {
        return;
    };
    let home = Home::Database(server.database());
    let store = home.open(IdlePolicy::Separate).await;
    store.apply(batch(1, served(1, 30))).await.unwrap();
    assert!(store.verify().await.unwrap().holds());
    home.meddle(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'moegate' AND datname = current_database()",
    )
    .await;
    store.apply(batch(2, served(2, 30))).await.unwrap();
    let proof = store.verify().await.unwrap();
    assert!(proof.holds() && proof.requests == 2, "{proof:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let gone = tempfile::tempdir().unwrap();
    let url = format!(
        "postgres://moegate@localhost/books?host={}",
        gone.path().display()
    );
    let refused = SqlStore::connect(&url, pricing(IdlePolicy::Separate)).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
}
