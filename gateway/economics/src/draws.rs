//! Random draws, passed in by the caller so that its seed repeats a result.

use std::f64::consts::TAU;

/// A source of uniformly distributed 64-bit numbers. Every `FnMut() -> u64` is one.
pub trait Draws {
    /// The next number.
    fn bits(&mut self) -> u64;

    /// A position below `length`, uniform up to a bias of `length / 2^64`; 0 where `length` is 0.
    fn below(&mut self, length: usize) -> usize {
        let product = u128::from(self.bits()) * length as u128;
        (product >> 64) as usize
    }

    /// A number in `[0, 1)`.
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number from the standard normal distribution (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }
}

impl<F: FnMut() -> u64> Draws for F {
    fn bits(&mut self) -> u64 {
        self()
    }
}

/// A generator for tests (Steele et al. 2014, splitmix64); a test prints its seed.
#[cfg(test)]
pub(crate) fn splitmix(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::{Draws, splitmix};

    #[test]
    fn draws_have_their_moments() {
        let mut draws = splitmix(7);
        let n = 40_000;
        let (mut mean, mut square, mut counts) = (0.0, 0.0, [0usize; 5]);
        for _ in 0..n {
            let z = draws.normal();
            mean += z / f64::from(n);
            square += z * z / f64::from(n);
            counts[draws.below(5)] += 1;
        }
        assert!(
            mean.abs() < 0.02 && (square - 1.0).abs() < 0.03,
            "{mean} {square}"
        );
        assert!(counts.iter().all(|c| c.abs_diff(8_000) < 400), "{counts:?}");
        assert_eq!(draws.below(0), 0);
    }
}
