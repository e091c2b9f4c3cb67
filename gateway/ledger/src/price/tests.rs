use units::*;
use uuid::Uuid;

use super::*;
use crate::{Price, Rate};

fn attempt(host: Host) -> AttemptRecord {
    AttemptRecord {
        request: RequestId::from_uuid(Uuid::from_u128(1)),
        tenant: TenantId::new("aurora-bank").unwrap(),
        scenario: ScenarioId::new("bank-intents").unwrap(),
        expert: ExpertId::new("finance").unwrap(),
        host,
        replica: None,
        started: Timestamp::from_unix_seconds(1_000),
        finished: Timestamp::from_unix_seconds(1_001),
        http_status: Some(200),
        decision: None,
        tags: None,
        receipt: Receipt::unknown(
            AttemptId::from_uuid(Uuid::from_u128(2)),
            Purpose::Serve,
            AttemptStatus::Ok,
        ),
    }
}

fn pool() -> Host {
    Host::Pool(PoolId::new("cpu").unwrap())
}

fn provider() -> Host {
    Host::Provider(ProviderId::new("acme").unwrap())
}

fn rates() -> RateBook {
    let rate = |subject, meter, price| Rate {
        subject,
        meter,
        price,
        from: Timestamp::default(),
        source: "test".into(),
    };
    let acme = || RateSubject::Provider(ProviderId::new("acme").unwrap());
    let million = |text: &str| Price::per_million(text.parse().unwrap()).unwrap();
    RateBook::new(
        Currency::USD,
        [
            rate(
                RateSubject::Pool(PoolId::new("cpu").unwrap()),
                Meter::DeviceBusy,
                Price::per_device_hour("3.6".parse().unwrap()).unwrap(),
            ),
            rate(acme(), Meter::InputUncached, million("2.5")),
            rate(acme(), Meter::OutputText, million("10")),
            rate(
                RateSubject::Expert(ExpertId::new("cheap").unwrap()),
                Meter::InputUncached,
                million("1"),
            ),
        ],
    )
    .unwrap()
}

#[test]
fn device_time_costs_the_pools_rate() {
    let mut attempt = attempt(pool());
    assert_eq!(
        price_now(&rates(), &attempt),
        None,
        "unknown is not nothing"
    );
    attempt.receipt.device_ns = Some(Nanos::new(5_000_000));
    // 5 ms of 3.6 an hour: 0.001 a second.
    assert_eq!(
        price_now(&rates(), &attempt),
        Some("0.000005".parse().unwrap())
    );
    assert_eq!(token_lines(&rates(), &attempt), []);
}

#[test]
fn a_refusal_for_load_costs_nothing() {
    let mut attempt = attempt(pool());
    attempt.receipt.status = AttemptStatus::Overloaded;
    assert_eq!(price_now(&rates(), &attempt), Some(Pico::ZERO));
}

#[test]
fn tokens_cost_the_list_price_each_bucket_once() {
    let mut attempt = attempt(provider());
    attempt.receipt.tokens.input_uncached = Some(Tokens::new(1_000));
    attempt.receipt.tokens.output_text = Some(Tokens::new(100));
    attempt.receipt.tokens.cache_write = Some(Tokens::ZERO);
    assert_eq!(
        price_now(&rates(), &attempt),
        Some("0.0035".parse().unwrap())
    );
    let lines = token_lines(&rates(), &attempt);
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines.iter().map(|line| line.amount.unwrap()).sum::<Pico>(),
        "0.0035".parse().unwrap()
    );
    assert!(
        lines
            .iter()
            .all(|line| line.rate.is_some() && line.bucket == Bucket::from_index(1))
    );
}

#[test]
fn an_experts_own_price_goes_first() {
    let mut attempt = attempt(provider());
    attempt.expert = ExpertId::new("cheap").unwrap();
    attempt.receipt.tokens.input_uncached = Some(Tokens::new(1_000_000));
    attempt.receipt.tokens.output_text = Some(Tokens::ZERO);
    assert_eq!(price_now(&rates(), &attempt), Some(Pico::UNIT));
}

