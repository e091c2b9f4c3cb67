//! The network's sizes and variants, as `config.json` gives them.

use std::path::Path;

use serde_json::{Map, Value};

use crate::DecoderError;
use crate::rope::RopeScaling;

/// A decoder of the Llama class: Llama, Mistral, Qwen2 and Qwen3.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// Tokens in the vocabulary.
    pub vocab: usize,
    /// Width of the hidden state.
    pub hidden: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Layers.
    pub layers: usize,
    /// Heads that ask.
    pub heads: usize,
    /// Heads that are asked; each serves `heads / kv_heads`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Of the root-mean-square norms.
    pub norm_eps: f32,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// How they are stretched beyond the length of training.
    pub rope_scaling: RopeScaling,
    /// The longest sequence, in tokens.
    pub context: usize,
    /// Are the embeddings the head, too?
    pub tied: bool,
    /// Which projections of the attention have a bias.
    pub attention_bias: AttentionBias,
    /// Do the projections of the feed-forward part have one?
    pub mlp_bias: bool,
    /// Are queries and keys normed by head?
    pub head_norms: bool,
    /// By layer: how many tokens back it sees, itself included; `None` is all.
    pub windows: Vec<Option<usize>>,
    /// Tokens that end an answer.
    pub ends: Vec<u32>,
}

/// Biases of the attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttentionBias {
    /// None.
    Without,
    /// Of queries, keys and values.
    Inputs,
    /// Of those and of the output.
    All,
}

const FAMILIES: [&str; 4] = ["llama", "mistral", "qwen2", "qwen3"];

impl DecoderConfig {
    /// Reads and checks a Hugging Face `config.json`. Keys that do not change the arithmetic are ignored.
    ///
    /// # Errors
    /// The file is malformed, or a field asks for what is not supported: the error names field, value and what is.
    pub fn read(path: &Path) -> Result<Self, DecoderError> {
        let bytes = std::fs::read(path).map_err(|source| DecoderError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        let json: Value =
            serde_json::from_slice(&bytes).map_err(|why| DecoderError::Malformed {
                path: path.to_path_buf(),
                message: why.to_string(),
            })?;
        let Value::Object(json) = json else {
            return Err(DecoderError::Malformed {
                path: path.to_path_buf(),
                message: "expected an object".to_owned(),
            });
        };
        Fields { path, json: &json }.config()
    }

    /// Heads that ask one head that is asked.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads.max(1)
    }

    /// Values of queries, keys and values of one token.
    pub fn qkv(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    /// Weights, without norms and biases.
    pub fn parameters(&self) -> u64 {
        let attention = self.hidden * (self.qkv() + self.heads * self.head_dim);
        let layer = attention + 3 * self.hidden * self.inner;
        let heads = if self.tied { 1 } else { 2 };
        let all = self.layers * layer + heads * self.vocab * self.hidden;
        u64::try_from(all).unwrap_or(u64::MAX)
    }
}

struct Fields<'a> {
    path: &'a Path,
    json: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn config(&self) -> Result<DecoderConfig, DecoderError> {
        let family = self.text("model_type")?;
        if !FAMILIES.contains(&family) {
            return Err(self.unsupported("model_type", &FAMILIES.join(", ")));
        }
        if self
            .json
            .get("quantization_config")
            .is_some_and(|v| !v.is_null())
        {
            return Err(
                self.unsupported("quantization_config", "none: weights in F32, F16 or BF16")
            );
        }
        if self.json.get("hidden_act").is_some_and(|v| v != "silu") {
            return Err(self.unsupported("hidden_act", "silu"));
        }
        let hidden = self.size("hidden_size")?;
        let heads = self.size("num_attention_heads")?;
        let kv_heads = self.size_or("num_key_value_heads", heads)?;
        let head_dim = self.size_or("head_dim", hidden / heads.max(1))?;
        if kv_heads == 0 || heads % kv_heads != 0 {
            return Err(self.unsupported("num_key_value_heads", "a divisor of num_attention_heads"));
        }
        if head_dim % 2 != 0 {
            return Err(self.unsupported("head_dim", "an even number"));
        }
        let layers = self.size("num_hidden_layers")?;
        let rope = self.rope()?;
        let context = self.size("max_position_embeddings")?;
        let bias = self.flag("attention_bias", false)?;
        Ok(DecoderConfig {
            vocab: self.size("vocab_size")?,
            hidden,
            inner: self.size("intermediate_size")?,
            layers,
            heads,
            kv_heads,
            head_dim,
            norm_eps: self.number("rms_norm_eps", 1e-6)?,
            rope_theta: self.theta(rope)?,
            rope_scaling: self.scaling(rope, context)?,
            context,
            tied: self.flag("tie_word_embeddings", false)?,
            attention_bias: match (family, bias) {
                ("qwen2", _) => AttentionBias::Inputs,
                (_, true) => AttentionBias::All,
                (_, false) => AttentionBias::Without,
            },
            mlp_bias: self.flag("mlp_bias", false)?,
            head_norms: family == "qwen3",
            windows: self.windows(family, layers)?,
            ends: self.ends()?,
        })
    }

