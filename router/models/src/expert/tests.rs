use std::path::Path;

use expert_card::{CARD_FILE, ExpertCard};
use tch::Device;

use crate::fixture::write_tiny_expert;
use crate::{
    CONFIG_FILE, Classification, ClassifierExpert, Encoded, ModelError, TOKENIZER_FILE,
    WEIGHTS_FILE,
};

const SEED: u64 = 11;

const TEXTS: [&str; 5] = [
    "a",
    "Where is my blue card?",
    "the quick brown fox jumps over 13 lazy dogs",
    "12 + 30 = 42!",
    "Grüße, 你好",
];

struct Tiny {
    folder: tempfile::TempDir,
    expert: ClassifierExpert,
}

fn tiny() -> Tiny {
    println!("seed {SEED}");
    let folder = tempfile::tempdir().unwrap();
    write_tiny_expert(folder.path(), SEED).unwrap();
    let expert = ClassifierExpert::load(folder.path(), Device::Cpu).unwrap();
    Tiny { folder, expert }
}

fn encode(expert: &ClassifierExpert, text: &str, task: Option<&str>) -> Encoded {
    expert.tokenizer().encode(text, task).unwrap()
}

#[track_caller]
fn same(a: &Classification, b: &Classification) {
    assert_eq!((a.task, a.rejected), (b.task, b.rejected));
    for (x, y) in a.ranked.iter().zip(&b.ranked) {
        assert_eq!(x.0, y.0);
        assert!((x.1 - y.1).abs() < 1e-4, "{x:?} {y:?}");
    }
}

#[test]
fn a_batch_answers_as_one_by_one() {
    let Tiny { expert, .. } = tiny();
    let tasks = [Some("colour"), Some("mood"), None];
    let batch: Vec<Encoded> = TEXTS
        .iter()
        .enumerate()
        .map(|(i, text)| encode(&expert, text, tasks[i % tasks.len()]))
        .collect();
    let together = expert.classify(&batch).unwrap();
    assert_eq!(together.len(), batch.len());
    for (text, found) in batch.iter().zip(&together) {
        let alone = expert.classify(std::slice::from_ref(text)).unwrap();
        same(&alone[0], found);
        if let Some(task) = text.task {
            assert_eq!(found.task, task);
        }
        let sum: f32 = found.ranked.iter().map(|r| r.1).sum();
        assert!((sum - 1.0).abs() < 1e-5);
        assert_eq!(
            found.ranked.len(),
            expert.card().tasks[found.task].labels.len()
        );
    }
}

#[test]
fn an_empty_batch_has_an_empty_answer() {
    assert_eq!(tiny().expert.classify(&[]).unwrap(), []);
}

#[test]
fn texts_are_cut_at_the_cards_context() {
    let Tiny { expert, .. } = tiny();
    let long = "a ".repeat(100_000);
    let encoded = encode(&expert, &long, Some("mood"));
    assert_eq!(encoded.ids.len(), 64);
    assert_eq!(
        encode(&expert, "", None).ids,
        [2, 3],
        "an empty text is two special tokens"
    );
    expert
        .classify(&[encoded, encode(&expert, "", None)])
        .unwrap();
}

#[test]
fn an_unknown_task_is_named() {
    let Tiny { expert, .. } = tiny();
    let error = expert
        .tokenizer()
        .encode("hi", Some("weather"))
        .expect_err("no such task");
    assert!(matches!(error, ModelError::UnknownTask { .. }));
    let text = error.to_string();
    assert!(
        text.contains("weather") && text.contains("colour, mood"),
        "{text}"
    );
}

#[test]
fn inputs_made_elsewhere_are_checked() {
    let Tiny { expert, .. } = tiny();
    for (ids, task) in [
        (vec![9_999], None),
        (vec![], None),
        (vec![5; 65], None),
        (vec![5], Some(7)),
    ] {
        let error = expert
            .classify(&[Encoded { ids, task }])
            .expect_err("must be refused");
        assert!(matches!(error, ModelError::Input(_)), "{error}");
    }
}

#[test]
fn bytes_are_those_of_the_weights_in_memory() {
    let Tiny { expert, .. } = tiny();
    let params = expert.card().architecture.as_ref().unwrap().params;
    assert_eq!(expert.bytes(), 4 * params);
}

#[test]
fn experts_move_between_threads_and_tokenizers_are_shared() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let Tiny { expert, .. } = tiny();
    let tokenizer = expert.tokenizer();
    shared(&tokenizer);
    let here = expert
        .classify(&[tokenizer.encode("x y", None).unwrap()])
        .unwrap();
    let there = std::thread::spawn(move || {
        expert
            .classify(&[tokenizer.encode("x y", None).unwrap()])
            .unwrap()
    });
    same(&here[0], &there.join().unwrap()[0]);
}

