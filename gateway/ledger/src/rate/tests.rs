use super::*;

fn rate(meter: Meter, pico: i128, from: i64) -> Rate {
    Rate {
        subject: RateSubject::Provider(ProviderId::new("acme").unwrap()),
        meter,
        price: Price::per_million(Pico::new(pico)).unwrap(),
        from: Timestamp::from_unix_seconds(from),
        source: "price page of 2026-11-01".into(),
    }
}

#[test]
fn rounds_half_to_even_once() {
    let check = |pico: i128, quantity: u64, expected: i128| {
        let price = Price::new(Pico::new(pico), 10).unwrap();
        assert_eq!(
            price.of(quantity).unwrap(),
            Pico::new(expected),
            "{pico} x {quantity} / 10"
        );
    };
    check(5, 1, 0);
    check(15, 1, 2);
    check(25, 1, 2);
    check(26, 1, 3);
    check(24, 1, 2);
    check(1, 0, 0);
}

#[test]
fn an_hour_of_a_device_costs_its_rate() {
    let price = Price::per_device_hour("3.49".parse().unwrap()).unwrap();
    assert_eq!(
        price.of_time(Nanos::new(3_600_000_000_000)).unwrap(),
        "3.49".parse().unwrap()
    );
    assert_eq!(
        price.of_time(Nanos::new(1_234_567_890)).unwrap(),
        Pico::new(1_196_844_982)
    );
}

#[test]
fn the_price_in_force_is_the_last_that_began() {
    let rows = [
        rate(Meter::InputUncached, 10, 100),
        rate(Meter::InputUncached, 20, 200),
        rate(Meter::OutputText, 99, 0),
    ];
    let book = RateBook::new(Currency::USD, rows).unwrap();
    let subject = RateSubject::Provider(ProviderId::new("acme").unwrap());
    let at = |when: i64| {
        book.at(
            &subject,
            Meter::InputUncached,
            Timestamp::from_unix_seconds(when),
        )
        .map(|(_, rate)| rate.price.pico().get())
    };
    assert_eq!(
        [at(99), at(100), at(199), at(200)],
        [None, Some(10), Some(10), Some(20)]
    );
    assert_eq!(
        book.at(
            &subject,
            Meter::CacheRead,
            Timestamp::from_unix_seconds(500)
        ),
        None
    );
}

#[test]
fn a_book_that_contradicts_itself_is_refused() {
    let rows = [rate(Meter::OutputText, 1, 5), rate(Meter::OutputText, 2, 5)];
    assert!(matches!(
        RateBook::new(Currency::USD, rows),
        Err(LedgerError::DuplicateRate { .. })
    ));
    assert_eq!(Price::new(Pico::new(1), 0), Err(LedgerError::BadPrice));
    assert_eq!(
        Price::per_million(Pico::new(-1)),
        Err(LedgerError::BadPrice)
    );
}

#[test]
fn another_price_is_another_rate() {
    let ids = [
        rate(Meter::OutputText, 1, 5).id(),
        rate(Meter::OutputText, 2, 5).id(),
        rate(Meter::OutputText, 1, 6).id(),
        rate(Meter::InputUncached, 1, 5).id(),
    ];
    for (at, id) in ids.iter().enumerate() {
        assert!(!ids[..at].contains(id));
    }
    assert_eq!(rate(Meter::OutputText, 1, 5).id(), ids[0]);
}
