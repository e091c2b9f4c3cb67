//! Fits the network: AdaGrad for the table's rows, Adam for the rest, noisy copies, early stop on the tune fold.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use router::DIM;
use serde::Serialize;

use crate::encode::{Encoded, Encoder, Known};
use crate::network::{Dense, Loss, Network, QUALITY, Shape, Target, factor, losses, place};
use crate::noise;
use crate::table::{Fold, OutcomeTable, Row, group};
use crate::{LearnError, Watch};

const BATCH: usize = 16;
const TABLE_RATE: f32 = 0.08;
/// Share that a table row loses each time it is touched, at the full rate.
const SHRINK: f32 = 2e-4;
/// Share of a copy's tokens that are left out, so that none is leaned on.
const DROPOUT: f64 = 0.3;
const DENSE_RATE: f32 = 0.002;
/// Passes without a better tune loss before training stops.
const PATIENCE: u32 = 4;
/// A fitted network.
#[derive(Debug)]
pub struct Trained {
    /// The parameters of the best pass.
    pub network: Network,
    /// Words of the training texts.
    pub known: Known,
    /// Losses by pass.
    pub curve: Vec<Point>,
    /// Rows of the train fold.
    pub rows: usize,
}

/// Losses after one pass: sums over heads of the mean loss.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Point {
    /// Number of the pass, from 1.
    pub epoch: u32,
    /// On noisy copies of the train fold, while training.
    pub train: f64,
    /// On the tune fold.
    pub tune: f64,
}

/// How the network is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkOptions {
    /// The embedding table has `2^bits` rows.
    pub bits: u32,
    /// Passes over the rows at most; fitting stops early when the tune fold no longer improves.
    pub epochs: u32,
    /// Seed of every random choice.
    pub seed: u64,
    /// What stops the passes.
    pub stop: Stop,
}

/// Which loss on unseen rows must still fall for the passes to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Of all heads together.
    All,
    /// Of the quality, which few noisy labels overfit long before the domains are learned.
    Quality,
}

/// Fits the network to the train fold, with early stop on the tune fold, or on a part of the train fold where that is
/// empty.
pub fn fit(
    table: &OutcomeTable,
    options: &NetworkOptions,
    watch: &dyn Watch,
) -> Result<Trained, LearnError> {
    let shape = Shape::of(table);
    let rng = &mut StdRng::seed_from_u64(options.seed);
    let (train, tune) = folds(table);
    if train.is_empty() || tune.is_empty() {
        return Err(LearnError::unfit(&table.name, "too few rows to learn from"));
    }
    let encoder = Encoder::new(options.bits, 0);
    let plain: Vec<Encoded> = train
        .iter()
        .map(|row| encoder.encode(&row.text, None))
        .collect();
    let known = Known::count(plain.iter());
    let targets: Vec<Target> = train.iter().map(|row| Target::of(row)).collect();
    let tune: Vec<(Encoded, Target)> = tune
        .iter()
        .map(|row| {
            let mut text = encoder.encode(&row.text, None);
            known.set_share(&mut text, 0);
            (text, Target::of(row))
        })
        .collect();
    let mut network = Network::new(shape, options.bits, rng);
    network.start_from(&targets);
    let mut fitter = Fitter::new(network, shape);
    let mut average = Average::default();
    let mut best: Option<(f64, Network)> = None;
    let (mut curve, mut stale) = (Vec::new(), 0);
    for epoch in 1..=options.epochs {
        let order = draw(table, &train, rng);
        watch.begin(&format!("pass {epoch}/{}", options.epochs), order.len());
        fitter.rate = decay(epoch, options.epochs);
        let mut loss = Loss::default();
        for batch in order.chunks(BATCH) {
            for at in batch {
                let Some((row, target)) = train.get(*at).zip(targets.get(*at)) else {
                    continue;
                };
                let copy = noise::copy(&row.text, rng);
                let mut text = encoder.encode(&copy, noise::system(rng));
                known.set_share(&mut text, 1);
                text.thin(DROPOUT, rng);
                fitter.add(&text, target, &mut loss);
            }
            fitter.step();
            watch.advance(batch.len());
        }
        watch.end();
        let network = average.add(&fitter.network);
        let heads = evaluate(network, &tune);
        let tuned = match options.stop {
            Stop::All => heads.total(),
            Stop::Quality => heads.means()[QUALITY],
        };
        if !(loss.total().is_finite() && tuned.is_finite()) {
            let message = format!("the loss is no number after pass {epoch}: nothing was written");
            return Err(LearnError::unfit(&table.name, message));
        }
        curve.push(Point {
            epoch,
            train: loss.total(),
            tune: tuned,
        });
        let [domain, scenario, outside, quality, cost, latency] = heads.means();
        watch.say(&format!(
            "pass {epoch}: train loss {:.4}, tune loss {tuned:.4}: domain {domain:.4} + scenario {scenario:.4} \
             + outside {outside:.4} + quality {quality:.4} + cost {cost:.4} + latency {latency:.4}",
            loss.total(),
        ));
        if best.as_ref().is_none_or(|(least, _)| tuned < *least) {
            best = Some((tuned, network.clone()));
            stale = 0;
        } else {
            stale += 1;
            if stale >= PATIENCE {
                break;
            }
        }
    }
    let Some((_, network)) = best else {
        return Err(LearnError::unfit(
            &table.name,
            "at least one pass is needed",
        ));
    };
    Ok(Trained {
        network,
        known,
        curve,
        rows: train.len(),
    })
}

