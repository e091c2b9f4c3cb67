//! What a teacher says about the rows of a task, as probabilities, and what several of them agree on.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use expert_card::Choice;
use tch::Tensor;

use super::{Facts, Lesson};
use crate::calibrate::{sigmoid, softmax};
use crate::data::Row;
use crate::metrics::{self, Scored};
use crate::tensor_file;

/// The least probability a teacher gives to anything.
const LEAST: f64 = 1e-5;

/// What a teacher says about each row: a value per label, or nothing. Where labels exclude each other the values are
/// logarithms of probabilities, else of odds.
#[derive(Debug, Clone)]
pub struct Said {
    /// About the rows to learn from.
    pub train: Vec<Option<Vec<f32>>>,
    /// About the dev rows.
    pub dev: Vec<Option<Vec<f32>>>,
    /// About the texts without labels.
    pub unlabelled: Vec<Option<Vec<f32>>>,
    /// A network's mean hidden states after each layer, about rows to learn from and then texts without labels: one
    /// list per row, layer after layer. Empty for other teachers.
    pub states: Vec<Vec<f32>>,
    /// What is known of the teacher.
    pub facts: Facts,
}

impl Said {
    /// Reads a teacher's file; `None` where there is none. A file about other numbers of rows is refused.
    pub fn read(path: &Path, lesson: &Lesson) -> Result<Option<Self>> {
        let name = path.display();
        let Some((tensors, facts)) = tensor_file::read::<Facts>(path)? else {
            return Ok(None);
        };
        let rows = |key: &str, count: usize| -> Result<Vec<Vec<f32>>> {
            let Some(tensor) = tensors.get(key) else {
                ensure!(count == 0, "{name}: lacks {key}");
                return Ok(Vec::new());
            };
            let rows = Vec::<Vec<f32>>::try_from(tensor)?;
            ensure!(
                rows.len() == count,
                "{name}: {key} has {} rows, the data has {count}",
                rows.len()
            );
            Ok(rows)
        };
        let data = &lesson.data;
        let known = |key, count| -> Result<Vec<Option<Vec<f32>>>> {
            let some = |row: Vec<f32>| (!row.iter().any(|x| x.is_nan())).then_some(row);
            Ok(rows(key, count)?.into_iter().map(some).collect())
        };
        let states = if tensors.contains_key("states") {
            rows("states", data.train.len() + data.unlabelled.len())?
        } else {
            Vec::new()
        };
        Ok(Some(Self {
            train: known("train", data.train.len())?,
            dev: known("dev", data.dev.len())?,
            unlabelled: known("unlabelled", data.unlabelled.len())?,
            states,
            facts,
        }))
    }

    /// Writes a teacher's file, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        }
        let width = |rows: &[Option<Vec<f32>>]| rows.iter().flatten().map(Vec::len).max();
        let width = width(&self.train).or(width(&self.dev)).unwrap_or(1);
        let mut tensors = HashMap::new();
        for (key, rows) in [
            ("train", &self.train),
            ("dev", &self.dev),
            ("unlabelled", &self.unlabelled),
        ] {
            if rows.is_empty() {
                continue;
            }
            let nothing = vec![f32::NAN; width];
            let flat: Vec<f32> = rows
                .iter()
                .flat_map(|row| row.as_ref().unwrap_or(&nothing))
                .copied()
                .collect();
            tensors.insert(key.to_owned(), matrix(&flat, rows.len())?);
        }
        if !self.states.is_empty() {
            let flat = self.states.concat();
            tensors.insert("states".to_owned(), matrix(&flat, self.states.len())?);
        }
        tensor_file::write(path, &tensors, &self.facts)
    }
}

fn matrix(flat: &[f32], rows: usize) -> Result<Tensor> {
    Ok(Tensor::f_from_slice(flat)?.f_view([i64::try_from(rows)?, -1])?)
}

/// Logarithms of probabilities (or odds) of logits at a temperature.
pub(super) fn logarithms(logits: &[f32], choice: Choice, temperature: f64) -> Vec<f32> {
    match choice {
        Choice::One => {
            let probabilities = softmax(logits, temperature);
            probabilities
                .into_iter()
                .map(|p| narrow(p.max(LEAST).ln()))
                .collect()
        }
        Choice::Any => {
            let odds = |&logit: &f32| odds(sigmoid(logit, temperature));
            logits.iter().map(odds).collect()
        }
    }
}

