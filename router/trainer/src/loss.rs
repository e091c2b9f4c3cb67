//! How wrong a network is about some examples: gold labels, teachers' probabilities and teachers' hidden states.

use anyhow::{Context, Result, ensure};
use expert_card::Choice;
use models::{Classifier, Mode, TokenBatch};
use tch::{Kind, Reduction, Tensor};

use crate::example::Example;
use crate::recipe::Distillation;

/// A step's rows and what is asked of the network about them.
#[derive(Debug)]
pub struct Step<'a> {
    /// Position of the task.
    pub task: usize,
    /// How many labels an answer has.
    pub choice: Choice,
    /// Labels of the task.
    pub labels: usize,
    /// The rows.
    pub examples: &'a [&'a Example],
    /// Their tokens.
    pub batch: &'a TokenBatch,
}

/// How the parts of a loss are made and weighed.
#[derive(Debug, Clone, Copy)]
pub struct Weighing<'a> {
    /// Share of activations zeroed.
    pub dropout: f64,
    /// Share of the gold target spread over all labels.
    pub smoothing: f64,
    /// How teachers count; absent: gold alone.
    pub distillation: Option<&'a Distillation>,
}

/// The loss of a step, a scalar.
pub fn of(network: &Classifier, step: &Step<'_>, weighing: Weighing<'_>) -> Result<Tensor> {
    let mode = Mode::Train {
        dropout: weighing.dropout,
    };
    let hidden = weighing.distillation.map_or(0.0, |d| d.hidden);
    let compared = hidden > 0.0 && step.examples.iter().all(|e| e.states.is_some());
    let (states, pooled) = if compared {
        let states = network.pooled_states(step.batch, mode)?;
        let last = states.last().context("a network has layers")?;
        let pooled = last.f_dropout(weighing.dropout, true)?;
        (states, pooled)
    } else {
        (Vec::new(), network.pooled(step.batch, mode)?)
    };
    let logits = network.logits(step.task, &pooled)?; // (B, labels)
    let mut loss = match weighing.distillation {
        None => gold(step, &logits, weighing.smoothing)?,
        Some(d) => {
            let gold = gold(step, &logits, weighing.smoothing)?.f_mul_scalar(d.hard)?;
            gold.f_add(&taught(step, &logits, d.temperature)?.f_mul_scalar(d.soft)?)?
        }
    };
    if compared {
        loss = loss.f_add(&distance(step, &states)?.f_mul_scalar(hidden)?)?;
    }
    // The task head reads what the encoder makes for the tasks and does not pull on it.
    if let Some(logits) = network.task_logits(&pooled.f_detach()?)? {
        let task = vec![i64::try_from(step.task)?; step.examples.len()];
        let task = Tensor::f_from_slice(&task)?.f_to(logits.device())?;
        let picked = logits.f_cross_entropy_loss::<Tensor>(&task, None, Reduction::Mean, -100, 0.0);
        loss = loss.f_add(&picked?)?;
    }
    Ok(loss)
}

/// Mean cross entropy with the gold labels over the rows that have them; of labels that are decided one by one, the sum
/// over them.
fn gold(step: &Step<'_>, logits: &Tensor, smoothing: f64) -> Result<Tensor> {
    let width = step.labels;
    let (mut target, mut known) = (Vec::with_capacity(step.examples.len() * width), Vec::new());
    for example in step.examples {
        let mut row = vec![0f32; width];
        for &label in example.gold.iter().flatten() {
            let slot = row.get_mut(label).context("a label outside the head")?;
            *slot += 1.0;
        }
        if step.choice == Choice::One {
            let sum: f32 = row.iter().sum::<f32>().max(1.0);
            row.iter_mut().for_each(|value| *value /= sum);
        }
        known.push(f32::from(u8::from(example.gold.is_some())));
        target.extend(row);
    }
    let device = logits.device();
    let target = matrix(&target, step.examples.len(), width)?.f_to(device)?; // (B, labels)
    let known = Tensor::f_from_slice(&known)?.f_to(device)?; // (B)
    let spread = match step.choice {
        Choice::One => smoothing / f64::from(u32::try_from(width.max(1))?),
        Choice::Any => smoothing / 2.0,
    };
    let target = target.f_mul_scalar(1.0 - smoothing)?.f_add_scalar(spread)?;
    let each = match step.choice {
        Choice::One => logits
            .f_log_softmax(-1, Kind::Float)?
            .f_mul(&target)?
            .f_neg()?,
        Choice::Any => logits.f_binary_cross_entropy_with_logits::<Tensor>(
            &target,
            None,
            None,
            Reduction::None,
        )?,
    };
    let rows = each.f_sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)?; // (B)
    let count = known.f_sum(Kind::Float)?.f_clamp_min(1.0)?;
    Ok(rows.f_mul(&known)?.f_sum(Kind::Float)?.f_div(&count)?)
}

/// Mean divergence from what the teachers say, times the squared temperature.
fn taught(step: &Step<'_>, logits: &Tensor, temperature: f64) -> Result<Tensor> {
    let width = step.labels;
    let mut said = Vec::with_capacity(step.examples.len() * width);
    for example in step.examples {
        let row = example.taught.as_ref();
        let row = row.context("a row that no teacher speaks about")?;
        ensure!(row.len() == width, "a teacher of other labels");
        said.extend_from_slice(row);
    }
    let said = matrix(&said, step.examples.len(), width)?.f_to(logits.device())?;
    let said = said.f_div_scalar(temperature)?;
    let own = logits.f_div_scalar(temperature)?;
    let each = match step.choice {
        Choice::One => {
            let said = said.f_log_softmax(-1, Kind::Float)?;
            let gap = said.f_sub(&own.f_log_softmax(-1, Kind::Float)?)?;
            said.f_exp()?.f_mul(&gap)?
        }
        Choice::Any => {
            let target = said.f_sigmoid()?;
            own.f_binary_cross_entropy_with_logits::<Tensor>(&target, None, None, Reduction::None)?
        }
    };
    let rows = each.f_sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)?; // (B)
    Ok(rows
        .f_mean(Kind::Float)?
        .f_mul_scalar(temperature * temperature)?)
}

/// Mean cosine distance between the network's mean hidden states and the teacher's, over layers and rows.
fn distance(step: &Step<'_>, states: &[Tensor]) -> Result<Tensor> {
    let own = Tensor::f_stack(states, 1)?; // (B, layers, H)
    let mut said = Vec::with_capacity(own.numel());
    for example in step.examples {
        said.extend_from_slice(example.states.as_deref().unwrap_or_default());
    }
    ensure!(
        said.len() == own.numel(),
        "a teacher's hidden states have another shape"
    );
    let said = Tensor::f_from_slice(&said)?.f_to(own.device())?;
    let said = said.f_view_as(&own)?;
    let near = Tensor::f_cosine_similarity(&own, &said, -1, 1e-8)?; // (B, layers)
    Ok(near.f_mean(Kind::Float)?.f_neg()?.f_add_scalar(1.0)?)
}

fn matrix(values: &[f32], rows: usize, columns: usize) -> Result<Tensor> {
    let shape = [i64::try_from(rows)?, i64::try_from(columns)?];
    Ok(Tensor::f_from_slice(values)?.f_view(shape)?)
}

#[cfg(test)]
mod tests;
