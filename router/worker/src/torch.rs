//! The real engine: experts of the `models` crate on one libtorch device.

use std::path::PathBuf;
use std::sync::Arc;

use models::{Classification, ClassifierExpert, Encoded, ExpertTokenizer, ModelError};
use tch::Device;

use crate::engine::{Engine, EngineError, Loaded, Slot, Tokenizer};

/// Experts of some folders on one device. Folders are read when an expert is loaded.
#[derive(Debug)]
pub struct TorchEngine {
    device: Device,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    expert: Option<ClassifierExpert>,
}

impl TorchEngine {
    /// An engine with nothing loaded; slots are positions in `folders`.
    pub fn new(folders: impl IntoIterator<Item = PathBuf>, device: Device) -> Self {
        let place = |folder| Place {
            folder,
            expert: None,
        };
        Self {
            device,
            places: folders.into_iter().map(place).collect(),
        }
    }
}

impl Engine for TorchEngine {
    fn load(&mut self, slot: Slot) -> Result<Loaded, EngineError> {
        let place = self.places.get_mut(slot.position());
        let place = place.ok_or_else(|| no_such(slot))?;
        let expert = ClassifierExpert::load(&place.folder, self.device)?;
        let tokenizer = ContextTokenizer::new(expert.tokenizer(), expert.card())?;
        let loaded = Loaded {
            bytes: expert.bytes(),
            tokenizer: Arc::new(tokenizer),
        };
        place.expert = Some(expert);
        Ok(loaded)
    }

    fn evict(&mut self, slot: Slot) {
        if let Some(place) = self.places.get_mut(slot.position()) {
            place.expert = None;
        }
    }

    fn classify(
        &mut self,
        slot: Slot,
        batch: &[Encoded],
    ) -> Result<Vec<Classification>, EngineError> {
        let place = self.places.get(slot.position());
        let expert = place.and_then(|place| place.expert.as_ref());
        Ok(expert.ok_or_else(|| no_such(slot))?.classify(batch)?)
    }
}

fn no_such(slot: Slot) -> EngineError {
    EngineError(format!("no expert is loaded in slot {}", slot.position()))
}

impl From<ModelError> for EngineError {
    fn from(error: ModelError) -> Self {
        Self(error.to_string())
    }
}

/// An expert's tokenizer, which cuts at the expert's context, made to count longer texts too.
#[derive(Debug)]
struct ContextTokenizer {
    inner: ExpertTokenizer,
    /// Special tokens of every encoding.
    special: usize,
    /// Bytes of which no piece of text is cut: no token is shorter than a byte.
    safe_bytes: usize,
}

impl ContextTokenizer {
    fn new(inner: ExpertTokenizer, card: &expert_card::ExpertCard) -> Result<Self, EngineError> {
        let special = inner.encode("", None)?.ids.len();
        let room = card.limits.context_tokens.saturating_sub(special);
        Ok(Self {
            inner,
            special,
            safe_bytes: room.max(4),
        })
    }
}

impl Tokenizer for ContextTokenizer {
    fn encode(&self, text: &str, task: Option<&str>) -> Result<Encoded, EngineError> {
        Ok(self.inner.encode(text, task)?)
    }

    fn count(&self, text: &str) -> Result<u64, EngineError> {
        let mut count = 0_u64;
        for piece in pieces(text, self.safe_bytes) {
            let tokens = self.inner.encode(piece, None)?.ids.len();
            let tokens = tokens.saturating_sub(self.special);
            count = count.saturating_add(u64::try_from(tokens).unwrap_or(u64::MAX));
        }
        Ok(count)
    }
}

/// Cuts a text into pieces of at most `most` bytes, before a space where there is one: no token
/// crosses from a word into the space after it. `most` is at least 4, the longest character.
fn pieces(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.floor_char_boundary(most);
        let (head, _) = rest.split_at_checked(end)?;
        let end = match head.rfind(' ') {
            Some(space) if space > 0 && end < rest.len() => space,
            _ => end,
        };
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text_cut_before_spaces() {
        let cut = |text, most| pieces(text, most).collect::<Vec<_>>();
        assert_eq!(cut("one two three", 8), ["one two", " three"]);
        assert_eq!(cut("one", 8), ["one"]);
        assert_eq!(cut("", 8), Vec::<&str>::new());
        assert_eq!(cut("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(cut("ääää", 5), ["ää", "ää"]);
        assert_eq!(cut(" a  b", 4), [" a ", " b"]);
    }
}
