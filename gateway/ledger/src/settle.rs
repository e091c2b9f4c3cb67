//! Closes a window of a pool: its whole bill becomes lines, and no pico is lost or made.

use std::collections::BTreeMap;

use units::{AttemptId, Bucket, ExpertId, Nanos, Pico, Purpose, RequestId, ScenarioId, TenantId};

use crate::{CostLine, LedgerError, LineId, Meter, Method, Payer, Rate, WindowKey, allocate};

/// What happened in a pool between two settlements. It lies within one 15-minute bucket: the one that holds
/// its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolWindow {
    /// Which pool, from when, until when.
    pub key: WindowKey,
    /// Time its devices were there, all workers together.
    pub provisioned: Nanos,
    /// Time they worked.
    pub busy: Nanos,
    /// Time they loaded experts, for whom as far as that is known.
    pub load: BTreeMap<Option<ExpertId>, Nanos>,
}

/// The device time of one attempt that ended in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceShare {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its request.
    pub request: RequestId,
    /// Who pays.
    pub tenant: TenantId,
    /// For which task.
    pub scenario: ScenarioId,
    /// Who worked.
    pub expert: ExpertId,
    /// Why.
    pub purpose: Purpose,
    /// For how long; `None` is unknown: its line has no amount, and its time stays in what nobody accounts for.
    pub device: Option<Nanos>,
}

/// Who carries the time nobody used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IdlePolicy {
    /// The platform, as a line of its own.
    #[default]
    Separate,
    /// Those who used the pool, in proportion to their device time; the platform when nobody did.
    Proportional,
    /// Those who used the pool, each scenario and expert alike; the platform when nobody did.
    Even,
    /// Those to whom capacity is guaranteed, in proportion to the guarantee, used or not; the platform when it is 0 for all.
    /// Booked to [`RESERVED`].
    Reserved(BTreeMap<TenantId, u64>),
}

/// The scenario that carries a tenant's guaranteed capacity where nobody used it.
pub const RESERVED: &str = "reserved-capacity";

/// A closed window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The pool's bill; `None` without a rate.
    pub cost: Option<Pico>,
    /// What it is made of; the amounts sum to `cost` exactly.
    pub lines: Vec<CostLine>,
}

/// Splits the bill of a window: rate times provisioned time, in proportion to device time, over attempts,
/// loading, work nobody accounts for, and idle time.
///
/// Receipts and counters are read at slightly different instants. Where the receipts say more than the window
/// had, they share the whole bill and nothing is idle.
///
/// # Errors
/// `Overflow` on absurd input.
pub fn settle_window(
    window: &PoolWindow,
    rate: Option<&Rate>,
    shares: &[DeviceShare],
    policy: &IdlePolicy,
) -> Result<Settlement, LedgerError> {
    let weights = weigh(window, shares);
    let cost = match rate {
        None => None,
        Some(rate) => Some(rate.price.of_time(window.provisioned)?),
    };
    let amounts = match cost {
        Some(cost) if weights.values().all(|weight| *weight == 0) => {
            BTreeMap::from([(Slot::Idle, cost)])
        }
        Some(cost) => allocate(cost, &weights)?,
        None => BTreeMap::new(),
    };
    let draft = Draft {
        window,
        rate,
        amounts,
    };
    let mut lines: Vec<CostLine> = shares.iter().map(|share| draft.busy(share)).collect();
    for (slot, weight) in &weights {
        match slot {
            Slot::Attempt(_) => {}
            Slot::Idle if *policy != IdlePolicy::Separate => {
                lines.extend(draft.spread_idle(*weight, shares, policy)?);
            }
            Slot::Load(_) | Slot::Unattributed | Slot::Idle => {
                lines.push(draft.common(slot, *weight))
            }
        }
    }
    Ok(Settlement { cost, lines })
}

/// What a part of the bill is for. The order settles ties between equal remainders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Attempt(AttemptId),
    Load(Option<ExpertId>),
    Unattributed,
    Idle,
}

fn weigh(window: &PoolWindow, shares: &[DeviceShare]) -> BTreeMap<Slot, u64> {
    let mut weights = BTreeMap::new();
    let mut receipts = Nanos::ZERO;
    for share in shares {
        // An attempt without a known time is no part of the split.
        if let Some(device) = share.device {
            receipts = receipts.saturating_add(device);
            weights.insert(Slot::Attempt(share.attempt), device.get());
        }
    }
    let mut used = receipts;
    for (expert, load) in window.load.iter().filter(|(_, load)| **load != Nanos::ZERO) {
        used = used.saturating_add(*load);
        weights.insert(Slot::Load(expert.clone()), load.get());
    }
    // Never more than the window has room for: counters and receipts are read at different instants.
    let room = window.provisioned.saturating_sub(used);
    let unattributed = window.busy.saturating_sub(receipts).min(room);
    if unattributed != Nanos::ZERO {
        weights.insert(Slot::Unattributed, unattributed.get());
    }
    let idle = room.saturating_sub(unattributed);
    weights.insert(Slot::Idle, idle.get());
    weights
}

