//! A decoder with random weights, of the shape of Qwen2: its words mean nothing, and cost what real ones do.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};

const VOCAB: usize = 32_000;
const HIDDEN: usize = 768;
const INNER: usize = 2_560;
const LAYERS: usize = 16;
const HEADS: usize = 12;
const KV_HEADS: usize = 2;
const DIM: usize = HIDDEN / HEADS;

/// In what weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stored {
    /// Single precision.
    F32,
    /// Brain floating point.
    Bf16,
}

/// Sizes that a roofline needs.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Weights of every product of a token, embeddings as the head.
    pub parameters: u64,
    /// Bytes of them.
    pub weight_bytes: u64,
    /// Bytes of keys and values of one token.
    pub kv_bytes: u64,
}

/// Writes the folder.
///
/// # Errors
/// A file cannot be written.
pub fn write(folder: &Path, stored: Stored) -> Result<Sizes> {
    let put = |name: &str, value: &Value| std::fs::write(folder.join(name), value.to_string());
    put("config.json", &config(stored))?;
    put("tokenizer.json", &tokenizer())?;
    // One token for the message, and one for each word of it.
    let template = "{% for m in messages %}{{ m.content }}{% endfor %}";
    put(
        "tokenizer_config.json",
        &json!({"chat_template": template, "tokenizer_class": "PreTrainedTokenizerFast"}),
    )?;
    put("generation_config.json", &json!({"do_sample": false}))?;
    let shapes = shapes();
    let each: u64 = if stored == Stored::F32 { 4 } else { 2 };
    let (mut header, mut at) = (Map::new(), 0_u64);
    for (name, shape) in &shapes {
        let bytes = u64::try_from(shape.iter().product::<usize>())? * each;
        let dtype = if stored == Stored::F32 { "F32" } else { "BF16" };
        header.insert(
            name.clone(),
            json!({"dtype": dtype, "shape": shape, "data_offsets": [at, at + bytes]}),
        );
        at += bytes;
    }
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    let mut header = Value::Object(header).to_string();
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let mut file = BufWriter::new(File::create(folder.join("model.safetensors"))?);
    file.write_all(&u64::try_from(header.len())?.to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    let mut noise = StdRng::seed_from_u64(1);
    for (name, shape) in &shapes {
        let centre = if name.contains("norm") { 1.0 } else { 0.0 };
        for _ in 0..shape.iter().product::<usize>() {
            let value = (centre + noise.random_range(-0.03..0.03_f32)).to_le_bytes();
            match stored {
                Stored::F32 => file.write_all(&value)?,
                // The upper half of an f32, cut.
                Stored::Bf16 => file.write_all(value.get(2..).unwrap_or_default())?,
            }
        }
    }
    file.flush()?;
    let matrices = shapes.iter().filter(|(_, shape)| shape.len() == 2);
    let parameters = matrices
        .map(|(_, shape)| shape.iter().product::<usize>())
        .sum::<usize>();
    let parameters = u64::try_from(parameters)?;
    Ok(Sizes {
        parameters,
        weight_bytes: parameters * each,
        kv_bytes: u64::try_from(2 * LAYERS * KV_HEADS * DIM * 4)?,
    })
}

fn config(stored: Stored) -> Value {
    let dtype = if stored == Stored::F32 {
        "float32"
    } else {
        "bfloat16"
    };
    json!({
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "dtype": dtype, "vocab_size": VOCAB,
        "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "max_position_embeddings": 4_096,
        "rms_norm_eps": 1e-6, "rope_theta": 10_000.0, "tie_word_embeddings": true, "hidden_act": "silu",
        "eos_token_id": null, "bos_token_id": null, "pad_token_id": null,
    })
}

/// A word for every token, and nothing else.
fn tokenizer() -> Value {
    let vocab: Map<String, Value> = (0..VOCAB).map(|id| (word(id), json!(id))).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": word(0)},
    })
}

/// The text of a token.
pub fn word(id: usize) -> String {
    format!("w{}", id % VOCAB)
}

fn shapes() -> Vec<(String, Vec<usize>)> {
    let mut shapes = vec![
        ("model.embed_tokens.weight".to_owned(), vec![VOCAB, HIDDEN]),
        ("model.norm.weight".to_owned(), vec![HIDDEN]),
    ];
    for layer in 0..LAYERS {
        let mut add = |part: &str, shape: &[usize]| {
            shapes.push((format!("model.layers.{layer}.{part}"), shape.to_vec()));
        };
        add("input_layernorm.weight", &[HIDDEN]);
        add("post_attention_layernorm.weight", &[HIDDEN]);
        for (part, rows) in [("q", HIDDEN), ("k", KV_HEADS * DIM), ("v", KV_HEADS * DIM)] {
            add(&format!("self_attn.{part}_proj.weight"), &[rows, HIDDEN]);
            add(&format!("self_attn.{part}_proj.bias"), &[rows]);
        }
        add("self_attn.o_proj.weight", &[HIDDEN, HIDDEN]);
        add("mlp.gate_proj.weight", &[INNER, HIDDEN]);
        add("mlp.up_proj.weight", &[INNER, HIDDEN]);
        add("mlp.down_proj.weight", &[HIDDEN, INNER]);
    }
    shapes
}
