//! An engine that computes for real, but only when the test lets it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use decoder::Part;
use expert_worker::{
    Engine, EngineError, Loaded, Slot, SystemClock, SystemIds, TorchEngine, Worker, WorkerConfig,
    Writing,
};
use models::{Classification, Encoded};

/// The engine's side.
#[derive(Debug)]
struct Gated {
    inner: TorchEngine,
    begun: SyncSender<usize>,
    go: Receiver<Order>,
}

/// What a step shall do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    Compute,
    Panic,
}

/// The test's side.
#[derive(Debug)]
pub(crate) struct Gate {
    begun: Receiver<usize>,
    go: SyncSender<Order>,
}

/// What experts that write may use in tests.
pub(crate) const WRITING: Writing = Writing {
    threads: 1,
    kv_bytes: 1 << 20,
};

impl Engine for Gated {
    fn load(&mut self, slot: Slot) -> Result<Loaded, EngineError> {
        self.inner.load(slot)
    }

    fn evict(&mut self, slot: Slot) {
        self.inner.evict(slot);
    }

    fn write(&mut self, slot: Slot, parts: &[Part<'_>]) -> Result<&[f32], EngineError> {
        self.inner.write(slot, parts)
    }

    fn classify(
        &mut self,
        slot: Slot,
        batch: &[Encoded],
    ) -> Result<Vec<Classification>, EngineError> {
        // A test that has ended no longer listens.
        self.begun.send(batch.len()).unwrap_or(());
        match self.go.recv() {
            Ok(Order::Panic) => panic!("as ordered"),
            // It lets everything through.
            Ok(Order::Compute) | Err(_) => self.inner.classify(slot, batch),
        }
    }
}

impl Gate {
    /// Waits until a step has begun; gives its number of members.
    pub(crate) async fn begun(&self) -> usize {
        tokio::task::block_in_place(|| self.begun.recv()).expect("a step")
    }

    /// Lets one step go on.
    pub(crate) fn open(&self, order: Order) {
        self.go.send(order).expect("a device thread");
    }
}

/// A worker whose steps wait at a gate.
pub(crate) async fn gated(config: WorkerConfig) -> (Worker, Gate) {
    let (begun, begun_here) = sync_channel(64);
    let (go_here, go) = sync_channel(64);
    let folders = config.experts.clone();
    let engine = move || Gated {
        inner: TorchEngine::new(folders, tch::Device::Cpu, WRITING),
        begun,
        go,
    };
    let clock = Arc::new(SystemClock::start());
    let worker = Worker::start_with(config, clock, Arc::new(SystemIds), "cpu", engine).await;
    let gate = Gate {
        begun: begun_here,
        go: go_here,
    };
    (worker.expect("a worker"), gate)
}
