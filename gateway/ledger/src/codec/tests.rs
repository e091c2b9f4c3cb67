use std::borrow::Cow;

use proptest::prelude::*;
use units::*;
use uuid::Uuid;

use super::*;
use crate::*;

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9.-]{0,20}"
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn nanos() -> impl Strategy<Value = Option<Nanos>> {
    prop::option::of(any::<u64>().prop_map(Nanos::new))
}

fn tokens() -> impl Strategy<Value = Option<Tokens>> {
    prop::option::of(any::<u64>().prop_map(Tokens::new))
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_unix_nanos)
}

fn ppm() -> impl Strategy<Value = Ppm> {
    (0_u32..=1_000_000).prop_map(Ppm::new)
}

fn receipt() -> impl Strategy<Value = Receipt> {
    let buckets = (tokens(), tokens(), tokens(), tokens(), tokens());
    let times = (nanos(), nanos(), nanos(), nanos(), nanos());
    let ends = (
        prop::sample::select(Purpose::ALL),
        prop::sample::select(AttemptStatus::ALL),
    );
    (uuid(), ends, buckets, times, prop::option::of(any::<u64>())).prop_map(
        |(id, (purpose, status), t, n, fuel)| Receipt {
            attempt: AttemptId::from_uuid(id),
            purpose,
            status,
            tokens: TokenBuckets {
                input_uncached: t.0,
                cache_read: t.1,
                cache_write: t.2,
                output_text: t.3,
                output_reasoning: t.4,
            },
            device_ns: n.0,
            queue_ns: n.1,
            cpu_ns: n.2,
            fuel,
            first_token_ns: n.3,
            total_ns: n.4,
        },
    )
}

fn tags() -> impl Strategy<Value = Option<Tags>> {
    let pairs = prop::collection::btree_map("[a-z]{1,8}", "[a-zé0-9/]{1,20}", 0..5);
    pairs.prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        Tags::new(pairs).unwrap()
    })
}

fn attempt() -> impl Strategy<Value = LedgerEvent> {
    let names = (name(), name(), name(), name(), any::<bool>());
    let rest = (
        prop::option::of(".{0,20}"),
        prop::option::of(any::<u16>()),
        prop::option::of(uuid()),
        tags(),
    );
    (uuid(), names, time(), time(), rest, receipt()).prop_map(
        |(request, n, started, finished, rest, receipt)| {
            LedgerEvent::Attempt(AttemptRecord {
                request: RequestId::from_uuid(request),
                tenant: TenantId::new(&n.0).unwrap(),
                scenario: ScenarioId::new(&n.1).unwrap(),
                expert: ExpertId::new(&n.2).unwrap(),
                host: if n.4 {
                    Host::Pool(PoolId::new(&n.3).unwrap())
                } else {
                    Host::Provider(ProviderId::new(&n.3).unwrap())
                },
                replica: rest.0.map(Into::into),
                started,
                finished,
                http_status: rest.1,
                decision: rest.2.map(DecisionId::from_uuid),
                tags: rest.3,
                receipt,
            })
        },
    )
}

fn decision() -> impl Strategy<Value = DecisionSummary> {
    let candidate = (
        name(),
        ppm(),
        ppm(),
        prop::option::of(any::<i128>()),
        nanos(),
    )
        .prop_map(|(expert, quality, propensity, cost, latency)| Candidate {
            expert: ExpertId::new(&expert).unwrap(),
            quality,
            propensity,
            cost: cost.map(Pico::new),
            latency,
        });
    (
        uuid(),
        name(),
        name(),
        name(),
        ppm(),
        prop::collection::vec(candidate, 0..5),
    )
        .prop_map(
            |(id, version, reason, chosen, propensity, candidates)| DecisionSummary {
                id: DecisionId::from_uuid(id),
                gate_version: version.into(),
                reason: Cow::Owned(reason),
                chosen: ExpertId::new(&chosen).unwrap(),
                propensity,
                candidates,
            },
        )
}

