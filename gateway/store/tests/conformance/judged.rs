//! Judgements are joined with the requests and the tries they are of.

use ledger::{IdlePolicy, LedgerEvent, OutcomeRecord, OutcomeSource, Ppm};
use ledger_store::*;
use units::{Bucket, Nanos, Tokens};

use crate::sample::*;

on_each_store!(
    a_judged_request_comes_with_its_decision_and_its_answer,
    pages_tenants_and_instants_leave_out_what_they_should,
    a_judgement_that_did_not_come_is_missing_and_no_score,
    a_judge_is_held_beside_others_who_judged_the_same,
);

fn by(source: OutcomeSource, n: u64, key: &str, score: u32) -> LedgerEvent {
    LedgerEvent::Outcome(OutcomeRecord {
        source,
        ..outcome(n, key, score)
    })
}

fn query() -> JudgedQuery {
    JudgedQuery {
        tenant: None,
        since: at(-1),
        after: None,
        limit: 100,
    }
}

async fn a_judged_request_comes_with_its_decision_and_its_answer(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let mut events: Vec<LedgerEvent> = (0..6)
        .flat_map(|n| served(n, i64::try_from(n).unwrap()))
        .collect();
    events.push(by(OutcomeSource::User, 1, "u", 200_000));
    events.push(by(OutcomeSource::Gold, 1, "g", 0));
    events.push(by(OutcomeSource::Gold, 1, "g2", 900_000));
    events.push(by(OutcomeSource::Judge, 4, "j", 400_000));
    store.apply(batch(1, events)).await.unwrap();
    let found = store.judged(query()).await.unwrap();
    assert_eq!(found.len(), 2);
    let first = &found[0];
    assert_eq!((first.request, &first.tenant), (request_id(1), &tenant(1)));
    let LedgerEvent::Request(sent) = &served(1, 1)[1] else {
        panic!("a request");
    };
    assert_eq!(Some(&first.decision), sent.decision.as_ref());
    assert_eq!(first.answered_by, expert(1));
    assert_eq!(
        (first.scenario.clone(), first.started),
        (scenario(1), at(1))
    );
    assert_eq!(first.output_tokens, Some(Tokens::new(3)));
    assert_eq!(first.latency, Some(Nanos::new(1_000_000)));
    // The last word of each source; the known right answer is believed.
    assert_eq!(first.outcomes.len(), 2);
    let verdict = first.verdict().unwrap();
    assert_eq!(
        (verdict.source, verdict.score),
        (OutcomeSource::Gold, Ppm::new(900_000))
    );
    assert_eq!(found[1].verdict().unwrap().source, OutcomeSource::Judge);
}

async fn pages_tenants_and_instants_leave_out_what_they_should(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let mut events: Vec<LedgerEvent> = Vec::new();
    for n in 0..12 {
        events.extend(served(n, i64::try_from(n).unwrap()));
        events.push(by(OutcomeSource::Gold, n, "g", 500_000));
        events.push(by(OutcomeSource::User, n, "u", 500_000));
    }
    store.apply(batch(1, events)).await.unwrap();
    let all = store.judged(query()).await.unwrap();
    assert_eq!(all.len(), 12);
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .judged(JudgedQuery {
                after,
                limit: 5,
                ..query()
            })
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.request);
        paged.extend(page);
    }
    assert_eq!(paged, all);
    let own = JudgedQuery {
        tenant: Some(tenant(2)),
        ..query()
    };
    let own = store.judged(own).await.unwrap();
    assert!(own.len() == 4 && own.iter().all(|judged| judged.tenant == tenant(2)));
    let late = JudgedQuery {
        since: at(9),
        ..query()
    };
    assert_eq!(store.judged(late).await.unwrap().len(), 3);
    let strange = JudgedQuery {
        tenant: Some(units::TenantId::new("nobody").unwrap()),
        ..query()
    };
    assert!(store.judged(strange).await.unwrap().is_empty());
}

/// A long time around the sample.
fn always() -> Span {
    Span {
        from: Bucket::from_index(0),
        to: Bucket::of(at(3_650 * 86_400)),
    }
}

async fn a_judgement_that_did_not_come_is_missing_and_no_score(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let missing = |n: u64, key: &str| {
        LedgerEvent::Outcome(OutcomeRecord {
            source: OutcomeSource::Judge,
            score: None,
            label: Some("unclear".into()),
            ..outcome(n, key, 0)
        })
    };
    let mut events: Vec<LedgerEvent> = (0..18)
        .step_by(6)
        .flat_map(|n| served(n, i64::try_from(n).unwrap()))
        .collect();
    events.push(by(OutcomeSource::Judge, 0, "j", 900_000));
    events.push(missing(6, "j"));
    events.push(missing(12, "j"));
    // The same again changes nothing.
    events.push(missing(12, "j"));
    store.apply(batch(1, events)).await.unwrap();
    let [judge] = store
        .judgements(tenant(0), always(), Ppm::new(500_000))
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!((judge.count, judge.accepted, judge.missing), (1, 1, 2));
    assert_eq!(store.judged(query()).await.unwrap().len(), 1);
    let detail = store.request(tenant(0), request_id(6)).await.unwrap();
    assert!(detail.unwrap().outcomes.is_empty());
    assert!(store.verify().await.unwrap().holds());
    // It comes after all: a word, and the gap stays on record.
    let late = vec![by(OutcomeSource::Judge, 6, "j2", 0)];
    store.apply(batch(2, late)).await.unwrap();
    let judged = store.judgements(tenant(0), always(), Ppm::new(500_000));
    let [judge] = judged.await.unwrap().try_into().unwrap();
    assert_eq!((judge.count, judge.accepted, judge.missing), (2, 1, 2));
    assert!(store.verify().await.unwrap().holds());
}

async fn a_judge_is_held_beside_others_who_judged_the_same(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let mut events: Vec<LedgerEvent> = Vec::new();
    // Gold and judge, in turns: both, only people, only the judge, neither; then the judge alone.
    let words = [(1, 1), (1, 0), (0, 1), (0, 0), (1, 1)];
    for (at, (gold, judge)) in words.into_iter().enumerate() {
        let n = u64::try_from(at * 6).unwrap();
        events.extend(served(n, i64::try_from(n).unwrap()));
        events.push(by(OutcomeSource::Gold, n, "g", gold * 1_000_000));
        events.push(by(OutcomeSource::Judge, n, "j", judge * 1_000_000));
    }
    events.extend(served(30, 30));
    events.push(by(OutcomeSource::Judge, 30, "j", 1_000_000));
    store.apply(batch(1, events)).await.unwrap();
    let [found] = store
        .paired(tenant(0), always(), Ppm::new(500_000))
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(found.source, OutcomeSource::Gold);
    assert_eq!(
        [
            found.both,
            found.only_people,
            found.only_judge,
            found.neither
        ],
        [2, 1, 1, 1]
    );
    let others = store.paired(tenant(1), always(), Ppm::new(500_000)).await;
    assert!(others.unwrap().is_empty(), "another tenant's");
}
