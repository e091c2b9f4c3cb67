//! Costs by the tags of their requests.

use ledger::{IdlePolicy, LedgerEvent, Tags};
use ledger_store::*;
use units::{Bucket, Pico, TenantId};

use crate::finance::{DAY, by, holds, lines_of, remote};
use crate::sample::*;

on_each_store!(
    tags_follow_requests_into_their_costs,
    a_line_that_another_carries_keeps_no_tags,
);

fn team(name: &str) -> Option<Tags> {
    Tags::new([("team", name), ("site", "x_1")]).unwrap()
}

fn tagged(mut events: Vec<LedgerEvent>, tags: &Option<Tags>) -> Vec<LedgerEvent> {
    for event in &mut events {
        match event {
            LedgerEvent::Request(record) => record.tags.clone_from(tags),
            LedgerEvent::Attempt(record) => record.tags.clone_from(tags),
            LedgerEvent::Outcome(_) | LedgerEvent::Counters(_) => {}
        }
    }
    events
}

/// What the tags of a tenant cost, by their text.
async fn costs(store: &SqlStore, of: TenantId, step: u32) -> Vec<(String, u64, Pico)> {
    let span = Span {
        from: Bucket::of(at(0)),
        to: Bucket::of(at(40 * DAY)),
    };
    let mut sums: Vec<(String, u64, Pico)> = Vec::new();
    for row in store.tagged_costs(of, span, step).await.unwrap() {
        let tags = row.tags.as_str().to_owned();
        match sums.iter_mut().find(|sum| sum.0 == tags) {
            None => sums.push((tags, row.cost.lines, row.cost.amount)),
            Some(sum) => {
                sum.1 += row.cost.lines;
                sum.2 = sum.2.checked_add(row.cost.amount).unwrap();
            }
        }
    }
    sums.sort();
    sums
}

async fn tags_follow_requests_into_their_costs(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Proportional).await;
    // Requests 0, 3, 6 … are tenant 0's: two of team a, one of b, one without; and one at a remote, of team a.
    let mut events = tagged(served(0, 30), &team("a"));
    events.extend(tagged(served(3, 31), &team("a")));
    events.extend(tagged(served(6, 32), &team("b")));
    events.extend(served(9, 33));
    events.extend(tagged(served(1, 34), &team("other tenant")));
    events.extend(tagged(remote(12, 40, Some(1_000)), &team("a")));
    events.push(counters("w0", 60, 100_000_000, 2_000_000_000));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(120)).await.unwrap();
    holds(&store).await;
    let own = costs(&store, tenant(0), 1).await;
    let [a, b] = &own[..] else { panic!("{own:?}") };
    assert_eq!((a.0.as_str(), a.1), ("site=x_1;team=a", 4));
    assert_eq!((b.0.as_str(), b.1), ("site=x_1;team=b", 1));
    let posted = |lines: Vec<PostedLine>| lines.iter().filter_map(|l| l.amount).sum::<Pico>();
    let mut all = Pico::ZERO;
    for n in [0, 3, 12] {
        all = all.checked_add(posted(lines_of(&store, n).await)).unwrap();
    }
    assert_eq!(a.2, all);
    assert!(b.2 > Pico::ZERO);
    assert_eq!(costs(&store, tenant(0), 96).await, own, "by the day, too");

    let wanted = |tag: Option<(&str, &str)>| RequestsWanted {
        tenant: tenant(0),
        span: Span {
            from: Bucket::from_index(0),
            to: Bucket::of(at(3_650 * DAY)),
        },
        scenario: None,
        expert: None,
        tag: tag.map(|(k, v)| (k.to_owned(), v.to_owned())),
        most: 100,
    };
    let count = async |tag| store.requests(wanted(tag)).await.unwrap().len();
    assert_eq!(count(None).await, 5);
    assert_eq!(count(Some(("team", "a"))).await, 3);
    assert_eq!(count(Some(("site", "x_1"))).await, 4);
    for none in ["x", "x%", "x!_1", "x11", "%", ""] {
        assert_eq!(count(Some(("site", none))).await, 0, "{none:?}");
    }
    assert_eq!(count(Some(("team", "other tenant"))).await, 0);
    let listed = store.requests(wanted(Some(("team", "b")))).await.unwrap();
    assert_eq!(listed[0].tags, team("b"));

    // Charges tell them apart; what they sum to is the same.
    let mut charged = Vec::new();
    let span = Span {
        from: Bucket::of(at(0)),
        to: Bucket::of(at(DAY)),
    };
    store
        .charges(Some(tenant(0)), span, 96, &mut |charge| {
            charged.push((charge.tags, charge.amount));
            std::ops::ControlFlow::Continue(())
        })
        .await
        .unwrap();
    let of_a = charged.iter().filter(|(tags, _)| *tags == team("a"));
    assert_eq!(of_a.map(|(_, amount)| *amount).sum::<Pico>(), a.2);
    assert!(charged.iter().any(|(tags, _)| tags.is_none()));
}

async fn a_line_that_another_carries_keeps_no_tags(on: &On) {
    let (_home, store) = on.store(IdlePolicy::Separate).await;
    let mut events = tagged(served(0, 30), &team("a"));
    events.extend(served(1, 30));
    events.push(counters("w0", 60, 100_000_000, 0));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(120)).await.unwrap();
    let before = costs(&store, tenant(0), 1).await;
    let [line] = lines_of(&store, 0).await.try_into().unwrap();
    let carried = |line, instead, day: i64| Correction {
        line,
        instead,
        by: by(day * DAY),
    };
    let away = Instead::Tenant(tenant(1), scenario(1));
    store.correct(carried(line.line, away, 1)).await.unwrap();
    holds(&store).await;
    assert_eq!(costs(&store, tenant(1), 1).await, []);
    let left = costs(&store, tenant(0), 1).await;
    assert_eq!(left[0].2, Pico::ZERO);
    // And back: the tags are there again.
    let lines = lines_of(&store, 0).await;
    let moved = lines.iter().find(|l| l.tenant == Some(tenant(1))).unwrap();
    let back = Instead::Tenant(tenant(0), scenario(0));
    store.correct(carried(moved.line, back, 2)).await.unwrap();
    holds(&store).await;
    assert_eq!(costs(&store, tenant(0), 1).await[0].2, before[0].2);
    assert_eq!(costs(&store, tenant(1), 1).await, []);
}
