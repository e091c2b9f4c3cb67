//! Fitting a network to examples.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use expert_card::Choice;
use indicatif::{ProgressBar, ProgressStyle};
use models::{Mode, TokenBatch};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::batches::{self, Step};
use crate::checkpoint::{Checkpoints, Standing};
use crate::example::{Example, Examples};
use crate::loss::{self, Weighing};
use crate::optimizer::AdamW;
use crate::recipe::{Distillation, Learns, TrainingRecipe};
use crate::schedule;
use crate::student::Student;

/// What one pass over the data came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss of its steps.
    pub loss: f64,
    /// Dev accuracy per task, before any rejection; of several labels, the share of rows whose labels are all right
    /// at a threshold of one half.
    pub dev_accuracy: Vec<f64>,
    /// Tokens trained on per second.
    pub tokens_per_second: f64,
}

/// What to fit to what.
#[derive(Debug, Clone, Copy)]
pub struct Fit<'a> {
    /// The examples of each task, in the order of the heads.
    pub tasks: &'a [Examples],
    /// How.
    pub recipe: &'a TrainingRecipe,
    /// How teachers count; absent: gold labels alone.
    pub distillation: Option<&'a Distillation>,
    /// Seed of order and dropout.
    pub seed: u64,
}

impl Fit<'_> {
    /// Fits the student and leaves it at the pass with the best mean dev accuracy. Returns every pass's figures. With
    /// checkpoints, goes on where the last run was cut off, and ends with the same weights as a run that was not.
    pub fn run(
        &self,
        student: &mut Student,
        checkpoints: Option<&mut Checkpoints>,
    ) -> Result<Vec<Epoch>> {
        self.run_at_most(student, checkpoints, usize::MAX)
    }

    /// Like [`Fit::run`], but fails after so many steps in this call: what a cut-off run leaves.
    fn run_at_most(
        &self,
        student: &mut Student,
        mut checkpoints: Option<&mut Checkpoints>,
        most: usize,
    ) -> Result<Vec<Epoch>> {
        if self.recipe.learns == Learns::Layers {
            student.freeze_words();
        }
        let mut optimizer = AdamW::new(student.variables.variables(), self.recipe)?;
        let (mut standing, mut best) = (Standing::default(), None);
        if let Some(known) = &checkpoints
            && let Some((at, weights)) = known.resume(student, &mut optimizer)?
        {
            crate::say(&format!("goes on after step {}", at.steps));
            (standing, best) = (at, weights);
        }
        let last = standing.steps.saturating_add(most);
        let per_epoch = self.order(0).len();
        let steps = per_epoch * self.recipe.epochs;
        let bar = progress(steps)?;
        while standing.steps < steps && !self.ended(&standing) {
            let epoch = standing.steps / per_epoch;
            let (order, first) = (self.order(epoch), standing.steps % per_epoch);
            let before = standing.seconds;
            let started = Instant::now();
            for step in order.iter().skip(first) {
                ensure!(standing.steps < last, "cut off after {most} steps");
                let (loss, tokens) = self.step(student, &mut optimizer, step, &standing, steps)?;
                standing.loss_sum += loss;
                standing.tokens += tokens;
                standing.steps += 1;
                bar.set_position(u64::try_from(standing.steps)?);
                let done = standing.steps - epoch * per_epoch;
                bar.set_message(format!("loss {:.3}", standing.loss_sum / count(done)));
                standing.seconds = before + started.elapsed().as_secs_f64();
                let whole = standing.steps % per_epoch == 0;
                if let Some(checkpoints) = checkpoints.as_deref_mut()
                    && checkpoints.due()
                    && !whole
                {
                    checkpoints.save(student, &optimizer, best.as_ref(), &standing)?;
                }
            }
            let accuracy = dev_accuracy(student, self.tasks)?;
            self.conclude(student, &mut standing, accuracy, &mut best, per_epoch)?;
            bar.suspend(|| tell(standing.history.last(), self.recipe.epochs));
            if let Some(checkpoints) = checkpoints.as_deref_mut() {
                checkpoints.save(student, &optimizer, best.as_ref(), &standing)?;
            }
        }
        bar.finish_and_clear();
        student.restore(&best.context("no epoch ran")?)?;
        Ok(standing.history)
    }

    /// The steps of a pass, counted from 0: the same whenever the pass is begun.
    fn order(&self, epoch: usize) -> Vec<Step> {
        let lengths: Vec<Vec<usize>> = self
            .tasks
            .iter()
            .map(|task| {
                let lengths = task.train.iter().map(|e| e.ids.len());
                lengths
                    .cycle()
                    .take(task.train.len() * task.repeat)
                    .collect()
            })
            .collect();
        let mut random = StdRng::seed_from_u64(mixed(self.seed, epoch));
        batches::shuffle(&lengths, self.recipe.batch, &mut random)
    }

    /// Whether no better pass is to be waited for.
    fn ended(&self, standing: &Standing) -> bool {
        let done = standing.history.len();
        let best = standing.best.map_or(done, |(_, at)| at);
        done - best >= self.recipe.patience
    }

    /// One step: its loss and its tokens, padding not counted.
    fn step(
        &self,
        student: &Student,
        optimizer: &mut AdamW,
        step: &Step,
        standing: &Standing,
        steps: usize,
    ) -> Result<(f64, usize)> {
        let at = standing.steps;
        // Dropout draws from here, so that a resumed run draws what an uncut one does.
        tch::manual_seed(i64::from_ne_bytes(mixed(self.seed, at).to_ne_bytes()));
        let task = self.tasks.get(step.task);
        let task = task.context("a step of a task that is not there")?;
        let known = task.train.len().max(1);
        let rows = step.rows.iter();
        let examples: Vec<&Example> = rows
            .filter_map(|&row| task.train.get(row % known))
            .collect();
        let ids: Vec<&[u32]> = examples
            .iter()
            .map(|example| example.ids.as_slice())
            .collect();
        let batch = TokenBatch::new(&ids, &student.config, student.device())?;
        let network = student.learner(self.recipe.precision)?;
        let about = loss::Step {
            task: step.task,
            choice: task.choice,
            labels: task.labels,
            examples: &examples,
            batch: &batch,
        };
        let weighing = Weighing {
            dropout: self.recipe.dropout,
            smoothing: self.recipe.label_smoothing,
            distillation: self.distillation,
        };
        let loss = loss::of(&network, &about, weighing)?;
        let value = f64::try_from(&loss)?;
        ensure!(
            value.is_finite(),
            "the loss of step {} is {value}: lower training.learning_rate, or look for a broken value in the base",
            at + 1
        );
        loss.f_backward()?;
        optimizer.step(at + 1, schedule::factor(at, steps, self.recipe.warmup))?;
        Ok((value, ids.iter().map(|row| row.len()).sum()))
    }

    /// Books a finished pass and keeps the weights where they are the best so far.
    fn conclude(
        &self,
        student: &Student,
        standing: &mut Standing,
        dev_accuracy: Vec<f64>,
        best: &mut Option<HashMap<String, Tensor>>,
        per_epoch: usize,
    ) -> Result<()> {
        let epoch = standing.history.len() + 1;
        let mean = dev_accuracy.iter().sum::<f64>() / count(self.tasks.len());
        standing.history.push(Epoch {
            epoch,
            loss: standing.loss_sum / count(per_epoch),
            dev_accuracy,
            tokens_per_second: count(standing.tokens) / standing.seconds.max(f64::MIN_POSITIVE),
        });
        if standing.best.is_none_or(|(most, _)| mean > most) {
            standing.best = Some((mean, epoch));
            *best = Some(student.snapshot()?);
        }
        (standing.loss_sum, standing.tokens, standing.seconds) = (0.0, 0, 0.0);
        Ok(())
    }
}