    fn unsupported(&self, field: &str, supported: &str) -> DecoderError {
        DecoderError::Unsupported {
            path: self.path.to_path_buf(),
            field: field.to_owned(),
            value: self
                .json
                .get(field)
                .map_or("missing".to_owned(), Value::to_string),
            supported: supported.to_owned(),
        }
    }

    fn text(&self, field: &str) -> Result<&str, DecoderError> {
        let text = self.json.get(field).and_then(Value::as_str);
        text.ok_or_else(|| self.unsupported(field, "a text"))
    }

    fn size(&self, field: &str) -> Result<usize, DecoderError> {
        let size = self.json.get(field).and_then(Value::as_u64);
        let size = size.and_then(|n| usize::try_from(n).ok());
        size.filter(|n| (1..=1 << 24).contains(n))
            .ok_or_else(|| self.unsupported(field, "a whole number from 1"))
    }

    fn size_or(&self, field: &str, absent: usize) -> Result<usize, DecoderError> {
        match self.json.get(field) {
            None | Some(Value::Null) => Ok(absent),
            Some(_) => self.size(field),
        }
    }

    fn number(&self, field: &str, absent: f64) -> Result<f32, DecoderError> {
        let number = match self.json.get(field) {
            None => absent,
            Some(value) => value
                .as_f64()
                .ok_or_else(|| self.unsupported(field, "a number"))?,
        };
        #[expect(clippy::cast_possible_truncation, reason = "computed in f32 by design")]
        let number = number as f32;
        Ok(number)
    }

