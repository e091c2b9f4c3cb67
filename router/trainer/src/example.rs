//! What a network learns from: token ids with what is known of the text.

use anyhow::Result;
use expert_card::Choice;
use tokenizers::Tokenizer;

use crate::data::Row;

/// A text as token ids, with what is known of it.
#[derive(Debug, Clone)]
pub struct Example {
    /// Token ids, special tokens included.
    pub ids: Vec<u32>,
    /// Positions of its gold labels; absent where nobody knows them. See [`Row::labels`].
    pub gold: Option<Vec<usize>>,
    /// What its teachers say: the logarithm of each label's probability where labels exclude each other, else of its
    /// odds.
    pub taught: Option<Vec<f32>>,
    /// A teacher's mean hidden states at the layers of the student, one after the other.
    pub states: Option<Vec<f32>>,
}

/// The examples of one task.
#[derive(Debug, Clone)]
pub struct Examples {
    /// How many labels an answer has.
    pub choice: Choice,
    /// Labels of the task.
    pub labels: usize,
    /// How often a pass goes over the examples.
    pub repeat: usize,
    /// Examples to learn from.
    pub train: Vec<Example>,
    /// Examples that choose the epoch.
    pub dev: Vec<Example>,
}

/// Examples of rows.
pub fn of_rows(tokenizer: &Tokenizer, rows: &[Row], most: usize) -> Result<Vec<Example>> {
    let one = |row: &Row| {
        Ok(Example {
            ids: encode(tokenizer, &row.text, most)?,
            gold: Some(row.labels.clone()),
            taught: None,
            states: None,
        })
    };
    rows.iter().map(one).collect()
}

/// Examples of texts without labels.
pub fn of_texts(tokenizer: &Tokenizer, texts: &[String], most: usize) -> Result<Vec<Example>> {
    let one = |text: &String| {
        Ok(Example {
            ids: encode(tokenizer, text, most)?,
            gold: None,
            taught: None,
            states: None,
        })
    };
    texts.iter().map(one).collect()
}

/// Token ids, cut at `most` with the last token kept, as the hosted tokenizer does.
fn encode(tokenizer: &Tokenizer, text: &str, most: usize) -> Result<Vec<u32>> {
    let encoding = tokenizer
        .encode_fast(text, true)
        .map_err(|e| anyhow::anyhow!("{e}"))?;
    let mut ids = encoding.get_ids().to_vec();
    if ids.len() > most {
        let last = ids.last().copied();
        ids.truncate(most.saturating_sub(1));
        ids.extend(last);
    }
    Ok(ids)
}
