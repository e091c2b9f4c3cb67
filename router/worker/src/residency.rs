//! Which experts are in memory, which must go so that another fits, and which are failing.

use units::Nanos;

use crate::engine::Slot;

/// First wait after a failed load; it doubles with each failure up to [`LONGEST_BACKOFF`].
const FIRST_BACKOFF: Nanos = Nanos::new(1_000_000_000);
const LONGEST_BACKOFF: Nanos = Nanos::new(60_000_000_000);
/// Single requests that must fail in a row before the expert itself counts as failing.
const STRIKES: u32 = 3;

/// What is known of one expert's place in memory.
#[derive(Debug, Clone)]
pub(crate) struct Resident {
    pub(crate) loaded: bool,
    /// Bytes its weights hold: measured at its last load, before that as its card says.
    pub(crate) bytes: u64,
    pub(crate) load: Nanos,
    pub(crate) loads: u64,
    pub(crate) evictions: u64,
    pub(crate) health: Health,
    last_used: u64,
    strikes: u32,
}

/// Can an expert be used?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    Fine,
    /// It failed; nobody tries before `retry_at`.
    Failing {
        reason: String,
        failures: u32,
        retry_at: Nanos,
    },
}

/// The experts of one device under one memory budget, evicted least recently used first.
#[derive(Debug)]
pub(crate) struct Residency {
    budget: u64,
    tick: u64,
    residents: Vec<Resident>,
}

impl Residency {
    /// Experts that are not loaded, with the bytes their cards say, under a budget in bytes.
    pub(crate) fn new(budget: u64, bytes: impl IntoIterator<Item = u64>) -> Self {
        let resident = |bytes| Resident {
            loaded: false,
            bytes,
            load: Nanos::ZERO,
            loads: 0,
            evictions: 0,
            health: Health::Fine,
            last_used: 0,
            strikes: 0,
        };
        Self {
            budget,
            tick: 0,
            residents: bytes.into_iter().map(resident).collect(),
        }
    }

    /// Every expert, in order of slots.
    pub(crate) fn all(&self) -> &[Resident] {
        &self.residents
    }

    /// Is the expert in memory?
    pub(crate) fn is_loaded(&self, slot: Slot) -> bool {
        self.get(slot).is_some_and(|r| r.loaded)
    }

    /// How long nobody may try the expert, where it fails.
    pub(crate) fn wait(&self, slot: Slot, now: Nanos) -> Option<Nanos> {
        match &self.get(slot)?.health {
            Health::Failing { retry_at, .. } if *retry_at > now => {
                Some(retry_at.saturating_sub(now))
            }
            _ => None,
        }
    }

    /// Marks the expert as the one used last.
    pub(crate) fn touch(&mut self, slot: Slot) {
        self.tick = self.tick.saturating_add(1);
        let tick = self.tick;
        if let Some(resident) = self.get_mut(slot) {
            resident.last_used = tick;
        }
    }

    /// Takes out experts until `slot` fits beside the rest, as far as that can be; gives those that
    /// the engine must evict, least recently used first. `None`, and nobody goes, where only those in use
    /// are in the way.
    pub(crate) fn make_room(
        &mut self,
        slot: Slot,
        in_use: impl Fn(Slot) -> bool,
    ) -> Option<Vec<Slot>> {
        let wanted = self.get(slot).map_or(0, |r| r.bytes);
        let mut others: Vec<(u64, u64, usize)> = self
            .residents
            .iter()
            .enumerate()
            .filter(|(at, r)| r.loaded && *at != slot.position())
            .map(|(at, r)| (r.last_used, r.bytes, at))
            .collect();
        others.sort_unstable();
        let mut sum = others
            .iter()
            .fold(wanted, |sum, (_, bytes, _)| sum.saturating_add(*bytes));
        let (mut gone, mut in_the_way) = (Vec::new(), false);
        for (_, bytes, at) in others {
            if sum <= self.budget {
                break;
            }
            if in_use(Slot::new(at)) {
                in_the_way = true;
                continue;
            }
            sum = sum.saturating_sub(bytes);
            gone.push(Slot::new(at));
        }
        if sum > self.budget && in_the_way {
            return None;
        }
        for slot in &gone {
            if let Some(resident) = self.get_mut(*slot) {
                resident.loaded = false;
                resident.evictions = resident.evictions.saturating_add(1);
            }
        }
        Some(gone)
    }

    /// Books a load that worked. Fails where the expert alone is larger than the budget: then it
    /// must be evicted.
    pub(crate) fn loaded(&mut self, slot: Slot, bytes: u64, took: Nanos) -> Result<(), TooLarge> {
        let budget = self.budget;
        self.touch(slot);
        if let Some(resident) = self.get_mut(slot) {
            resident.bytes = bytes;
            resident.load = resident.load.saturating_add(took);
            resident.loads = resident.loads.saturating_add(1);
            resident.loaded = bytes <= budget;
            resident.strikes = 0;
            resident.health = Health::Fine;
        }
        if bytes > budget {
            return Err(TooLarge { bytes, budget });
        }
        Ok(())
    }

    /// Books a load that failed after `took`.
    pub(crate) fn load_failed(&mut self, slot: Slot, reason: String, took: Nanos, now: Nanos) {
        if let Some(resident) = self.get_mut(slot) {
            resident.load = resident.load.saturating_add(took);
        }
        self.fail(slot, reason, now);
    }

