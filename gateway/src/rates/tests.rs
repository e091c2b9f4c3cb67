use super::*;

/// A configuration with these lines and nothing that answers.
fn config(lines: &str) -> Config {
    let text = format!("[gate]\ndir = \"gate\"\n{lines}");
    toml::from_str(&text).unwrap_or_else(|why| panic!("{why}"))
}

fn remote(prices: &str) -> String {
    format!(
        "[[remotes]]\nid = \"acme\"\nbase_url = \"http://127.0.0.1:1/v1\"\nupstream_model = \"m\"\n{prices}"
    )
}

fn price(book: &RateBook, input: u64, when: &str) -> Option<(String, String)> {
    let acme = ProviderId::new("acme").unwrap();
    let when = instant(when).unwrap();
    let (_, rate) = book.at_tier(&acme, Meter::InputUncached, when, Some(input))?;
    let million = rate.price.of(1_000_000).unwrap();
    Some((million.to_string(), rate.source.to_string()))
}

const EUROS: &str = "[[remotes.prices]]
effective_from = \"2026-01-10T00:00:00Z\"
currency = \"EUR\"
source = \"list\"
input = \"2.00\"
output = \"8.00\"
";

fn fx(from: &str, rate: &str) -> String {
    format!(
        "[[fx]]\nfrom = \"EUR\"\nto = \"USD\"\nrate = \"{rate}\"\neffective_from = \"{from}\"\nsource = \"bank\"\n"
    )
}

#[test]
fn a_price_of_another_currency_is_booked_at_each_exchange_rate_in_force() {
    let lines = format!(
        "{}{}{}[store]\ncurrency = \"USD\"\n{}",
        fx("2026-01-01T00:00:00Z", "1.10"),
        fx("2026-02-01T00:00:00Z", "1.25"),
        fx("2025-01-01T00:00:00Z", "9.99"),
        remote(EUROS)
    );
    let book = book(&config(&lines)).unwrap();
    assert_eq!(book.currency(), Currency::USD);
    assert_eq!(price(&book, 1, "2026-01-09T00:00:00Z"), None);
    let (amount, source) = price(&book, 1, "2026-01-10T00:00:00Z").unwrap();
    assert_eq!(amount.trim_end_matches('0'), "2.2");
    assert_eq!(source, "list; 1 EUR = 1.100000000000 USD, bank");
    let (amount, _) = price(&book, 1, "2026-03-01T00:00:00Z").unwrap();
    assert_eq!(amount.trim_end_matches('0'), "2.5");
    // Two prices of two rates each, five meters.
    assert_eq!(book.rows().count(), 10);
}

#[test]
fn what_cannot_be_exchanged_is_refused_by_name() {
    let dollars = EUROS.replace("EUR", "USD").replace("01-10", "02-10");
    let both = remote(&format!("{EUROS}{dollars}"));
    let said = |lines: &str| book(&config(lines)).unwrap_err().to_string();
    assert!(said(&both).contains("store.currency"), "{}", said(&both));
    let kept = format!("[store]\ncurrency = \"USD\"\n{both}");
    assert!(said(&kept).contains("EUR has no exchange rate to USD"));
    // A trillionth of a trillionth is no price that a line can hold.
    let fine = format!(
        "{}{}",
        fx("2026-01-01T00:00:00Z", "1.000000000001"),
        kept.replace("2.00", "2.000000000001")
    );
    assert!(said(&fine).contains("too fine"), "{}", said(&fine));
}

#[test]
fn an_exchange_loses_nothing() {
    let price = Price::per_device_hour("3.49".parse().unwrap()).unwrap();
    let worth: Pico = "1.08".parse().unwrap();
    let found = exchanged(price, worth).unwrap();
    assert_eq!(
        found.of(3_600_000_000_000).unwrap(),
        "3.7692".parse().unwrap()
    );
    assert_eq!((common(12, 18), common(0, 5), common(7, 0)), (6, 5, 7));
}

#[test]
fn a_tier_goes_above_its_price_and_ends_with_it() {
    let tiered = "[[remotes.prices]]
effective_from = \"2026-01-01T00:00:00Z\"
source = \"list\"
input = \"1.00\"
output = \"4.00\"
[[remotes.prices.tiers]]
above_input_tokens = 200000
input = \"2.00\"
[[remotes.prices]]
effective_from = \"2026-06-01T00:00:00Z\"
source = \"new list\"
input = \"0.50\"
output = \"2.00\"
";
    let book = book(&config(&remote(tiered))).unwrap();
    let amount = |input, when: &str| {
        let (amount, _) = price(&book, input, when).unwrap();
        amount
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    };
    assert_eq!(amount(200_000, "2026-02-01T00:00:00Z"), "1");
    assert_eq!(amount(200_001, "2026-02-01T00:00:00Z"), "2");
    assert_eq!(amount(200_001, "2026-07-01T00:00:00Z"), "0.5");
    let acme = ProviderId::new("acme").unwrap();
    let when = instant("2026-02-01T00:00:00Z").unwrap();
    let output = book.at_tier(&acme, Meter::OutputText, when, Some(300_000));
    assert_eq!(
        output.unwrap().1.price.of(1_000_000).unwrap(),
        Pico::from_units(4)
    );
    assert!(
        book.at_tier(&acme, Meter::OutputText, when, None).is_none(),
        "nobody knows which tier it is"
    );
}
