//! Windows are closed exactly, and the proof notices what is wrong.

use ledger::{IdlePolicy, LedgerEvent};
use ledger_store::*;
use units::Pico;

use crate::sample::*;

on_each_store!(
    a_window_is_its_bill_with_idle_apart,
    a_window_is_its_bill_with_idle_shared,
    windows_follow_each_other_without_gap_or_overlap,
    an_attempt_that_ends_after_the_sample_waits,
    samples_that_come_twice_or_late_change_nothing,
    two_workers_make_one_bill,
    what_is_unknown_is_counted_and_not_zero,
    the_proof_notices_every_kind_of_damage,
    a_worker_older_than_the_books_is_counted_from_its_first_sample,
    a_clock_that_goes_backwards_changes_no_sum,
);

/// Twenty requests in the first minute, and a worker that says so.
async fn a_minute(store: &impl Store) {
    let mut events: Vec<LedgerEvent> = (0..20).flat_map(|n| served(n, 30)).collect();
    events.push(counters("w0", 60, 100_000_000, 2_000_000_000));
    let applied = store.apply(batch(100, events)).await.unwrap();
    assert_eq!(
        (applied.requests, applied.attempts, applied.pool_attempts),
        (20, 20, 20)
    );
}

async fn a_window_is_its_bill(store: impl Store, idle_is_shared: bool) {
    a_minute(&store).await;
    let before = store.verify().await.unwrap();
    assert!(before.holds(), "{before:?}");
    assert_eq!((before.pending, before.lines), (20, 0));

    let closed = store.settle(at(120)).await.unwrap();
    assert_eq!((closed.windows, closed.attempts), (1, 20));
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!((proof.pending, proof.orphans, proof.unknown), (0, 0, 0));
    // A minute at 0.35 an hour.
    assert_eq!(proof.pool_cost, Pico::new(5_833_333_333));
    assert_eq!(
        proof.pool_used.checked_add(proof.pool_idle),
        Ok(proof.pool_cost)
    );

    let rows = store.scenario_summaries(None, hour()).await.unwrap();
    let platform = store.platform_cost(hour()).await.unwrap();
    let sum = |f: fn(&ScenarioSummary) -> Pico| rows.iter().map(f).sum::<Pico>();
    let (marginal, loaded) = (sum(|row| row.cost.marginal), sum(|row| row.cost.loaded));
    assert_eq!(
        loaded.checked_add(platform.loaded),
        Ok(proof.pool_cost),
        "loaded is the bill"
    );
    // 100 ms of device time; each of the twenty shares is rounded.
    assert!(marginal.get().abs_diff(9_722_222) <= 20, "{marginal}");
    assert_eq!(idle_is_shared, loaded > marginal);
    assert!(
        rows.iter()
            .all(|row| (row.cost.unknown, row.cost.pending) == (0, 0))
    );

    let again = store.settle(at(121)).await.unwrap();
    assert_eq!(
        again,
        SettleReport::default(),
        "closing twice changes nothing"
    );
}

async fn a_window_is_its_bill_with_idle_apart(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    a_window_is_its_bill(store, false).await;
}

async fn a_window_is_its_bill_with_idle_shared(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Proportional).await;
    a_window_is_its_bill(store, true).await;
}

async fn windows_follow_each_other_without_gap_or_overlap(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    a_minute(&store).await;
    store.settle(at(60)).await.unwrap();
    // The next bucket begins 900 s after noon; a sample on either side, closed in one call.
    let mut events: Vec<_> = (20..30).flat_map(|n| served(n, 800)).collect();
    events.extend((30..40).flat_map(|n| served(n, 1_000)));
    events.push(counters("w0", 899, 150_000_000, 2_000_000_000));
    events.push(counters("w0", 1_100, 200_000_000, 2_000_000_000));
    store.apply(batch(200, events)).await.unwrap();
    assert_eq!(store.settle(at(1_100)).await.unwrap().windows, 2);
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!((proof.windows, proof.pending), (3, 0));
    // 1100 s at 0.35 an hour, each window rounded once.
    let whole = 1_100 * 350_000_000_000_i128 / 3_600;
    assert!(
        proof.pool_cost.get().abs_diff(whole) <= 3,
        "{}",
        proof.pool_cost
    );
}

