//! The network of a classifying expert: encoder, pooling, one head per task and one that picks the task.

use tch::{TchError, Tensor};

use crate::linear::Linear;
use crate::{Encoder, EncoderConfig, Mode, ModelError, TokenBatch, Weights, mean_pool};

/// Prefix of the head that picks the task; only experts of several tasks have it.
pub const TASK_HEAD: &str = "task_head";

/// Prefix of the head of one task.
pub fn head_prefix(task: &str) -> String {
    format!("heads.{task}")
}

/// Encoder, mean pooling, one linear head per task and one that picks the task.
#[derive(Debug)]
pub struct Classifier {
    encoder: Encoder,
    heads: Vec<Linear>,
    task_head: Option<Linear>,
}

impl Classifier {
    /// Builds the network over named weights. `tasks` are task ids with their numbers of labels, in the card's order.
    pub fn new(
        weights: &Weights,
        config: &EncoderConfig,
        tasks: &[(&str, i64)],
    ) -> Result<Self, ModelError> {
        let head =
            |prefix: &str, outputs: i64| Linear::new(weights, prefix, config.hidden_size, outputs);
        let task_head = match i64::try_from(tasks.len()) {
            Ok(count) if count > 1 => Some(head(TASK_HEAD, count)?),
            Ok(_) | Err(_) => None,
        };
        Ok(Self {
            encoder: Encoder::new(weights, config)?,
            heads: tasks
                .iter()
                .map(|(task, labels)| head(&head_prefix(task), *labels))
                .collect::<Result<_, _>>()?,
            task_head,
        })
    }

    /// One vector per row, (B, H).
    pub fn pooled(&self, batch: &TokenBatch, mode: Mode) -> Result<Tensor, TchError> {
        let hidden = self.encoder.forward(batch, mode)?; // (B, L, H)
        mode.dropout(mean_pool(&hidden, batch)?)
    }

    /// The mean over the tokens after each layer, (B, H) each, without dropout of the mean: what a student is compared
    /// with, and what a teacher shows.
    pub fn pooled_states(&self, batch: &TokenBatch, mode: Mode) -> Result<Vec<Tensor>, TchError> {
        let states = self.encoder.states(batch, mode)?;
        states.iter().map(|state| mean_pool(state, batch)).collect()
    }

    /// Logits of one task over pooled rows: (B, H) → (B, labels). Fails on a task that is not there.
    pub fn logits(&self, task: usize, pooled: &Tensor) -> Result<Tensor, ModelError> {
        let head = self.heads.get(task);
        let head = head.ok_or_else(|| ModelError::Input(format!("there is no task {task}")))?;
        Ok(head.forward(pooled)?)
    }

    /// Logits over tasks, (B, H) → (B, tasks); absent when the expert has one task.
    pub fn task_logits(&self, pooled: &Tensor) -> Result<Option<Tensor>, TchError> {
        self.task_head
            .as_ref()
            .map(|head| head.forward(pooled))
            .transpose()
    }
}
