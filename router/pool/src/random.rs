//! Numbers that need be even, not secret: which replicas to compare, how to spread waits.

use std::sync::atomic::{AtomicU64, Ordering};

/// A shared SplitMix64 sequence (Steele, Lea and Flood 2014).
#[derive(Debug)]
pub(crate) struct Random(AtomicU64);

impl Random {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut z = self
            .0
            .fetch_add(Self::STEP, Ordering::Relaxed)
            .wrapping_add(Self::STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub(crate) fn below(&self, bound: usize) -> usize {
        let wide = u128::from(self.next()).saturating_mul(bound as u128) >> 64;
        usize::try_from(wide).unwrap_or(0)
    }

    /// A duration within a tenth of `around`.
    pub(crate) fn vary(&self, around: std::time::Duration) -> std::time::Duration {
        let tenth = around / 10;
        let span = u64::try_from(tenth.as_nanos()).unwrap_or(u64::MAX / 2);
        let more = self.next() % span.saturating_mul(2).max(1);
        (around.saturating_sub(tenth)).saturating_add(std::time::Duration::from_nanos(more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn numbers_stay_in_bounds_and_reach_all() {
        let random = Random::new(7);
        let mut seen = [0_u32; 5];
        for _ in 0..5_000 {
            seen[random.below(5)] += 1;
            let wait = random.vary(Duration::from_secs(1));
            assert!((900..1_100).contains(&wait.as_millis()), "{wait:?}");
        }
        assert!(seen.iter().all(|n| (800..1_200).contains(n)), "{seen:?}");
        assert_eq!(random.below(0), 0);
        assert!(random.vary(Duration::ZERO) < Duration::from_nanos(2));
    }
}
