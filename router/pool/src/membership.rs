//! Who can be asked now: the members of every source, the experts each hosts, and a snapshot of it
//! that readers take without waiting.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderValue;
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use units::{Clock, ExpertId, PoolId};

use crate::idle::Idle;
use crate::replica::{Member, MemberLoad, Replica, ReplicaFacts};
use crate::status::WorkerStatus;
use crate::tls::Tls;
use crate::{
    BreakerConfig, ConnectionConfig, LocalSource, PoolConfig, PoolError, RemoteSource, ReplicaKind,
    Target,
};

/// The replicas of every expert at one moment.
pub(crate) type Snapshot = HashMap<ExpertId, Vec<Arc<Replica>>>;

/// Where members come from, checked.
pub(crate) struct Source {
    pub(crate) target: Target,
    kind: ReplicaKind,
    pool: PoolId,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    tls: Option<Tls>,
    /// The expert of a remote, and how the remote names it.
    remote: Option<(ExpertId, Box<str>)>,
}

/// All members and what they host.
pub(crate) struct Membership {
    clock: Arc<dyn Clock>,
    breaker: BreakerConfig,
    connections: ConnectionConfig,
    pub(crate) sources: Vec<Source>,
    hosted: Mutex<BTreeMap<(usize, SocketAddr), Hosted>>,
    locals: Mutex<BTreeMap<ExpertId, Hosted>>,
    snapshot: ArcSwap<Snapshot>,
    generation: watch::Sender<u64>,
    stop: CancellationToken,
}

struct Hosted {
    member: Arc<Member>,
    replicas: Vec<Arc<Replica>>,
}