    fn flag(&self, field: &str, absent: bool) -> Result<bool, DecoderError> {
        match self.json.get(field) {
            None | Some(Value::Null) => Ok(absent),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.unsupported(field, "true or false")),
        }
    }

    /// Rotary parameters stand in one object since version 5 of `transformers`, before that beside `rope_theta`.
    fn rope(&self) -> Result<Option<&Map<String, Value>>, DecoderError> {
        if self
            .json
            .get("partial_rotary_factor")
            .is_some_and(|v| v.as_f64() != Some(1.0))
        {
            return Err(self.unsupported("partial_rotary_factor", "1.0"));
        }
        for field in ["rope_parameters", "rope_scaling"] {
            match self.json.get(field) {
                None | Some(Value::Null) => {}
                Some(Value::Object(rope)) => return Ok(Some(rope)),
                Some(_) => return Err(self.unsupported(field, "an object")),
            }
        }
        Ok(None)
    }

    fn theta(&self, rope: Option<&Map<String, Value>>) -> Result<f64, DecoderError> {
        let own = rope.and_then(|rope| rope.get("rope_theta"));
        match own.or_else(|| self.json.get("rope_theta")) {
            None => Ok(10_000.0),
            Some(value) => value
                .as_f64()
                .filter(|theta| *theta > 1.0)
                .ok_or_else(|| self.unsupported("rope_theta", "a number above 1")),
        }
    }

    fn scaling(
        &self,
        rope: Option<&Map<String, Value>>,
        context: usize,
    ) -> Result<RopeScaling, DecoderError> {
        let Some(rope) = rope else {
            return Ok(RopeScaling::None);
        };
        let wrong = |field: &str, supported: &str| DecoderError::Unsupported {
            path: self.path.to_path_buf(),
            field: format!("rope_parameters.{field}"),
            value: rope
                .get(field)
                .map_or("missing".to_owned(), Value::to_string),
            supported: supported.to_owned(),
        };
        if rope
            .get("partial_rotary_factor")
            .is_some_and(|v| v.as_f64() != Some(1.0))
        {
            return Err(wrong("partial_rotary_factor", "1.0"));
        }
        let number = |field: &str| {
            let number = rope.get(field).and_then(Value::as_f64);
            number
                .filter(|n| *n > 0.0)
                .ok_or_else(|| wrong(field, "a number above 0"))
        };
        let or = |field: &str, absent: f64| match rope.get(field) {
            None | Some(Value::Null) => Ok(absent),
            Some(_) => number(field),
        };
        #[expect(clippy::cast_precision_loss, reason = "contexts are far below 2^52")]
        let trained = || or("original_max_position_embeddings", context as f64);
        let kind = rope.get("rope_type").or_else(|| rope.get("type"));
        Ok(match kind.and_then(Value::as_str) {
            None | Some("default") => RopeScaling::None,
            Some("linear") => RopeScaling::Linear {
                factor: number("factor")?,
            },
            Some("llama3") => RopeScaling::Llama3 {
                factor: number("factor")?,
                low: number("low_freq_factor")?,
                high: number("high_freq_factor")?,
                trained: trained()?,
            },
            Some("yarn") => {
                let factor = number("factor")?;
                let scale = |of: f64| {
                    if factor > 1.0 {
                        0.1 * of * factor.ln() + 1.0
                    } else {
                        1.0
                    }
                };
                let usual = match (rope.get("mscale"), rope.get("mscale_all_dim")) {
                    (Some(_), Some(_)) => {
                        scale(number("mscale")?) / scale(number("mscale_all_dim")?)
                    }
                    _ => scale(1.0),
                };
                RopeScaling::Yarn {
                    factor,
                    fast: or("beta_fast", 32.0)?,
                    slow: or("beta_slow", 1.0)?,
                    trained: trained()?,
                    attention: or("attention_factor", usual)?,
                    truncate: rope.get("truncate").is_none_or(|v| v != false),
                }
            }
            Some(_) => return Err(wrong("rope_type", "default, linear, llama3, yarn")),
        })
    }

    fn windows(&self, family: &str, layers: usize) -> Result<Vec<Option<usize>>, DecoderError> {
        let window = match self.json.get("sliding_window") {
            None | Some(Value::Null) => None,
            Some(_) => Some(self.size("sliding_window")?),
        };
        let qwen = family.starts_with("qwen");
        if family == "llama" || (qwen && !self.flag("use_sliding_window", false)?) {
            return Ok(vec![None; layers]);
        }
        if let Some(Value::Array(types)) = self.json.get("layer_types") {
            let each = types.iter().map(|kind| match kind.as_str() {
                Some("full_attention") => Ok(None),
                Some("sliding_attention") => Ok(window),
                _ => Err(self.unsupported("layer_types", "full_attention, sliding_attention")),
            });
            let each: Vec<_> = each.collect::<Result<_, _>>()?;
            if each.len() != layers {
                return Err(self.unsupported("layer_types", "one for each layer"));
            }
            return Ok(each);
        }
        let whole = if qwen {
            self.size_or("max_window_layers", 0)?
        } else {
            0
        };
        Ok((0..layers)
            .map(|layer| window.filter(|_| layer >= whole))
            .collect())
    }

    fn ends(&self) -> Result<Vec<u32>, DecoderError> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids = match self.json.get("eos_token_id") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(ids)) => ids.iter().map(id).collect(),
            Some(one) => id(one).map(|id| vec![id]),
        };
        ids.ok_or_else(|| self.unsupported("eos_token_id", "a token id, or a list of them"))
    }
}
