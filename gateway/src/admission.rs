//! Lets requests in within the limits of tenant and key: reserves before, settles after, releases on failure. It must
//! not know what a request says or where it goes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use ledger::Month;
use units::{KeyId, Pico, TenantId, Timestamp};

mod bucket;
mod budget;
mod limits;
mod permit;
mod rate_headers;
mod refusal;
mod scope;

use crate::auth::Principal;
pub use bucket::Window;
pub use budget::{BudgetUse, BudgetView, reaches};
pub use limits::{KeyLimits, Limits, TenantLimits};
pub use permit::Permit;
pub use rate_headers::RateHeaders;
pub use refusal::{Reason, Refusal, Whose};
use scope::{KeepsBudget, Scope};

/// What a request may use at most, as far as can be told before it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdmitAsk {
    /// Input tokens and the most output tokens it may make.
    pub tokens: u64,
    /// What they cost. A negative amount counts as nothing.
    pub cost: Pico,
}

impl AdmitAsk {
    /// Neither tokens nor money: counts as a request, and no spent budget stands in its way.
    pub const NOTHING: Self = Self {
        tokens: 0,
        cost: Pico::ZERO,
    };

    fn amount(&self) -> Pico {
        self.cost.max(Pico::ZERO)
    }
}

/// Whose live state it is. The tenant is part of the key of everything here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct KeyScope {
    tenant: TenantId,
    key: KeyId,
}

/// The limits of every tenant and key, and how much of them is in use.
///
/// One process counts for itself. State is kept for tenants and keys in use; what says no more than a fresh start
/// would is forgotten, so memory is bounded by who called in the last minute or spends a budget this month.
#[derive(Debug, Default)]
pub struct Admission {
    limits: ArcSwap<HashMap<TenantId, Limits>>,
    tenants: DashMap<TenantId, Arc<Scope>>,
    keys: DashMap<KeyScope, Arc<Scope>>,
    sweep_at: AtomicUsize,
}

/// Fewer scopes than this are not worth a sweep.
const SWEEP_FROM: usize = 1_024;

impl Admission {
    /// Starts with nothing used. A tenant that is not named has no limits.
    pub fn new(limits: HashMap<TenantId, Limits>) -> Self {
        Self {
            limits: ArcSwap::from_pointee(limits),
            sweep_at: AtomicUsize::new(SWEEP_FROM),
            ..Self::default()
        }
    }

    /// Takes the limits of a new configuration; what is in use stays in use.
    pub fn replace_limits(&self, limits: HashMap<TenantId, Limits>) {
        self.limits.store(Arc::new(limits));
    }

    /// Lets a request in and reserves what it asks for, from the tenant and from the key, or refuses and reserves
    /// nothing. The answer stands for this instant; nobody waits here.
    pub fn admit(
        &self,
        principal: &Principal,
        ask: &AdmitAsk,
        now: Timestamp,
    ) -> Result<Permit, Refusal> {
        let tenant_limits = self.limits_of(&principal.tenant);
        let tenant_scope = self.tenant_scope(&principal.tenant, now);
        let key = principal
            .limits
            .filter(|limits| !limits.is_none())
            .map(|limits| {
                let scope = self.key_scope(&principal.tenant, &principal.subject, now);
                (limits, scope)
            });

        // Always the tenant first, then the key: no two requests wait for each other.
        let mut tenant = tenant_scope.lock();
        let mut key = key
            .as_ref()
            .map(|(limits, scope)| (limits, scope, scope.lock()));

        let by_tenant = tenant
            .check(&tenant_limits, ask, now)
            .map(|r| (r, Whose::Tenant));
        let by_key = key
            .as_mut()
            .and_then(|(limits, _, state)| state.check(limits, ask, now))
            .map(|r| (r, Whose::Key));
        let refused = [by_tenant, by_key]
            .into_iter()
            .flatten()
            .max_by_key(|(r, _)| r.weight());

        let held = match refused {
            Some(refused) => Err(refused),
            None => Ok((
                tenant.take(&tenant_scope, &tenant_limits, ask, KeepsBudget::Always, now),
                key.as_mut().map(|(limits, scope, state)| {
                    state.take(scope, limits, ask, KeepsBudget::UnderCap, now)
                }),
            )),
        };
        let mut rate = tenant.rate(&tenant_limits, now);
        if let Some((limits, _, state)) = key.as_mut() {
            rate = rate.tighter(state.rate(limits, now));
        }
        drop(key);
        drop(tenant);

        match held {
            Ok((tenant, key)) => Ok(Permit::new(tenant, key, *ask, rate)),
            Err((reason, whose)) => Err(Refusal {
                whose,
                reason,
                rate,
            }),
        }
    }

