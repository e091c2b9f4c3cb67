//! Months are closed in order and for good, lines are taken back and not changed, and the audit log says who did it.

use ledger::{IdlePolicy, LedgerEvent, Month};
use ledger_store::*;
use units::{Bucket, Pico, RequestId, TenantId, Timestamp};

use crate::sample::*;

on_each_store!(
    a_month_is_closed_for_good_and_late_lines_come_after,
    months_are_closed_in_their_order,
    a_changed_line_or_entry_is_noticed,
    cases_and_verdicts_are_only_added,
    cells_requests_and_judgements_are_the_rows,
);

/// Days after noon of the sample's day, in seconds.
pub(crate) const DAY: i64 = 86_400;

pub(crate) fn by(seconds: i64) -> Author {
    Author {
        actor: "key-1".to_owned(),
        at: at(seconds),
        reason: "month's end".to_owned(),
    }
}

/// November 2026, which ends seven and a half days after the sample's noon.
pub(crate) fn november() -> Month {
    Month::of(at(0))
}

pub(crate) async fn holds(store: &SqlStore) {
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{:?}", proof.breaks);
}

/// The lines of a remote's attempt.
pub(crate) async fn lines_of(store: &SqlStore, n: u64) -> Vec<PostedLine> {
    let detail = store.request(tenant(n), request_id(n)).await.unwrap();
    detail.unwrap().costs
}

pub(crate) fn remote(n: u64, seconds: i64, tokens: Option<u64>) -> Vec<LedgerEvent> {
    vec![
        LedgerEvent::Attempt(remote_attempt(n, seconds, tokens)),
        LedgerEvent::Request(request(n, seconds)),
    ]
}

async fn a_month_is_closed_for_good_and_late_lines_come_after(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Separate).await;
    store
        .apply(batch(1, remote(0, 10, Some(100))))
        .await
        .unwrap();
    let early = store
        .set_period(november(), PeriodState::Closed, by(DAY))
        .await;
    assert!(matches!(early, Err(StoreError::Refused(why)) if why.contains("not ended")));
    let soft = store
        .set_period(november(), PeriodState::SoftClosed, by(8 * DAY))
        .await
        .unwrap();
    assert_eq!((soft.lines, soft.hash), (2, None));
    // Under review: late events still belong to it.
    store
        .apply(batch(2, remote(1, 20, Some(100))))
        .await
        .unwrap();
    let closed = store
        .set_period(november(), PeriodState::Closed, by(9 * DAY))
        .await
        .unwrap();
    // 100 tokens in at 2 and out at 8 per million, twice.
    assert_eq!(closed.amount, Pico::new(2 * 1_000_000_000));
    assert_eq!((closed.lines, closed.unknown, closed.pending), (4, 0, 0));
    assert!(closed.hash.is_some());
    for state in [
        PeriodState::Open,
        PeriodState::SoftClosed,
        PeriodState::Closed,
    ] {
        let again = store.set_period(november(), state, by(10 * DAY)).await;
        assert!(matches!(again, Err(StoreError::Refused(why)) if why.contains("for good")));
    }
    holds(&store).await;

    store
        .apply(batch(3, remote(2, 30, Some(100))))
        .await
        .unwrap();
    holds(&store).await;
    let whole = |month: Month| Span {
        from: Bucket::of(month.start()),
        to: Bucket::of(month.end()),
    };
    let sum = async |month: Month| {
        let cells = store.costs(None, whole(month), 96).await.unwrap();
        cells.iter().map(|cell| cell.amount).sum::<Pico>()
    };
    assert_eq!(sum(november()).await, closed.amount, "final is final");
    assert_eq!(sum(november().next()).await, Pico::new(1_000_000_000));
    let mut late = Vec::new();
    let mut take = |charge: ledger::Charge| {
        late.push(charge.late);
        std::ops::ControlFlow::Continue(())
    };
    store
        .charges(None, whole(november().next()), 96, &mut take)
        .await
        .unwrap();
    assert_eq!(late, [true, true]);
    assert_eq!(store.periods().await.unwrap(), [closed]);
}

