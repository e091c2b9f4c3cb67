//! Two days of charges: a pool that is shared, a remote, unknown amounts, a correction and a price with a wicked source.

use focus::Issuer;
use ledger::{Charge, ChargeRate, Meter, Method, Price, RateId};
use units::{Bucket, Currency, ExpertId, Pico, Purpose, ScenarioId, TenantId, Timestamp};

pub(crate) fn issuer() -> Issuer {
    Issuer {
        account: "acme".to_owned(),
        name: "Acme platform".to_owned(),
        currency: Currency::USD,
        closed: std::collections::BTreeSet::new(),
    }
}

/// 2026-11-02, in days.
const DAY: i64 = 20_759;

fn rate(subject: &str, meter: Meter, price: Price, source: &str) -> ChargeRate {
    let effective = Timestamp::from_unix_seconds(1_790_812_800);
    ChargeRate {
        id: RateId::of(subject, meter, price, effective, source),
        subject: subject.into(),
        price,
        effective,
        currency: Currency::USD,
        source: source.into(),
    }
}

fn pool_rate() -> ChargeRate {
    let price = Price::per_device_hour(Pico::new(3_250_000_000_000)).unwrap();
    rate(
        "pool main",
        Meter::DeviceBusy,
        price,
        "amortisation sheet of 2026",
    )
}

/// A charge of the pool on a day, paid as the price list says, to the pico.
fn device(
    day: i64,
    payer: Option<(&str, &str)>,
    expert: Option<&str>,
    meter: Meter,
    seconds: u64,
) -> Charge {
    let rate = pool_rate();
    let ns = seconds * 1_000_000_000 + 7;
    let payer = payer.map(|(tenant, scenario)| {
        (
            TenantId::new(tenant).unwrap(),
            ScenarioId::new(scenario).unwrap(),
        )
    });
    Charge {
        from: Bucket::from_index((DAY + day) * 96),
        to: Bucket::from_index((DAY + day + 1) * 96),
        purpose: expert.and(payer.is_some().then_some(Purpose::Serve)),
        expert: expert.map(|expert| ExpertId::new(expert).unwrap()),
        meter,
        method: Method::DeviceShare1,
        late: false,
        tags: None,
        host: Some("main".into()),
        amount: rate.price.of(ns).unwrap(),
        rate: Some(rate),
        lines: seconds,
        unknown: 0,
        quantity: ns,
        tokens: payer.is_some().then_some(seconds * 900),
        payer,
    }
}

fn tokens(day: i64, meter: Meter, count: u64, dollars_per_million: i128, source: &str) -> Charge {
    let price = Price::per_million(Pico::new(dollars_per_million * 10_000_000_000)).unwrap();
    let rate = rate("provider big", meter, price, source);
    Charge {
        meter,
        method: Method::TokenPrice1,
        late: false,
        host: Some("big".into()),
        amount: price.of(count).unwrap(),
        rate: Some(rate),
        quantity: count,
        tokens: Some(count * 2),
        ..device(
            day,
            Some(("beta", "help-desk")),
            Some("big-model"),
            meter,
            30,
        )
    }
}

pub(crate) fn charges() -> Vec<Charge> {
    let mut all = Vec::new();
    for day in [0, 1] {
        all.push(device(day, None, None, Meter::DeviceIdle, 70_000));
        all.push(device(day, None, Some("legal"), Meter::DeviceLoad, 11));
        all.push(device(
            day,
            Some(("alpha", "contracts")),
            Some("legal"),
            Meter::DeviceBusy,
            9_001,
        ));
        all.push(device(
            day,
            Some(("beta", "contracts")),
            Some("legal"),
            Meter::DeviceBusy,
            333,
        ));
        all.push(tokens(
            day,
            Meter::InputUncached,
            1_234_567,
            250,
            "price page of 2026-10-01",
        ));
        all.push(tokens(
            day,
            Meter::OutputText,
            76_543,
            1_000,
            "=cmd|' /C calc'!A0",
        ));
    }
    // No receipt: the amount is unknown, the price is not.
    let last = all.last().unwrap().clone();
    all.push(Charge {
        purpose: Some(Purpose::Retry),
        amount: Pico::ZERO,
        quantity: 0,
        tokens: Some(0),
        unknown: 1,
        lines: 1,
        ..last.clone()
    });
    // No price at all.
    all.push(Charge {
        purpose: Some(Purpose::Fallback),
        rate: None,
        amount: Pico::ZERO,
        unknown: 1,
        lines: 1,
        ..last.clone()
    });
    all.push(Charge {
        method: Method::Reversal1,
        amount: Pico::new(-last.amount.get()),
        ..last
    });
    all
}