impl Membership {
    pub(crate) fn new(
        config: &PoolConfig,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Result<Self, PoolError> {
        let encrypted = config.workers.iter().map(|w| &w.target);
        let mut targets = encrypted.chain(config.remotes.iter().map(|r| &r.target));
        let client = if targets.any(Target::tls) {
            let extra = config.connections.extra_roots.as_deref();
            Some(crate::tls::client_config(extra)?)
        } else {
            None
        };
        let mut sources = Vec::new();
        for worker in &config.workers {
            let source = Source::new(&worker.target, &worker.pool, None, client.as_ref())?;
            sources.push(source);
        }
        for remote in &config.remotes {
            let twice = sources.iter().any(|s: &Source| {
                let same = s.remote.as_ref().is_some_and(|(e, _)| *e == remote.expert);
                same && s.target == remote.target
            });
            if twice {
                return Err(PoolError::Twice(remote.expert.clone()));
            }
            let source = Source::new(&remote.target, &remote.pool, Some(remote), client.as_ref())?;
            sources.push(source);
        }
        Ok(Self {
            clock,
            breaker: config.breaker,
            connections: config.connections.clone(),
            sources,
            hosted: Mutex::default(),
            locals: Mutex::default(),
            snapshot: ArcSwap::default(),
            generation: watch::Sender::new(0),
            stop,
        })
    }

    /// The replicas of every expert now.
    pub(crate) fn snapshot(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Changes whenever the snapshot or the health of a member does.
    pub(crate) fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Tells that health or load moved.
    pub(crate) fn moved(&self) {
        self.generation.send_modify(|g| *g = g.wrapping_add(1));
    }

    /// Takes the addresses of a source. Returns the new members, whose probes are to be started;
    /// members that are gone finish what they have begun and get nothing new.
    pub(crate) fn apply(
        &self,
        source: usize,
        addresses: &BTreeSet<SocketAddr>,
    ) -> Result<Vec<Arc<Member>>, PoolError> {
        let Some(from) = self.sources.get(source) else {
            return Ok(Vec::new());
        };
        let mut joined = Vec::new();
        let mut hosted = self.hosted.lock();
        hosted.retain(|(of, address), entry| {
            let stays = *of != source || addresses.contains(address);
            if !stays {
                entry.member.gone.cancel();
                entry.member.idle.clear();
                crate::events::member_left(&entry.member.address);
            }
            stays
        });
        for address in addresses {
            if hosted.contains_key(&(source, *address)) {
                continue;
            }
            let member = Arc::new(self.member(from, *address)?);
            let remote = from.remote.iter().map(|(expert, model)| ReplicaFacts {
                expert: expert.clone(),
                model: model.clone(),
                version: None,
                domain: None,
                loaded: true,
            });
            let replicas = remote.map(|facts| self.replica(&member, facts)).collect();
            crate::events::member_joined(&member.address);
            joined.push(Arc::clone(&member));
            hosted.insert((source, *address), Hosted { member, replicas });
        }
        self.publish(&hosted);
        Ok(joined)
    }

    /// Takes what a worker says it hosts. Replicas that stay keep their breaker.
    pub(crate) fn learn(&self, member: &Arc<Member>, status: &WorkerStatus) {
        let mut hosted = self.hosted.lock();
        let Some(entry) = hosted
            .values_mut()
            .find(|entry| Arc::ptr_eq(&entry.member, member))
        else {
            return;
        };
        let mut changed = entry.replicas.len() != status.experts.len();
        let mut replicas = Vec::with_capacity(status.experts.len());
        for expert in &status.experts {
            let known = entry
                .replicas
                .iter()
                .find(|r| r.expert == expert.id && r.version == expert.version);
            if let Some(replica) = known {
                replica.set_loaded(expert.loaded);
                replicas.push(Arc::clone(replica));
                continue;
            }
            changed = true;
            let facts = ReplicaFacts {
                expert: expert.id.clone(),
                model: expert.id.as_str().into(),
                version: expert.version.clone(),
                domain: expert.domain.clone(),
                loaded: expert.loaded,
            };
            replicas.push(self.replica(member, facts));
        }
        if changed {
            entry.replicas = replicas;
            self.publish(&hosted);
        }
    }

    /// Ends every member.
    pub(crate) fn clear(&self) {
        let mut hosted = self.hosted.lock();
        for entry in hosted.values() {
            entry.member.gone.cancel();
            entry.member.idle.clear();
        }
        hosted.clear();
        self.locals.lock().clear();
        self.publish(&hosted);
    }

    /// Adds an expert of this process, or puts another in its place.
    pub(crate) fn add_local(&self, from: &LocalSource) -> Result<(), PoolError> {
        let target: Target = "localhost".parse()?;
        let name = from.expert.as_str();
        let member = Arc::new(Member {
            address: format!("plugin:{name}").into(),
            // Never connected to.
            socket: SocketAddr::from(([0, 0, 0, 0], 0)),
            pool: from.pool.clone(),
            kind: ReplicaKind::Local,
            host: HeaderValue::from_static("localhost"),
            chat: target.api("chat/completions")?,
            status: target.path("/status")?,
            authorization: None,
            tls: None,
            local: Some(Arc::clone(&from.answers)),
            idle: Idle::new(0, self.connections.idle_timeout),
            load: MemberLoad::new(),
            gone: self.stop.child_token(),
        });
        member.load.report(0, Some(from.capacity));
        let facts = ReplicaFacts {
            expert: from.expert.clone(),
            model: name.into(),
            version: None,
            domain: None,
            loaded: true,
        };
        let replicas = vec![self.replica(&member, facts)];
        let hosted = self.hosted.lock();
        self.locals
            .lock()
            .insert(from.expert.clone(), Hosted { member, replicas });
        self.publish(&hosted);
        Ok(())
    }

    /// Takes an expert of this process out of the lists.
    pub(crate) fn remove_local(&self, expert: &ExpertId) {
        let hosted = self.hosted.lock();
        self.locals.lock().remove(expert);
        self.publish(&hosted);
    }

    fn publish(&self, hosted: &BTreeMap<(usize, SocketAddr), Hosted>) {
        let mut snapshot = Snapshot::new();
        let locals = self.locals.lock();
        let all = hosted.values().chain(locals.values());
        for replica in all.flat_map(|entry| &entry.replicas) {
            snapshot
                .entry(replica.expert.clone())
                .or_default()
                .push(Arc::clone(replica));
        }
        self.snapshot.store(Arc::new(snapshot));
        self.moved();
    }

    fn replica(&self, member: &Arc<Member>, facts: ReplicaFacts) -> Arc<Replica> {
        let now = self.clock.monotonic();
        Arc::new(Replica::new(Arc::clone(member), facts, self.breaker, now))
    }

    fn member(&self, source: &Source, socket: SocketAddr) -> Result<Member, PoolError> {
        let target = &source.target;
        let idle = Idle::new(self.connections.max_idle, self.connections.idle_timeout);
        Ok(Member {
            address: socket.to_string().into(),
            socket,
            pool: source.pool.clone(),
            kind: source.kind,
            host: source.host.clone(),
            chat: target.api("chat/completions")?,
            status: target.path("/status")?,
            authorization: source.authorization.clone(),
            tls: source.tls.clone(),
            local: None,
            idle,
            load: MemberLoad::new(),
            gone: self.stop.child_token(),
        })
    }
}

impl Source {
    fn new(
        target: &Target,
        pool: &PoolId,
        remote: Option<&RemoteSource>,
        client: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, PoolError> {
        let tls = match client {
            Some(client) if target.tls() => Some(Tls::new(Arc::clone(client), target.host())?),
            _ => None,
        };
        let host = HeaderValue::from_str(&target.authority())
            .map_err(|_| PoolError::ServerName(target.host().to_owned()))?;
        Ok(Self {
            target: target.clone(),
            kind: match remote {
                Some(_) => ReplicaKind::Remote,
                None => ReplicaKind::Worker,
            },
            pool: pool.clone(),
            host,
            authorization: remote
                .and_then(|r| r.api_key.as_ref())
                .map(crate::ApiKey::header),
            tls,
            remote: remote.map(|r| (r.expert.clone(), r.model.as_str().into())),
        })
    }
}
