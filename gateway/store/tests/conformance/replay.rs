//! Replay adds nothing, and order and batch size do not matter.

use ledger::{IdlePolicy, LedgerEvent};
use ledger_store::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::sample::*;

on_each_store!(
    the_same_events_again_change_nothing,
    an_event_twice_in_one_batch_counts_once,
    the_position_is_kept_with_the_events,
    order_and_batches_do_not_matter,
);

fn a_day() -> Vec<LedgerEvent> {
    let mut events: Vec<LedgerEvent> = (0..150).flat_map(|n| served(n, 30)).collect();
    for n in 150..170 {
        events.push(LedgerEvent::Attempt(remote_attempt(
            n,
            31,
            (n % 3 != 0).then_some(n),
        )));
        events.push(LedgerEvent::Request(request(n, 31)));
    }
    events.push(counters("w0", 60, 800_000_000, 1_000_000));
    events
}

/// Everything the reports say.
async fn picture(store: &impl Store) -> String {
    store.settle(at(120)).await.unwrap();
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    let scenarios = store.scenario_summaries(None, hour()).await.unwrap();
    let experts = store.experts_by_scenario(None, hour()).await.unwrap();
    let series = store.series(None, hour(), 1).await.unwrap();
    let spend = store.spend(ledger::Month::of(at(0))).await.unwrap();
    format!("{proof:?}\n{scenarios:?}\n{experts:?}\n{series:?}\n{spend:?}")
}

async fn the_same_events_again_change_nothing(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Proportional).await;
    let events = a_day();
    let first = store.apply(batch(10, events.clone())).await.unwrap();
    assert_eq!(
        (first.requests, first.attempts, first.repeated),
        (170, 170, 0)
    );
    let before = picture(&store).await;
    let again = store.apply(batch(20, events)).await.unwrap();
    assert_eq!(
        (again.requests, again.attempts, again.repeated),
        (0, 0, 340)
    );
    assert_eq!(picture(&store).await, before);
}

async fn an_event_twice_in_one_batch_counts_once(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let mut events = served(1, 30);
    events.extend(served(2, 30));
    events.extend(served(1, 30));
    let applied = store.apply(batch(10, events)).await.unwrap();
    assert_eq!(
        (applied.requests, applied.attempts, applied.repeated),
        (2, 2, 2)
    );
    assert!(store.verify().await.unwrap().holds());
}

async fn the_position_is_kept_with_the_events(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let segment = batch(0, Vec::new()).segment;
    assert_eq!(store.applied_bytes(segment).await.unwrap(), 0);
    store.apply(batch(1_234, served(1, 1))).await.unwrap();
    assert_eq!(store.applied_bytes(segment).await.unwrap(), 1_234);
    store.forget_segment(segment).await.unwrap();
    assert_eq!(store.applied_bytes(segment).await.unwrap(), 0);
}

// I3 and I4 on the whole store.
async fn order_and_batches_do_not_matter(on: &On) {
    let (_whole, one) = on.store(IdlePolicy::Proportional).await;
    one.apply(batch(1, a_day())).await.unwrap();
    let expected = picture(&one).await;
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(8)
    });
    let keys = prop::collection::vec(any::<u32>(), 400);
    let sizes = prop::collection::vec(1_usize..90, 1..30);
    let again = prop::collection::vec(any::<prop::sample::Index>(), 0..40);
    let drawn = (keys, sizes, again);
    for _ in 0..runner.config().cases {
        let (keys, sizes, again) = drawn.new_tree(&mut runner).unwrap().current();
        let events = a_day();
        let mut shuffled: Vec<LedgerEvent> = events.clone();
        shuffled.extend(again.iter().map(|at| at.get(&events).clone()));
        let mut keyed: Vec<_> = keys.iter().cycle().zip(shuffled).collect();
        keyed.sort_by_key(|(key, _)| **key);
        let mut rest: Vec<LedgerEvent> = keyed.into_iter().map(|(_, event)| event).collect();

        let (_parts, many) = on.store(IdlePolicy::Proportional).await;
        let mut batches = sizes.iter().cycle();
        while !rest.is_empty() {
            let size = (*batches.next().unwrap()).min(rest.len());
            let later = rest.split_off(size);
            let events = std::mem::replace(&mut rest, later);
            many.apply(batch(1, events)).await.unwrap();
        }
        let spend_differs_by_principal_only =
            |text: &str| text.lines().take(4).map(str::to_owned).collect::<Vec<_>>();
        let got = picture(&many).await;
        assert_eq!(
            spend_differs_by_principal_only(&got),
            spend_differs_by_principal_only(&expected),
            "{keys:?}, {sizes:?}, {again:?}"
        );
    }
}
