//! The engine, the guests' own threads, the clock that interrupts them, and how many calls run at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use plugin_engine::{Metering, PoolSize};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use units::TenantId;
use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::Workflow;
use crate::state::State;
use crate::{CallError, HostError};

/// How often guests are looked at.
const TICK: Duration = Duration::from_millis(1);

/// What a host is told.
#[derive(Debug, Clone, Copy)]
pub struct HostConfig {
    /// The instance pool.
    pub pool: PoolSize,
    /// Threads of the guests.
    pub threads: usize,
    /// How work is counted.
    pub metering: Metering,
    /// Calls of one plugin at once.
    pub per_plugin: usize,
    /// Calls of one tenant's plugins at once.
    pub per_tenant: usize,
    /// How long a call waits for its turn.
    pub patience: Duration,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            pool: PoolSize::default(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            metering: Metering::Time,
            per_plugin: 32,
            per_tenant: 64,
            patience: Duration::from_millis(250),
        }
    }
}

/// One engine for all plugins of a process.
pub struct PluginHost {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
    pub(crate) config: HostConfig,
    guests: Option<Runtime>,
    handle: Handle,
    ticker: Arc<Ticker>,
    thread: Option<std::thread::JoinHandle<()>>,
    all: Arc<Semaphore>,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl PluginHost {
    /// Starts the engine and the guests' threads.
    ///
    /// # Errors
    /// The system has no room for the pool, or no thread.
    pub fn start(config: HostConfig) -> Result<Self, HostError> {
        let failed = |why: wasmtime::Error| HostError::Engine(format!("{why:#}"));
        let engine =
            Engine::new(&plugin_engine::running(config.metering, &config.pool)).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        Workflow::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).map_err(failed)?;
        crate::wasi::link(&mut linker).map_err(failed)?;
        let guests = Builder::new_multi_thread()
            .worker_threads(config.threads.max(1))
            .thread_name("moegate-plugin")
            .enable_all()
            .build()?;
        let ticker = Arc::new(Ticker::default());
        let thread = {
            let (ticker, engine) = (Arc::clone(&ticker), engine.clone());
            std::thread::Builder::new()
                .name("moegate-tick".to_owned())
                .spawn(move || ticker.run(|| engine.increment_epoch()))?
        };
        let instances = usize::try_from(config.pool.instances).unwrap_or(usize::MAX);
        Ok(Self {
            engine,
            linker,
            config,
            handle: guests.handle().clone(),
            guests: Some(guests),
            ticker,
            thread: Some(thread),
            all: Arc::new(Semaphore::new(instances)),
            tenants: Mutex::default(),
        })
    }

    /// Where guests run.
    pub(crate) fn guests(&self) -> &Handle {
        &self.handle
    }

    /// Ticks while it is held.
    pub(crate) fn ticking(&self) -> Ticking {
        self.ticker.hold()
    }

    /// A turn for one call: of its plugin, of its tenant and of the host.
    pub(crate) async fn turn(
        &self,
        tenant: &TenantId,
        plugin: &Arc<Semaphore>,
    ) -> Result<Turn, CallError> {
        let own = Arc::clone(
            self.tenants
                .lock()
                .entry(tenant.clone())
                .or_insert_with(|| Arc::new(Semaphore::new(self.config.per_tenant))),
        );
        let take = async |semaphore: &Arc<Semaphore>, whose: &'static str| {
            let permit = match Arc::clone(semaphore).try_acquire_owned() {
                Ok(permit) => return Ok(permit),
                Err(_) => Arc::clone(semaphore).acquire_owned(),
            };
            match tokio::time::timeout(self.config.patience, permit).await {
                Ok(Ok(permit)) => Ok(permit),
                _ => Err(CallError::Busy(whose)),
            }
        };
        Ok(Turn {
            _plugin: take(plugin, "this plugin").await?,
            _tenant: take(&own, "this tenant").await?,
            _host: take(&self.all, "this host").await?,
        })
    }

    /// Calls that may still begin.
    pub fn free(&self) -> usize {
        self.all.available_permits()
    }
}

impl Drop for PluginHost {
    fn drop(&mut self) {
        self.ticker.stop();
        if let Some(thread) = self.thread.take() {
            let _joined = thread.join();
        }
        if let Some(guests) = self.guests.take() {
            guests.shutdown_background();
        }
    }
}

/// Held while a call runs.
pub(crate) struct Turn {
    _plugin: OwnedSemaphorePermit,
    _tenant: OwnedSemaphorePermit,
    _host: OwnedSemaphorePermit,
}

/// The clock that interrupts guests; it sleeps while there are none.
#[derive(Default)]
struct Ticker {
    running: AtomicUsize,
    stopped: AtomicBool,
    asleep: Mutex<bool>,
    wake: Condvar,
}

/// One running call, for the ticker.
pub(crate) struct Ticking(Arc<Ticker>);

impl Ticker {
    fn hold(self: &Arc<Self>) -> Ticking {
        if self.running.fetch_add(1, Ordering::SeqCst) == 0 {
            self.rouse();
        }
        Ticking(Arc::clone(self))
    }

    fn rouse(&self) {
        if *self.asleep.lock() {
            self.wake.notify_one();
        }
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    fn run(&self, tick: impl Fn()) {
        while !self.stopped.load(Ordering::SeqCst) {
            std::thread::sleep(TICK);
            tick();
            if self.running.load(Ordering::SeqCst) == 0 {
                let mut asleep = self.asleep.lock();
                *asleep = true;
                // Looked at again under the lock: who began meanwhile sees that we sleep, or we see it.
                if self.running.load(Ordering::SeqCst) == 0 && !self.stopped.load(Ordering::SeqCst)
                {
                    self.wake.wait_for(&mut asleep, Duration::from_secs(1));
                }
                *asleep = false;
            }
        }
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
