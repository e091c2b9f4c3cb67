//! Which replica is asked: of two chosen at random the one with less work.

use std::sync::Arc;

use smallvec::SmallVec;
use units::Nanos;

use crate::random::Random;
use crate::replica::{Permit, Replica, Standing};

/// Why no replica can be asked now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unavailable {
    /// The earliest time at which one that is merely full may be asked again.
    pub(crate) full_until: Option<Nanos>,
}

type Few<'a> = SmallVec<[&'a Arc<Replica>; 8]>;

/// Picks among the replicas of one expert, at first those not `tried` yet.
pub(crate) fn pick(
    replicas: &[Arc<Replica>],
    tried: &[Arc<Replica>],
    now: Nanos,
    random: &Random,
) -> Result<Permit, Unavailable> {
    let is_tried = |replica: &Arc<Replica>| tried.iter().any(|t| Arc::ptr_eq(t, replica));
    let mut full_until: Option<Nanos> = None;
    // Fresh and fit, fresh and doubtful, tried and fit, tried and doubtful.
    let mut tiers: [Few<'_>; 4] = Default::default();
    for replica in replicas {
        let doubtful = match replica.standing(now) {
            Standing::Fit => 0,
            Standing::Doubtful => 1,
            Standing::Paused(until) => {
                full_until = Some(full_until.map_or(until, |u| u.min(until)));
                continue;
            }
            Standing::Open => continue,
        };
        let place = if is_tried(replica) { 2 } else { 0 };
        if let Some(tier) = tiers.get_mut(place + doubtful) {
            tier.push(replica);
        }
    }
    for tier in &mut tiers {
        if let Some(permit) = one_of(tier, now, random) {
            return Ok(permit);
        }
    }
    Err(Unavailable { full_until })
}

fn one_of(tier: &mut Few<'_>, now: Nanos, random: &Random) -> Option<Permit> {
    while !tier.is_empty() {
        let first = random.below(tier.len());
        let at = match tier.len() {
            1 => first,
            count => {
                // The second differs from the first.
                let step = 1 + random.below(count - 1);
                let second = (first + step) % count;
                let weight = |at: usize| tier.get(at).map_or(u32::MAX, |r| r.weight());
                if weight(second) < weight(first) {
                    second
                } else {
                    first
                }
            }
        };
        let replica = tier.swap_remove(at);
        if let Some(permit) = replica.admit(now) {
            return Some(permit);
        }
    }
    None
}
