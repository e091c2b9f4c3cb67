//! Fitting a student to labelled texts.

use std::time::Instant;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use models::{Mode, TokenBatch};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;
use tch::nn::{self, OptimizerConfig};
use tch::{Device, Kind, Reduction, Tensor};

use crate::batches::{self, Step};
use crate::recipe::TrainingRecipe;
use crate::schedule;
use crate::student::{Student, group};

/// A text as token ids, with its label.
#[derive(Debug, Clone)]
pub struct Example {
    /// Token ids, special tokens included.
    pub ids: Vec<u32>,
    /// Position of the label.
    pub label: usize,
}

/// The examples of one task.
#[derive(Debug, Clone)]
pub struct Examples {
    /// Examples to learn from.
    pub train: Vec<Example>,
    /// Examples that choose the epoch.
    pub dev: Vec<Example>,
}

/// What one pass over the data came to.
#[derive(Debug, Clone, Serialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss of its steps.
    pub loss: f64,
    /// Dev accuracy per task, before any rejection.
    pub dev_accuracy: Vec<f64>,
    /// Tokens trained on per second.
    pub tokens_per_second: f64,
}

/// Fits the student and leaves it at the epoch with the best mean dev accuracy. Returns every epoch's figures.
pub fn fit(
    student: &mut Student,
    tasks: &[Examples],
    recipe: &TrainingRecipe,
    seed: u64,
) -> Result<Vec<Epoch>> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut optimizer = nn::AdamW {
        wd: recipe.weight_decay,
        ..nn::AdamW::default()
    }
    .build(&student.variables, recipe.learning_rate)?;
    optimizer.set_weight_decay_group(group::ENCODER_PLAIN, 0.0);
    let lengths: Vec<Vec<usize>> = tasks
        .iter()
        .map(|task| task.train.iter().map(|e| e.ids.len()).collect())
        .collect();
    let per_epoch =
        batches::shuffle(&lengths, recipe.batch, &mut StdRng::seed_from_u64(seed)).len();
    let steps = per_epoch * recipe.epochs;
    let bar = progress(steps)?;
    let (mut history, mut best): (Vec<Epoch>, Option<(f64, usize, _)>) = (Vec::new(), None);
    for epoch in 1..=recipe.epochs {
        let (started, mut loss_sum, mut tokens) = (Instant::now(), 0.0, 0);
        let order = batches::shuffle(&lengths, recipe.batch, &mut random);
        for (done, step) in order.iter().enumerate() {
            let factor = schedule::factor((epoch - 1) * per_epoch + done, steps, recipe.warmup);
            optimizer.set_lr_group(group::ENCODER, recipe.learning_rate * factor);
            optimizer.set_lr_group(group::ENCODER_PLAIN, recipe.learning_rate * factor);
            optimizer.set_lr_group(group::HEADS, recipe.head_learning_rate * factor);
            let (loss, step_tokens) = step_loss(student, tasks, step, recipe)?;
            optimizer.backward_step_clip_norm(&loss, recipe.clip);
            loss_sum += f64::try_from(&loss)?;
            tokens += step_tokens;
            bar.inc(1);
            bar.set_message(format!("loss {:.3}", loss_sum / count(done + 1)));
        }
        let tokens_per_second = count(tokens) / started.elapsed().as_secs_f64();
        let dev_accuracy = dev_accuracy(student, tasks)?;
        let loss = loss_sum / count(order.len());
        let mean = dev_accuracy.iter().sum::<f64>() / count(tasks.len());
        history.push(Epoch {
            epoch,
            loss,
            dev_accuracy,
            tokens_per_second,
        });
        if let Some(last) = history.last() {
            bar.suspend(|| tell(last, recipe.epochs));
        }
        if best.as_ref().is_none_or(|(most, ..)| mean > *most) {
            best = Some((mean, epoch, student.snapshot()?));
        } else if best
            .as_ref()
            .is_some_and(|(_, at, _)| epoch - at >= recipe.patience)
        {
            break;
        }
    }
    bar.finish_and_clear();
    let (_, _, snapshot) = best.context("no epoch ran")?;
    student.restore(&snapshot)?;
    Ok(history)
}

