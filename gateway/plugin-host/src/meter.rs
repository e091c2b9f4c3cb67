//! What a call used: CPU time by the thread's own clock, read around each poll of the guest's future.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};

use rustix::time::{ClockId, clock_gettime};

/// Counters of one call, readable while it runs and after it was dropped.
#[derive(Debug, Default)]
pub struct Meters {
    cpu_ns: AtomicU64,
    /// The thread's clock at the start of the poll that runs; 0 between polls.
    poll_began: AtomicU64,
    /// Calls of the host.
    pub(crate) host_calls: AtomicU32,
    /// Most memory held, bytes.
    pub(crate) memory_peak: AtomicU64,
    /// More memory was asked for than is allowed.
    pub(crate) memory_denied: AtomicBool,
    /// Fuel used; 0 where it is not metered.
    pub(crate) fuel: AtomicU64,
}

/// CPU time of this thread, ns.
fn thread_clock() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

impl Meters {
    /// CPU time so far, ns. Exact when asked by the guest's own thread or after the call.
    pub fn cpu_ns(&self) -> u64 {
        self.cpu_ns.load(Ordering::Relaxed)
    }

    /// CPU time so far, the running poll included. Only for the thread that polls.
    pub(crate) fn cpu_now(&self) -> u64 {
        let began = self.poll_began.load(Ordering::Relaxed);
        let running = match began {
            0 => 0,
            began => thread_clock().saturating_sub(began),
        };
        self.cpu_ns().saturating_add(running)
    }

    /// Calls of the host so far.
    pub fn host_calls(&self) -> u32 {
        self.host_calls.load(Ordering::Relaxed)
    }

    /// Most memory held at once, bytes.
    pub fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Ordering::Relaxed)
    }

    /// Fuel used; `None` where it is not metered.
    pub fn fuel(&self) -> Option<u64> {
        Some(self.fuel.load(Ordering::Relaxed)).filter(|fuel| *fuel > 0)
    }
}

/// A future whose polls are metered.
pub(crate) struct Metered<F> {
    future: Pin<Box<F>>,
    meters: std::sync::Arc<Meters>,
}

impl<F> Metered<F> {
    pub(crate) fn new(future: F, meters: std::sync::Arc<Meters>) -> Self {
        Self {
            future: Box::pin(future),
            meters,
        }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let began = thread_clock().max(1);
        self.meters.poll_began.store(began, Ordering::Relaxed);
        let polled = self.future.as_mut().poll(cx);
        let took = thread_clock().saturating_sub(began);
        self.meters.cpu_ns.fetch_add(took, Ordering::Relaxed);
        self.meters.poll_began.store(0, Ordering::Relaxed);
        polled
    }
}
