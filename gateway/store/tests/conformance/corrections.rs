//! A line is taken back and another stands in its place; the books hold before and after.

use ledger::{IdlePolicy, LedgerEvent, LineId, Meter};
use ledger_store::*;
use units::Pico;

use crate::finance::{DAY, by, day, holds, lines_of, november, remote};
use crate::sample::*;

on_each_store!(
    a_line_is_carried_by_another,
    a_price_is_corrected_and_a_gap_is_filled,
    what_cannot_be_corrected_is_refused,
    lines_are_priced_again_at_another_rate,
);

async fn a_line_is_carried_by_another(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Separate).await;
    let mut events: Vec<LedgerEvent> = (0..6).flat_map(|n| served(n, 30)).collect();
    events.push(counters("w0", 60, 100_000_000, 0));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(120)).await.unwrap();
    let [line] = lines_of(&store, 0).await.try_into().unwrap();
    let amount = line.amount.unwrap();
    let spent = async |of: u64| {
        let spend = store.spend(november()).await.unwrap();
        let own = spend.into_iter().filter(|s| s.tenant == tenant(of));
        own.map(|s| s.amount).sum::<Pico>()
    };
    let before = (spent(0).await, spent(1).await);
    let order = Correction {
        line: line.line,
        instead: Instead::Tenant(tenant(1), scenario(1)),
        by: by(DAY),
    };
    let done = store.correct(order.clone()).await.unwrap();
    assert_eq!((done.lines, done.taken), (2, Some(amount)));
    holds(&store).await;
    // Twice is once.
    assert_eq!(store.correct(order).await.unwrap().lines, 0);
    let after = (spent(0).await, spent(1).await);
    assert_eq!(before.0.checked_sub(amount), Ok(after.0));
    assert_eq!(before.1.checked_add(amount), Ok(after.1));
    let costs = lines_of(&store, 0).await;
    assert_eq!(costs.len(), 3);
    assert_eq!(
        costs.iter().map(|l| l.amount.unwrap()).sum::<Pico>(),
        amount
    );
    assert!(costs[1..].iter().all(|l| l.corrects == Some(line.line)));
    // What stands in its place may be wrong, too.
    let third = costs.iter().find(|l| l.tenant == Some(tenant(1))).unwrap();
    let platform = Correction {
        line: third.line,
        instead: Instead::Platform,
        by: by(2 * DAY),
    };
    assert_eq!(store.correct(platform).await.unwrap().lines, 2);
    assert_eq!(spent(1).await, before.1);
    holds(&store).await;
    let entries = store
        .audit(AuditOf::Tenant(tenant(1)), None, 10)
        .await
        .unwrap();
    assert_eq!(entries.len(), 1);
    assert!(
        entries[0]
            .note
            .after
            .as_deref()
            .unwrap()
            .contains("carried by lexwell")
    );
}

async fn a_price_is_corrected_and_a_gap_is_filled(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Separate).await;
    store
        .apply(batch(1, remote(0, 10, Some(100))))
        .await
        .unwrap();
    store.apply(batch(2, remote(6, 10, None))).await.unwrap();
    let correct = async |line: LineId, amount: i128| {
        let order = Correction {
            line,
            instead: Instead::Amount(Pico::new(amount)),
            by: by(DAY),
        };
        store.correct(order).await
    };
    let lines = lines_of(&store, 0).await;
    let input = lines
        .iter()
        .find(|l| l.meter == Meter::InputUncached)
        .unwrap();
    assert_eq!(
        correct(input.line, 5).await.unwrap().taken,
        Some(Pico::new(200_000_000))
    );
    let known = async || {
        let rows = store
            .scenario_summaries(Some(tenant(0)), day())
            .await
            .unwrap();
        (rows[0].cost.known, rows[0].cost.unknown)
    };
    assert_eq!(known().await, (1, 1));
    let gaps = lines_of(&store, 6).await;
    assert_eq!(gaps.len(), 2);
    for (filled, gap) in gaps.iter().enumerate() {
        assert_eq!(correct(gap.line, 7).await.unwrap().lines, 1);
        let both = filled == 1;
        assert_eq!(known().await, if both { (2, 0) } else { (1, 1) });
    }
    holds(&store).await;
    let left = lines_of(&store, 0).await;
    let sum: Pico = left.iter().map(|l| l.amount.unwrap()).sum();
    assert_eq!(sum, Pico::new(800_000_000 + 5));
}

