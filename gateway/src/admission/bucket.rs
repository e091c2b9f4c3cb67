//! A token bucket in exact integers, that refills evenly over a minute. It must not know what its tokens stand for.

use units::{Nanos, Timestamp};

/// What one token weighs: a limit of n per minute refills n units each nanosecond, so nothing is ever rounded.
const WEIGHT: i128 = 60_000_000_000;
/// A clock that falls back further was set anew. Less is a request that was long in coming, or threads that pass each
/// other: were the bucket's time taken back for those, the same time would refill it twice.
const CLOCK_SET: Nanos = Nanos::new(900_000_000_000);

/// How much of a limit is left. Starts full; may go below nothing when more was used than was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket(Option<Level>);

#[derive(Debug, Clone, Copy)]
struct Level {
    units: i128,
    at: Timestamp,
}

/// What a bucket looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Tokens per minute.
    pub limit: u64,
    /// Whole tokens that are there now.
    pub remaining: u64,
    /// Until the bucket is full again.
    pub reset: Nanos,
}

/// Why a bucket does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Short {
    /// It will have enough after this time, exactly.
    For(Nanos),
    /// It never holds that much.
    Always,
}

fn weight(tokens: u64) -> i128 {
    i128::from(tokens).saturating_mul(WEIGHT)
}

/// Time to refill so many units, rounded up to the nanosecond.
fn time_for(units: i128, limit: u64) -> Nanos {
    let limit = i128::from(limit.max(1));
    let whole = units.max(0).saturating_add(limit - 1) / limit;
    Nanos::new(u64::try_from(whole).unwrap_or(u64::MAX))
}

impl Bucket {
    /// Brings the level up to `now`; gives the units that are there.
    fn fill(&mut self, limit: u64, now: Timestamp) -> &mut Level {
        let full = weight(limit);
        let level = self.0.get_or_insert(Level {
            units: full,
            at: now,
        });
        let grown = i128::from(now.since(level.at).get()).saturating_mul(i128::from(limit));
        level.units = level.units.saturating_add(grown).min(full);
        if now > level.at || level.at.since(now) > CLOCK_SET {
            level.at = now;
        }
        level
    }

    /// Says whether so many tokens could be taken now. Takes nothing.
    pub(super) fn check(&mut self, limit: u64, tokens: u64, now: Timestamp) -> Result<(), Short> {
        if tokens > limit {
            return Err(Short::Always);
        }
        let missing = weight(tokens).saturating_sub(self.fill(limit, now).units);
        if missing <= 0 {
            Ok(())
        } else {
            Err(Short::For(time_for(missing, limit)))
        }
    }

    /// Takes tokens, whether they are there or not.
    pub(super) fn take(&mut self, limit: u64, tokens: u64, now: Timestamp) {
        let level = self.fill(limit, now);
        level.units = level.units.saturating_sub(weight(tokens));
    }

    /// Puts right what was taken: gives back what was not used, takes what was used beyond.
    ///
    /// The use counts from when it was taken, so no clock is needed; the next look cuts what overflows.
    pub(super) fn correct(&mut self, taken: u64, used: u64) {
        if let Some(level) = &mut self.0 {
            let back = weight(taken).saturating_sub(weight(used));
            level.units = level.units.saturating_add(back);
        }
    }

    /// The bucket as clients see it.
    pub(super) fn window(&mut self, limit: u64, now: Timestamp) -> Window {
        let units = self.fill(limit, now).units;
        let remaining = u64::try_from(units.max(0) / WEIGHT).unwrap_or(u64::MAX);
        Window {
            limit,
            remaining,
            reset: time_for(weight(limit).saturating_sub(units), limit),
        }
    }

    /// Would a fresh bucket be the same? Then this one may be forgotten.
    pub(super) fn is_full(&mut self, limit: u64, now: Timestamp) -> bool {
        self.0.is_none() || self.fill(limit, now).units >= weight(limit)
    }
}

#[cfg(test)]
mod tests;
