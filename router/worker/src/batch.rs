//! Which of the waiting requests share the next step: the oldest, and others of about its length.

/// Bounds of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most members of a step; at least 1.
    pub members: usize,
    /// Most tokens of a step, padding included. One request alone may be larger.
    pub padded_tokens: usize,
    /// Most padding of a step, in percent of its tokens.
    pub waste_percent: usize,
}

impl BatchLimits {
    /// Limits for a number of members; 16 384 tokens of which at most a quarter is padding.
    pub fn of_members(members: usize) -> Self {
        Self {
            members: members.max(1),
            padded_tokens: 16_384,
            waste_percent: 25,
        }
    }

    fn allow(&self, run: Run) -> bool {
        let padded = run.padded();
        run.count <= self.members
            && padded <= self.padded_tokens
            && run.waste().saturating_mul(100) <= padded.saturating_mul(self.waste_percent)
    }
}

/// Some requests that are neighbours by length.
#[derive(Clone, Copy)]
struct Run {
    count: usize,
    longest: usize,
    tokens: usize,
}

impl Run {
    fn with(self, length: usize) -> Self {
        Self {
            count: self.count.saturating_add(1),
            longest: self.longest.max(length),
            tokens: self.tokens.saturating_add(length),
        }
    }

    fn padded(self) -> usize {
        self.count.saturating_mul(self.longest)
    }

    fn waste(self) -> usize {
        self.padded().saturating_sub(self.tokens)
    }
}

/// Chooses from requests in order of arrival, given by their lengths in tokens: always the first,
/// then whoever is nearest in length while the step stays within `limits`. Gives positions in order
/// of arrival; empty only where nobody waits.
pub(crate) fn choose(lengths: &[usize], limits: &BatchLimits) -> Vec<usize> {
    let Some(&oldest) = lengths.first() else {
        return Vec::new();
    };
    let mut by_length: Vec<(usize, usize)> = lengths.iter().copied().zip(0..).collect();
    by_length.sort_unstable();
    let home = by_length.partition_point(|&entry| entry < (oldest, 0));
    let mut shorter = by_length.iter().take(home).rev().copied().peekable();
    let mut longer = by_length
        .iter()
        .skip(home.saturating_add(1))
        .copied()
        .peekable();
    let mut run = Run {
        count: 1,
        longest: oldest,
        tokens: oldest,
    };
    let mut chosen = vec![0];
    loop {
        let grown = |next: Option<&(usize, usize)>| {
            next.map(|(length, _)| run.with(*length))
                .filter(|run| limits.allow(*run))
        };
        let below = grown(shorter.peek());
        let above = grown(longer.peek());
        let (next, side) = match (below, above) {
            (None, None) => break,
            (Some(below), Some(above)) if above.waste() < below.waste() => (above, longer.next()),
            (Some(below), _) => (below, shorter.next()),
            (None, Some(above)) => (above, longer.next()),
        };
        run = next;
        chosen.extend(side.map(|(_, at)| at));
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_oldest_goes_with_those_of_its_length() {
        let limits = BatchLimits::of_members(4);
        assert_eq!(
            choose(&[10, 200, 11, 9, 190, 10, 10], &limits),
            [0, 3, 5, 6]
        );
        assert_eq!(choose(&[200, 10, 10], &limits), [0]);
        assert_eq!(choose(&[200, 10, 180, 10, 210], &limits), [0, 2, 4]);
        assert_eq!(choose(&[], &limits), Vec::<usize>::new());
    }

    proptest! {
        #[test]
        fn a_step_keeps_its_limits(
            lengths in prop::collection::vec(0_usize..300, 1..80),
            members in 1_usize..20, padded_tokens in 1_usize..4000, waste_percent in 0_usize..60,
        ) {
            let limits = BatchLimits { members, padded_tokens, waste_percent };
            let chosen = choose(&lengths, &limits);
            prop_assert_eq!(chosen[0], 0);
            prop_assert!(chosen.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(chosen.len() <= members);
            let longest = chosen.iter().map(|i| lengths[*i]).max().unwrap();
            let tokens: usize = chosen.iter().map(|i| lengths[*i]).sum();
            let padded = longest * chosen.len();
            prop_assert!(chosen.len() == 1 || padded <= padded_tokens);
            prop_assert!((padded - tokens) * 100 <= padded * waste_percent);
            // Those of the same length as the oldest never lose to anybody.
            let same = lengths.iter().filter(|l| **l == lengths[0]).count();
            let room = members.min(padded_tokens / lengths[0].max(1)).max(1);
            let taken = chosen.iter().filter(|i| lengths[**i] == lengths[0]).count();
            prop_assert!(taken >= same.min(room), "{taken} of {same}, room for {room}");
        }
    }
}