/// The rows to learn from and those to stop by: the tune fold, or a tenth of the train fold where there is none.
fn folds(table: &OutcomeTable) -> (Vec<&Row>, Vec<&Row>) {
    let tune: Vec<&Row> = table.fold(Fold::Tune).collect();
    let train = table.fold(Fold::Train);
    if tune.is_empty() {
        return train.partition(|row| group(&row.text) % 10 != 3);
    }
    (train.collect(), tune)
}

fn evaluate(network: &Network, rows: &[(Encoded, Target)]) -> Loss {
    let mut loss = Loss::default();
    for (text, target) in rows {
        losses(&network.forward(text), target, &mut loss);
    }
    loss
}

/// The mean of the networks after each pass, which swings less than each of them.
#[derive(Default)]
struct Average {
    mean: Option<Network>,
    passes: f32,
}

impl Average {
    /// Adds a network and returns the mean so far.
    fn add(&mut self, network: &Network) -> &Network {
        self.passes += 1.0;
        let share = 1.0 / self.passes;
        let mean = self.mean.get_or_insert_with(|| network.clone());
        let mut newest = network.clone();
        let table = mean.table.as_flattened_mut().iter_mut();
        for (value, new) in table.zip(network.table.as_flattened()) {
            *value += share * (new - *value);
        }
        for (value, new) in mean.dense.numbers().zip(newest.dense.numbers()) {
            *value += share * (*new - *value);
        }
        mean
    }
}

/// The rows of one pass: of each source at most its cap, rare kinds more than once, in random order.
fn draw(table: &OutcomeTable, train: &[&Row], rng: &mut StdRng) -> Vec<usize> {
    let mut by_source: Vec<Vec<usize>> = vec![Vec::new(); table.sources.len().max(1)];
    let mut order = Vec::new();
    for (at, row) in train.iter().enumerate() {
        if row.times > 1 {
            order.extend(std::iter::repeat_n(at, row.times));
        } else if let Some(list) = by_source.get_mut(row.source) {
            list.push(at);
        }
    }
    for (at, list) in by_source.iter_mut().enumerate() {
        list.shuffle(rng);
        list.truncate(
            table
                .sources
                .get(at)
                .map_or(usize::MAX, |source| source.cap),
        );
        order.append(list);
    }
    order.shuffle(rng);
    order
}

/// Full rate in the first pass, a tenth in the last.
fn decay(epoch: u32, epochs: u32) -> f32 {
    let done = f64::from(epoch - 1) / f64::from(epochs.max(2) - 1);
    #[expect(clippy::cast_possible_truncation, reason = "a rate needs no 64 bits")]
    let rate = (1.0 - 0.9 * done) as f32;
    rate
}

/// The network with the state of its optimizers.
struct Fitter {
    network: Network,
    gradients: Dense,
    first: Dense,
    second: Dense,
    table_squares: Vec<f32>,
    texts: f32,
    steps: i32,
    rate: f32,
}

impl Fitter {
    fn new(network: Network, shape: Shape) -> Self {
        let zeros = || Dense::zeros(shape);
        Self {
            table_squares: vec![0.0; network.table.len()],
            network,
            gradients: zeros(),
            first: zeros(),
            second: zeros(),
            texts: 0.0,
            steps: 0,
            rate: 1.0,
        }
    }

    /// One text: gathers the dense gradients, moves the table's rows at once.
    fn add(&mut self, text: &Encoded, target: &Target, loss: &mut Loss) {
        let pass = self.network.forward(text);
        let slopes = losses(&pass, target, loss);
        let bags = self.network.backward(&pass, &slopes, &mut self.gradients);
        self.texts += 1.0;
        for (bag, slope) in text.bags.iter().zip(&bags) {
            let slope = slope.map(|value| value * factor(bag.len()));
            #[expect(clippy::cast_precision_loss, reason = "the width of a row is small")]
            let square = slope.iter().map(|value| value * value).sum::<f32>() / DIM as f32;
            if square <= 0.0 {
                continue;
            }
            for at in bag.iter().map(|row| place(*row)) {
                let table = self.network.table.get_mut(at);
                if let Some((row, sum)) = table.zip(self.table_squares.get_mut(at)) {
                    *sum += square;
                    let keep = 1.0 - self.rate * SHRINK;
                    let rate = self.rate * TABLE_RATE / (sum.sqrt() + 1e-6);
                    for (value, slope) in row.iter_mut().zip(&slope) {
                        *value = *value * keep - rate * slope;
                    }
                }
            }
        }
    }

    /// One step of Adam over the gathered gradients.
    fn step(&mut self) {
        self.steps += 1;
        let (warm_first, warm_second) = (
            1.0 - 0.9_f32.powi(self.steps),
            1.0 - 0.999_f32.powi(self.steps),
        );
        let scale = 1.0 / self.texts.max(1.0);
        let rate = self.rate * DENSE_RATE;
        let moments = self.first.numbers().zip(self.second.numbers());
        let numbers = self.network.dense.numbers().zip(self.gradients.numbers());
        for ((value, gradient), (first, second)) in numbers.zip(moments) {
            let slope = *gradient * scale;
            *first = 0.9 * *first + 0.1 * slope;
            *second = 0.999 * *second + 0.001 * slope * slope;
            *value -= rate * (*first / warm_first) / ((*second / warm_second).sqrt() + 1e-8);
            *gradient = 0.0;
        }
        self.texts = 0.0;
    }
}
