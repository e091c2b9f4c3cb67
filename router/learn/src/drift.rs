//! Has the traffic changed since the gate was trained? Shares of scores and of prompt lengths in fixed bins, compared by
//! the population stability index: under 0.1 little has changed, over 0.25 much has.

use router::Manifest;
use serde::{Deserialize, Serialize};

use crate::off_policy::count;

/// Bins of each histogram.
pub const BINS: usize = 10;
/// From here on the traffic counts as changed.
pub const ALARM: f64 = 0.25;
/// Key of the reference among a package's metrics.
const KEY: &str = "reference";
/// Upper end of the length's number (`bytes_log`): 160 KB.
const LONGEST: f32 = 1.2;

/// Counts in fixed bins.
pub type Bins = [u64; BINS];

/// The bin of a share in `[0, 1]`.
pub fn bin_of_score(score: f32) -> usize {
    bin(score)
}

/// The bin of a prompt by its first number, `bytes_log`.
pub fn bin_of_length(bytes_log: f32) -> usize {
    bin(bytes_log / LONGEST)
}

fn bin(share: f32) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "held inside the bins; NaN becomes 0"
    )]
    let place = (share.clamp(0.0, 1.0) * BINS as f32) as usize;
    place.min(BINS - 1)
}

/// What the traffic was like in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Predicted quality of the choice.
    pub score: Bins,
    /// Length of the prompt.
    pub length: Bins,
}

impl Reference {
    /// Nothing seen.
    pub const fn new() -> Self {
        Self {
            score: [0; BINS],
            length: [0; BINS],
        }
    }

    /// Adds one request.
    pub fn add(&mut self, score: f32, bytes_log: f32) {
        for (bins, at) in [
            (&mut self.score, bin_of_score(score)),
            (&mut self.length, bin_of_length(bytes_log)),
        ] {
            if let Some(bin) = bins.get_mut(at) {
                *bin = bin.saturating_add(1);
            }
        }
    }

    /// The one that a package carries, if it does.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let value = manifest.metrics.get(KEY)?;
        serde_json::from_value(value.clone()).ok()
    }

    /// Puts it into a package.
    pub fn put(&self, manifest: &mut Manifest) {
        if let Ok(value) = serde_json::to_value(self) {
            manifest.metrics.insert(KEY.to_owned(), value);
        }
    }
}

impl Default for Reference {
    fn default() -> Self {
        Self::new()
    }
}

/// Population stability index between two histograms, each with half a count more in every bin, so that an empty bin is
/// no infinity. 0 where either is empty.
pub fn psi(reference: &Bins, seen: &Bins) -> f64 {
    let total = |bins: &Bins| bins.iter().sum::<u64>();
    if total(reference) == 0 || total(seen) == 0 {
        return 0.0;
    }
    let share = |bins: &Bins, at: usize| {
        let n = bins.get(at).copied().unwrap_or(0);
        (float(n) + 0.5) / (float(total(bins)) + 0.5 * count(BINS))
    };
    (0..BINS)
        .map(|at| {
            let (then, now) = (share(reference, at), share(seen, at));
            (now - then) * (now / then).ln()
        })
        .sum()
}

/// Entropy of a choice over its options, 1 where all are as frequent, 0 where one takes all or there is only one.
pub fn entropy(counts: &[u64]) -> f64 {
    let sum = float(counts.iter().sum());
    if sum <= 0.0 || counts.len() < 2 {
        return 0.0;
    }
    let shares = counts.iter().map(|n| float(*n) / sum).filter(|p| *p > 0.0);
    shares.map(|p| -p * p.ln()).sum::<f64>() / count(counts.len()).ln()
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no exact count")]
fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_traffic_has_not_drifted_and_other_traffic_has() {
        let (mut then, mut same, mut other) =
            (Reference::new(), Reference::new(), Reference::new());
        for n in 0..1_000_u16 {
            let share = f32::from(n % 100) / 100.0;
            then.add(share, 0.4 + share / 10.0);
            if n % 2 == 0 {
                same.add(share, 0.4 + share / 10.0);
            }
            other.add(share * share, 0.9);
        }
        assert!(psi(&then.score, &same.score) < 0.01);
        assert!(psi(&then.score, &other.score) > 0.2);
        assert!(psi(&then.length, &other.length) > ALARM);
        assert_eq!(psi(&then.score, &[0; BINS]), 0.0);
    }

    #[test]
    fn by_hand() {
        // Shares (1/6, 5/6) and back, over two of the bins: 2 · 4/6 · ln 5, less what the half counts take.
        let (mut a, mut b) = ([0; BINS], [0; BINS]);
        (a[0], a[1], b[0], b[1]) = (100_000, 500_000, 500_000, 100_000);
        let exact = 2.0 * (4.0 / 6.0) * 5.0_f64.ln();
        assert!((psi(&a, &b) - exact).abs() < 1e-3);
    }

    #[test]
    fn bins_hold_everything() {
        for strange in [-1.0, 0.0, 1.0, 7.0, f32::NAN, f32::INFINITY] {
            assert!(bin_of_score(strange) < BINS && bin_of_length(strange) < BINS);
        }
    }

    #[test]
    fn entropy_is_that_of_shares() {
        assert!((entropy(&[5, 5, 5]) - 1.0).abs() < 1e-12);
        assert_eq!(entropy(&[9, 0]), 0.0);
        assert_eq!(entropy(&[9]), 0.0);
        assert_eq!(entropy(&[0, 0]), 0.0);
    }
}