/// The loss of one step and its number of tokens, padding not counted.
fn step_loss(
    student: &Student,
    tasks: &[Examples],
    step: &Step,
    recipe: &TrainingRecipe,
) -> Result<(Tensor, usize)> {
    let task = tasks
        .get(step.task)
        .context("a step of a task that is not there")?;
    let examples: Vec<&Example> = step
        .rows
        .iter()
        .filter_map(|&row| task.train.get(row))
        .collect();
    let rows: Vec<&[u32]> = examples
        .iter()
        .map(|example| example.ids.as_slice())
        .collect();
    let batch = TokenBatch::new(&rows, &student.config, Device::Cpu)?;
    let network = student.learner(recipe.precision)?;
    let pooled = network.pooled(
        &batch,
        Mode::Train {
            dropout: recipe.dropout,
        },
    )?; // (B, H) f32
    let labels = examples
        .iter()
        .map(|e| i64::try_from(e.label))
        .collect::<Result<Vec<_>, _>>()?;
    let logits = network.logits(step.task, &pooled)?; // (B, labels)
    let mut loss = cross_entropy(&logits, &labels, recipe.label_smoothing)?;
    // The task head reads what the encoder makes for the tasks and does not pull on it.
    if let Some(logits) = network.task_logits(&pooled.f_detach()?)? {
        let task = vec![i64::try_from(step.task)?; rows.len()];
        loss = loss.f_add(&cross_entropy(&logits, &task, 0.0)?)?;
    }
    Ok((loss, rows.iter().map(|row| row.len()).sum()))
}

fn cross_entropy(logits: &Tensor, labels: &[i64], smoothing: f64) -> Result<Tensor> {
    let labels = Tensor::f_from_slice(labels)?;
    Ok(logits.f_cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Mean, -100, smoothing)?)
}

/// Logits of one task for each example, in order.
pub fn logits(student: &Student, task: usize, examples: &[Example]) -> Result<Vec<Vec<f32>>> {
    const BATCH: usize = 64;
    let _no_grad = tch::no_grad_guard();
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.sort_by_key(|&row| examples.get(row).map(|e| e.ids.len()));
    let mut found = vec![Vec::new(); examples.len()];
    for part in order.chunks(BATCH) {
        let rows: Vec<&[u32]> = part
            .iter()
            .filter_map(|&row| examples.get(row))
            .map(|e| e.ids.as_slice())
            .collect();
        let batch = TokenBatch::new(&rows, &student.config, Device::Cpu)?;
        let pooled = student.network.pooled(&batch, Mode::Infer)?;
        let logits = student
            .network
            .logits(task, &pooled)?
            .f_to_kind(Kind::Float)?;
        for (&row, values) in part.iter().zip(Vec::<Vec<f32>>::try_from(logits)?) {
            if let Some(slot) = found.get_mut(row) {
                *slot = values;
            }
        }
    }
    Ok(found)
}

fn dev_accuracy(student: &Student, tasks: &[Examples]) -> Result<Vec<f64>> {
    let one = |(position, task): (usize, &Examples)| {
        let logits = logits(student, position, &task.dev)?;
        let right = |(row, example): &(&Vec<f32>, &Example)| best(row) == Some(example.label);
        let right = logits.iter().zip(&task.dev).filter(right).count();
        Ok(count(right) / count(task.dev.len()))
    };
    tasks.iter().enumerate().map(one).collect()
}

/// Position of the largest value.
pub fn best(row: &[f32]) -> Option<usize> {
    row.iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .map(|(position, _)| position)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(n: usize) -> f64 {
    n as f64
}

fn progress(steps: usize) -> Result<ProgressBar> {
    let style = "{elapsed_precise} [{wide_bar}] {pos}/{len} steps, {per_sec}, {eta} left, {msg}";
    let bar = ProgressBar::new(u64::try_from(steps)?);
    Ok(bar.with_style(ProgressStyle::with_template(style)?))
}

fn tell(epoch: &Epoch, of: usize) {
    let dev: Vec<String> = epoch
        .dev_accuracy
        .iter()
        .map(|a| format!("{a:.4}"))
        .collect();
    crate::say(&format!(
        "epoch {}/{of}: loss {:.4}, dev accuracy {}, {:.0} tokens/s",
        epoch.epoch,
        epoch.loss,
        dev.join(" "),
        epoch.tokens_per_second
    ));
}
