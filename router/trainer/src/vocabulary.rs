//! Cutting a WordPiece vocabulary down to what the texts of an expert need.
//!
//! Kept, in this order until the size is reached: special tokens; every single sign, alone and as a continuation, so
//! that any word of known signs can still be spelled; pieces that the training texts use, most used first; then the
//! rest by id, which in BERT vocabularies is the order of frequency in general English.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use tokenizers::Tokenizer;

/// A smaller vocabulary.
#[derive(Debug)]
pub struct Vocabulary {
    /// The tokenizer over it, without padding and cutting.
    pub tokenizer_json: String,
    /// Old ids; the position is the new id.
    pub kept: Vec<u32>,
}

/// How often each id occurs in the texts.
pub fn count<'a>(
    tokenizer: &Tokenizer,
    texts: impl Iterator<Item = &'a str>,
) -> Result<HashMap<u32, u64>> {
    let mut counts = HashMap::new();
    for text in texts {
        let encoding = tokenizer
            .encode_fast(text, true)
            .map_err(|e| anyhow::anyhow!("{e}"))?;
        for &id in encoding.get_ids() {
            *counts.entry(id).or_insert(0) += 1;
        }
    }
    Ok(counts)
}

/// Cuts the vocabulary of a WordPiece `tokenizer.json` to at most `size` tokens.
pub fn trim(tokenizer: &Value, counts: &HashMap<u32, u64>, size: usize) -> Result<Vocabulary> {
    let model = tokenizer.get("model").context("tokenizer: no model")?;
    let kind = model.get("type").and_then(Value::as_str);
    ensure!(
        kind == Some("WordPiece"),
        "tokenizer: expected WordPiece, found {kind:?}"
    );
    let vocab = model
        .get("vocab")
        .and_then(Value::as_object)
        .context("tokenizer: no vocab")?;
    let special = special_tokens(tokenizer)?;
    let mut ranked = Vec::with_capacity(vocab.len());
    for (token, id) in vocab {
        let id = id
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .context("tokenizer: bad id")?;
        if let Some(rank) = rank(token, special.contains(token), counts.get(&id).copied()) {
            ranked.push((rank, id, token));
        }
    }
    ranked.sort_unstable();
    let must = ranked.iter().filter(|(rank, ..)| rank.0 < 2).count();
    ensure!(
        must <= size,
        "a vocabulary of {size} cannot hold the {must} signs and special tokens"
    );
    ranked.truncate(size);
    ranked.sort_unstable_by_key(|(_, id, _)| *id);

    let new_ids: HashMap<&str, usize> = ranked
        .iter()
        .enumerate()
        .map(|(new, (_, _, token))| (token.as_str(), new))
        .collect();
    let kept = ranked.iter().map(|(_, id, _)| *id).collect();
    Ok(Vocabulary {
        tokenizer_json: renumber(tokenizer, &new_ids)?,
        kept,
    })
}

/// Smaller is kept sooner; `None` is never kept.
fn rank(token: &str, special: bool, count: Option<u64>) -> Option<(u8, u64)> {
    if special {
        return Some((0, 0));
    }
    let piece = token
        .strip_prefix("##")
        .filter(|rest| !rest.is_empty())
        .unwrap_or(token);
    if piece.chars().nth(1).is_none() {
        return Some((1, 0));
    }
    match count {
        Some(count) => Some((2, u64::MAX - count)),
        None if token.starts_with("[unused") => None,
        None => Some((3, 0)),
    }
}

fn special_tokens(tokenizer: &Value) -> Result<Vec<String>> {
    let added = tokenizer.get("added_tokens").and_then(Value::as_array);
    let added = added.context("tokenizer: no added_tokens")?;
    let content = |token: &Value| {
        token
            .get("content")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    Ok(added.iter().filter_map(content).collect())
}

fn renumber(tokenizer: &Value, new_ids: &HashMap<&str, usize>) -> Result<String> {
    let id_of = |token: &str| {
        new_ids
            .get(token)
            .map(|id| json!(id))
            .with_context(|| format!("tokenizer: lost {token}"))
    };
    let mut json = tokenizer.clone();
    for key in ["padding", "truncation"] {
        json[key] = Value::Null;
    }
    json["model"]["vocab"] = Value::Object(
        new_ids
            .iter()
            .map(|(token, id)| ((*token).to_owned(), json!(id)))
            .collect(),
    );
    for token in json["added_tokens"].as_array_mut().into_iter().flatten() {
        let content = token
            .get("content")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        token["id"] = id_of(&content)?;
    }
    let mut special = Map::new();
    let named = json["post_processor"]["special_tokens"].as_object();
    for name in named.into_iter().flat_map(|tokens| tokens.keys()) {
        special.insert(
            name.clone(),
            json!({ "id": name, "ids": [id_of(name)?], "tokens": [name] }),
        );
    }
    json["post_processor"]["special_tokens"] = Value::Object(special);
    Ok(serde_json::to_string(&json)?)
}

#[cfg(test)]
mod tests;
