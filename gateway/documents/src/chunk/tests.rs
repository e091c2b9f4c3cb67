use super::chunks;
use proptest::prelude::*;

fn words(n: usize, of: &str) -> String {
    vec![of; n].join(" ")
}

#[test]
fn short_text_is_one_chunk() {
    assert_eq!(chunks("  eins zwei\ndrei \n"), ["eins zwei\ndrei"]);
    assert!(chunks(" \n\n ").is_empty());
}

#[test]
fn chunks_end_with_paragraphs_and_overlap() {
    let text = format!(
        "{}\n\n{}\n\n{}",
        words(150, "a"),
        words(30, "b"),
        words(100, "c")
    );
    let found = chunks(&text);
    assert_eq!(found.len(), 2);
    assert!(found[0].ends_with('b') && found[1].starts_with('b') && found[1].ends_with('c'));
}

#[test]
fn a_long_paragraph_is_cut() {
    let found: Vec<_> = chunks(&words(500, "x"))
        .iter()
        .map(|c| c.split(' ').count())
        .collect();
    assert_eq!(found, [200, 200, 180]);
    assert!(
        chunks(&"ß".repeat(100_000))
            .iter()
            .all(|c| c.len() <= 240 * 256)
    );
}

proptest! {
    #[test]
    fn every_word_is_in_a_chunk(text in "([a-zäß]{1,9}[ \n]{1,3}){0,900}") {
        let found = chunks(&text);
        for chunk in &found {
            prop_assert!(chunk.split_whitespace().count() <= 240);
        }
        let all = found.join(" ");
        let all: std::collections::HashSet<_> = all.split_whitespace().collect();
        prop_assert!(text.split_whitespace().all(|word| all.contains(word)));
    }
}