    /// Books a step that worked.
    pub(crate) fn step_worked(&mut self, slot: Slot) {
        if let Some(resident) = self.get_mut(slot) {
            resident.strikes = 0;
        }
    }

    /// Books a request that failed alone. True when it was one too many: the expert is out of
    /// memory now and must be evicted.
    pub(crate) fn step_failed(&mut self, slot: Slot, reason: &str, now: Nanos) -> bool {
        let Some(resident) = self.get_mut(slot) else {
            return false;
        };
        resident.strikes = resident.strikes.saturating_add(1);
        if resident.strikes < STRIKES {
            return false;
        }
        self.fail(slot, reason.to_owned(), now);
        true
    }

    /// Books a failure after which the expert is out of memory and must be evicted.
    pub(crate) fn fail_now(&mut self, slot: Slot, reason: &str, now: Nanos) {
        self.fail(slot, reason.to_owned(), now);
    }

    fn fail(&mut self, slot: Slot, reason: String, now: Nanos) {
        let Some(resident) = self.get_mut(slot) else {
            return;
        };
        let failures = match &resident.health {
            Health::Fine => 1,
            Health::Failing { failures, .. } => failures.saturating_add(1),
        };
        let doublings = failures.saturating_sub(1).min(16);
        let backoff = Nanos::new(FIRST_BACKOFF.get() << doublings).min(LONGEST_BACKOFF);
        resident.loaded = false;
        resident.strikes = 0;
        resident.health = Health::Failing {
            reason,
            failures,
            retry_at: now.saturating_add(backoff),
        };
    }

    fn get(&self, slot: Slot) -> Option<&Resident> {
        self.residents.get(slot.position())
    }

    fn get_mut(&mut self, slot: Slot) -> Option<&mut Resident> {
        self.residents.get_mut(slot.position())
    }
}

/// An expert that does not fit the budget even alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its weights hold {bytes} bytes, the worker's memory budget is {budget} bytes")]
pub struct TooLarge {
    /// What the expert needs.
    pub bytes: u64,
    /// What the worker may use.
    pub budget: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(of: &[usize]) -> Vec<Slot> {
        of.iter().copied().map(Slot::new).collect()
    }

    fn load(residency: &mut Residency, at: usize) -> Vec<Slot> {
        let gone = residency.make_room(Slot::new(at), |_| false).unwrap();
        let bytes = residency.all()[at].bytes;
        residency
            .loaded(Slot::new(at), bytes, Nanos::new(5))
            .unwrap();
        gone
    }

    #[test]
    fn the_least_recently_used_makes_room() {
        let mut residency = Residency::new(100, [40, 40, 40, 90]);
        assert_eq!(load(&mut residency, 0), slots(&[]));
        assert_eq!(load(&mut residency, 1), slots(&[]));
        residency.touch(Slot::new(0));
        assert_eq!(load(&mut residency, 2), slots(&[1]));
        assert_eq!(load(&mut residency, 3), slots(&[0, 2]));
        assert_eq!(load(&mut residency, 1), slots(&[3]));
        assert_eq!(residency.all()[1].loads, 2);
        assert_eq!(residency.all()[1].load, Nanos::new(10));
        assert_eq!(residency.all()[1].evictions, 1);
    }

    #[test]
    fn those_in_use_stay() {
        let mut residency = Residency::new(100, [40, 40, 90]);
        load(&mut residency, 0);
        load(&mut residency, 1);
        let slot = Slot::new(2);
        assert_eq!(
            residency.make_room(slot, |other| other == Slot::new(1)),
            None
        );
        assert!(residency.is_loaded(Slot::new(0)) && residency.is_loaded(Slot::new(1)));
        assert_eq!(residency.make_room(slot, |_| false), Some(slots(&[0, 1])));
    }

    #[test]
    fn an_expert_above_the_budget_is_refused() {
        let mut residency = Residency::new(100, [40]);
        let refused = residency.loaded(Slot::new(0), 101, Nanos::ZERO);
        assert_eq!(
            refused,
            Err(TooLarge {
                bytes: 101,
                budget: 100
            })
        );
        assert!(!residency.is_loaded(Slot::new(0)));
    }

    #[test]
    fn failures_wait_longer_each_time_and_a_load_heals() {
        let mut residency = Residency::new(100, [40]);
        let slot = Slot::new(0);
        let mut waits = Vec::new();
        for _ in 0..9 {
            residency.load_failed(slot, "gone".to_owned(), Nanos::ZERO, Nanos::ZERO);
            waits.push(residency.wait(slot, Nanos::ZERO).unwrap().get() / 1_000_000_000);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        residency.loaded(slot, 40, Nanos::ZERO).unwrap();
        assert_eq!(residency.wait(slot, Nanos::ZERO), None);
    }

    #[test]
    fn three_strikes_in_a_row_are_needed() {
        let mut residency = Residency::new(100, [40]);
        let slot = Slot::new(0);
        load(&mut residency, 0);
        assert!(!residency.step_failed(slot, "bad", Nanos::ZERO));
        assert!(!residency.step_failed(slot, "bad", Nanos::ZERO));
        residency.step_worked(slot);
        assert!(!residency.step_failed(slot, "bad", Nanos::ZERO));
        assert!(!residency.step_failed(slot, "bad", Nanos::ZERO));
        assert!(residency.step_failed(slot, "bad", Nanos::ZERO));
        assert!(!residency.is_loaded(slot));
    }
}
