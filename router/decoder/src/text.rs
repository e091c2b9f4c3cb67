//! Texts to tokens and back, for use on any thread.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokenizers::Tokenizer;

use crate::{ChatTemplate, DecoderConfig, DecoderError, Sampling};

/// The text side of a decoder: its tokenizer, chat template, end tokens and defaults. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Text(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    ends: Vec<u32>,
    defaults: Sampling,
    context: usize,
}

impl Text {
    /// Reads `tokenizer.json`, and where they are there `tokenizer_config.json`, `chat_template.jinja` and
    /// `generation_config.json`.
    ///
    /// # Errors
    /// A file is malformed, or the tokenizer has tokens that the network does not.
    pub fn read(folder: &Path, config: &DecoderConfig) -> Result<Self, DecoderError> {
        let path = folder.join("tokenizer.json");
        let malformed = |path: &Path, message: String| DecoderError::Malformed {
            path: path.to_path_buf(),
            message,
        };
        let mut tokenizer =
            Tokenizer::from_file(&path).map_err(|why| malformed(&path, why.to_string()))?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|why| malformed(&path, why.to_string()))?;
        let outside = |id: u32| usize::try_from(id).map_or(true, |id| id >= config.vocab);
        if tokenizer.get_vocab(true).into_values().any(outside) {
            return Err(malformed(
                &path,
                "gives a token an id outside the vocabulary".to_owned(),
            ));
        }
        let about = json(&folder.join("tokenizer_config.json"))?;
        let generation = json(&folder.join("generation_config.json"))?;
        let special = |name: &str| {
            let token = about.get(name);
            let text = token.and_then(|t| t.as_str().or_else(|| t.get("content")?.as_str()));
            text.unwrap_or_default().to_owned()
        };
        let (begin, end) = (special("bos_token"), special("eos_token"));
        let mut ends = config.ends.clone();
        ends.extend(tokenizer.token_to_id(&end));
        ends.extend(ids(generation.get("eos_token_id")));
        ends.sort_unstable();
        ends.dedup();
        let template = match template(folder, &about)? {
            None => None,
            Some((path, source)) => Some(
                ChatTemplate::new(source, begin, end)
                    .map_err(|why| malformed(&path, why.to_string()))?,
            ),
        };
        Ok(Self(Arc::new(Inner {
            tokenizer,
            template,
            ends,
            defaults: defaults(&generation),
            context: config.context,
        })))
    }

    /// Tokens of a text; special tokens that stand in it are found, none are added.
    ///
    /// # Errors
    /// The tokenizer refuses it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, DecoderError> {
        let encoded = self.0.tokenizer.encode_fast(text, false);
        let encoded = encoded.map_err(|_| DecoderError::Input("the text cannot be encoded"))?;
        Ok(encoded.get_ids().to_vec())
    }

    /// The text of tokens, without special ones. A character that is not whole ends in U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> String {
        self.0.tokenizer.decode(tokens, true).unwrap_or_default()
    }

    /// The text of one token as the vocabulary has it, special ones too.
    pub fn token(&self, token: u32) -> String {
        let alone = self.0.tokenizer.decode(&[token], false).unwrap_or_default();
        match alone.contains('\u{fffd}') {
            true => self.0.tokenizer.id_to_token(token).unwrap_or_default(),
            false => alone,
        }
    }

    /// How a conversation is put, where the folder says it.
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.0.template.as_ref()
    }

    /// Does the token end an answer?
    pub fn ends(&self, token: u32) -> bool {
        self.0.ends.contains(&token)
    }

    /// How the folder says that tokens are drawn.
    pub fn defaults(&self) -> &Sampling {
        &self.0.defaults
    }

    /// The longest sequence, in tokens.
    pub fn context(&self) -> usize {
        self.0.context
    }
}

/// A file that need not be there.
fn json(path: &Path) -> Result<Value, DecoderError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Value::Null),
        Err(source) => {
            return Err(DecoderError::Io {
                path: path.to_path_buf(),
                source,
            });
        }
    };
    serde_json::from_slice(&bytes).map_err(|why| DecoderError::Malformed {
        path: path.to_path_buf(),
        message: why.to_string(),
    })
}

/// The template's file and text: a file of its own, or a text, or the one named `default` of a list.
fn template(
    folder: &Path,
    about: &Value,
) -> Result<Option<(std::path::PathBuf, String)>, DecoderError> {
    let path = folder.join("chat_template.jinja");
    match std::fs::read_to_string(&path) {
        Ok(source) => return Ok(Some((path, source))),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(DecoderError::Io { path, source }),
    }
    let inside = about
        .get("chat_template")
        .and_then(|template| match template {
            Value::String(source) => Some(source.clone()),
            Value::Array(list) => {
                let default = list
                    .iter()
                    .find(|one| one.get("name").is_some_and(|n| n == "default"));
                default?.get("template")?.as_str().map(str::to_owned)
            }
            _ => None,
        });
    Ok(inside.map(|source| (folder.join("tokenizer_config.json"), source)))
}

fn ids(value: Option<&Value>) -> Vec<u32> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(id).collect(),
        Some(one) => id(one).into_iter().collect(),
        None => Vec::new(),
    }
}

/// `transformers` draws only where the file says so, and then with its values; without a file, as OpenAI does.
fn defaults(generation: &Value) -> Sampling {
    let number = |name: &str, absent: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "drawn in f32")]
        let number = generation
            .get(name)
            .and_then(Value::as_f64)
            .unwrap_or(absent) as f32;
        number
    };
    let draws = generation.get("do_sample").and_then(Value::as_bool);
    let top_k = generation.get("top_k").and_then(Value::as_u64);
    Sampling {
        temperature: match (generation.is_null(), draws) {
            (true, _) => 1.0,
            (false, Some(true)) => number("temperature", 1.0).clamp(0.0, 2.0),
            (false, _) => 0.0,
        },
        top_k: top_k.and_then(|k| usize::try_from(k).ok()).unwrap_or(0),
        top_p: number("top_p", 1.0).clamp(0.0, 1.0),
        min_p: number("min_p", 0.0).clamp(0.0, 1.0),
        repetition_penalty: number("repetition_penalty", 1.0).max(0.01),
        ..Sampling::GREEDY
    }
}

#[cfg(test)]
mod tests;
