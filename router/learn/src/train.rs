//! Fits the network: AdaGrad for the table's rows, Adam for the rest, noisy copies, early stop on the tune fold.

use anyhow::{Result, bail};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use router::DIM;
use serde::Serialize;
use units::TenantId;

use crate::Watch;
use crate::corpus::{Corpus, Fold, Row};
use crate::encode::{Encoded, Known, encode};
use crate::network::{Dense, Loss, Network, Target, factor, losses, place};
use crate::noise;
use crate::shipped::Options;

const BATCH: usize = 16;
const TABLE_RATE: f32 = 0.08;
/// Share that a table row loses each time it is touched, at the full rate.
const SHRINK: f32 = 2e-4;
/// Share of a copy's tokens that are left out, so that none is leaned on.
const DROPOUT: f64 = 0.3;
const DENSE_RATE: f32 = 0.002;
/// Passes without a better tune loss before training stops.
const PATIENCE: u32 = 4;
/// A row with an observed outcome is drawn so many times in one pass.
const OBSERVED_TIMES: usize = 2;
/// An outside row of a source that has mostly inside rows, likewise.
const OUTSIDE_TIMES: usize = 4;

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

/// Fits the network to a labelled corpus.
pub fn fit(corpus: &Corpus, experts: usize, args: &Options, watch: &dyn Watch) -> Result<Trained> {
    let tenant = TenantId::new("trainer")?;
    let rng = &mut StdRng::seed_from_u64(args.seed);
    let train: Vec<&Row> = corpus.fold(Fold::Train).collect();
    let plain: Vec<Encoded> = train
        .iter()
        .map(|row| encode(&row.text, None, &tenant))
        .collect();
    let known = Known::count(plain.iter());
    let tune: Vec<(Encoded, &Row)> = corpus
        .fold(Fold::Tune)
        .map(|row| {
            let mut text = encode(&row.text, None, &tenant);
            known.set_share(&mut text, 0);
            (text, row)
        })
        .collect();
    let mut fitter = Fitter::new(Network::new(experts, rng), experts);
    let mut average = Average::default();
    let mut best: Option<(f64, Network)> = None;
    let (mut curve, mut stale) = (Vec::new(), 0);
    for epoch in 1..=args.epochs {
        let order = draw(corpus, &train, rng);
        watch.begin(&format!("pass {epoch}/{}", args.epochs), order.len());
        fitter.rate = decay(epoch, args.epochs);
        let mut loss = Loss::default();
        for batch in order.chunks(BATCH) {
            for at in batch {
                let Some(row) = train.get(*at) else { continue };
                let copy = noise::copy(&row.text, rng);
                let mut text = encode(&copy, noise::system(rng), &tenant);
                known.set_share(&mut text, 1);
                text.thin(DROPOUT, rng);
                fitter.add(&text, &target(row), &mut loss);
            }
            fitter.step();
            watch.advance(batch.len());
        }
        watch.end();
        let network = average.add(&fitter.network);
        let heads = evaluate(network, &tune);
        let tuned = heads.total();
        if !(loss.total().is_finite() && tuned.is_finite()) {
            bail!("the loss is no number after pass {epoch}: nothing was written");
        }
        let [domain, scenario, outside, quality] = heads.means();
        curve.push(Point {
            epoch,
            train: loss.total(),
            tune: tuned,
        });
        watch.say(&format!(
            "pass {epoch}: train loss {:.4}, tune loss {tuned:.4} = domain {domain:.4} + scenario {scenario:.4} \
             + outside {outside:.4} + quality {quality:.4}",
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
        bail!("--epochs must be at least 1");
    };
    Ok(Trained {
        network,
        known,
        curve,
        rows: train.len(),
    })
}

fn target(row: &Row) -> Target<'_> {
    let Row {
        domain,
        scenario,
        outside,
        quality,
        ..
    } = row;
    Target {
        domain: *domain,
        scenario: *scenario,
        outside: *outside,
        quality,
    }
}

fn evaluate(network: &Network, rows: &[(Encoded, &Row)]) -> Loss {
    let mut loss = Loss::default();
    for (text, row) in rows {
        losses(&network.forward(text), &target(row), &mut loss);
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
fn draw(corpus: &Corpus, train: &[&Row], rng: &mut StdRng) -> Vec<usize> {
    let mut by_source: Vec<Vec<usize>> = vec![Vec::new(); corpus.sources.len()];
    let mut order = Vec::new();
    for (at, row) in train.iter().enumerate() {
        if row.observed.contains(&true) {
            order.extend(std::iter::repeat_n(at, OBSERVED_TIMES));
        } else if row.outside && row.task.is_some() || row.foreign {
            order.extend(std::iter::repeat_n(at, OUTSIDE_TIMES));
        } else if let Some(list) = by_source.get_mut(row.source) {
            list.push(at);
        }
    }
    for (list, read) in by_source.iter_mut().zip(&corpus.sources) {
        list.shuffle(rng);
        list.truncate(read.source.cap);
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
    fn new(network: Network, experts: usize) -> Self {
        let zeros = || Dense::zeros(experts);
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
    fn add(&mut self, text: &Encoded, target: &Target<'_>, loss: &mut Loss) {
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
