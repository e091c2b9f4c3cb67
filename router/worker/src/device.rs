//! The one thread that owns the engine: libtorch blocks, so it gets a thread instead of tasks.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::engine::{Engine, EngineError, Reader, Slot};
use crate::job::Failure;
use crate::residency::TooLarge;
use crate::roster::Roster;
use crate::scheduler::Work;
use crate::writing::{Batch, Report, WriteJob};
use crate::{Scheduler, WorkerError, events};

/// When a client may try an expert again that failed while it wrote.
const RETRY_MS: u64 = 1_000;

/// The running device thread. Its owner stops it through [`Scheduler::stop`] and awaits it here.
#[derive(Debug)]
pub struct DeviceThread {
    thread: JoinHandle<()>,
}

impl DeviceThread {
    /// Starts the thread, which makes its engine itself and loads every expert once, to prove and
    /// to measure it. Ready when that is done; fails where an expert is larger than the budget. An
    /// expert that fails to load is left for later.
    pub async fn start<E: Engine>(
        scheduler: Arc<Scheduler>,
        roster: Arc<Roster>,
        engine: impl FnOnce() -> E + Send + 'static,
    ) -> Result<Self, WorkerError> {
        let (ready, opened) = oneshot::channel();
        let builder = std::thread::Builder::new().name("device".to_owned());
        let body = move || {
            let mut device = Device {
                engine: engine(),
                batches: HashMap::new(),
                scheduler,
                roster,
            };
            let opened = device.open_all();
            let proceed = opened.is_ok();
            if ready.send(opened).is_ok() && proceed {
                device.run();
            }
        };
        let thread = builder.spawn(body).map_err(WorkerError::Thread)?;
        opened.await.map_err(|_| WorkerError::DeviceGone)??;
        Ok(Self { thread })
    }

    /// Waits for the end of the thread, which comes after [`Scheduler::stop`].
    pub async fn ended(self) -> Result<(), WorkerError> {
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        match joined {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(WorkerError::DeviceGone),
        }
    }
}

struct Device<E> {
    engine: E,
    /// Of experts that write and are loaded.
    batches: HashMap<Slot, Batch>,
    scheduler: Arc<Scheduler>,
    roster: Arc<Roster>,
}

impl<E: Engine> Device<E> {
    fn open_all(&mut self) -> Result<(), WorkerError> {
        let roster = self.roster.clone();
        let budget = self.scheduler.memory_bytes();
        for (slot, hosted) in roster.all() {
            let evict = self.scheduler.begin_load(slot);
            let bytes = self.load(slot, evict).unwrap_or(hosted.expected_bytes(0));
            if bytes > budget {
                return Err(WorkerError::TooLarge {
                    expert: hosted.card.id.clone(),
                    why: TooLarge { bytes, budget },
                });
            }
        }
        Ok(())
    }

    fn run(&mut self) {
        loop {
            match self.scheduler.next() {
                Work::Load { slot, evict } => {
                    self.load(slot, evict);
                }
                Work::Step(step) => {
                    let slot = step.slot;
                    let result = guarded(|| self.engine.classify(slot, &step.inputs));
                    if let Err(error) = &result {
                        events::step_failed(self.roster.get(slot), error);
                    }
                    let evict = self.scheduler.finish(step, result);
                    self.evict(evict);
                }
                Work::Write { slot, fresh } => self.write(slot, fresh),
                Work::Stop => return,
            }
        }
    }

    /// Loads an expert after others made room; gives its bytes where that worked.
    fn load(&mut self, slot: Slot, evict: Vec<Slot>) -> Option<u64> {
        self.evict(evict);
        let result = guarded(|| self.engine.load(slot));
        let result = result.map(|loaded| {
            if let Reader::Writer { text, pages } = &loaded.reader {
                let limits = self.scheduler.limits().write;
                let hosted = self.roster.get(slot);
                let context = hosted.map_or(0, |hosted| hosted.sequence_tokens(text, *pages));
                let batch = Batch::new(text.clone(), limits, context, *pages);
                self.batches.insert(slot, batch);
            }
            self.roster.opened(slot, loaded.reader);
            loaded.bytes
        });
        let hosted = self.roster.get(slot);
        match &result {
            Ok(bytes) => events::loaded(hosted, *bytes),
            Err(error) => events::load_failed(hosted, error),
        }
        let bytes = result.as_ref().ok().copied();
        let evict = self.scheduler.loaded(slot, result);
        self.evict(evict);
        bytes
    }

    /// One step of an expert that writes.
    fn write(&mut self, slot: Slot, fresh: Vec<WriteJob>) {
        let Some(batch) = self.batches.get_mut(&slot) else {
            // It is loaded, so it has one, unless its folder is another kind of expert now.
            let error = EngineError("the expert does not write".to_owned());
            self.scheduler.stepped();
            let report = Report::refused(fresh, &Failure::Expert);
            let evict = self.scheduler.wrote(slot, report, Some(&error));
            self.evict(evict);
            return;
        };
        for job in fresh {
            batch.admit(job);
        }
        let mut failed = None;
        if batch.plan(self.scheduler.now()) {
            let (engine, planned) = (&mut self.engine, &mut *batch);
            let result = guarded(|| {
                let logits = engine.write(slot, &planned.parts())?;
                planned.draw(logits);
                Ok(())
            });
            failed = result.err();
        }
        let took = self.scheduler.stepped();
        batch.book(took);
        if let Some(error) = &failed {
            events::step_failed(self.roster.get(slot), error);
            batch.fail(&Failure::Unavailable {
                retry_after_ms: RETRY_MS,
            });
        }
        let report = batch.report();
        let evict = self.scheduler.wrote(slot, report, failed.as_ref());
        self.evict(evict);
    }

    fn evict(&mut self, slots: Vec<Slot>) {
        for slot in slots {
            self.batches.remove(&slot);
            let evicted = guarded(|| {
                self.engine.evict(slot);
                Ok(())
            });
            match evicted {
                Ok(()) => events::evicted(self.roster.get(slot)),
                Err(error) => events::evict_failed(self.roster.get(slot), &error),
            }
        }
    }
}

/// Runs engine code; a panic inside becomes an error, so that the thread lives on.
fn guarded<T>(work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    let said = |panic: &Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned())
    };
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(EngineError(format!("panicked: {}", said(&panic)))))
}