fn odds(probability: f64) -> f32 {
    let p = probability.clamp(LEAST, 1.0 - LEAST);
    narrow((p / (1.0 - p)).ln())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a logarithm of a probability"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// A row's labels said with some trust: what is left goes to the other labels.
pub fn certain(labels: &[usize], width: usize, choice: Choice, trust: f64) -> Vec<f32> {
    let others = width.saturating_sub(labels.len()).max(1);
    let value = |label: usize| {
        let said = labels.contains(&label);
        match choice {
            Choice::One if said => trust / share(labels.len()),
            Choice::One => (1.0 - trust) / share(others),
            Choice::Any if said => trust,
            Choice::Any => 1.0 - trust,
        }
    };
    let log = |label| match choice {
        Choice::One => narrow(value(label).max(LEAST).ln()),
        Choice::Any => odds(value(label)),
    };
    (0..width).map(log).collect()
}

fn share(count: usize) -> f64 {
    u32::try_from(count.max(1)).map_or(f64::INFINITY, f64::from)
}

/// The weighted mean of the probabilities of all who speak about a row, again as logarithms; `None` where nobody does.
pub fn agreed(said: &[(f64, Option<&Vec<f32>>)], choice: Choice) -> Option<Vec<f32>> {
    let (mut sum, mut weights): (Vec<f64>, f64) = (Vec::new(), 0.0);
    for (weight, row) in said.iter().filter_map(|(w, row)| row.map(|row| (w, row))) {
        let probabilities = match choice {
            Choice::One => softmax(row, 1.0),
            Choice::Any => row.iter().map(|&x| sigmoid(x, 1.0)).collect(),
        };
        sum.resize(probabilities.len(), 0.0);
        for (slot, p) in sum.iter_mut().zip(probabilities) {
            *slot += weight * p;
        }
        weights += weight;
    }
    if weights <= 0.0 {
        return None;
    }
    let log = |&p: &f64| match choice {
        Choice::One => narrow((p / weights).max(LEAST).ln()),
        Choice::Any => odds(p / weights),
    };
    Some(sum.iter().map(log).collect())
}

/// Share of rows a teacher is right about and its macro-F1, among those it speaks about; several labels at one half.
pub(super) fn scores(
    said: &[Option<Vec<f32>>],
    rows: &[Row],
    choice: Choice,
) -> Option<(f64, f64)> {
    let mut known = Vec::new();
    for (said, row) in said.iter().zip(rows) {
        let Some(said) = said else {
            continue;
        };
        let answered = match choice {
            Choice::One => crate::train::best(said).into_iter().collect(),
            Choice::Any => {
                let over = said.iter().enumerate().filter(|(_, x)| **x > 0.0);
                over.map(|(at, _)| at).collect()
            }
        };
        let gold = match choice {
            // Of a text with several labels that exclude each other any will do.
            Choice::One if row.labels.len() > 1 => {
                let found = row.labels.iter().find(|label| answered == [**label]);
                found
                    .or(row.labels.first())
                    .map(|&label| vec![label])
                    .unwrap_or_default()
            }
            Choice::One | Choice::Any => row.labels.clone(),
        };
        known.push(Scored {
            gold,
            answered: Some(answered),
            confidence: 0.0,
        });
    }
    (!known.is_empty()).then(|| (metrics::accuracy(&known), metrics::macro_f1(&known)))
}

#[cfg(test)]
mod tests {
    use expert_card::Choice;

    use super::{agreed, certain, logarithms};

    #[test]
    fn agreement_is_the_weighted_mean_of_probabilities() {
        let a = logarithms(&[0.0, 2.0], Choice::One, 1.0);
        let b = logarithms(&[1.0, 0.0], Choice::One, 2.0);
        let both = agreed(
            &[(3.0, Some(&a)), (1.0, Some(&b)), (9.0, None)],
            Choice::One,
        )
        .unwrap();
        let p = |row: &[f32]| f64::from(row[0]).exp();
        assert!((p(&both) - (0.75 * p(&a) + 0.25 * p(&b))).abs() < 1e-6);
        assert!(agreed(&[(1.0, None)], Choice::One).is_none());

        let a = logarithms(&[2.0], Choice::Any, 1.0);
        let b = logarithms(&[-2.0], Choice::Any, 1.0);
        let both = agreed(&[(1.0, Some(&a)), (1.0, Some(&b))], Choice::Any).unwrap();
        assert!(both[0].abs() < 1e-5, "{both:?}");
    }

    #[test]
    fn an_answer_is_trusted_as_far_as_told() {
        let one = certain(&[1], 5, Choice::One, 0.8);
        let p: Vec<f64> = one.iter().map(|&x| f64::from(x).exp()).collect();
        assert!(
            (p[1] - 0.8).abs() < 1e-6 && (p[0] - 0.05).abs() < 1e-6,
            "{p:?}"
        );
        let none = certain(&[], 2, Choice::Any, 0.9);
        let odds = (0.1f64 / 0.9).ln();
        assert!(none.iter().all(|&x| (f64::from(x) - odds).abs() < 1e-5));
    }
}
