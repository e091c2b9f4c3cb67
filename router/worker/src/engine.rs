//! What the device thread computes with. The scheduler knows only this trait, so that it can be
//! tested without weights; [`crate::TorchEngine`] is the real one.

use std::sync::Arc;

use decoder::{Part, Text};
use models::{Classification, Encoded};

/// The place of an expert on this worker: its position in the list given at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(usize);

impl Slot {
    /// The slot of a position in the list of experts.
    pub const fn new(position: usize) -> Self {
        Self(position)
    }

    /// The position in the list of experts.
    pub const fn position(self) -> usize {
        self.0
    }
}

/// Why an engine failed. The text is for the operator; it never holds a prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(pub String);

/// What loading an expert gives.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Bytes of memory its weights hold.
    pub bytes: u64,
    /// What the threads need that read requests.
    pub reader: Reader,
}

/// How an expert's requests are read.
#[derive(Debug, Clone)]
pub enum Reader {
    /// It decides about a text.
    Classifier(Arc<dyn Tokenizer>),
    /// It writes.
    Writer {
        /// Tokenizer, template and defaults.
        text: Text,
        /// Pages of keys and values.
        pages: usize,
    },
}

/// Turns text into what an expert reads. Used by many threads at once.
pub trait Tokenizer: Send + Sync + std::fmt::Debug {
    /// Tokens of a text, cut at the expert's context, for a task of its card or for its own choice.
    fn encode(&self, text: &str, task: Option<&str>) -> Result<Encoded, EngineError>;

    /// How many tokens a text has, special tokens left out and nothing cut.
    fn count(&self, text: &str) -> Result<u64, EngineError>;
}

/// Holds experts on one device and computes with them; lives and dies on the device thread.
/// A panic is caught by the thread and counts as an error.
pub trait Engine {
    /// Brings an expert into memory.
    fn load(&mut self, slot: Slot) -> Result<Loaded, EngineError>;

    /// Gives an expert's memory back. An expert that is not loaded is left as it is.
    fn evict(&mut self, slot: Slot);

    /// One step: an answer per member, in order. The expert is loaded.
    fn classify(
        &mut self,
        slot: Slot,
        batch: &[Encoded],
    ) -> Result<Vec<Classification>, EngineError>;

    /// One step of an expert that writes: logits where parts want them, as [`decoder::Decoder::step`] gives them. The
    /// expert is loaded.
    fn write(&mut self, slot: Slot, parts: &[Part<'_>]) -> Result<&[f32], EngineError>;
}
