//! A loaded plugin, and one call of it: a fresh instance, bounded in everything, gone afterwards.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use plugin_engine::Metering;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use units::TenantId;
use wasmtime::component::Component;
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::bindings::{ExpertPre, WorkflowPre};
use crate::meter::Metered;
use crate::state::State;
use crate::traced::{Notes, report};
use crate::types::{Chat, Error, Reply};
use crate::{CallError, HostError, Limit, Limits, Meters, PluginHost, Report, Services};

/// What a plugin exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginKind {
    /// Answers a chat.
    Expert,
    /// Runs steps over a JSON input.
    Workflow,
}

enum World {
    Expert(ExpertPre<State>),
    Workflow(WorkflowPre<State>),
}

/// Loaded and linked; a call takes tens of microseconds.
pub struct Plugin {
    host: Arc<PluginHost>,
    world: World,
    turns: Arc<Semaphore>,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// Links a component.
    ///
    /// # Errors
    /// It imports what the host does not have, exceeds the pool, or lacks the exports of its kind.
    pub fn link(
        host: &Arc<PluginHost>,
        component: &Component,
        kind: PluginKind,
    ) -> Result<Self, HostError> {
        let linked = host
            .linker
            .instantiate_pre(component)
            .map_err(|why| HostError::Link(format!("{why:#}")))?;
        let strange = |why: wasmtime::Error| HostError::World(format!("{why:#}"));
        let world = match kind {
            PluginKind::Expert => World::Expert(ExpertPre::new(linked).map_err(strange)?),
            PluginKind::Workflow => World::Workflow(WorkflowPre::new(linked).map_err(strange)?),
        };
        Ok(Self {
            host: Arc::clone(host),
            world,
            turns: Arc::new(Semaphore::new(host.config.per_plugin)),
        })
    }

    /// What it exports.
    pub const fn kind(&self) -> PluginKind {
        match self.world {
            World::Expert(_) => PluginKind::Expert,
            World::Workflow(_) => PluginKind::Workflow,
        }
    }

    /// Asks an expert.
    pub fn answer(
        self: &Arc<Self>,
        tenant: &TenantId,
        ask: Chat,
        limits: Limits,
        services: Services,
    ) -> Running<Reply> {
        let bytes = ask.messages.iter().map(|m| m.content.len()).sum::<usize>();
        self.run_in(
            tenant,
            bytes,
            limits,
            services,
            move |plugin, mut store| async move {
                let World::Expert(pre) = &plugin.world else {
                    return (Ok(Err(wrong_kind())), store);
                };
                let called = async {
                    let guest = pre.instantiate_async(&mut store).await?;
                    guest
                        .moegate_plugin_expert_api()
                        .call_answer(&mut store, &ask)
                        .await
                };
                let result = called.await;
                (result, store)
            },
        )
    }

    /// The same by wasmtime alone, on the caller's own thread: no turn, no task, no limiter, no meter and no clock.
    /// The floor that a bench holds [`Plugin::answer`] against; nothing bounds what the guest does.
    ///
    /// # Errors
    /// The plugin is a workflow, refuses, or breaks off.
    pub async fn answer_unbounded(
        &self,
        ask: &Chat,
        services: Services,
    ) -> Result<Reply, CallError> {
        let World::Expert(pre) = &self.world else {
            return Err(refused(&wrong_kind()));
        };
        let (meters, notes) = (Arc::<Meters>::default(), Arc::default());
        let state = State::new(Limits::PARTNER, services, Arc::clone(&meters), notes);
        let mut store = Store::new(&self.host.engine, state);
        store.set_epoch_deadline(u64::MAX >> 1);
        let called = async {
            let guest = pre.instantiate_async(&mut store).await?;
            guest
                .moegate_plugin_expert_api()
                .call_answer(&mut store, ask)
                .await
        };
        match called.await {
            Ok(answer) => answer.map_err(|why| refused(&why)),
            Err(why) => Err(failed(&why, &meters)),
        }
    }

    /// Runs a workflow over its JSON input.
    pub fn run(
        self: &Arc<Self>,
        tenant: &TenantId,
        input: String,
        limits: Limits,
        services: Services,
    ) -> Running<String> {
        self.run_in(
            tenant,
            input.len(),
            limits,
            services,
            move |plugin, mut store| async move {
                let World::Workflow(pre) = &plugin.world else {
                    return (Ok(Err(wrong_kind())), store);
                };
                let called = async {
                    let guest = pre.instantiate_async(&mut store).await?;
                    guest
                        .moegate_plugin_workflow_api()
                        .call_run(&mut store, &input)
                        .await
                };
                let result = called.await;
                (result, store)
            },
        )
    }

