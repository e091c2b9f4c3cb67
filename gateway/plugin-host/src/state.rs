//! What the host knows about one running call, and the charges made before any work is done for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Result};

use crate::traced::Notes;
use crate::types::Error;
use crate::wasi::Wasi;
use crate::{Limit, Limits, Meters, Services};

/// The data of a call's store.
pub(crate) struct State {
    pub(crate) limits: Limits,
    pub(crate) services: Services,
    pub(crate) meters: Arc<Meters>,
    pub(crate) notes: Arc<Mutex<Notes>>,
    pub(crate) table: ResourceTable,
    pub(crate) memory: Memory,
    pub(crate) wasi: Option<Box<Wasi>>,
    used: Used,
}

/// Calls and bytes so far.
#[derive(Debug, Default)]
struct Used {
    infer: u32,
    http: u32,
    kv: u32,
    emits: u32,
    emitted: u64,
}

/// Which interface is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interface {
    Infer,
    Output,
    Retrieve,
    Kv,
    Http,
    Secrets,
    Tools,
    Trace,
    Context,
    Steps,
}

impl Interface {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Infer => "infer",
            Self::Output => "output",
            Self::Retrieve => "retrieve",
            Self::Kv => "kv",
            Self::Http => "http",
            Self::Secrets => "secrets",
            Self::Tools => "tools",
            Self::Trace => "trace",
            Self::Context => "context",
            Self::Steps => "steps",
        }
    }

    /// What a call without the grant is told.
    pub(crate) fn denied(self) -> Error {
        error(
            "denied",
            &format!("the capability `{}` is not granted", self.as_str()),
        )
    }
}

/// An error of the WIT package.
pub(crate) fn error(code: &str, message: &str) -> Error {
    Error {
        code: code.to_owned(),
        message: message.to_owned(),
        retry_after_ms: None,
    }
}

impl State {
    pub(crate) fn new(
        limits: Limits,
        services: Services,
        meters: Arc<Meters>,
        notes: Arc<Mutex<Notes>>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        Self {
            memory: Memory {
                most_bytes: limits.memory_bytes,
                most_elements: limits.table_elements,
                bytes: 0,
                elements: 0,
                meters: Arc::clone(&meters),
            },
            limits,
            services,
            meters,
            notes,
            table,
            wasi: None,
            used: Used::default(),
        }
    }

    /// Charges a call of the host, before its work.
    ///
    /// # Errors
    /// The call is one too many: the guest traps.
    pub(crate) fn charge(&mut self, interface: Interface) -> Result<()> {
        self.charge_many(interface, 1)
    }

    /// Charges that many calls at once.
    pub(crate) fn charge_many(&mut self, interface: Interface, count: u32) -> Result<()> {
        let before = self.meters.host_calls.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) > self.limits.host_calls {
            return Err(Limit::HostCalls("all interfaces").into());
        }
        let (used, most) = match interface {
            Interface::Infer => (&mut self.used.infer, self.limits.infer_calls),
            Interface::Http => (&mut self.used.http, self.limits.http_calls),
            Interface::Kv => (&mut self.used.kv, self.limits.kv_calls),
            _ => return Ok(()),
        };
        *used = used.saturating_add(count);
        if *used > most {
            return Err(Limit::HostCalls(interface.as_str()).into());
        }
        Ok(())
    }

    /// Charges a piece for the caller's stream. `false`: there is no room for it.
    pub(crate) fn charge_output(&mut self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.used.emits = self.used.emits.saturating_add(1);
        self.used.emitted = self.used.emitted.saturating_add(bytes);
        self.used.emits <= self.limits.emits && self.used.emitted <= self.limits.output_bytes
    }
}

/// Memory and tables of all instances of the store together.
pub(crate) struct Memory {
    most_bytes: u64,
    most_elements: u64,
    bytes: u64,
    elements: u64,
    meters: Arc<Meters>,
}

impl Memory {
    fn deny(&self) -> Result<bool> {
        self.meters.memory_denied.store(true, Ordering::Relaxed);
        Ok(false)
    }
}

fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _most: Option<usize>,
    ) -> Result<bool> {
        let after = self
            .bytes
            .saturating_add(wide(desired.saturating_sub(current)));
        if after > self.most_bytes {
            return self.deny();
        }
        self.bytes = after;
        self.meters.memory_peak.fetch_max(after, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _most: Option<usize>,
    ) -> Result<bool> {
        let after = self
            .elements
            .saturating_add(wide(desired.saturating_sub(current)));
        if after > self.most_elements {
            return self.deny();
        }
        self.elements = after;
        Ok(true)
    }
}
