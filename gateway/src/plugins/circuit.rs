//! A version that traps again and again is left alone for a while, and the one before serves.

use std::collections::VecDeque;

use parking_lot::Mutex;
use units::Timestamp;

/// Traps within the window that open the circuit.
const TRAPS: usize = 5;
/// The window, and how long the circuit stays open.
const WINDOW_SECONDS: i64 = 60;

/// Counts the traps of one version.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    traps: VecDeque<i64>,
    open_until: i64,
}

impl Circuit {
    /// May the version be asked?
    pub(super) fn lets_through(&self, now: Timestamp) -> bool {
        now.unix_seconds() >= self.0.lock().open_until
    }

    /// The version trapped. `true` where that opened the circuit.
    pub(super) fn trapped(&self, now: Timestamp) -> bool {
        let now = now.unix_seconds();
        let mut state = self.0.lock();
        state.traps.push_back(now);
        while state
            .traps
            .front()
            .is_some_and(|first| now.saturating_sub(*first) >= WINDOW_SECONDS)
        {
            state.traps.pop_front();
        }
        let opens = state.traps.len() >= TRAPS;
        if opens {
            state.traps.clear();
            state.open_until = now.saturating_add(WINDOW_SECONDS);
        }
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_traps_in_a_minute_open_it_for_a_minute() {
        let circuit = Circuit::default();
        let at = Timestamp::from_unix_seconds;
        for second in [0, 20, 40, 59] {
            assert!(!circuit.trapped(at(1_000 + second)));
        }
        assert!(!circuit.trapped(at(1_065)), "the first is forgotten");
        assert!(circuit.lets_through(at(1_066)));
        assert!(circuit.trapped(at(1_067)));
        assert!(!circuit.lets_through(at(1_126)));
        assert!(circuit.lets_through(at(1_127)));
    }
}
