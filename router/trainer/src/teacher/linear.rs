//! A teacher of one linear classifier per label over words and pairs of words, weighed by TF-IDF.
//!
//! Each classifier is a support vector machine with squared hinge loss, fitted by dual coordinate descent (Hsieh et al.
//! 2008, algorithm 1). What it says about the rows to learn from comes from classifiers that did not see them.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::Result;
use expert_card::Choice;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::said::{self, Said, logarithms};
use super::{Facts, Lesson};
use crate::calibrate;
use crate::data::Row;
use crate::recipe::TaskRecipe;

/// Passes of coordinate descent at most.
const PASSES: usize = 40;
/// It ends when no row's projected gradient is larger.
const CLOSE: f32 = 0.05;

/// A text as features with their weights.
type Sparse = Vec<(usize, f32)>;

/// Fits the classifiers and says what they think.
pub(super) fn teach(
    task: &TaskRecipe,
    lesson: &Lesson,
    seed: u64,
    folds: usize,
    cost: f64,
) -> Result<Said> {
    let started = Instant::now();
    let data = &lesson.data;
    let labels = lesson.answers.labels.len();
    let words = Words::of(data.train.iter().map(|row| row.text.as_str()));
    let train: Vec<Sparse> = data
        .train
        .iter()
        .map(|row| words.features(&row.text))
        .collect();
    let fold = folds_of(data.train.len(), folds, seed);
    let fit = |left_out: Option<usize>| {
        let rows: Vec<(&Sparse, &Row)> = train
            .iter()
            .zip(&data.train)
            .zip(&fold)
            .filter(|(_, fold)| Some(**fold) != left_out)
            .map(|(row, _)| row)
            .collect();
        Machines::fit(&rows, labels, words.count(), cost, seed)
    };
    let mut margins = vec![Vec::new(); train.len()];
    for left_out in 0..folds {
        let machines = fit(Some(left_out));
        for ((slot, features), fold) in margins.iter_mut().zip(&train).zip(&fold) {
            if *fold == left_out {
                *slot = machines.margins(features);
            }
        }
    }
    let temperature = temperature(&margins, &data.train, task.choice);
    let whole = fit(None);
    let say = |margins: &[f32]| Some(logarithms(margins, task.choice, temperature));
    let judge = |text: &str| say(&whole.margins(&words.features(text)));
    let train: Vec<_> = margins.iter().map(|margins| say(margins)).collect();
    let dev: Vec<_> = data.dev.iter().map(|row| judge(&row.text)).collect();
    let unlabelled: Vec<_> = data.unlabelled.iter().map(|text| judge(text)).collect();
    let scores = said::scores(&dev, &data.dev, task.choice);
    let learned = said::scores(&train, &data.train, task.choice);
    let facts = Facts {
        kind: "linear".into(),
        name: format!(
            "linear classifiers over words and pairs of words of {}",
            task.id
        ),
        licence: task.source.licence.clone(),
        dev_accuracy: scores.map(|s| s.0),
        dev_macro_f1: scores.map(|s| s.1),
        train_rows: train.len(),
        train_accuracy: learned.map(|s| s.0),
        unlabelled_rows: unlabelled.len(),
        temperature,
        seconds: started.elapsed().as_secs(),
        epochs: Vec::new(),
        cost: None,
    };
    Ok(Said {
        train,
        dev,
        unlabelled,
        states: Vec::new(),
        facts,
    })
}

/// The temperature of the margins of rows that the classifiers did not see.
fn temperature(margins: &[Vec<f32>], rows: &[Row], choice: Choice) -> f64 {
    match choice {
        Choice::One => {
            let pair = |(margins, row): (&'_ Vec<f32>, &Row)| {
                row.labels.first().map(|label| (margins.clone(), *label))
            };
            let pairs: Vec<_> = margins.iter().zip(rows).filter_map(pair).collect();
            let pairs: Vec<(&[f32], usize)> = pairs
                .iter()
                .map(|(m, label)| (m.as_slice(), *label))
                .collect();
            calibrate::temperature(&pairs)
        }
        Choice::Any => {
            let pairs = margins.iter().zip(rows);
            let pairs: Vec<(&[f32], &[usize])> = pairs
                .map(|(margins, row)| (margins.as_slice(), row.labels.as_slice()))
                .collect();
            calibrate::temperature_any(&pairs)
        }
    }
}

/// The fold of each row, in random order and of equal sizes.
fn folds_of(rows: usize, folds: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).map(|row| row % folds.max(1)).collect();
    order.shuffle(&mut StdRng::seed_from_u64(seed));
    order
}

/// Words and pairs of neighbouring words that at least two texts have, with the weight of their rarity.
struct Words {
    known: HashMap<String, (usize, f32)>,
}

impl Words {
    fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let (mut frequencies, mut count): (HashMap<String, u32>, u32) = (HashMap::new(), 0);
        for text in texts {
            count += 1;
            let mut seen: Vec<String> = grams(text).collect();
            seen.sort_unstable();
            seen.dedup();
            for gram in seen {
                *frequencies.entry(gram).or_default() += 1;
            }
        }
        let mut shared: Vec<(String, u32)> =
            frequencies.into_iter().filter(|(_, n)| *n > 1).collect();
        shared.sort_unstable();
        let rarity = |n: u32| narrow((f64::from(count + 1) / f64::from(n + 1)).ln() + 1.0);
        let numbered = shared.into_iter().enumerate();
        let known = numbered
            .map(|(at, (gram, n))| (gram, (at, rarity(n))))
            .collect();
        Self { known }
    }

    fn count(&self) -> usize {
        self.known.len()
    }

    /// TF-IDF with logarithmic counts, of length 1.
    fn features(&self, text: &str) -> Sparse {
        let mut counts: HashMap<usize, (u32, f32)> = HashMap::new();
        for gram in grams(text) {
            if let Some((at, rarity)) = self.known.get(&gram) {
                counts.entry(*at).or_insert((0, *rarity)).0 += 1;
            }
        }
        let weigh =
            |(at, (n, rarity)): (usize, (u32, f32))| (at, narrow(1.0 + f64::from(n).ln()) * rarity);
        let mut features: Sparse = counts.into_iter().map(weigh).collect();
        features.sort_unstable_by_key(|(at, _)| *at);
        let length = features.iter().map(|(_, x)| x * x).sum::<f32>().sqrt();
        features
            .iter_mut()
            .for_each(|(_, x)| *x /= length.max(f32::MIN_POSITIVE));
        features
    }
}