    fn run_in<T, F>(
        self: &Arc<Self>,
        tenant: &TenantId,
        bytes: usize,
        limits: Limits,
        services: Services,
        call: impl FnOnce(Arc<Self>, Store<State>) -> F + Send + 'static,
    ) -> Running<T>
    where
        T: Send + 'static,
        F: Future<Output = (wasmtime::Result<Result<T, Error>>, Store<State>)> + Send + 'static,
    {
        let (meters, notes) = (Arc::<Meters>::default(), Arc::<Mutex<Notes>>::default());
        let told = (Arc::clone(&meters), Arc::clone(&notes));
        let (plugin, tenant) = (Arc::clone(self), tenant.clone());
        let task = async move {
            if u64::try_from(bytes).is_ok_and(|bytes| bytes > limits.input_bytes) {
                return Err(CallError::Limit(Limit::Bytes));
            }
            let _turn = plugin.host.turn(&tenant, &plugin.turns).await?;
            let _ticking = plugin.host.ticking();
            let store = plugin.store(limits, services, &told)?;
            let metered = Metered::new(call(Arc::clone(&plugin), store), Arc::clone(&told.0));
            let Ok((result, store)) = tokio::time::timeout(limits.wall, metered).await else {
                return Err(CallError::Deadline(limits.wall));
            };
            if plugin.host.config.metering == Metering::Fuel {
                let left = store.get_fuel().unwrap_or(0);
                told.0
                    .fuel
                    .store(fuel(&limits).saturating_sub(left), Ordering::Relaxed);
            }
            if let Some(wasi) = &store.data().wasi {
                wasi.say(&mut told.1.lock(), &limits);
            }
            match result {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(why)) => Err(refused(&why)),
                Err(why) => Err(failed(&why, &told.0)),
            }
        };
        Running {
            task: self.host.guests().spawn(task),
            limits,
            meters,
            notes,
        }
    }

    fn store(
        &self,
        limits: Limits,
        services: Services,
        told: &(Arc<Meters>, Arc<Mutex<Notes>>),
    ) -> Result<Store<State>, CallError> {
        let state = State::new(limits, services, Arc::clone(&told.0), Arc::clone(&told.1));
        let mut store = Store::new(&self.host.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(usize::try_from(limits.call_bytes).unwrap_or(usize::MAX));
        store.set_max_component_handles(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        if self.host.config.metering == Metering::Fuel {
            let set = store.set_fuel(fuel(&limits));
            set.map_err(|_| CallError::Internal("fuel is not metered"))?;
        }
        let most = u64::try_from(limits.cpu.as_nanos()).unwrap_or(u64::MAX);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |context| {
            if context.data().meters.cpu_now() >= most {
                return Ok(UpdateDeadline::Interrupt);
            }
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(tokio::task::yield_now()),
            ))
        });
        Ok(store)
    }
}

/// Fuel where no bound is set: more than any call's CPU time can burn.
fn fuel(limits: &Limits) -> u64 {
    limits.fuel.unwrap_or(u64::MAX >> 1)
}

fn wrong_kind() -> Error {
    crate::state::error("invalid", "the plugin is of the other kind")
}

fn refused(why: &Error) -> CallError {
    CallError::Refused {
        code: why.code.chars().take(64).collect(),
        message: why.message.chars().take(1_000).collect(),
        retry_after: why
            .retry_after_ms
            .map(|ms| std::time::Duration::from_millis(ms.into())),
    }
}

/// Names what stopped a guest.
fn failed(why: &wasmtime::Error, meters: &Meters) -> CallError {
    if let Some(limit) = why.downcast_ref::<Limit>() {
        return CallError::Limit(*limit);
    }
    let trap = why.downcast_ref::<Trap>();
    if trap == Some(&Trap::Interrupt) {
        return CallError::Limit(Limit::Cpu);
    }
    // A guest that was refused memory breaks off in a way of its own.
    if meters.memory_denied.load(Ordering::Relaxed) {
        return CallError::Limit(Limit::Memory);
    }
    match trap {
        Some(Trap::StackOverflow) => return CallError::Limit(Limit::Stack),
        Some(Trap::OutOfFuel) => return CallError::Limit(Limit::Fuel),
        Some(trap) => return CallError::Trap(trap.to_string()),
        None => {}
    }
    let root = why.root_cause().to_string();
    if root.contains("hostcalls") {
        return CallError::Limit(Limit::Bytes);
    }
    CallError::Trap(root.chars().take(200).collect())
}

/// A call under way. Dropping it stops the guest.
pub struct Running<T> {
    task: JoinHandle<Result<T, CallError>>,
    limits: Limits,
    meters: Arc<Meters>,
    notes: Arc<Mutex<Notes>>,
}

impl<T> fmt::Debug for Running<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

impl<T> Running<T> {
    /// What it used so far, and what it said.
    pub fn report(&self) -> Report {
        report(self.limits, &self.meters, &self.notes)
    }

    /// Its counters, to be read after it was dropped.
    pub fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }
}

impl<T> Future for Running<T> {
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task)
            .poll(cx)
            .map(|joined| match joined {
                Ok(result) => result,
                Err(why) if why.is_cancelled() => Err(CallError::Cancelled),
                Err(_) => Err(CallError::Internal("a host function panicked")),
            })
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