/// A seed of its own for each number (SplitMix64's steps).
fn mixed(seed: u64, number: usize) -> u64 {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Logits of one task for each example, in order.
pub fn logits(student: &Student, task: usize, examples: &[Example]) -> Result<Vec<Vec<f32>>> {
    let shown = |batch: &TokenBatch| {
        let pooled = student.network.pooled(batch, Mode::Infer)?;
        let logits = student.network.logits(task, &pooled)?;
        Ok(Vec::<Vec<f32>>::try_from(logits.f_to_kind(Kind::Float)?)?)
    };
    by_length(student, examples, shown)
}

/// Something for each example, in order, computed on batches of about the same length.
pub fn by_length<T: Clone + Default>(
    student: &Student,
    examples: &[Example],
    compute: impl Fn(&TokenBatch) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    const BATCH: usize = 64;
    let _no_grad = tch::no_grad_guard();
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.sort_by_key(|&row| examples.get(row).map(|e| e.ids.len()));
    let mut found = vec![T::default(); examples.len()];
    for part in order.chunks(BATCH) {
        let rows: Vec<&[u32]> = part
            .iter()
            .filter_map(|&row| examples.get(row))
            .map(|e| e.ids.as_slice())
            .collect();
        let batch = TokenBatch::new(&rows, &student.config, student.device())?;
        for (&row, values) in part.iter().zip(compute(&batch)?) {
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
        let right = |(row, example): &(&Vec<f32>, &Example)| is_right(row, example, task.choice);
        let right = logits.iter().zip(&task.dev).filter(right).count();
        Ok(count(right) / count(task.dev.len()))
    };
    tasks.iter().enumerate().map(one).collect()
}

/// Whether logits say the gold labels, several at a threshold of one half.
pub fn is_right(logits: &[f32], example: &Example, choice: Choice) -> bool {
    let Some(gold) = &example.gold else {
        return false;
    };
    match choice {
        Choice::One => best(logits).is_some_and(|label| gold.contains(&label)),
        Choice::Any => {
            let said = (0..logits.len()).filter(|&at| logits.get(at).is_some_and(|&x| x > 0.0));
            said.eq(gold.iter().copied())
        }
    }
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

fn tell(epoch: Option<&Epoch>, of: usize) {
    let Some(epoch) = epoch else {
        return;
    };
    let accuracy = epoch.dev_accuracy.iter();
    let dev: Vec<String> = accuracy.map(|a| format!("{a:.4}")).collect();
    crate::say(&format!(
        "epoch {}/{of}: loss {:.4}, dev accuracy {}, {:.0} tokens/s",
        epoch.epoch,
        epoch.loss,
        dev.join(" "),
        epoch.tokens_per_second
    ));
}

#[cfg(test)]
mod tests;