    /// Learns from the ledger what a tenant (`None`) or one of its keys spent in a month, so that a restart does not
    /// forget. The larger figure counts: the ledger lags behind.
    pub fn restore(&self, tenant: &TenantId, key: Option<&KeyId>, month: Month, spent: Pico) {
        let at = month.start();
        let scope = match key {
            None => self.tenant_scope(tenant, at),
            Some(key) => self.key_scope(tenant, key, at),
        };
        scope.restore(month, spent);
    }

    /// How a budget stands; `None` where nothing of it is known here.
    pub fn budget(
        &self,
        tenant: &TenantId,
        key: Option<&KeyId>,
        now: Timestamp,
    ) -> Option<BudgetView> {
        let scope = match key {
            None => self.tenants.get(tenant).map(|scope| Arc::clone(&scope)),
            Some(key) => {
                let key = KeyScope {
                    tenant: tenant.clone(),
                    key: key.clone(),
                };
                self.keys.get(&key).map(|scope| Arc::clone(&scope))
            }
        };
        scope.map(|scope| scope.budget(now))
    }

    /// How far the monthly budgets of the tenants are spent.
    pub fn budget_use(&self, now: Timestamp) -> BudgetUse {
        let mut used = BudgetUse::default();
        for (tenant, limits) in self.limits.load().iter() {
            let Some(cap) = limits.monthly_budget else {
                continue;
            };
            let view = self.budget(tenant, None, now);
            used.count(cap, view.map_or(Pico::ZERO, |view| view.spent));
        }
        used
    }

    /// Forgets the tenants and keys whose state says no more than a fresh start would. Called on a timer, and by
    /// itself when there are many new keys.
    pub fn sweep(&self, now: Timestamp) {
        // One count means that only the map holds it: no permit, no request between look-up and lock.
        let in_use = |scope: &Arc<Scope>| Arc::strong_count(scope) > 1 || !scope.is_idle(now);
        self.tenants.retain(|_, scope| in_use(scope));
        self.keys.retain(|_, scope| in_use(scope));
    }

    /// For how many tenants and keys there is state.
    pub fn scopes(&self) -> usize {
        self.tenants.len().saturating_add(self.keys.len())
    }

    fn limits_of(&self, tenant: &TenantId) -> Limits {
        self.limits
            .load()
            .get(tenant)
            .copied()
            .unwrap_or(Limits::NONE)
    }

    fn tenant_scope(&self, tenant: &TenantId, now: Timestamp) -> Arc<Scope> {
        if let Some(scope) = self.tenants.get(tenant) {
            return Arc::clone(&scope);
        }
        let fresh = || Arc::new(Scope::new(now));
        Arc::clone(&self.tenants.entry(tenant.clone()).or_insert_with(fresh))
    }

    fn key_scope(&self, tenant: &TenantId, key: &KeyId, now: Timestamp) -> Arc<Scope> {
        let key = KeyScope {
            tenant: tenant.clone(),
            key: key.clone(),
        };
        if let Some(scope) = self.keys.get(&key) {
            return Arc::clone(&scope);
        }
        self.sweep_if_due(now);
        let fresh = || Arc::new(Scope::new(now));
        Arc::clone(&self.keys.entry(key).or_insert_with(fresh))
    }

    fn sweep_if_due(&self, now: Timestamp) {
        if self.keys.len() >= self.sweep_at.load(Ordering::Relaxed) {
            self.sweep(now);
            let next = self.keys.len().saturating_mul(2).max(SWEEP_FROM);
            self.sweep_at.store(next, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