async fn an_attempt_that_ends_after_the_sample_waits(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    a_minute(&store).await;
    store.apply(batch(101, served(77, 61))).await.unwrap();
    assert_eq!(store.settle(at(62)).await.unwrap().attempts, 20);
    assert_eq!(store.verify().await.unwrap().pending, 1);
    store
        .apply(batch(
            102,
            vec![counters("w0", 70, 105_000_000, 2_000_000_000)],
        ))
        .await
        .unwrap();
    assert_eq!(store.settle(at(70)).await.unwrap().attempts, 1);
    let proof = store.verify().await.unwrap();
    assert!(proof.holds() && proof.pending == 0, "{proof:?}");
}

async fn samples_that_come_twice_or_late_change_nothing(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    a_minute(&store).await;
    let old = vec![
        counters("w0", 60, 100_000_000, 2_000_000_000),
        counters("w0", 30, 0, 0),
    ];
    store.apply(batch(101, old)).await.unwrap();
    store.settle(at(60)).await.unwrap();
    assert_eq!(
        store.verify().await.unwrap().pool_cost,
        Pico::new(5_833_333_333)
    );
}

async fn two_workers_make_one_bill(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    a_minute(&store).await;
    store
        .apply(batch(101, vec![counters("w1", 60, 0, 0)]))
        .await
        .unwrap();
    store.settle(at(60)).await.unwrap();
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!(
        (proof.windows, proof.pool_cost),
        (1, Pico::new(11_666_666_667))
    );
}

async fn what_is_unknown_is_counted_and_not_zero(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let events = vec![
        LedgerEvent::Attempt(pool_attempt(0, 10, None)),
        LedgerEvent::Attempt(remote_attempt(6, 10, Some(1_000_000))),
        LedgerEvent::Attempt(remote_attempt(12, 10, None)),
        LedgerEvent::Request(request(0, 10)),
        LedgerEvent::Request(request(6, 10)),
        LedgerEvent::Request(request(12, 10)),
        counters("w0", 60, 5_000_000, 0),
    ];
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(60)).await.unwrap();
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!(proof.unknown, 3, "one of the pool, two of the remote");
    let rows = store.scenario_summaries(None, hour()).await.unwrap();
    assert_eq!((rows[0].cost.known, rows[0].cost.unknown), (1, 2));
    assert_eq!(rows[0].cost.marginal, Pico::from_units(10));
}

