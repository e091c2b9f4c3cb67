//! Latency counts in log-linear slots that merge by adding, so that percentiles are never averaged.

use std::collections::BTreeMap;

use units::Nanos;

/// A range of latencies: sixteen to each power of two, so a slot is at most 1/16 wider than its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LatencySlot(u16);

impl LatencySlot {
    /// Bits kept after the leading one.
    const BITS: u32 = 4;

    /// The slot of a latency.
    pub fn of(latency: Nanos) -> Self {
        let ns = latency.get();
        let Some(power) = ns.checked_ilog2().filter(|power| *power >= Self::BITS) else {
            // Below 16 ns each nanosecond is its own slot.
            return Self(u16::try_from(ns).unwrap_or(u16::MAX));
        };
        let shift = power.saturating_sub(Self::BITS);
        let mantissa = ns.checked_shr(shift).unwrap_or(0);
        // `mantissa` is 16..=31: the leading one adds the first sixteen.
        let slot = u64::from(shift).saturating_mul(16).saturating_add(mantissa);
        Self(u16::try_from(slot).unwrap_or(u16::MAX))
    }

    /// Wraps a stored index.
    pub const fn from_index(index: u16) -> Self {
        Self(index)
    }

    /// The index stored.
    pub const fn index(self) -> u16 {
        self.0
    }

    /// The smallest latency of the slot.
    pub fn start(self) -> Nanos {
        let index = u64::from(self.0);
        let shift = u32::try_from(index.div_euclid(16).saturating_sub(1)).unwrap_or(0);
        let mantissa = match index {
            0..16 => index,
            _ => index.rem_euclid(16).saturating_add(16),
        };
        let room = mantissa.leading_zeros();
        if shift > room {
            return Nanos::new(u64::MAX);
        }
        Nanos::new(mantissa.checked_shl(shift).unwrap_or(u64::MAX))
    }

    /// The middle of the slot, within 1/32 of every latency in it.
    pub fn middle(self) -> Nanos {
        let start = self.start();
        let end = Self(self.0.saturating_add(1)).start();
        let half = end.saturating_sub(start).get().div_euclid(2);
        start.saturating_add(Nanos::new(half))
    }
}

/// Counts by slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatencyHistogram {
    counts: BTreeMap<LatencySlot, u64>,
}

impl LatencyHistogram {
    /// Counts one latency.
    pub fn record(&mut self, latency: Nanos) {
        self.add(LatencySlot::of(latency), 1);
    }

    /// Adds a stored count.
    pub fn add(&mut self, slot: LatencySlot, count: u64) {
        let sum = self.counts.entry(slot).or_default();
        *sum = sum.saturating_add(count);
    }

    /// Adds all counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (slot, count) in &other.counts {
            self.add(*slot, *count);
        }
    }

    /// How many latencies were counted.
    pub fn count(&self) -> u64 {
        self.counts
            .values()
            .fold(0, |sum: u64, n| sum.saturating_add(*n))
    }

    /// The latency below or at which `per_mille` thousandths of all lie, to 1/32; `None` when there are none.
    pub fn quantile(&self, per_mille: u16) -> Option<Nanos> {
        let all = u128::from(self.count());
        let rank = all
            .saturating_mul(u128::from(per_mille))
            .div_ceil(1_000)
            .max(1);
        let mut seen = 0_u128;
        for (slot, count) in &self.counts {
            seen = seen.saturating_add(u128::from(*count));
            if seen >= rank {
                return Some(slot.middle());
            }
        }
        None
    }

    /// The counts, smallest slot first.
    pub fn counts(&self) -> impl Iterator<Item = (LatencySlot, u64)> + '_ {
        self.counts.iter().map(|(slot, count)| (*slot, *count))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_slot_holds_its_latencies(ns in any::<u64>()) {
            let slot = LatencySlot::of(Nanos::new(ns));
            prop_assert!(slot.start().get() <= ns);
            let next = LatencySlot::from_index(slot.index() + 1).start().get();
            prop_assert!(ns < next || next == u64::MAX);
            let middle = slot.middle().get();
            prop_assert!(middle.abs_diff(ns) <= ns / 16 + 1, "{middle} for {ns}");
        }

        #[test]
        fn slots_keep_order(a in any::<u64>(), b in any::<u64>()) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(LatencySlot::of(Nanos::new(low)) <= LatencySlot::of(Nanos::new(high)));
        }

        #[test]
        fn quantiles_are_those_of_the_sorted_list(mut list in prop::collection::vec(1_u64..10_u64.pow(12), 1..300), per_mille in 1_u16..=1_000) {
            let (mut left, mut right) = (LatencyHistogram::default(), LatencyHistogram::default());
            for (at, ns) in list.iter().enumerate() {
                let half = if at % 2 == 0 { &mut left } else { &mut right };
                half.record(Nanos::new(*ns));
            }
            left.merge(&right);
            list.sort_unstable();
            let rank = (list.len() * usize::from(per_mille)).div_ceil(1_000).max(1);
            let exact = list[rank - 1];
            let got = left.quantile(per_mille).unwrap().get();
            prop_assert!(got.abs_diff(exact) <= exact / 16 + 1, "{got} for {exact}");
        }
    }

    #[test]
    fn nothing_counted_has_no_quantile() {
        assert_eq!(LatencyHistogram::default().quantile(500), None);
    }
}
