//! Tokens, numbers and bounds of the features.

use proptest::prelude::*;

use super::*;
use crate::sample::{tenant, user, view};
use crate::view::{Role, Turn};

#[derive(Default)]
struct Found(Vec<(Kind, String, u64)>);

impl<'a> Sink<'a> for Found {
    fn token(&mut self, token: Token<'a>) {
        assert!(token.start < token.end && token.end <= token.piece.len());
        let text = token
            .piece
            .get(token.start..token.end)
            .unwrap_or("?")
            .to_owned();
        self.0.push((token.kind, text, token.hash));
    }
}

fn found(text: &str) -> (Found, Outline) {
    let (tenant, turns) = (tenant(), user(text));
    let mut sink = Found::default();
    let outline = extract(&view(&tenant, &turns), &mut sink);
    (sink, outline)
}

fn texts(found: &Found, kind: Kind) -> Vec<&str> {
    found
        .0
        .iter()
        .filter(|t| t.0 == kind)
        .map(|t| t.1.as_str())
        .collect()
}

fn number(outline: &Outline, name: &str) -> f32 {
    outline.dense[DENSE_NAMES.iter().position(|n| *n == name).unwrap()]
}

#[test]
fn words_pairs_and_signs_are_found() {
    let (sink, _) = found("Gold's up $12.50!");
    assert_eq!(
        texts(&sink, Kind::Word),
        ["Gold", "s", "up", "$", "12", "50"]
    );
    let pairs = texts(&sink, Kind::Pair);
    assert_eq!(pairs, ["Gold's", "s up", "up $", "$12", "12.50"]);
    assert!(texts(&sink, Kind::Chars).contains(&"Gold"[1..].trim()));
}

#[test]
fn case_and_digits_do_not_matter_but_order_does() {
    let hashes = |text: &str| found(text).0.0.iter().map(|t| t.2).collect::<Vec<_>>();
    assert_eq!(hashes("GOLD 12"), hashes("gold 34"));
    assert_eq!(hashes("ÜBER"), hashes("über"));
    assert_ne!(hashes("gold up"), hashes("up gold"));
}

#[test]
fn hashes_are_the_same_for_ever() {
    // Golden: a shipped gate's tables hang on these.
    let (sink, _) = found("transfer 法 €");
    let words: Vec<u64> = sink
        .0
        .iter()
        .filter(|t| t.0 == Kind::Word)
        .map(|t| t.2)
        .collect();
    assert_eq!(
        words,
        [5386306267696845565, 606692963270950523, 4948011216043066485]
    );
    assert_eq!(table_row(Kind::Word, words[0], 15), 9081);
    assert_eq!(known_bit(words[0], 18), 33322);
}

#[test]
fn cjk_characters_are_words_of_their_own() {
    let (sink, outline) = found("我的银行卡丢了");
    assert_eq!(texts(&sink, Kind::Word).len(), 7);
    assert_eq!(texts(&sink, Kind::Pair).len(), 6);
    assert_eq!(number(&outline, "cjk"), 1.0);
    assert_eq!(number(&outline, "latin"), 0.0);
}

#[test]
fn numbers_tell_code_tables_and_questions() {
    let (_, code) = found("fn main() { let x = a[0]; }");
    let (_, table) = found("| a | b |\n| 1 | 2 |");
    let (_, plain) = found("How are you?");
    assert!(number(&code, "code_marks") > 0.9);
    assert!(number(&table, "table_marks") > 0.9 && number(&table, "newlines") > 0.0);
    assert_eq!(number(&plain, "question"), 1.0);
    assert_eq!(number(&plain, "code_marks"), 0.0);
    assert_eq!(number(&plain, "truncated"), 0.0);
}

#[test]
fn the_last_user_turn_is_asked_and_the_rest_is_context() {
    let tenant = tenant();
    let turns = [
        Turn {
            role: Role::User,
            text: "alpha",
        },
        Turn {
            role: Role::Assistant,
            text: "beta",
        },
        Turn {
            role: Role::User,
            text: "gamma",
        },
        Turn {
            role: Role::Tool,
            text: "delta",
        },
    ];
    let request = RequestView {
        system: Some("omega"),
        ..view(&tenant, &turns)
    };
    let mut sink = Found::default();
    extract(&request, &mut sink);
    assert_eq!(texts(&sink, Kind::Word), ["gamma"]);
    assert_eq!(texts(&sink, Kind::Context), ["omega", "beta", "alpha"]);
}

#[test]
fn a_long_text_is_read_at_both_ends_only() {
    let text = format!("start {} finish", "filler ".repeat(20_000));
    let (sink, outline) = found(&text);
    let words = texts(&sink, Kind::Word);
    assert!(words.first() == Some(&"start") && words.last() == Some(&"finish"));
    assert!(sink.0.len() < 2_500, "{}", sink.0.len());
    assert_eq!(number(&outline, "truncated"), 1.0);
}

#[test]
fn an_empty_request_has_no_tokens() {
    let tenant = tenant();
    let mut sink = Found::default();
    extract(&view(&tenant, &[]), &mut sink);
    assert!(sink.0.is_empty());
    assert!(found("").0.0.is_empty());
}

proptest! {
    #[test]
    fn any_text_gives_bounded_tokens_and_finite_numbers(
        text in any::<String>(),
        repeat in 1..200_usize,
        system in prop::option::of(any::<String>()),
    ) {
        let (tenant, text) = (tenant(), text.repeat(repeat));
        let turns = user(&text);
        let request = RequestView { system: system.as_deref(), ..view(&tenant, &turns) };
        let mut sink = Found::default();
        let outline = extract(&request, &mut sink);
        prop_assert!(sink.0.len() < 2 * (HEAD + TAIL) + 2_048 + SYSTEM_HEAD);
        prop_assert!(outline.dense.iter().all(|value| (0.0..=2.5).contains(value)), "{:?}", outline);
        let mut again = Found::default();
        prop_assert_eq!(extract(&request, &mut again), outline);
        prop_assert_eq!(again.0, sink.0);
    }
}
