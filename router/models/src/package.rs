//! The files of an expert's folder that hold its network.

use std::path::Path;

use expert_card::{Architecture, StoredType};

use crate::{EncoderConfig, ModelError, Weights};

/// Sizes of the network, in Hugging Face form.
pub const CONFIG_FILE: &str = "config.json";
/// The tokenizer, in the form of the `tokenizers` crate.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// Encoder and heads.
pub const WEIGHTS_FILE: &str = "model.safetensors";

/// Writes a network into a folder as Hugging Face files and returns what the card says of it.
pub fn write_network(
    folder: &Path,
    config: &EncoderConfig,
    tokenizer_json: &str,
    weights: &Weights,
    dtype: StoredType,
) -> Result<Architecture, ModelError> {
    let json = serde_json::to_string_pretty(config).map_err(|error| ModelError::Malformed {
        path: folder.join(CONFIG_FILE),
        message: error.to_string(),
    })?;
    write(&folder.join(CONFIG_FILE), &(json + "\n"))?;
    write(&folder.join(TOKENIZER_FILE), tokenizer_json)?;
    let path = folder.join(WEIGHTS_FILE);
    weights.write(&path, dtype)?;
    let bytes = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(source) => return Err(ModelError::Io { path, source }),
    };
    let size = |n: i64| usize::try_from(n).unwrap_or(0);
    Ok(Architecture {
        layers: size(config.num_hidden_layers),
        hidden: size(config.hidden_size),
        vocab: size(config.vocab_size),
        params: weights.parameters(),
        bytes,
        dtype,
    })
}

fn write(path: &Path, text: &str) -> Result<(), ModelError> {
    std::fs::write(path, text).map_err(|source| ModelError::Io {
        path: path.to_path_buf(),
        source,
    })
}
