//! A tiny expert that writes, with random weights, for tests of what hosts experts: its tokens are bytes, its words mean
//! nothing.

use std::collections::HashMap;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

/// Bytes, then the tokens that begin and end a message.
pub const VOCAB: usize = 258;
/// The longest sequence.
pub const CONTEXT: usize = 512;
const BEGIN: u32 = 256;
const END: u32 = 257;
const HIDDEN: usize = 32;
const INNER: usize = 48;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const LAYERS: usize = 2;

/// Writes `config.json`, `model.safetensors`, `tokenizer.json` and `tokenizer_config.json` into a folder.
///
/// # Errors
/// A file cannot be written.
pub fn write(folder: &Path, seed: u64) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let put = |name: &str, value: &Value| std::fs::write(folder.join(name), value.to_string());
    put("config.json", &config())?;
    put("tokenizer.json", &tokenizer())?;
    let message = "{% for m in messages %}<|begin|>{{ m.role }}\n{{ m.content }}<|end|>{% endfor %}<|begin|>assistant\n";
    let about = json!({"bos_token": "<|begin|>", "eos_token": "<|end|>", "chat_template": message});
    put("tokenizer_config.json", &about)?;
    put("generation_config.json", &json!({"do_sample": false}))?;
    let tensors = weights(seed);
    let views: Result<Vec<(&String, TensorView<'_>)>, safetensors::SafeTensorError> = tensors
        .iter()
        .map(|(name, (shape, bytes))| {
            Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?))
        })
        .collect();
    let path = folder.join("model.safetensors");
    views
        .and_then(|views| safetensors::serialize_to_file(views, None, &path))
        .map_err(std::io::Error::other)
}

/// Parameters of the network.
pub fn parameters() -> u64 {
    let sizes = weights(0).into_values().map(|(_, bytes)| bytes.len() / 4);
    u64::try_from(sizes.sum::<usize>()).unwrap_or(u64::MAX)
}

fn config() -> Value {
    json!({
        "model_type": "qwen2", "vocab_size": VOCAB, "hidden_size": HIDDEN, "intermediate_size": INNER,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-6, "rope_theta": 10_000.0,
        "tie_word_embeddings": true, "hidden_act": "silu", "eos_token_id": END,
    })
}

/// A tokenizer of single bytes, as the byte-level ones of the Qwen and Llama 3 families have them, and two special tokens.
pub fn tokenizer() -> Value {
    let printable = |byte: u32| {
        let ranges = [33..=126, 161..=172, 174..=255];
        ranges.iter().any(|range| range.contains(&byte))
    };
    let mut vocab = serde_json::Map::new();
    let mut spare = 256..;
    for byte in 0..256_u32 {
        let shown = if printable(byte) {
            Some(byte)
        } else {
            spare.next()
        };
        let shown = shown.and_then(char::from_u32).unwrap_or_default();
        vocab.insert(shown.to_string(), json!(byte));
    }
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "special": true, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false})
    };
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(BEGIN, "<|begin|>"), special(END, "<|end|>")],
        "normalizer": null, "pre_tokenizer": bytes, "post_processor": null, "decoder": bytes,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": []},
    })
}

type Tensors = HashMap<String, (Vec<usize>, Vec<u8>)>;

fn weights(seed: u64) -> Tensors {
    let mut noise = StdRng::seed_from_u64(seed);
    let mut tensors = Tensors::new();
    let mut add = |name: String, shape: &[usize], centre: f32| {
        let count = shape.iter().product();
        let values =
            (0..count).flat_map(|_| (centre + noise.random_range(-0.4..0.4_f32)).to_le_bytes());
        tensors.insert(name, (shape.to_vec(), values.collect()));
    };
    let dim = HIDDEN / HEADS;
    add(
        "model.embed_tokens.weight".to_owned(),
        &[VOCAB, HIDDEN],
        0.0,
    );
    add("model.norm.weight".to_owned(), &[HIDDEN], 1.0);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        for norm in ["input_layernorm", "post_attention_layernorm"] {
            add(name(&format!("{norm}.weight")), &[HIDDEN], 1.0);
        }
        for (part, rows) in [
            ("q", HEADS * dim),
            ("k", KV_HEADS * dim),
            ("v", KV_HEADS * dim),
        ] {
            add(
                name(&format!("self_attn.{part}_proj.weight")),
                &[rows, HIDDEN],
                0.0,
            );
            add(name(&format!("self_attn.{part}_proj.bias")), &[rows], 0.0);
        }
        add(name("self_attn.o_proj.weight"), &[HIDDEN, HIDDEN], 0.0);
        for part in ["gate", "up"] {
            add(
                name(&format!("mlp.{part}_proj.weight")),
                &[INNER, HIDDEN],
                0.0,
            );
        }
        add(name("mlp.down_proj.weight"), &[HIDDEN, INNER], 0.0);
    }
    tensors
}