async fn months_are_closed_in_their_order(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Separate).await;
    store.apply(batch(1, remote(0, 10, Some(5)))).await.unwrap();
    store
        .apply(batch(2, remote(1, 10 * DAY, Some(5))))
        .await
        .unwrap();
    let december = november().next();
    let late = by(60 * DAY);
    let skipped = store
        .set_period(december, PeriodState::Closed, late.clone())
        .await;
    assert!(matches!(skipped, Err(StoreError::Refused(why)) if why.contains("before it")));
    for month in [november(), december] {
        store
            .set_period(month, PeriodState::Closed, late.clone())
            .await
            .unwrap();
    }
    let october = Month::of(at(-40 * DAY));
    let before = store
        .set_period(october, PeriodState::SoftClosed, late)
        .await;
    assert!(matches!(before, Err(StoreError::Refused(why)) if why.contains("later month")));
    let [first, second] = store.periods().await.unwrap().try_into().unwrap();
    assert_ne!(first.hash, second.hash);
    holds(&store).await;
}

async fn a_changed_line_or_entry_is_noticed(on: &On) {
    let (home, store) = on.store(IdlePolicy::Separate).await;
    store
        .apply(batch(1, remote(0, 10, Some(100))))
        .await
        .unwrap();
    store
        .set_period(november(), PeriodState::Closed, by(9 * DAY))
        .await
        .unwrap();
    home.meddle("UPDATE audit SET reason = 'another' WHERE id = 1")
        .await;
    let proof = store.verify().await.unwrap();
    assert!(
        proof.breaks.iter().any(|b| b.contains("audit log")),
        "{proof:?}"
    );
    home.meddle("UPDATE audit SET reason = 'month''s end' WHERE id = 1")
        .await;
    holds(&store).await;
    home.meddle("UPDATE lines SET quantity = quantity + 1 WHERE meter = 10")
        .await;
    let proof = store.verify().await.unwrap();
    let noticed = |b: &String| b.contains("2026-11 does not hold");
    assert!(proof.breaks.iter().any(noticed), "{proof:?}");
}

pub(crate) fn day() -> Span {
    Span {
        from: Bucket::of(at(-DAY)),
        to: Bucket::of(at(DAY)),
    }
}

async fn cases_and_verdicts_are_only_added(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Separate).await;
    let put = async |n: u64, body: &str| {
        let put = store.put_case(tenant(n), scenario(n), body.to_owned(), by(1));
        put.await.unwrap()
    };
    assert_eq!(
        [
            put(0, "{}").await,
            put(0, "{\"a\":1}").await,
            put(1, "{}").await
        ],
        [1, 2, 1]
    );
    let own = store.cases(Some(tenant(0))).await.unwrap();
    assert_eq!(
        (own.len(), own[0].version, own[0].body.as_str()),
        (1, 2, "{\"a\":1}")
    );
    assert_eq!(store.cases(None).await.unwrap().len(), 2);
    let verdict = |word: &str| VerdictRecord {
        tenant: tenant(0),
        scenario: scenario(0),
        number: 0,
        by: by(2),
        verdict: word.to_owned(),
        inputs: "00".repeat(32),
        body: "{}".to_owned(),
    };
    for (number, word) in [(1, "watch"), (2, "invest")] {
        assert_eq!(store.put_verdict(verdict(word)).await.unwrap(), number);
    }
    let all = store.verdicts(Some(tenant(0))).await.unwrap();
    assert_eq!(
        all.iter().map(|v| v.verdict.as_str()).collect::<Vec<_>>(),
        ["watch", "invest"]
    );
    assert!(store.verdicts(Some(tenant(2))).await.unwrap().is_empty());
    let bill = |amount: i128| Invoice {
        subject: "pool cpu".to_owned(),
        month: november(),
        amount: Pico::new(amount),
        number: "R-1".to_owned(),
        note: String::new(),
    };
    for amount in [1_i128 << 70, 5] {
        store.put_invoice(bill(amount), by(3)).await.unwrap();
    }
    assert_eq!(store.invoices().await.unwrap(), [bill(5)]);
    let entries = store
        .audit(AuditOf::Tenant(tenant(0)), None, 50)
        .await
        .unwrap();
    let said: Vec<_> = entries.iter().map(|e| e.note.action.as_str()).collect();
    assert_eq!(
        said,
        ["verdict.record", "verdict.record", "case.put", "case.put"]
    );
    assert_eq!(entries[0].note.before.as_deref(), Some("watch"));
    let earlier = store
        .audit(AuditOf::All, Some(entries[0].id), 1)
        .await
        .unwrap();
    assert_eq!(earlier[0].id, entries[0].id - 1);
    holds(&store).await;
}