#[test]
fn what_has_no_price_or_no_count_is_unknown_and_shown() {
    let mut attempt = attempt(provider());
    attempt.receipt.tokens.input_uncached = Some(Tokens::new(10));
    assert_eq!(
        price_now(&rates(), &attempt),
        None,
        "output was never reported"
    );
    let lines = token_lines(&rates(), &attempt);
    assert_eq!((lines[1].quantity, lines[1].amount), (None, None));
    attempt.receipt.tokens.output_text = Some(Tokens::new(10));
    attempt.receipt.tokens.cache_read = Some(Tokens::new(10));
    assert_eq!(
        price_now(&rates(), &attempt),
        None,
        "cache reads have no price here"
    );
    let lines = token_lines(&rates(), &attempt);
    assert_eq!(
        (lines[2].quantity, lines[2].amount, lines[2].rate),
        (Some(10), None, None)
    );
}

#[test]
fn an_amount_that_no_line_holds_is_unknown_and_stops_no_other() {
    let mut attempt = attempt(provider());
    attempt.receipt.tokens.input_uncached = Some(Tokens::new(4));
    // Ten units a million: 4e18 tokens are 4e13 units, more than the 9.2e6 of a line.
    attempt.receipt.tokens.output_text = Some(Tokens::new(4_000_000_000_000_000_000));
    assert_eq!(price_now(&rates(), &attempt), None);
    let lines = token_lines(&rates(), &attempt);
    assert_eq!(lines[0].amount, Some(Pico::new(10_000_000)));
    assert_eq!((lines[1].amount, lines[1].rate), (None, None));
    assert!(
        lines
            .iter()
            .flat_map(|line| line.amount)
            .all(|a| a.to_i64().is_ok())
    );
}

/// Input above 200 tokens at twice the price, from an instant on.
fn tiered() -> RateBook {
    let rate = |subject, meter, units: &str, from| Rate {
        subject,
        meter,
        price: Price::per_million(units.parse().unwrap()).unwrap(),
        from: Timestamp::from_unix_seconds(from),
        source: "test".into(),
    };
    let acme = || ProviderId::new("acme").unwrap();
    let base = || RateSubject::Provider(acme());
    let above = |tokens| RateSubject::ProviderAbove(acme(), tokens);
    RateBook::new(
        Currency::USD,
        [
            rate(base(), Meter::InputUncached, "1", 0),
            rate(base(), Meter::OutputText, "1", 0),
            rate(above(200), Meter::InputUncached, "2", 0),
            rate(above(200), Meter::OutputText, "3", 0),
            rate(above(1_000), Meter::InputUncached, "4", 900),
        ],
    )
    .unwrap()
}

#[test]
fn an_attempt_has_the_price_of_the_highest_tier_it_is_in() {
    let mut attempt = attempt(provider());
    let mut cost = |input: u64, cached: u64, output: u64| {
        attempt.receipt.tokens.input_uncached = Some(Tokens::new(input));
        attempt.receipt.tokens.cache_read = Some(Tokens::new(cached));
        attempt.receipt.tokens.cache_write = Some(Tokens::ZERO);
        attempt.receipt.tokens.output_text = Some(Tokens::new(output));
        let lines = token_lines(&tiered(), &attempt);
        [0, 1].map(|at: usize| lines[at].amount.unwrap().get() / 1_000_000)
    };
    assert_eq!(cost(200, 0, 10), [200, 10], "not above");
    assert_eq!(cost(201, 0, 10), [402, 30]);
    // What comes from a cache is input, too; the highest tier has no price of its own for output.
    assert_eq!(cost(1, 200, 10), [2, 30]);
    assert_eq!(cost(2_000, 0, 10), [8_000, 30]);
}

#[test]
fn a_tier_that_cannot_be_told_makes_the_price_unknown() {
    let mut attempt = attempt(provider());
    attempt.receipt.tokens.output_text = Some(Tokens::new(10));
    assert_eq!(token_lines(&tiered(), &attempt)[1].amount, None);
    assert!(token_lines(&rates(), &attempt)[1].amount.is_some());
}
