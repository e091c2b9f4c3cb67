//! The device's time, split without rest into computing, loading and waiting.

use units::Nanos;

/// What the device is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for work, or handing answers out.
    Idle,
    /// Bringing an expert into memory, evictions included.
    Load,
    /// Computing one step.
    Busy,
}

/// Where the time since the start went: `busy + load + idle = provisioned`, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) provisioned: Nanos,
    pub(crate) busy: Nanos,
    pub(crate) load: Nanos,
    pub(crate) idle: Nanos,
}

/// Adds up the phases of one device. The caller passes the time, never backwards; an earlier time
/// counts as the last one seen.
#[derive(Debug)]
pub(crate) struct DeviceClock {
    start: Nanos,
    mark: Nanos,
    phase: Phase,
    busy: Nanos,
    load: Nanos,
    idle: Nanos,
}

impl DeviceClock {
    /// An idle device, provisioned from `start` on.
    pub(crate) fn new(start: Nanos) -> Self {
        Self {
            start,
            mark: start,
            phase: Phase::Idle,
            busy: Nanos::ZERO,
            load: Nanos::ZERO,
            idle: Nanos::ZERO,
        }
    }

    /// Ends the current phase, begins another, and gives the time of the one that ended.
    pub(crate) fn enter(&mut self, phase: Phase, now: Nanos) -> Nanos {
        let now = now.max(self.mark);
        let spent = now.saturating_sub(self.mark);
        let sum = match self.phase {
            Phase::Idle => &mut self.idle,
            Phase::Load => &mut self.load,
            Phase::Busy => &mut self.busy,
        };
        *sum = sum.saturating_add(spent);
        self.mark = now;
        self.phase = phase;
        spent
    }

    /// The sums up to `now`, the current phase included.
    pub(crate) fn totals(&self, now: Nanos) -> Totals {
        let now = now.max(self.mark);
        let open = now.saturating_sub(self.mark);
        let with_open = |sum: Nanos, phase| {
            if self.phase == phase {
                sum.saturating_add(open)
            } else {
                sum
            }
        };
        Totals {
            provisioned: now.saturating_sub(self.start),
            busy: with_open(self.busy, Phase::Busy),
            load: with_open(self.load, Phase::Load),
            idle: with_open(self.idle, Phase::Idle),
        }
    }

    /// Time of finished steps: what the shares of their members add up to.
    pub(crate) fn finished_busy(&self) -> Nanos {
        self.busy
    }
}

/// Splits a step's time over its members by weight, by largest remainder, so that the shares add up
/// to the whole exactly. Ties go to earlier members; members that all weigh nothing share alike.
pub(crate) fn split(whole: Nanos, weights: &[u64]) -> Vec<Nanos> {
    let sum: u128 = weights.iter().map(|w| u128::from(*w)).sum();
    let even = vec![1; weights.len()];
    let (weights, sum) = match u128::try_from(weights.len()) {
        Ok(count) if sum == 0 => (even.as_slice(), count),
        _ => (weights, sum),
    };
    if sum == 0 {
        return Vec::new();
    }
    let mut shares = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    let mut given: u128 = 0;
    for (at, weight) in weights.iter().enumerate() {
        // Both factors hold 64 bits, so the product holds 128.
        let product = u128::from(whole.get()) * u128::from(*weight);
        let share = product / sum;
        given += share;
        shares.push(share);
        remainders.push((std::cmp::Reverse(product % sum), at));
    }
    remainders.sort_unstable();
    let rest = u128::from(whole.get()).saturating_sub(given);
    let lucky = remainders.iter().map(|(_, at)| *at);
    for at in lucky.take(usize::try_from(rest).unwrap_or(usize::MAX)) {
        if let Some(share) = shares.get_mut(at) {
            *share += 1;
        }
    }
    let narrow = |share: u128| Nanos::new(u64::try_from(share).unwrap_or(u64::MAX));
    shares.into_iter().map(narrow).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_rest_goes_to_the_largest_remainders() {
        let split = |whole, weights: &[u64]| -> Vec<u64> {
            let shares = split(Nanos::new(whole), weights);
            shares.into_iter().map(Nanos::get).collect()
        };
        assert_eq!(split(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(split(100, &[1, 2, 4]), [14, 29, 57]);
        assert_eq!(split(7, &[0, 0]), [4, 3]);
        assert_eq!(split(7, &[]), Vec::<u64>::new());
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_whole(
            whole in any::<u64>(), weights in prop::collection::vec(0_u64..1 << 40, 1..70),
        ) {
            let shares = split(Nanos::new(whole), &weights);
            let sum: u128 = shares.iter().map(|s| u128::from(s.get())).sum();
            prop_assert_eq!(sum, u128::from(whole));
            let total: u128 = weights.iter().map(|w| u128::from(*w)).sum();
            for (share, weight) in shares.iter().zip(&weights).filter(|_| total > 0) {
                let floor = u128::from(whole) * u128::from(*weight) / total;
                prop_assert!((floor..=floor + 1).contains(&u128::from(share.get())));
            }
        }

        #[test]
        fn phases_add_up_at_every_instant(
            start in 0_u64..1 << 40,
            moves in prop::collection::vec((0_u8..3, 0_u64..1 << 30, any::<bool>()), 0..60),
        ) {
            let mut clock = DeviceClock::new(Nanos::new(start));
            let mut now = start;
            for (phase, ahead, backwards) in moves {
                now += ahead;
                let phase = [Phase::Idle, Phase::Load, Phase::Busy][usize::from(phase)];
                let seen = if backwards { now.saturating_sub(ahead * 2) } else { now };
                clock.enter(phase, Nanos::new(seen));
                for at in [seen, now, now + 17] {
                    let t = clock.totals(Nanos::new(at));
                    prop_assert_eq!(
                        t.busy.get() + t.load.get() + t.idle.get(), t.provisioned.get());
                }
                let t = clock.totals(Nanos::new(now));
                prop_assert_eq!(t.provisioned.get(), now - start);
            }
        }
    }
}