struct Draft<'a> {
    window: &'a PoolWindow,
    rate: Option<&'a Rate>,
    amounts: BTreeMap<Slot, Pico>,
}

impl Draft<'_> {
    fn bucket(&self) -> Bucket {
        Bucket::of(self.window.key.to)
    }

    fn busy(&self, share: &DeviceShare) -> CostLine {
        let (meter, method) = (Meter::DeviceBusy, Method::DeviceShare1);
        CostLine {
            id: LineId::of_attempt(share.attempt, meter, method),
            attempt: Some(share.attempt),
            request: Some(share.request),
            payer: Payer::Tenant(share.tenant.clone(), share.scenario.clone()),
            expert: Some(share.expert.clone()),
            purpose: Some(share.purpose),
            meter,
            quantity: share.device.map(Nanos::get),
            amount: self.amounts.get(&Slot::Attempt(share.attempt)).copied(),
            rate: self.rate.map(Rate::id),
            method,
            bucket: self.bucket(),
        }
    }

    fn common(&self, slot: &Slot, weight: u64) -> CostLine {
        let (meter, expert) = match slot {
            Slot::Load(expert) => (Meter::DeviceLoad, expert.clone()),
            Slot::Unattributed => (Meter::DeviceUnattributed, None),
            Slot::Idle | Slot::Attempt(_) => (Meter::DeviceIdle, None),
        };
        let about = expert.as_ref().map_or("", ExpertId::as_str).to_owned();
        let amount = self.amounts.get(slot).copied();
        self.shared(meter, Method::DeviceShare1, &about, weight, amount, expert)
    }

    /// Idle time over those who carry it by the policy, each exactly.
    fn spread_idle(
        &self,
        idle: u64,
        shares: &[DeviceShare],
        policy: &IdlePolicy,
    ) -> Result<Vec<CostLine>, LedgerError> {
        let (method, used) = carriers(shares, policy)?;
        if used.values().all(|weight| *weight == 0) {
            return Ok(vec![self.common(&Slot::Idle, idle)]);
        }
        // The same rule splits the time and the money, each exactly.
        let times = allocate(Pico::new(idle.into()), &used)?;
        let amounts = match self.amounts.get(&Slot::Idle) {
            None => BTreeMap::new(),
            Some(amount) => allocate(*amount, &used)?,
        };
        let mut lines = Vec::with_capacity(times.len());
        for (key, time) in times {
            let weight = u64::try_from(time.get()).map_err(|_| LedgerError::Overflow)?;
            let amount = amounts.get(&key).copied();
            let (payer, expert) = key;
            let name = expert.as_ref().map_or("", ExpertId::as_str);
            let about = match &payer {
                Payer::Tenant(tenant, scenario) => format!("{tenant}/{scenario}/{name}"),
                Payer::Platform => format!("/{name}"),
            };
            let line = self.shared(Meter::DeviceIdle, method, &about, weight, amount, expert);
            lines.push(CostLine { payer, ..line });
        }
        Ok(lines)
    }

    fn shared(
        &self,
        meter: Meter,
        method: Method,
        about: &str,
        weight: u64,
        amount: Option<Pico>,
        expert: Option<ExpertId>,
    ) -> CostLine {
        CostLine {
            id: LineId::of_window(&self.window.key, about, meter, method),
            attempt: None,
            request: None,
            payer: Payer::Platform,
            expert,
            purpose: None,
            meter,
            quantity: Some(weight),
            amount,
            rate: self.rate.map(Rate::id),
            method,
            bucket: self.bucket(),
        }
    }
}

/// Who carries the idle time of a window, with their weights.
type Carriers = BTreeMap<(Payer, Option<ExpertId>), u64>;

fn carriers(
    shares: &[DeviceShare],
    policy: &IdlePolicy,
) -> Result<(Method, Carriers), LedgerError> {
    let mut used = Carriers::new();
    if let IdlePolicy::Reserved(guarantees) = policy {
        let scenario = ScenarioId::new(RESERVED).map_err(|_| LedgerError::Overflow)?;
        for (tenant, weight) in guarantees {
            used.insert(
                (Payer::Tenant(tenant.clone(), scenario.clone()), None),
                *weight,
            );
        }
        return Ok((Method::IdleReserved1, used));
    }
    for share in shares {
        let payer = Payer::Tenant(share.tenant.clone(), share.scenario.clone());
        let sum = used.entry((payer, Some(share.expert.clone()))).or_default();
        *sum = sum.saturating_add(share.device.map_or(0, Nanos::get));
    }
    if *policy == IdlePolicy::Even {
        for weight in used.values_mut().filter(|weight| **weight > 0) {
            *weight = 1;
        }
        return Ok((Method::IdleEven1, used));
    }
    Ok((Method::IdleProportional1, used))
}

#[cfg(test)]
mod tests;
