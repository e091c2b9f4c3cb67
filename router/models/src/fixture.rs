//! Tiny experts with random weights, for tests of what hosts experts. Answers are arbitrary but fixed by the seed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use expert_card::{ExpertCard, ExpertKind, Label, Limits, Provenance, StoredType, Task};
use tch::{Kind, Tensor};
use units::ExpertId;

use crate::{EncoderConfig, ModelError, TASK_HEAD, Weights, head_prefix, write_network};

const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const HIDDEN: i64 = 16;
const INNER: i64 = 32;
const LAYERS: i64 = 2;
const POSITIONS: i64 = 64;

/// Writes the folder of an expert `tiny` with tasks `colour` (3 labels, never rejects) and `mood` (2 labels and
/// `oos`): 2 layers, 16 wide, 64 tokens of context, letters and digits as its vocabulary.
pub fn write_tiny_expert(dir: &Path, seed: u64) -> Result<ExpertCard, ModelError> {
    let id = ExpertId::new("tiny").map_err(|error| ModelError::Input(error.to_string()))?;
    write_tiny_expert_as(dir, &id, seed)
}

/// Like [`write_tiny_expert`], under another id.
pub fn write_tiny_expert_as(
    dir: &Path,
    id: &ExpertId,
    seed: u64,
) -> Result<ExpertCard, ModelError> {
    let vocabulary = vocabulary();
    let config = EncoderConfig {
        architectures: vec!["BertModel".into()],
        model_type: "bert".into(),
        hidden_act: "gelu".into(),
        position_embedding_type: "absolute".into(),
        hidden_size: HIDDEN,
        num_hidden_layers: LAYERS,
        num_attention_heads: 4,
        intermediate_size: INNER,
        vocab_size: i64::try_from(vocabulary.len()).unwrap_or(i64::MAX),
        max_position_embeddings: POSITIONS,
        type_vocab_size: 2,
        layer_norm_eps: 1e-12,
        pad_token_id: 0,
    };
    let tasks = vec![
        task("colour", &["red", "green", "blue"], None),
        task("mood", &["glad", "sad", "oos"], Some("oos")),
    ];
    std::fs::create_dir_all(dir).map_err(|source| ModelError::Io {
        path: dir.to_path_buf(),
        source,
    })?;
    let weights = random_weights(&config, &tasks, seed)?;
    let tokenizer = tokenizer_json(&vocabulary);
    let architecture = write_network(dir, &config, &tokenizer, &weights, StoredType::F16)?;
    let card = ExpertCard {
        schema: expert_card::SCHEMA,
        id: id.clone(),
        version: "0.0.1".into(),
        name: "Tiny expert".into(),
        domain: "test".into(),
        kind: ExpertKind::Model,
        summary: "Random weights: its answers mean nothing.".into(),
        licence: "Apache-2.0".into(),
        limits: Limits { context_tokens: 64 },
        architecture: Some(architecture),
        provenance: Some(Provenance {
            base: "none".into(),
            base_licence: "Apache-2.0".into(),
            recipe: "random weights".into(),
            seed,
            data: Vec::new(),
            teachers: Vec::new(),
        }),
        writer: None,
        tasks,
    };
    card.write(dir)?;
    Ok(card)
}

fn task(id: &str, labels: &[&str], out_of_scope: Option<&str>) -> Task {
    let label = |name: &&str| Label {
        name: (*name).into(),
        answer: format!("The {id} is {name}."),
        threshold: None,
    };
    Task {
        id: id.into(),
        title: format!("Which {id} it is"),
        temperature: 1.0,
        reject_threshold: None,
        out_of_scope_label: out_of_scope.map(Into::into),
        out_of_scope_answer: out_of_scope.map(|_| "That is out of scope.".into()),
        quality: None,
        choice: expert_card::Choice::One,
        none_answer: None,
        labels: labels.iter().map(label).collect(),
    }
}

