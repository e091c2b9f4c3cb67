//! The live state of one tenant's or one key's limits, behind one short lock that is never held across an await.

use std::sync::Arc;

use ledger::{Month, Reservation};
use parking_lot::{Mutex, MutexGuard};
use units::{Pico, Timestamp};

use super::AdmitAsk;
use super::bucket::{Bucket, Short};
use super::budget::{Budget, BudgetView, NoBudget};
use super::limits::Limits;
use super::rate_headers::RateHeaders;
use super::refusal::Reason;

/// The state of one tenant or key.
#[derive(Debug)]
pub(super) struct Scope(Mutex<State>);

#[derive(Debug)]
pub(super) struct State {
    requests: Bucket,
    tokens: Bucket,
    running: u32,
    budget: Budget,
    /// The limits of the last request, by which the sweep judges whether the state says anything.
    limits: Limits,
}

/// One request's share of a scope, until it is ended.
#[derive(Debug)]
pub(super) struct Held {
    scope: Arc<Scope>,
    /// Tokens taken; `None` where no limit asked for it.
    tokens: Option<u64>,
    /// `None` where the scope keeps no budget.
    cost: Option<Reservation>,
}

/// How a request ended, for its scopes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) tokens: u64,
    pub(super) cost: Pico,
}

impl Scope {
    pub(super) fn new(now: Timestamp) -> Self {
        Self(Mutex::new(State {
            requests: Bucket::default(),
            tokens: Bucket::default(),
            running: 0,
            budget: Budget::new(now),
            limits: Limits::NONE,
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// The budget in the month of `now`.
    pub(super) fn budget(&self, now: Timestamp) -> BudgetView {
        self.lock().budget.view(now)
    }

    /// Learns from the ledger what was spent.
    pub(super) fn restore(&self, month: Month, spent: Pico) {
        self.lock().budget.restore(month, spent);
    }

    /// Would a fresh scope behave the same?
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        let mut state = self.lock();
        let State {
            requests,
            tokens,
            running,
            budget,
            limits,
        } = &mut *state;
        let view = budget.view(now);
        let unspent = view.spent == Pico::ZERO && view.reserved == Pico::ZERO;
        let requests_full = limits
            .requests_per_minute
            .is_none_or(|limit| requests.is_full(limit.get().into(), now));
        let tokens_full = limits
            .tokens_per_minute
            .is_none_or(|limit| tokens.is_full(limit.get(), now));
        *running == 0 && unspent && requests_full && tokens_full
    }
}

impl State {
    /// The gravest reason against the request, if there is any. Takes nothing.
    pub(super) fn check(
        &mut self,
        limits: &Limits,
        ask: &AdmitAsk,
        now: Timestamp,
    ) -> Option<Reason> {
        self.limits = *limits;
        let reasons = [
            self.check_budget(limits, ask, now),
            self.check_requests(limits, now),
            self.check_tokens(limits, ask, now),
            self.check_concurrency(limits),
        ];
        reasons
            .into_iter()
            .flatten()
            .max_by_key(|reason| reason.weight())
    }

    fn check_budget(&mut self, limits: &Limits, ask: &AdmitAsk, now: Timestamp) -> Option<Reason> {
        if *ask == AdmitAsk::NOTHING {
            return None;
        }
        let refused = self
            .budget
            .check(limits.monthly_budget?, ask.amount(), now)
            .err()?;
        Some(match refused {
            NoBudget::Exhausted => Reason::BudgetExhausted,
            NoBudget::TooDear => Reason::BudgetTooSmall,
            NoBudget::Reserved => Reason::BudgetReserved,
        })
    }

    fn check_requests(&mut self, limits: &Limits, now: Timestamp) -> Option<Reason> {
        let limit = u64::from(limits.requests_per_minute?.get());
        match self.requests.check(limit, 1, now).err()? {
            Short::For(retry_after) => Some(Reason::Requests { limit, retry_after }),
            // One request never exceeds a limit of at least one.
            Short::Always => None,
        }
    }

    fn check_tokens(&mut self, limits: &Limits, ask: &AdmitAsk, now: Timestamp) -> Option<Reason> {
        let limit = limits.tokens_per_minute?.get();
        Some(match self.tokens.check(limit, ask.tokens, now).err()? {
            Short::For(retry_after) => Reason::Tokens { limit, retry_after },
            Short::Always => Reason::TooManyTokens { limit },
        })
    }

    fn check_concurrency(&self, limits: &Limits) -> Option<Reason> {
        let limit = limits.concurrency?.get();
        (self.running >= limit).then_some(Reason::Concurrency {
            limit: limit.into(),
        })
    }

    /// Takes what the request asks for; the check came just before, under the same lock.
    pub(super) fn take(
        &mut self,
        scope: &Arc<Scope>,
        limits: &Limits,
        ask: &AdmitAsk,
        keeps_budget: KeepsBudget,
        now: Timestamp,
    ) -> Held {
        if let Some(limit) = limits.requests_per_minute {
            self.requests.take(limit.get().into(), 1, now);
        }
        let tokens = limits.tokens_per_minute.map(|limit| {
            self.tokens.take(limit.get(), ask.tokens, now);
            ask.tokens
        });
        self.running = self.running.saturating_add(1);
        let keeps = keeps_budget == KeepsBudget::Always || limits.monthly_budget.is_some();
        let cost = keeps
            .then(|| self.budget.reserve(ask.amount(), now))
            .flatten();
        Held {
            scope: Arc::clone(scope),
            tokens,
            cost,
        }
    }

    /// The windows of the limits that there are.
    pub(super) fn rate(&mut self, limits: &Limits, now: Timestamp) -> RateHeaders {
        RateHeaders {
            requests: limits
                .requests_per_minute
                .map(|limit| self.requests.window(limit.get().into(), now)),
            tokens: limits
                .tokens_per_minute
                .map(|limit| self.tokens.window(limit.get(), now)),
        }
    }
}

/// Whether a scope books money that no cap watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepsBudget {
    /// A tenant's scope: there are few, and a cap may come any time.
    Always,
    /// A key's scope: only under a cap, so that idle keys can be forgotten.
    UnderCap,
}

impl Held {
    /// Ends the request for this scope. `None` releases: as if no token and no money had been asked for; the request
    /// itself stays counted, since it was made.
    pub(super) fn end(self, used: Option<Used>) {
        let mut state = self.scope.lock();
        state.running = state.running.saturating_sub(1);
        if let Some(taken) = self.tokens {
            state
                .tokens
                .correct(taken, used.map_or(0, |used| used.tokens));
        }
        match (self.cost, used) {
            (Some(reservation), Some(used)) => state.budget.settle(reservation, used.cost),
            (Some(reservation), None) => state.budget.release(reservation),
            (None, _) => {}
        }
    }
}
