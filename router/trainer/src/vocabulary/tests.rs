use std::collections::HashMap;

use models::fixture::write_tiny_expert;
use serde_json::{Value, json};

use super::{count, trim};
use crate::base::{Base, plain_tokenizer};

/// A tokenizer whose vocabulary is the tiny expert's signs and some words.
fn tokenizer() -> Value {
    let folder = tempfile::tempdir().unwrap();
    write_tiny_expert(folder.path(), 1).unwrap();
    let mut json = Base::load(folder.path()).unwrap().tokenizer_json;
    let vocab = json["model"]["vocab"].as_object_mut().unwrap();
    for token in ["[unused1]", "common", "##mon", "com", "rare", "card"] {
        let id = vocab.len();
        vocab.insert(token.into(), json!(id));
    }
    json
}

fn ids(json: &Value) -> HashMap<String, u32> {
    serde_json::from_value(json["model"]["vocab"].clone()).unwrap()
}

#[test]
fn keeps_signs_and_the_most_used_pieces() {
    let json = tokenizer();
    let old = ids(&json);
    let signs = old
        .keys()
        .filter(|token| token.trim_start_matches("##").chars().count() <= 1);
    let must = signs.count() + 5;
    let texts = ["rare card", "rare card card"];
    let counts = count(
        &plain_tokenizer(&json.to_string()).unwrap(),
        texts.into_iter(),
    )
    .unwrap();
    assert_eq!(counts[&old["card"]], 3);

    let cut = trim(&json, &counts, must + 3).unwrap();
    let new = ids(&serde_json::from_str(&cut.tokenizer_json).unwrap());
    assert_eq!(new.len(), must + 3);
    assert!(new.contains_key("card") && new.contains_key("rare"));
    assert!(
        new.contains_key("common"),
        "the smallest id among the unused words"
    );
    assert!(!new.contains_key("[unused1]") && !new.contains_key("com"));
    for (token, id) in &new {
        let before = cut.kept[usize::try_from(*id).unwrap()];
        assert_eq!(before, old[token], "{token} points at its old embedding");
    }
}

#[test]
fn what_is_cut_is_spelled() {
    let json = tokenizer();
    let must = ids(&json).len() - 6;
    let cut = trim(&json, &HashMap::new(), must).unwrap();
    let tokenizer = plain_tokenizer(&cut.tokenizer_json).unwrap();
    let encoding = tokenizer.encode_fast("common 7", true).unwrap();
    let tokens: Vec<String> = encoding
        .get_ids()
        .iter()
        .map(|&id| tokenizer.id_to_token(id).unwrap())
        .collect();
    let expected = [
        "[CLS]", "c", "##o", "##m", "##m", "##o", "##n", "7", "[SEP]",
    ];
    assert_eq!(tokens, expected);
}

#[test]
fn a_size_below_the_signs_is_refused() {
    let error = trim(&tokenizer(), &HashMap::new(), 20)
        .expect_err("too small")
        .to_string();
    assert!(error.contains("cannot hold"), "{error}");
}