async fn cells_requests_and_judgements_are_the_rows(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Separate).await;
    let mut events: Vec<LedgerEvent> = (0..12).flat_map(|n| served(n, 30)).collect();
    events.push(counters("w0", 60, 100_000_000, 2_000_000_000));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(120)).await.unwrap();
    for (n, score) in [(0, 1_000_000), (6, 200_000)] {
        let outcome = LedgerEvent::Outcome(outcome(n, "k", score));
        store.apply(batch(2 + n, vec![outcome])).await.unwrap();
    }
    let cells = store.costs(None, day(), 96).await.unwrap();
    let sum: Pico = cells.iter().map(|cell| cell.amount).sum();
    let proof = store.verify().await.unwrap();
    assert_eq!(sum, proof.pool_cost, "everybody's cells are the bill");
    let quarters = store.costs(None, day(), 1).await.unwrap();
    assert_eq!(quarters.iter().map(|cell| cell.amount).sum::<Pico>(), sum);
    let own = store.costs(Some(tenant(0)), day(), 96).await.unwrap();
    assert!(
        own.iter()
            .all(|cell| cell.payer.as_ref().unwrap().0 == tenant(0))
    );
    let [pool] = store
        .pool_time(day(), 96 * 30)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(
        (pool.cost, pool.windows, pool.unpriced),
        (proof.pool_cost, 1, 0)
    );
    let parts = pool.busy.get() + pool.load.get() + pool.idle.get();
    assert_eq!(parts, pool.provisioned.get());

    let ids = Span {
        from: Bucket::from_index(0),
        to: Bucket::of(at(3_650 * DAY)),
    };
    let wanted = |of: TenantId, most| RequestsWanted {
        tenant: of,
        span: ids,
        scenario: None,
        expert: None,
        tag: None,
        most,
    };
    let listed = store.requests(wanted(tenant(0), 3)).await.unwrap();
    let named: Vec<RequestId> = listed.iter().map(|line| line.request).collect();
    assert_eq!(named, [request_id(9), request_id(6), request_id(3)]);
    assert!(
        store
            .request(tenant(1), request_id(9))
            .await
            .unwrap()
            .is_none(),
        "another tenant's"
    );
    let detail = store
        .request(tenant(0), request_id(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((detail.attempts.len(), detail.costs.len()), (1, 1));
    assert_eq!(detail.outcomes.len(), 1);
    let judged = store
        .judgements(tenant(0), ids, ledger::Ppm::new(500_000))
        .await
        .unwrap();
    let counts: Vec<_> = judged
        .iter()
        .map(|j| (j.count, j.accepted, j.reasoned))
        .collect();
    assert_eq!(counts, [(2, 1, 2)]);
    assert_eq!(store.rate_cards().await.unwrap().len(), 3);
    let never = Timestamp::from_unix_nanos(0);
    assert!(
        store
            .pool_time(
                Span {
                    from: Bucket::of(never),
                    to: Bucket::of(never)
                },
                1
            )
            .await
            .unwrap()
            .is_empty()
    );
}
