use super::Filter;
use proptest::prelude::*;

#[test]
fn pairs_are_read() {
    let filter = Filter::parse(" lang=de, kind=a=b ").unwrap();
    assert_eq!(
        filter.terms().collect::<Vec<_>>(),
        ["lang\0de", "kind\0a=b"]
    );
    assert_eq!(Filter::parse("").unwrap(), Filter::default());
}

#[test]
fn hostile_filters_are_refused() {
    let many = ["a=b"; 9].join(",");
    for text in [
        "a", "=b", "a=", "a=b,", ",", "a b=c", "*:*", "a\0=b", "a=\0", "a=b\nc", &many,
    ] {
        assert!(Filter::parse(text).is_err(), "{text:?}");
    }
    assert!(Filter::parse(&format!("a={}", "x".repeat(257))).is_err());
}

proptest! {
    #[test]
    fn no_text_panics(text in ".*") {
        drop(Filter::parse(&text));
    }
}
