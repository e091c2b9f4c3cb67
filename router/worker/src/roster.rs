//! The experts a worker hosts: their cards, and their tokenizers once they were loaded.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use decoder::{PAGE, Text};
use expert_card::{ExpertCard, ExpertKind, StoredType, Task};

use crate::WorkerError;
use crate::engine::{Reader, Slot};

/// The experts of one worker, in the order given at start.
#[derive(Debug)]
pub struct Roster {
    hosted: Vec<Hosted>,
}

/// One expert of a worker.
#[derive(Debug)]
pub struct Hosted {
    /// What its folder says about it, read once at start.
    pub card: ExpertCard,
    reader: OnceLock<Reader>,
}

impl Roster {
    /// Reads the cards of expert folders. Fails where there is none, where a card is wrong or of
    /// another kind than `model`, or where two have the same id.
    pub fn read(folders: &[PathBuf]) -> Result<Self, WorkerError> {
        let cards = folders.iter().map(|folder| {
            let card = ExpertCard::read(folder)?;
            Ok((folder.as_path(), card))
        });
        Self::of(cards.collect::<Result<Vec<_>, WorkerError>>()?)
    }

    fn of(cards: Vec<(&Path, ExpertCard)>) -> Result<Self, WorkerError> {
        if cards.is_empty() {
            return Err(WorkerError::NoExpert);
        }
        let mut ids = HashSet::new();
        for (folder, card) in &cards {
            let refused = |why: &str| {
                Err(WorkerError::Expert {
                    expert: card.id.clone(),
                    folder: folder.to_path_buf(),
                    why: why.to_owned(),
                })
            };
            if card.kind != ExpertKind::Model {
                return refused("its kind is not `model`: a worker hosts models only");
            }
            if !ids.insert(card.id.clone()) {
                return refused("another expert has the same id");
            }
        }
        let host = |(_, card)| Hosted {
            card,
            reader: OnceLock::new(),
        };
        Ok(Self {
            hosted: cards.into_iter().map(host).collect(),
        })
    }

    /// Every expert with its slot.
    pub fn all(&self) -> impl Iterator<Item = (Slot, &Hosted)> {
        let slots = (0..).map(Slot::new);
        slots.zip(&self.hosted)
    }

    /// The expert of an id.
    pub fn find(&self, id: &str) -> Option<(Slot, &Hosted)> {
        self.all().find(|(_, hosted)| hosted.card.id.as_str() == id)
    }

    /// Keeps the reader of an expert's first load; expert folders do not change under a worker.
    pub(crate) fn opened(&self, slot: Slot, reader: Reader) {
        if let Some(hosted) = self.hosted.get(slot.position()) {
            hosted.reader.get_or_init(|| reader);
        }
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Hosted> {
        self.hosted.get(slot.position())
    }
}

/// Bytes a parameter takes in memory: experts that decide compute in fp32 whatever their files hold.
const BYTES_PER_PARAMETER: u64 = 4;

impl Hosted {
    /// How its requests are read; none while the expert has never been loaded.
    pub fn reader(&self) -> Option<&Reader> {
        self.reader.get()
    }

    /// Bytes it will hold in memory, by the card: its weights and, where it writes, keys and values.
    pub fn expected_bytes(&self, kv_bytes: u64) -> u64 {
        let Some(architecture) = &self.card.architecture else {
            return 0;
        };
        let each = match (&self.card.writer, architecture.dtype) {
            (Some(writer), _) if writer.int8 => 1,
            (Some(_), StoredType::F16 | StoredType::Bf16) => 2,
            (_, _) => BYTES_PER_PARAMETER,
        };
        let kv = self.card.writer.as_ref().map_or(0, |_| kv_bytes);
        architecture.params.saturating_mul(each).saturating_add(kv)
    }

    /// The longest sequence of an expert that writes, in tokens: what card, network and pages all allow.
    pub(crate) fn sequence_tokens(&self, text: &Text, pages: usize) -> usize {
        let room = pages.saturating_mul(PAGE);
        self.card
            .limits
            .context_tokens
            .min(text.context())
            .min(room)
    }

    /// A task by its position in the card.
    pub fn task(&self, position: usize) -> Option<&Task> {
        self.card.tasks.get(position)
    }
}