fn request() -> impl Strategy<Value = LedgerEvent> {
    let names = (name(), name(), name(), prop::option::of(name()));
    let rest = (
        any::<u64>(),
        any::<u64>(),
        any::<u16>(),
        any::<bool>(),
        tags(),
    );
    (
        uuid(),
        names,
        prop::sample::select(ScenarioSource::ALL),
        prop::option::of(decision()),
        time(),
        rest,
    )
        .prop_map(|(id, n, source, decision, started, rest)| {
            LedgerEvent::Request(RequestRecord {
                request: RequestId::from_uuid(id),
                tenant: TenantId::new(&n.0).unwrap(),
                principal: n.1.into(),
                scenario: ScenarioId::new(&n.2).unwrap(),
                scenario_source: source,
                decision,
                answered_by: n.3.map(|id| ExpertId::new(&id).unwrap()),
                started,
                total: Nanos::new(rest.0),
                overhead: Nanos::new(rest.1),
                http_status: rest.2,
                streamed: rest.3,
                tags: rest.4,
            })
        })
}

fn outcome() -> impl Strategy<Value = LedgerEvent> {
    let texts = (name(), prop::option::of("[a-z ]{0,30}"), "[ -~]{0,60}");
    (
        uuid(),
        texts,
        prop::option::of(ppm()),
        prop::sample::select(OutcomeSource::ALL),
        any::<u32>(),
        time(),
    )
        .prop_map(|(request, t, score, source, comment_chars, at)| {
            LedgerEvent::Outcome(OutcomeRecord {
                request: RequestId::from_uuid(request),
                tenant: TenantId::new(&t.0).unwrap(),
                score,
                source,
                label: t.1.map(Into::into),
                comment_chars,
                idempotency_key: t.2.into(),
                at,
            })
        })
}

fn counters() -> impl Strategy<Value = LedgerEvent> {
    let load = prop::collection::vec((name(), any::<u64>()), 0..4);
    (name(), ".{0,20}", time(), time(), any::<[u64; 4]>(), load).prop_map(
        |(pool, worker, incarnation, at, totals, load)| {
            let [provisioned, busy, loading, idle] = totals.map(Nanos::new);
            LedgerEvent::Counters(PoolCounters {
                pool: PoolId::new(&pool).unwrap(),
                worker: worker.into(),
                incarnation,
                at,
                provisioned,
                busy,
                load: loading,
                idle,
                load_by_expert: load
                    .into_iter()
                    .map(|(expert, ns)| (ExpertId::new(&expert).unwrap(), Nanos::new(ns)))
                    .collect(),
            })
        },
    )
}

fn events() -> impl Strategy<Value = Vec<LedgerEvent>> {
    prop::collection::vec(
        prop_oneof![attempt(), request(), outcome(), counters()],
        0..6,
    )
}

/// Bytes that decode at all decode to events that come back as they were.
fn check_whatever_decodes(bytes: &[u8]) {
    if let Ok(events) = decode_events(bytes) {
        let mut again = Vec::new();
        encode_events(&events, &mut again);
        assert!(decode_events(&again).is_ok());
    }
}

proptest! {
    #[test]
    fn events_come_back_as_they_were(events in events()) {
        let mut bytes = Vec::new();
        encode_events(&events, &mut bytes);
        prop_assert_eq!(decode_events(&bytes).unwrap(), events);
    }

    #[test]
    fn outside_bytes_never_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check_whatever_decodes(&bytes);
    }

    #[test]
    fn a_damaged_group_gives_an_error_or_other_events(events in events(), at in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        encode_events(&events, &mut bytes);
        let short = &bytes[..cut.index(bytes.len())];
        prop_assert_ne!(decode_events(short), Ok(events));
        let at = at.index(bytes.len());
        bytes[at] ^= 0x55;
        check_whatever_decodes(&bytes);
    }
}

#[test]
fn a_long_principal_is_cut_between_characters() {
    let mut bytes = Vec::new();
    let long = "ä".repeat(200);
    Writer::new(&mut bytes).text(&long, 127);
    assert_eq!(Reader::new(&bytes).text().unwrap(), "ä".repeat(63));
}

#[test]
fn a_newer_layout_is_named() {
    assert_eq!(decode_events(&[9, 1, 2]), Err(CodecError::Layout(9)));
    assert_eq!(decode_events(&[]), Err(CodecError::Short));
}
