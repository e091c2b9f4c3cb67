//! A classifying expert: its folder, loaded and ready to answer.

use std::path::Path;
use std::sync::Arc;

use expert_card::{CARD_FILE, ExpertCard};
use tch::{Device, Tensor};

use crate::{
    CONFIG_FILE, Classification, Classifier, Encoded, EncoderConfig, ExpertTokenizer, Mode,
    ModelError, TOKENIZER_FILE, TokenBatch, WEIGHTS_FILE, Weights,
};

/// A classifying expert on one device. It may move between threads; one thread uses it at a time.
#[derive(Debug)]
pub struct ClassifierExpert {
    card: Arc<ExpertCard>,
    config: EncoderConfig,
    tokenizer: ExpertTokenizer,
    network: Classifier,
    device: Device,
    bytes: u64,
}

impl ClassifierExpert {
    /// Loads an expert's folder. Weights stored as fp16 are computed in fp32. A file that is missing, damaged or does
    /// not fit the others is an error that names it.
    pub fn load(dir: &Path, device: Device) -> Result<Self, ModelError> {
        let card = Arc::new(ExpertCard::read(dir)?);
        let config = EncoderConfig::read(&dir.join(CONFIG_FILE))?;
        fits(&card, &config, dir)?;
        let tokenizer = ExpertTokenizer::read(&dir.join(TOKENIZER_FILE), &config, card.clone())?;
        let weights = Weights::read(&dir.join(WEIGHTS_FILE), device)?;
        let tasks: Vec<(&str, i64)> = card
            .tasks
            .iter()
            .map(|t| {
                (
                    t.id.as_str(),
                    i64::try_from(t.labels.len()).unwrap_or(i64::MAX),
                )
            })
            .collect();
        let network = Classifier::new(&weights, &config, &tasks)?;
        let bytes = weights.parameters().saturating_mul(4);
        Ok(Self {
            card,
            config,
            tokenizer,
            network,
            device,
            bytes,
        })
    }

    /// The expert's card.
    pub fn card(&self) -> &ExpertCard {
        &self.card
    }

    /// Bytes that the weights hold in memory.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The expert's tokenizer, for use on any thread.
    pub fn tokenizer(&self) -> ExpertTokenizer {
        self.tokenizer.clone()
    }

    /// Decides about each text, in order; rows are padded to the longest. Same texts give the same answers within
    /// 1e-4 whatever else is in the batch. An empty batch gives an empty answer.
    pub fn classify(&self, batch: &[Encoded]) -> Result<Vec<Classification>, ModelError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let _no_grad = tch::no_grad_guard();
        let rows: Vec<&[u32]> = batch.iter().map(|text| text.ids.as_slice()).collect();
        let tokens = TokenBatch::new(&rows, &self.config, self.device)?;
        let pooled = self.network.pooled(&tokens, Mode::Infer)?; // (B, H)
        let tasks = self.choose_tasks(batch, &pooled)?;
        let mut found: Vec<Option<Classification>> = vec![None; batch.len()];
        for (position, task) in self.card.tasks.iter().enumerate() {
            let members: Vec<usize> = (0..batch.len())
                .filter(|&i| tasks.get(i) == Some(&position))
                .collect();
            if members.is_empty() {
                continue;
            }
            let index: Vec<i64> = members
                .iter()
                .filter_map(|&i| i64::try_from(i).ok())
                .collect();
            let index = Tensor::f_from_slice(&index)?.f_to(self.device)?;
            let logits = self
                .network
                .logits(position, &pooled.f_index_select(0, &index)?)?;
            for (&member, logits) in members.iter().zip(rows_of(&logits)?) {
                if let Some(slot) = found.get_mut(member) {
                    *slot = Some(Classification::of(position, task, &logits));
                }
            }
        }
        let missing =
            || ModelError::Input("a text asks for a task the expert does not have".into());
        found
            .into_iter()
            .map(|slot| slot.ok_or_else(missing))
            .collect()
    }

    /// The task of each text: the one asked for, else the best of the task head.
    fn choose_tasks(&self, batch: &[Encoded], pooled: &Tensor) -> Result<Vec<usize>, ModelError> {
        let free = batch.iter().any(|text| text.task.is_none());
        let logits = if free {
            self.network.task_logits(pooled)?
        } else {
            None
        };
        let guesses = match logits {
            Some(logits) => rows_of(&logits)?.iter().map(|row| best(row)).collect(),
            None => vec![0; batch.len()],
        };
        Ok(batch
            .iter()
            .zip(guesses)
            .map(|(text, guess)| text.task.unwrap_or(guess))
            .collect())
    }
}

/// (rows, columns) → values, row by row.
fn rows_of(tensor: &Tensor) -> Result<Vec<Vec<f32>>, ModelError> {
    Ok(Vec::<Vec<f32>>::try_from(tensor.f_to(Device::Cpu)?)?)
}

fn best(row: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (position, &value) in row.iter().enumerate() {
        if value > best.1 {
            best = (position, value);
        }
    }
    best.0
}

/// Whether card and `config.json` speak of the same network.
fn fits(card: &ExpertCard, config: &EncoderConfig, dir: &Path) -> Result<(), ModelError> {
    let wrong = |field: &str, message: String| {
        Err(ModelError::Field {
            path: dir.join(CARD_FILE),
            field: field.into(),
            message,
        })
    };
    let Some(architecture) = &card.architecture else {
        return wrong("kind", "expected \"model\" with its architecture".into());
    };
    for (field, said, is) in [
        (
            "architecture.layers",
            architecture.layers,
            config.num_hidden_layers,
        ),
        (
            "architecture.hidden",
            architecture.hidden,
            config.hidden_size,
        ),
        ("architecture.vocab", architecture.vocab, config.vocab_size),
    ] {
        if i64::try_from(said) != Ok(is) {
            return wrong(field, format!("says {said}, but {CONFIG_FILE} says {is}"));
        }
    }
    let context = card.limits.context_tokens;
    if i64::try_from(context).unwrap_or(i64::MAX) > config.max_position_embeddings {
        let positions = config.max_position_embeddings;
        return wrong(
            "limits.context_tokens",
            format!("{context} is more than {positions} positions"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod shipped;
#[cfg(test)]
mod tests;