/// Special tokens, then each printable ASCII sign (no capitals) alone and as a continuation.
fn vocabulary() -> Vec<String> {
    let signs: Vec<char> = ('!'..='~')
        .filter(|sign| !sign.is_ascii_uppercase())
        .collect();
    let special = SPECIAL.iter().map(|&token| token.to_owned());
    let starts = signs.iter().map(char::to_string);
    let continued = signs.iter().map(|sign| format!("##{sign}"));
    special.chain(starts).chain(continued).collect()
}

fn tokenizer_json(vocabulary: &[String]) -> String {
    let vocab: HashMap<&str, usize> = vocabulary
        .iter()
        .enumerate()
        .map(|(id, token)| (token.as_str(), id))
        .collect();
    let added: Vec<serde_json::Value> = SPECIAL
        .iter()
        .enumerate()
        .map(|(id, token)| {
            serde_json::json!({ "id": id, "content": token, "special": true, "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false })
        })
        .collect();
    let special =
        |token: &str, id: usize| serde_json::json!({ "id": token, "ids": [id], "tokens": [token] });
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "TemplateProcessing",
            "single": [ { "SpecialToken": { "id": "[CLS]", "type_id": 0 } },
                { "Sequence": { "id": "A", "type_id": 0 } },
                { "SpecialToken": { "id": "[SEP]", "type_id": 0 } } ],
            "pair": [],
            "special_tokens": { "[CLS]": special("[CLS]", 2), "[SEP]": special("[SEP]", 3) } },
        "decoder": null,
        "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab },
    })
    .to_string()
}

fn random_weights(
    config: &EncoderConfig,
    tasks: &[Task],
    seed: u64,
) -> Result<Weights, ModelError> {
    let mut noise = Noise(seed);
    let mut tensors = HashMap::new();
    let mut add = |name: String, shape: &[i64], centre: f32| -> Result<(), ModelError> {
        let count = usize::try_from(shape.iter().product::<i64>()).unwrap_or(0);
        let values: Vec<f32> = (0..count).map(|_| centre + 0.5 * noise.next()).collect();
        let tensor = Tensor::f_from_slice(&values)?
            .f_view(shape)?
            .f_to_kind(Kind::Float)?;
        tensors.insert(name, tensor);
        Ok(())
    };
    let mut dense: Vec<(String, i64, i64)> = Vec::new();
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in 0..config.num_hidden_layers {
        let prefix = format!("encoder.layer.{layer}");
        for name in ["self.query", "self.key", "self.value", "output.dense"] {
            dense.push((format!("{prefix}.attention.{name}"), HIDDEN, HIDDEN));
        }
        dense.push((format!("{prefix}.intermediate.dense"), HIDDEN, INNER));
        dense.push((format!("{prefix}.output.dense"), INNER, HIDDEN));
        norms.push(format!("{prefix}.attention.output.LayerNorm"));
        norms.push(format!("{prefix}.output.LayerNorm"));
    }
    for task in tasks {
        let labels = i64::try_from(task.labels.len()).unwrap_or(i64::MAX);
        dense.push((head_prefix(&task.id), HIDDEN, labels));
    }
    dense.push((
        TASK_HEAD.into(),
        HIDDEN,
        i64::try_from(tasks.len()).unwrap_or(i64::MAX),
    ));
    for (name, rows) in [
        ("word_embeddings", config.vocab_size),
        ("position_embeddings", config.max_position_embeddings),
        ("token_type_embeddings", config.type_vocab_size),
    ] {
        add(format!("embeddings.{name}.weight"), &[rows, HIDDEN], 0.0)?;
    }
    for name in norms {
        add(format!("{name}.weight"), &[HIDDEN], 1.0)?;
        add(format!("{name}.bias"), &[HIDDEN], 0.0)?;
    }
    for (name, inputs, outputs) in dense {
        add(format!("{name}.weight"), &[outputs, inputs], 0.0)?;
        add(format!("{name}.bias"), &[outputs], 0.0)?;
    }
    Ok(Weights::of(tensors, &PathBuf::from("random weights")))
}

/// SplitMix64, as even numbers in [-1, 1).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let top = u16::try_from((z ^ (z >> 31)) >> 48).unwrap_or(0);
        f32::from(top) / 32_768.0 - 1.0
    }
}