async fn the_proof_notices_every_kind_of_damage(on: &On) {
    let damages = [
        "UPDATE lines SET amount = amount + 1 WHERE line = (SELECT line FROM lines WHERE meter = 3 ORDER BY line LIMIT 1)",
        "DELETE FROM lines WHERE line = (SELECT line FROM lines WHERE meter = 1 ORDER BY line LIMIT 1)",
        "UPDATE pool_windows SET cost = cost + 1",
        "UPDATE pool_windows SET idle = idle - 1",
        "UPDATE intervals SET provisioned = provisioned + 1",
        "UPDATE request_rollups SET requests = requests + 1 WHERE tenant = (SELECT MIN(tenant) FROM requests)",
        "DELETE FROM latency_rollups",
        "UPDATE latency_days SET counts = '7:1'",
        "UPDATE request_days SET errors = errors + 1",
        "UPDATE attempt_days SET failed = failed + 1",
        "UPDATE cost_days SET amount = amount + 1",
        "UPDATE outcome_days SET score = score + 1",
        "UPDATE judged_days SET reasoned = reasoned + 1",
        "UPDATE judged_days SET score = score + 1",
        "UPDATE attempt_rollups SET known = known - 1",
        "UPDATE cost_rollups SET amount = amount + 1",
        "UPDATE spend_rollups SET amount = amount + 1",
        "UPDATE outcome_rollups SET score = score + 1",
        "DELETE FROM attempts WHERE attempt = (SELECT attempt FROM attempts ORDER BY attempt LIMIT 1)",
        "DELETE FROM requests WHERE request = (SELECT request FROM requests ORDER BY request LIMIT 1)",
        "UPDATE intervals SET load = load + 1, idle = idle - 1",
        "UPDATE attempts SET device = device + 1 WHERE attempt = (SELECT attempt FROM attempts ORDER BY attempt LIMIT 1)",
        "UPDATE attempts SET tenant = (SELECT MAX(tenant) FROM requests) WHERE tenant = (SELECT MIN(tenant) FROM requests)",
        "UPDATE rates SET pico = pico / 2 WHERE subject = 'provider acme'",
        "UPDATE rates SET source = 'somebody else'",
        // Money moved between two alike lines: every sum stays what it was.
        "WITH cell AS (SELECT tenant, scenario, expert FROM lines WHERE meter = 1 ORDER BY line LIMIT 1),
         alike AS (SELECT lines.line FROM lines JOIN cell ON lines.tenant = cell.tenant
             AND lines.scenario = cell.scenario AND lines.expert = cell.expert WHERE meter = 1)
         UPDATE lines SET amount = amount
             + CASE WHEN line = (SELECT line FROM alike ORDER BY line LIMIT 1) THEN 1000 ELSE -1000 END
         WHERE line = (SELECT line FROM alike ORDER BY line LIMIT 1)
             OR line = (SELECT line FROM alike ORDER BY line DESC LIMIT 1)",
        "UPDATE lines SET amount = amount + CASE
             WHEN line = (SELECT line FROM lines WHERE meter = 13 ORDER BY line LIMIT 1) THEN 1000 ELSE -1000 END
         WHERE line = (SELECT line FROM lines WHERE meter = 13 ORDER BY line LIMIT 1)
             OR line = (SELECT line FROM lines WHERE meter = 13 ORDER BY line DESC LIMIT 1)",
    ];
    for damage in damages {
        let (home, store) = on.store(IdlePolicy::Separate).await;
        a_minute(&store).await;
        let mut more = vec![LedgerEvent::Outcome(outcome(3, "once", 800_000))];
        // Two of a kind at the remote, with other counts.
        for n in [24, 30] {
            more.push(LedgerEvent::Attempt(remote_attempt(n, 31, Some(1_000 + n))));
            more.push(LedgerEvent::Request(request(n, 31)));
        }
        store.apply(batch(101, more)).await.unwrap();
        store.settle(at(60)).await.unwrap();
        assert!(store.verify().await.unwrap().holds());
        home.meddle(damage).await;
        let proof = store.verify().await.unwrap();
        assert!(!proof.holds(), "not noticed: {damage}");
    }
}

async fn a_worker_older_than_the_books_is_counted_from_its_first_sample(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    store
        .apply(batch(1, vec![counters("w0", 5_000, 1_000, 0)]))
        .await
        .unwrap();
    assert_eq!(store.settle(at(5_000)).await.unwrap().windows, 0);
    store
        .apply(batch(2, vec![counters("w0", 5_010, 1_000, 0)]))
        .await
        .unwrap();
    store.settle(at(5_010)).await.unwrap();
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    let ten_seconds = Pico::new(972_222_222);
    assert_eq!(proof.pool_cost, ten_seconds);
}

async fn a_clock_that_goes_backwards_changes_no_sum(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Separate).await;
    // It ends before it begins, and the worker tells an earlier moment after a later one.
    let mut odd = pool_attempt(0, 30, Some(5_000_000));
    odd.finished = at(20);
    let mut events = vec![
        LedgerEvent::Attempt(odd),
        LedgerEvent::Request(request(0, 30)),
    ];
    events.extend(served(1, 40));
    events.push(counters("w0", 60, 100_000_000, 0));
    events.push(counters("w0", 45, 80_000_000, 0));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(120)).await.unwrap();
    store
        .apply(batch(2, vec![counters("w0", 50, 90_000_000, 0)]))
        .await
        .unwrap();
    store.settle(at(100)).await.unwrap();
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{:?}", proof.breaks);
    // A minute of the pool at 0.35 an hour, once.
    assert_eq!(proof.pool_cost, Pico::new(350_000_000_000 / 60));
    assert_eq!((proof.attempts, proof.pending), (2, 0));
}