fn grams(text: &str) -> impl Iterator<Item = String> + '_ {
    let lower = text.to_lowercase();
    let words: Vec<String> = lower
        .split(|sign: char| !sign.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let pairs: Vec<String> = words.windows(2).map(|pair| pair.join(" ")).collect();
    words.into_iter().chain(pairs)
}

#[expect(clippy::cast_possible_truncation, reason = "weights need no more")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// One linear classifier per label, each with a bias as its last weight.
struct Machines {
    weights: Vec<Vec<f32>>,
}

impl Machines {
    fn fit(rows: &[(&Sparse, &Row)], labels: usize, width: usize, cost: f64, seed: u64) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut weights = vec![Vec::new(); labels];
        let part = labels.div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            for (at, part_weights) in weights.chunks_mut(part).enumerate() {
                scope.spawn(move || {
                    for (offset, slot) in part_weights.iter_mut().enumerate() {
                        *slot = machine(rows, at * part + offset, width, cost, seed);
                    }
                });
            }
        });
        Self { weights }
    }

    /// How far each label's classifier is from its border.
    fn margins(&self, features: &Sparse) -> Vec<f32> {
        self.weights
            .iter()
            .map(|weights| dot(weights, features))
            .collect()
    }
}

fn dot(weights: &[f32], features: &Sparse) -> f32 {
    let bias = weights.last().copied().unwrap_or(0.0);
    let part = |(at, x): &(usize, f32)| weights.get(*at).copied().unwrap_or(0.0) * x;
    features.iter().map(part).sum::<f32>() + bias
}

/// One classifier: rows of the label against all others.
fn machine(rows: &[(&Sparse, &Row)], label: usize, width: usize, cost: f64, seed: u64) -> Vec<f32> {
    let mut weights = vec![0f32; width + 1];
    let mut duals = vec![0f32; rows.len()];
    let diagonal = narrow(0.5 / cost);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut random = StdRng::seed_from_u64(seed.wrapping_add(u64::try_from(label).unwrap_or(0)));
    for _ in 0..PASSES {
        order.shuffle(&mut random);
        let mut largest = 0f32;
        for &at in &order {
            let (Some((features, row)), Some(dual)) = (rows.get(at), duals.get_mut(at)) else {
                continue;
            };
            let side = if row.labels.contains(&label) {
                1.0
            } else {
                -1.0
            };
            let gradient = side * dot(&weights, features) - 1.0 + diagonal * *dual;
            let projected = if *dual == 0.0 {
                gradient.min(0.0)
            } else {
                gradient
            };
            largest = largest.max(projected.abs());
            if projected.abs() < 1e-6 {
                continue;
            }
            // Features have length 1, and the bias is one more feature of 1.
            let curvature = 2.0 + diagonal;
            let before = *dual;
            *dual = (before - gradient / curvature).max(0.0);
            let change = (*dual - before) * side;
            for (at, x) in *features {
                if let Some(weight) = weights.get_mut(*at) {
                    *weight += change * x;
                }
            }
            if let Some(bias) = weights.last_mut() {
                *bias += change;
            }
        }
        if largest < CLOSE {
            break;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::{Machines, Sparse, Words, folds_of};
    use crate::data::Row;

    fn row(text: &str, label: usize) -> Row {
        Row {
            text: text.into(),
            labels: vec![label],
        }
    }

    #[test]
    fn learns_which_words_speak_for_which_label() {
        let rows = [
            row("the card was lost", 0),
            row("my card is lost", 0),
            row("a lost card again", 0),
            row("the transfer is late", 1),
            row("my transfer was late", 1),
            row("a late transfer again", 1),
        ];
        let words = Words::of(rows.iter().map(|row| row.text.as_str()));
        let features: Vec<Sparse> = rows.iter().map(|row| words.features(&row.text)).collect();
        for f in &features {
            let length: f32 = f.iter().map(|(_, x)| x * x).sum();
            assert!((length - 1.0).abs() < 1e-5, "{length}");
        }
        let pairs: Vec<(&Sparse, &Row)> = features.iter().zip(&rows).collect();
        let machines = Machines::fit(&pairs, 2, words.count(), 1.0, 3);
        for (features, row) in &pairs {
            let margins = machines.margins(features);
            assert_eq!(
                usize::from(margins[1] > margins[0]),
                row.labels[0],
                "{margins:?}"
            );
        }
        let unseen = machines.margins(&words.features("transfer"));
        assert!(unseen[1] > 0.0 && unseen[0] < 0.0, "{unseen:?}");
    }

    #[test]
    fn folds_are_of_equal_size_and_fixed_by_the_seed() {
        let folds = folds_of(103, 5, 9);
        for fold in 0..5 {
            let size = folds.iter().filter(|f| **f == fold).count();
            assert!((20..=21).contains(&size), "{size}");
        }
        assert_eq!(folds, folds_of(103, 5, 9));
        assert_ne!(folds, folds_of(103, 5, 10));
    }
}
