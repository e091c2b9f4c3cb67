//! Texts to token ids, off the device's thread.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use expert_card::ExpertCard;
use tokenizers::Tokenizer;

use crate::{EncoderConfig, ModelError};

/// No token of a WordPiece vocabulary is longer; with it the text that can matter is bounded.
const LONGEST_TOKEN_BYTES: usize = 100;

/// An expert's tokenizer with its card: cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct ExpertTokenizer {
    inner: Arc<Tokenizer>,
    card: Arc<ExpertCard>,
}

/// A text, ready for the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Token ids, special tokens included; the length is the number of input tokens.
    pub ids: Vec<u32>,
    /// Position of the task asked for; absent lets the expert pick one.
    pub task: Option<usize>,
}

impl ExpertTokenizer {
    /// Reads `tokenizer.json` and checks it against the network's vocabulary and the card's context.
    pub(crate) fn read(
        path: &Path,
        config: &EncoderConfig,
        card: Arc<ExpertCard>,
    ) -> Result<Self, ModelError> {
        let malformed = |message: String| ModelError::Malformed {
            path: path.to_path_buf(),
            message,
        };
        let mut inner = Tokenizer::from_file(path).map_err(|error| malformed(error.to_string()))?;
        let size = inner.get_vocab_size(true);
        if i64::try_from(size) != Ok(config.vocab_size) {
            let expected = config.vocab_size;
            let message =
                format!("holds {size} tokens, but config.json says vocab_size {expected}");
            return Err(malformed(message));
        }
        let too_large = inner
            .get_vocab(true)
            .into_values()
            .any(|id| i64::from(id) >= config.vocab_size);
        if too_large {
            return Err(malformed(
                "gives a token an id outside the vocabulary".into(),
            ));
        }
        let truncation = tokenizers::TruncationParams {
            max_length: card.limits.context_tokens,
            ..tokenizers::TruncationParams::default()
        };
        inner
            .with_truncation(Some(truncation))
            .map_err(|error| malformed(error.to_string()))?;
        inner.with_padding(None);
        Ok(Self {
            inner: Arc::new(inner),
            card,
        })
    }

    /// The card of the expert this tokenizer belongs to.
    pub fn card(&self) -> &ExpertCard {
        &self.card
    }

    /// Tokens of a text, cut at the card's context, for a task by id or for the expert to choose.
    /// An unknown task is an error that names it.
    pub fn encode(&self, text: &str, task: Option<&str>) -> Result<Encoded, ModelError> {
        let task = task.map(|id| self.task(id)).transpose()?;
        // Of a huge text only the start can reach the network: bound the work before tokenizing.
        let most = self
            .card
            .limits
            .context_tokens
            .saturating_mul(LONGEST_TOKEN_BYTES);
        let text = text.get(..text.floor_char_boundary(most)).unwrap_or(text);
        let encoding = self
            .inner
            .encode_fast(text, true)
            .map_err(|error| ModelError::Input(error.to_string()))?;
        Ok(Encoded {
            ids: encoding.get_ids().to_vec(),
            task,
        })
    }

    fn task(&self, id: &str) -> Result<usize, ModelError> {
        let found = self.card.task(id).map(|(position, _)| position);
        found.ok_or_else(|| ModelError::UnknownTask {
            task: id.chars().take(80).collect(),
            known: self
                .card
                .tasks
                .iter()
                .map(|t| t.id.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}

impl fmt::Debug for ExpertTokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpertTokenizer")
            .field("expert", &self.card.id)
            .finish_non_exhaustive()
    }
}
