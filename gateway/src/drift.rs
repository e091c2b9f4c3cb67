//! Counts scores, prompt lengths and choices of the last decisions, and compares each full window with what the gate was
//! trained on. Counting is a few atomic additions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gate_learn::drift::{ALARM, BINS, Bins, Reference, bin_of_length, bin_of_score, entropy, psi};
use parking_lot::Mutex;
use router::Gate;
use units::ExpertId;

use crate::catalog::Catalog;
use crate::metrics::Metrics;

/// The counters of the running window.
#[derive(Debug)]
pub struct Drift {
    window: u64,
    score: [AtomicU64; BINS],
    length: [AtomicU64; BINS],
    experts: Vec<(ExpertId, AtomicU64)>,
    compared: Mutex<Compared>,
}

/// What windows are compared with.
#[derive(Debug, Default)]
struct Compared {
    gate: Option<Arc<str>>,
    reference: Option<Reference>,
}

impl Drift {
    /// Empty counters for these experts; a window is full after so many decisions.
    pub fn new(catalog: &Catalog, window: u32) -> Self {
        let experts = catalog.experts().iter();
        Self {
            window: window.into(),
            score: [const { AtomicU64::new(0) }; BINS],
            length: [const { AtomicU64::new(0) }; BINS],
            experts: experts
                .map(|expert| (expert.id.clone(), AtomicU64::new(0)))
                .collect(),
            compared: Mutex::new(Compared::default()),
        }
    }

    /// Counts one decision: predicted quality of the choice, the first number of the prompt, the choice.
    pub fn note(&self, score: f32, bytes_log: f32, chosen: &ExpertId) {
        let places = [
            self.score.get(bin_of_score(score)),
            self.length.get(bin_of_length(bytes_log)),
        ];
        let expert = self.experts.binary_search_by(|(id, _)| id.cmp(chosen)).ok();
        let expert = expert.and_then(|at| self.experts.get(at)).map(|(_, n)| n);
        for counter in places.into_iter().flatten().chain(expert) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Compares the window if it is full, sets the gauges and starts a new one. The reference is the gate's own; where
    /// it carries none, its first window.
    pub fn compare(&self, gate: &Gate, metrics: &Metrics) {
        let full = |bins: &[AtomicU64]| bins.iter().map(|n| n.load(Ordering::Relaxed)).sum::<u64>();
        if full(&self.score) < self.window {
            return;
        }
        let seen = Reference {
            score: take(&self.score),
            length: take(&self.length),
        };
        let chosen: Vec<u64> = self
            .experts
            .iter()
            .map(|(_, n)| n.swap(0, Ordering::Relaxed))
            .collect();
        metrics.selection_entropy.set(entropy(&chosen));
        let mut compared = self.compared.lock();
        if compared.gate.as_ref() != Some(gate.version()) {
            compared.gate = Some(Arc::clone(gate.version()));
            compared.reference = Reference::of(gate.manifest());
        }
        let reference = compared.reference.get_or_insert_with(|| seen.clone());
        for (of, then, now) in [
            ("score", &reference.score, &seen.score),
            ("length", &reference.length, &seen.length),
        ] {
            let index = psi(then, now);
            metrics.drift.with_label_values(&[of]).set(index);
            let alarm = index > ALARM;
            metrics
                .drift_alarm
                .with_label_values(&[of])
                .set(i64::from(alarm));
            if alarm {
                tracing::warn!(of, index, gate = %gate.version(), "traffic differs from what the gate has learned");
            }
        }
    }
}

fn take(bins: &[AtomicU64; BINS]) -> Bins {
    std::array::from_fn(|at| bins.get(at).map_or(0, |n| n.swap(0, Ordering::Relaxed)))
}
