//! The circuit breaker of one replica, as a state machine that is told the time.

use units::Nanos;

use crate::BreakerConfig;

/// Leaves a failing replica alone, then tries it with one request at a time.
#[derive(Debug)]
pub(crate) struct Breaker {
    config: BreakerConfig,
    state: State,
    /// Openings since it was last closed: each doubles the wait.
    openings: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        in_row: u32,
        since: Nanos,
        failures: u32,
        total: u32,
    },
    Open {
        until: Nanos,
    },
    HalfOpen {
        probing: bool,
        successes: u32,
    },
}

/// What the breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Everything.
    Closed,
    /// Nothing until the time given.
    Open(Nanos),
    /// One request.
    HalfOpen,
    /// Nothing while that one request is out.
    Probing,
}

/// How a request that was let through ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The replica answered.
    Success,
    /// The replica failed.
    Failure,
    /// It says nothing about the replica: the client left, or the replica was merely full.
    Neutral,
}

/// A request that was let through; it has to be given back with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    probe: bool,
}

impl Breaker {
    pub(crate) const fn new(config: BreakerConfig, now: Nanos) -> Self {
        Self {
            config,
            state: fresh(now),
            openings: 0,
        }
    }

    /// Lets a request through, or not.
    pub(crate) fn admit(&mut self, now: Nanos) -> Option<Pass> {
        if let State::Open { until } = self.state
            && now >= until
        {
            self.state = State::HalfOpen {
                probing: false,
                successes: 0,
            };
        }
        match &mut self.state {
            State::Closed { .. } => Some(Pass { probe: false }),
            State::Open { .. } | State::HalfOpen { probing: true, .. } => None,
            State::HalfOpen { probing, .. } => {
                *probing = true;
                Some(Pass { probe: true })
            }
        }
    }

    /// Takes a request back. `waver` spreads the wait of an opening, as a share of 1024.
    pub(crate) fn settle(&mut self, pass: Pass, outcome: Outcome, now: Nanos, waver: u64) {
        match (self.state, pass.probe) {
            (State::Closed { .. }, _) => self.count(outcome, now, waver),
            (State::HalfOpen { successes, .. }, true) => match outcome {
                Outcome::Success if successes.saturating_add(1) >= self.config.close_after => {
                    self.openings = 0;
                    self.state = fresh(now);
                }
                Outcome::Success => {
                    self.state = State::HalfOpen {
                        probing: false,
                        successes: successes.saturating_add(1),
                    };
                }
                Outcome::Neutral => {
                    self.state = State::HalfOpen {
                        probing: false,
                        successes,
                    };
                }
                Outcome::Failure => self.open(now, waver),
            },
            // A request from before the opening says nothing new.
            (State::Open { .. } | State::HalfOpen { .. }, _) => {}
        }
    }

    /// What is let through now.
    pub(crate) fn phase(&self, now: Nanos) -> Phase {
        match self.state {
            State::Closed { .. } => Phase::Closed,
            State::Open { until } if now < until => Phase::Open(until),
            State::HalfOpen { probing: true, .. } => Phase::Probing,
            State::Open { .. } | State::HalfOpen { .. } => Phase::HalfOpen,
        }
    }

    fn count(&mut self, outcome: Outcome, now: Nanos, waver: u64) {
        let window = Nanos::from_duration(self.config.window);
        let State::Closed {
            in_row,
            since,
            failures,
            total,
        } = &mut self.state
        else {
            return;
        };
        if outcome == Outcome::Neutral {
            return;
        }
        if now.saturating_sub(*since) >= window {
            (*since, *failures, *total) = (now, 0, 0);
        }
        match outcome {
            Outcome::Neutral => {}
            Outcome::Success => *in_row = 0,
            Outcome::Failure => {
                *in_row = in_row.saturating_add(1);
                *failures = failures.saturating_add(1);
            }
        }
        *total = total.saturating_add(1);
        let often = *total >= self.config.least
            && u64::from(*failures).saturating_mul(100)
                >= u64::from(*total).saturating_mul(u64::from(self.config.percent));
        if outcome == Outcome::Failure && (often || *in_row >= self.config.consecutive) {
            self.open(now, waver);
        }
    }

    fn open(&mut self, now: Nanos, waver: u64) {
        let first = Nanos::from_duration(self.config.open_for).get();
        let most = Nanos::from_duration(self.config.open_at_most).get();
        let wait = first
            .saturating_mul(1_u64.checked_shl(self.openings.min(30)).unwrap_or(u64::MAX))
            .min(most);
        // Up to an eighth more, so that many gateways do not come back at once.
        let more = (wait / 8 / 1024).saturating_mul(waver % 1024);
        self.openings = self.openings.saturating_add(1);
        self.state = State::Open {
            until: now.saturating_add(Nanos::new(wait.saturating_add(more))),
        };
    }
}

const fn fresh(now: Nanos) -> State {
    State::Closed {
        in_row: 0,
        since: now,
        failures: 0,
        total: 0,
    }
}

#[cfg(test)]
mod tests;