/// Damages a tiny expert's folder and returns the error of loading it.
fn damaged(damage: impl FnOnce(&Path)) -> String {
    let Tiny { folder, .. } = tiny();
    damage(folder.path());
    let error = ClassifierExpert::load(folder.path(), Device::Cpu).expect_err("must be refused");
    error.to_string()
}

fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    assert!(text.contains(from), "{file} has {from}");
    std::fs::write(folder.join(file), text.replacen(from, to, 1)).unwrap();
}

#[track_caller]
fn names(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} in: {error}");
    }
}

#[test]
fn missing_files_are_named() {
    for file in [CARD_FILE, CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE] {
        names(
            &damaged(|folder| std::fs::remove_file(folder.join(file)).unwrap()),
            &[file],
        );
    }
}

#[test]
fn truncated_weights_are_named() {
    let error = damaged(|folder| {
        let path = folder.join(WEIGHTS_FILE);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    });
    names(&error, &[WEIGHTS_FILE, "not a whole safetensors file"]);
}

#[test]
fn a_tensor_of_another_shape_is_named() {
    let error = damaged(|folder| {
        edit(
            folder,
            CONFIG_FILE,
            "\"intermediate_size\": 32",
            "\"intermediate_size\": 48",
        );
    });
    names(
        &error,
        &[
            WEIGHTS_FILE,
            "encoder.layer.0.intermediate.dense.weight",
            "[48, 16]",
        ],
    );
}

#[test]
fn a_missing_head_is_named() {
    let error = damaged(|folder| edit(folder, CARD_FILE, "id = \"mood\"", "id = \"weather\""));
    names(&error, &[WEIGHTS_FILE, "heads.weather.weight", "missing"]);
}

#[test]
fn a_value_that_is_not_finite_is_named() {
    let error = damaged(|folder| {
        let path = folder.join(WEIGHTS_FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        let end = bytes.len();
        // fp16 infinity, little endian; the last tensor by name order is the task head.
        bytes[end - 2..].copy_from_slice(&[0x00, 0x7C]);
        std::fs::write(&path, bytes).unwrap();
    });
    names(&error, &[WEIGHTS_FILE, "task_head", "not finite"]);
}

#[test]
fn the_tokenizer_of_another_expert_is_refused() {
    let error = damaged(|folder| edit(folder, TOKENIZER_FILE, "\"##~\":", "\"##~~\":0,\"##~\":"));
    names(&error, &[TOKENIZER_FILE, "vocab_size"]);
    let error = damaged(|folder| {
        std::fs::write(folder.join(TOKENIZER_FILE), "{\"version\":\"1.0\"}").unwrap();
    });
    names(&error, &[TOKENIZER_FILE]);
}

#[test]
fn config_fields_that_change_the_arithmetic_are_refused() {
    for (from, to, field) in [
        ("\"gelu\"", "\"relu\"", "hidden_act"),
        ("\"bert\"", "\"roberta\"", "model_type"),
        (
            "\"absolute\"",
            "\"relative_key\"",
            "position_embedding_type",
        ),
        (
            "\"num_attention_heads\": 4",
            "\"num_attention_heads\": 3",
            "hidden_size",
        ),
        (
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 0",
            "num_hidden_layers",
        ),
        (
            "\"pad_token_id\": 0",
            "\"pad_token_id\": -1",
            "pad_token_id",
        ),
        ("\"vocab_size\": ", "\"vocab_size_\": ", "vocab_size"),
    ] {
        // A field that `fits` also compares must agree with the card for the config's own check to be what fails.
        let error = damaged(|folder| edit(folder, CONFIG_FILE, from, to));
        names(&error, &[CONFIG_FILE, field]);
    }
}

#[test]
fn card_and_config_must_agree() {
    let error = damaged(|folder| edit(folder, CARD_FILE, "layers = 2", "layers = 3"));
    names(&error, &[CARD_FILE, "architecture.layers"]);
    let error = damaged(|folder| {
        edit(
            folder,
            CARD_FILE,
            "context_tokens = 64",
            "context_tokens = 65",
        )
    });
    names(&error, &[CARD_FILE, "limits.context_tokens"]);
    let error = damaged(|folder| edit(folder, CARD_FILE, "seed = 11", "seed = 11\ncolour = 1"));
    names(&error, &[CARD_FILE, "colour"]);
}

#[test]
fn seeds_make_experts() {
    let logits = |seed| {
        let folder = tempfile::tempdir().unwrap();
        let card: ExpertCard = write_tiny_expert(folder.path(), seed).unwrap();
        assert_eq!(card, ExpertCard::read(folder.path()).unwrap());
        let expert = ClassifierExpert::load(folder.path(), Device::Cpu).unwrap();
        expert
            .classify(&[encode(&expert, TEXTS[1], Some("colour"))])
            .unwrap()
    };
    assert_eq!(logits(1), logits(1));
    assert_ne!(logits(1), logits(2));
}