async fn what_cannot_be_corrected_is_refused(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Separate).await;
    let mut events: Vec<LedgerEvent> = served(0, 30);
    events.extend(remote(1, 10, Some(3)));
    events.push(counters("w0", 60, 100_000_000, 0));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(120)).await.unwrap();
    let refused = async |line: LineId, instead: Instead| {
        let order = Correction {
            line,
            instead,
            by: by(DAY),
        };
        match store.correct(order).await {
            Err(StoreError::Refused(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    let pooled = lines_of(&store, 0).await[0].line;
    assert!(
        refused(pooled, Instead::Amount(Pico::new(1)))
            .await
            .contains("bill")
    );
    let priced = lines_of(&store, 1).await[0].line;
    assert!(
        refused(priced, Instead::Amount(Pico::new(-1)))
            .await
            .contains("below 0")
    );
    let unknown = Correction {
        line: LineId::from_bytes([9; 16]),
        instead: Instead::Platform,
        by: by(DAY),
    };
    let none = store.correct(unknown).await;
    assert!(matches!(none, Err(StoreError::NotFound("line"))));
    assert!(
        store
            .audit(AuditOf::All, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    holds(&store).await;
}

async fn lines_are_priced_again_at_another_rate(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Separate).await;
    let mut events = remote(0, 10, Some(100));
    events.extend(remote(1, 20, Some(300)));
    // Nobody knows how much was used: there is nothing to price.
    events.extend(remote(2, 30, None));
    events.extend(served(3, 40));
    store.apply(batch(1, events)).await.unwrap();
    let all = store.unit_priced(hour(), None, 100).await.unwrap();
    let counts: Vec<_> = all.iter().map(|l| (l.quantity, l.input, l.meter)).collect();
    assert_eq!(all.len(), 4, "{counts:?}");
    assert!(all.is_sorted_by_key(|line| line.line.bytes()));
    assert!(all.iter().all(|line| line.input == Some(line.quantity)));
    let rest = store
        .unit_priced(hour(), Some(all[0].line), 2)
        .await
        .unwrap();
    assert_eq!(rest, all[1..3]);
    let book = pricing(IdlePolicy::Separate).rates;
    let whose = |line: &UnitPriced| (line.provider.clone(), line.expert.clone());
    for line in &all {
        let (provider, expert) = whose(line);
        let priced = book.price_line(
            (&provider, &expert),
            (line.meter, line.quantity),
            line.finished,
            line.input,
        );
        assert_eq!(priced, line.amount.zip(line.rate), "the price in force");
    }
    let [line, ..] = all.as_slice() else {
        panic!("four lines");
    };
    let other = all.iter().find(|one| one.rate != line.rate).unwrap();
    let order = Correction {
        line: line.line,
        instead: Instead::Rated(Pico::new(7), other.rate.unwrap()),
        by: by(DAY),
    };
    let done = store.correct(order.clone()).await.unwrap();
    assert_eq!((done.lines, done.taken), (2, line.amount));
    assert_eq!(
        store.correct(order).await.unwrap().lines,
        0,
        "twice is once"
    );
    let left = store.unit_priced(hour(), None, 100).await.unwrap();
    assert!(left.len() == 3 && left.iter().all(|one| one.line != line.line));
    holds(&store).await;
    let entries = store.audit(AuditOf::All, None, 1).await.unwrap();
    let after = entries[0].note.after.as_deref().unwrap();
    assert!(after.contains("by rate-"), "{after}");
}
