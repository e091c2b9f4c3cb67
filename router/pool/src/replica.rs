//! A replica is one expert on one member; a member is one address, a worker of ours or a remote API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use http::{HeaderValue, Uri};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use units::{ExpertId, Nanos, PoolId};

use crate::breaker::{Breaker, Outcome, Pass, Phase};
use crate::idle::Idle;
use crate::tls::Tls;
use crate::{BreakerConfig, LocalExpert, ReplicaKind};

/// One address, or one expert of this process.
pub(crate) struct Member {
    pub(crate) address: Arc<str>,
    pub(crate) socket: SocketAddr,
    pub(crate) pool: PoolId,
    pub(crate) kind: ReplicaKind,
    pub(crate) host: HeaderValue,
    pub(crate) chat: Uri,
    pub(crate) status: Uri,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) tls: Option<Tls>,
    /// It answers in this process; there is no address.
    pub(crate) local: Option<Arc<dyn LocalExpert>>,
    pub(crate) idle: Idle,
    pub(crate) load: MemberLoad,
    /// Ends its probes; it is gone from every list.
    pub(crate) gone: CancellationToken,
}

/// How busy and how well a member is.
pub(crate) struct MemberLoad {
    /// Our own requests under way.
    pub(crate) outstanding: AtomicU32,
    /// Work of others, as last reported.
    pub(crate) elsewhere: AtomicU32,
    /// Room in its queue; `u32::MAX` while unknown.
    pub(crate) capacity: AtomicU32,
    /// Do its probes succeed?
    pub(crate) healthy: AtomicBool,
}

impl MemberLoad {
    pub(crate) const fn new() -> Self {
        Self {
            outstanding: AtomicU32::new(0),
            elsewhere: AtomicU32::new(0),
            capacity: AtomicU32::new(u32::MAX),
            healthy: AtomicBool::new(true),
        }
    }

    /// Takes a reported queue; what is ours in it is not counted twice.
    pub(crate) fn report(&self, queued: u32, capacity: Option<u32>) {
        let ours = self.outstanding.load(Ordering::Relaxed);
        self.elsewhere
            .store(queued.saturating_sub(ours), Ordering::Relaxed);
        self.capacity
            .store(capacity.unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Work under way and waiting, ours and others'.
    pub(crate) fn total(&self) -> u32 {
        self.outstanding
            .load(Ordering::Relaxed)
            .saturating_add(self.elsewhere.load(Ordering::Relaxed))
    }
}

/// One expert on one member.
pub(crate) struct Replica {
    pub(crate) member: Arc<Member>,
    pub(crate) expert: ExpertId,
    /// How the member names the expert.
    pub(crate) model: Box<str>,
    pub(crate) version: Option<String>,
    pub(crate) domain: Option<String>,
    loaded: AtomicBool,
    breaker: Mutex<Breaker>,
    /// It refused for load and asked to be left alone until then.
    paused_until: AtomicU64,
    /// Smoothed time of its answers; 0 while there was none.
    latency: AtomicU64,
}

/// What a replica is, before anything happened to it.
pub(crate) struct ReplicaFacts {
    pub(crate) expert: ExpertId,
    pub(crate) model: Box<str>,
    pub(crate) version: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) loaded: bool,
}

/// May a replica be asked?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Yes.
    Fit,
    /// Only if no other is.
    Doubtful,
    /// Not before the time given: it is full.
    Paused(Nanos),
    /// Not now: it failed.
    Open,
}

impl Replica {
    pub(crate) fn new(
        member: Arc<Member>,
        facts: ReplicaFacts,
        breaker: BreakerConfig,
        now: Nanos,
    ) -> Self {
        Self {
            member,
            expert: facts.expert,
            model: facts.model,
            version: facts.version,
            domain: facts.domain,
            loaded: AtomicBool::new(facts.loaded),
            breaker: Mutex::new(Breaker::new(breaker, now)),
            paused_until: AtomicU64::new(0),
            latency: AtomicU64::new(0),
        }
    }

    pub(crate) fn standing(&self, now: Nanos) -> Standing {
        let paused = Nanos::new(self.paused_until.load(Ordering::Relaxed));
        if now < paused {
            return Standing::Paused(paused);
        }
        match self.breaker.lock().phase(now) {
            Phase::Open(_) | Phase::Probing => Standing::Open,
            // A half-open one is asked like any other, or it would never be seen to recover.
            Phase::Closed | Phase::HalfOpen => {
                if self.member.load.healthy.load(Ordering::Relaxed) {
                    Standing::Fit
                } else {
                    Standing::Doubtful
                }
            }
        }
    }

    /// What it would mean to send one more request here: less is better.
    pub(crate) fn weight(&self) -> u32 {
        // Loading an expert is as dear as some waiting requests.
        let load = if self.is_loaded() { 0 } else { 4 };
        self.member.load.total().saturating_add(load)
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Relaxed)
    }

    pub(crate) fn set_loaded(&self, loaded: bool) {
        self.loaded.store(loaded, Ordering::Relaxed);
    }

    pub(crate) fn latency(&self) -> Option<Nanos> {
        match self.latency.load(Ordering::Relaxed) {
            0 => None,
            ns => Some(Nanos::new(ns)),
        }
    }

    /// Takes the time of an answer into the smoothed one, by an eighth.
    pub(crate) fn took(&self, time: Nanos) {
        let next = match self.latency() {
            None => time.get(),
            Some(old) => old.get() - old.get() / 8 + time.get() / 8,
        };
        self.latency.store(next.max(1), Ordering::Relaxed);
    }

    /// Leaves the replica alone until then.
    pub(crate) fn pause(&self, until: Nanos) {
        self.paused_until.fetch_max(until.get(), Ordering::Relaxed);
    }

    /// Lets a request through.
    pub(crate) fn admit(self: &Arc<Self>, now: Nanos) -> Option<Permit> {
        let pass = self.breaker.lock().admit(now)?;
        self.member.load.outstanding.fetch_add(1, Ordering::Relaxed);
        Some(Permit {
            replica: Arc::clone(self),
            pass: Some(pass),
        })
    }
}

/// A request under way at a replica. Dropped unsettled, it says nothing about the replica.
pub(crate) struct Permit {
    replica: Arc<Replica>,
    pass: Option<Pass>,
}

impl Permit {
    pub(crate) fn replica(&self) -> &Arc<Replica> {
        &self.replica
    }

    pub(crate) fn settle(&mut self, outcome: Outcome, now: Nanos, waver: u64) {
        if let Some(pass) = self.pass.take() {
            let mut breaker = self.replica.breaker.lock();
            let before = breaker.phase(now);
            breaker.settle(pass, outcome, now, waver);
            let after = breaker.phase(now);
            drop(breaker);
            crate::events::breaker_moved(&self.replica, before, after);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            let mut breaker = self.replica.breaker.lock();
            breaker.settle(pass, Outcome::Neutral, Nanos::ZERO, 0);
        }
        let outstanding = &self.replica.member.load.outstanding;
        outstanding.fetch_sub(1, Ordering::Relaxed);
    }
}
