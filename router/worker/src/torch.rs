//! The real engine: experts that decide on one libtorch device, experts that write on the cores beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use decoder::{Decoder, DecoderConfig, DecoderError, KvCache, Part, Stored, Text};
use expert_card::ExpertCard;
use models::{Classification, ClassifierExpert, Encoded, ExpertTokenizer, ModelError};
use tch::Device;

use crate::engine::{Engine, EngineError, Loaded, Reader, Slot, Tokenizer};

/// Experts of some folders on one device. Folders are read when an expert is loaded.
#[derive(Debug)]
pub struct TorchEngine {
    device: Device,
    writing: Writing,
    places: Vec<Place>,
}

/// What experts that write may use.
#[derive(Debug, Clone, Copy)]
pub struct Writing {
    /// Threads.
    pub threads: usize,
    /// Bytes of keys and values of each of them.
    pub kv_bytes: u64,
}

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    expert: Option<Expert>,
}

#[derive(Debug)]
enum Expert {
    Classifier(Box<ClassifierExpert>),
    Writer(Box<Decoder>, KvCache),
}

impl TorchEngine {
    /// An engine with nothing loaded; slots are positions in `folders`.
    pub fn new(
        folders: impl IntoIterator<Item = PathBuf>,
        device: Device,
        writing: Writing,
    ) -> Self {
        let place = |folder| Place {
            folder,
            expert: None,
        };
        Self {
            device,
            writing,
            places: folders.into_iter().map(place).collect(),
        }
    }
}

impl Engine for TorchEngine {
    fn load(&mut self, slot: Slot) -> Result<Loaded, EngineError> {
        let place = self.places.get_mut(slot.position());
        let place = place.ok_or_else(|| no_such(slot))?;
        let card = ExpertCard::read(&place.folder).map_err(|why| EngineError(why.to_string()))?;
        let (expert, loaded) = match &card.writer {
            None => classifier(&place.folder, self.device)?,
            Some(writer) => {
                let stored = if writer.int8 {
                    Stored::Int8
                } else {
                    Stored::AsIs
                };
                writer_of(&place.folder, stored, self.writing)?
            }
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
        match place.and_then(|place| place.expert.as_ref()) {
            Some(Expert::Classifier(expert)) => Ok(expert.classify(batch)?),
            Some(Expert::Writer(..)) | None => Err(no_such(slot)),
        }
    }

    fn write(&mut self, slot: Slot, parts: &[Part<'_>]) -> Result<&[f32], EngineError> {
        let place = self.places.get_mut(slot.position());
        match place.and_then(|place| place.expert.as_mut()) {
            Some(Expert::Writer(decoder, cache)) => Ok(decoder.step(cache, parts)?),
            Some(Expert::Classifier(_)) | None => Err(no_such(slot)),
        }
    }
}

fn classifier(folder: &Path, device: Device) -> Result<(Expert, Loaded), EngineError> {
    let expert = ClassifierExpert::load(folder, device)?;
    let tokenizer = ContextTokenizer::new(expert.tokenizer(), expert.card())?;
    let loaded = Loaded {
        bytes: expert.bytes(),
        reader: Reader::Classifier(Arc::new(tokenizer)),
    };
    Ok((Expert::Classifier(Box::new(expert)), loaded))
}

fn writer_of(
    folder: &Path,
    stored: Stored,
    writing: Writing,
) -> Result<(Expert, Loaded), EngineError> {
    let config = DecoderConfig::read(&folder.join("config.json"))?;
    let text = Text::read(folder, &config)?;
    let page = KvCache::page_bytes(&config);
    let pages = usize::try_from(writing.kv_bytes / page.max(1)).unwrap_or(usize::MAX);
    if pages == 0 {
        let bytes = writing.kv_bytes;
        let message = format!("a page of its keys and values takes {page} bytes, of {bytes}");
        return Err(EngineError(message));
    }
    let decoder = Decoder::load(folder, writing.threads, stored)?;
    let cache = KvCache::new(&config, pages);
    let kv = u64::try_from(pages)
        .unwrap_or(u64::MAX)
        .saturating_mul(page);
    let loaded = Loaded {
        bytes: decoder.bytes().saturating_add(kv),
        reader: Reader::Writer { text, pages },
    };
    Ok((Expert::Writer(Box::new(decoder), cache), loaded))
}

fn no_such(slot: Slot) -> EngineError {
    EngineError(format!("no expert is loaded in slot {}", slot.position()))
}

impl From<DecoderError> for EngineError {
    fn from(error: DecoderError) -> Self {
        Self(error.to_string())
    }
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
