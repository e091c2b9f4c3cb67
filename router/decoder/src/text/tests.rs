use serde_json::json;

use super::*;
use crate::{AttentionBias, Pieces, RopeScaling};

fn config(vocab: usize) -> DecoderConfig {
    DecoderConfig {
        vocab,
        hidden: 8,
        inner: 8,
        layers: 1,
        heads: 1,
        kv_heads: 1,
        head_dim: 8,
        norm_eps: 1e-6,
        rope_theta: 1e4,
        rope_scaling: RopeScaling::None,
        context: 64,
        tied: true,
        attention_bias: AttentionBias::Without,
        mlp_bias: false,
        head_norms: false,
        windows: vec![None],
        ends: vec![3],
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = crate::fixture::tokenizer().to_string();
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
    folder
}

fn text() -> Text {
    Text::read(folder().path(), &config(258)).unwrap()
}

fn pieces(stops: &[&str], written: &str) -> (Vec<String>, bool) {
    let text = text();
    let tokens = text.encode(written).unwrap();
    let stops = stops.iter().map(|stop| (*stop).to_owned()).collect();
    let mut pieces = Pieces::new(text, stops);
    let mut told = Vec::new();
    for token in tokens {
        let piece = pieces.push(token);
        told.push(piece.text);
        if piece.stopped {
            return (told, true);
        }
    }
    let last = pieces.finish();
    told.push(last.text);
    (told, last.stopped)
}

#[test]
fn characters_leave_whole() {
    let written = "aé中🦀b";
    let (told, stopped) = pieces(&[], written);
    assert!(!stopped);
    assert_eq!(told.concat(), written);
    assert!(
        told.iter().all(|piece| !piece.contains('\u{fffd}')),
        "{told:?}"
    );
    // A character that stays cut is told at the end, as what it is.
    let text = text();
    let mut cut = Pieces::new(text.clone(), Vec::new());
    let crab = text.encode("🦀").unwrap();
    assert_eq!(cut.push(crab[0]).text, "");
    assert_eq!(cut.finish().text, "\u{fffd}");
}

#[test]
fn stop_strings_are_found_across_tokens_and_never_told() {
    let (told, stopped) = pieces(&["END", "\n\n"], "one E EN END two");
    assert_eq!((told.concat().as_str(), stopped), ("one E EN ", true));
    let (told, stopped) = pieces(&["END"], "one EN");
    assert_eq!((told.concat().as_str(), stopped), ("one EN", false));
    let (told, stopped) = pieces(&["é!"], "caféé!x");
    assert_eq!((told.concat().as_str(), stopped), ("café", true));
    let (told, stopped) = pieces(&["bc", "abcd"], "xabcd");
    assert_eq!((told.concat().as_str(), stopped), ("xa", true));
    let (told, stopped) = pieces(&[""], "all of it");
    assert_eq!((told.concat().as_str(), stopped), ("all of it", false));
}

#[test]
fn a_folder_says_its_ends_template_and_defaults() {
    let folder = folder();
    let write = |name: &str, value: &Value| {
        std::fs::write(folder.path().join(name), value.to_string()).unwrap()
    };
    let plain = Text::read(folder.path(), &config(258)).unwrap();
    assert!(plain.template().is_none() && plain.ends(3) && !plain.ends(257));
    assert!((plain.defaults().temperature - 1.0).abs() < 1e-6);
    write(
        "tokenizer_config.json",
        &json!({
            "bos_token": {"content": "<|begin|>"}, "eos_token": "<|end|>",
            "chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "{{ bos_token }}{{ messages[0].content }}"}],
        }),
    );
    write(
        "generation_config.json",
        &json!({"eos_token_id": [1, 2], "do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8}),
    );
    let text = Text::read(folder.path(), &config(258)).unwrap();
    assert!([1, 2, 3, 257].iter().all(|id| text.ends(*id)));
    let messages = json!([{"content": "hi<|end|>"}]);
    let rendered = text.template().unwrap().render(&messages, None).unwrap();
    assert_eq!(text.encode(&rendered).unwrap(), [256, 104, 105, 257]);
    assert_eq!(
        (text.decode(&[256, 104, 105]), text.token(257)),
        ("hi".to_owned(), "<|end|>".to_owned())
    );
    assert_eq!(text.defaults().top_k, 20);
    write("generation_config.json", &json!({"temperature": 0.7}));
    let greedy = Text::read(folder.path(), &config(258)).unwrap();
    assert!(greedy.defaults().temperature.abs() < 1e-6);
    std::fs::write(folder.path().join("chat_template.jinja"), "{% if %}").unwrap();
    let wrong = Text::read(folder.path(), &config(258))
        .unwrap_err()
        .to_string();
    assert!(wrong.contains("chat_template.jinja"), "{wrong}");
    let small = Text::read(folder.path(), &config(200))
        .unwrap_err()
        .to_string();
    assert!(small.contains("outside the vocabulary"), "{small}");
}
