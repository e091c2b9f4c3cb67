//! What one call may use. The effective bound is the smallest of what the manifest asks, the tenant's policy and
//! the host's ceiling.

use std::time::Duration;

/// Bounds of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory and tables of all instances of the call, bytes.
    pub memory_bytes: u64,
    /// Elements of all tables.
    pub table_elements: u64,
    /// Guest CPU time.
    pub cpu: Duration,
    /// Time on the clock, waiting included.
    pub wall: Duration,
    /// Calls of the host, all interfaces together.
    pub host_calls: u32,
    /// Calls of `infer`, where each member of a `call-all` counts.
    pub infer_calls: u32,
    /// Calls of `http`.
    pub http_calls: u32,
    /// Calls of `kv`.
    pub kv_calls: u32,
    /// Members of a `call-all` that run at once.
    pub concurrent: u32,
    /// Bytes handed over in one call of the host, and of the answer.
    pub call_bytes: u64,
    /// Bytes of the request.
    pub input_bytes: u64,
    /// Bytes of log lines, spans included; more is dropped with one mark.
    pub log_bytes: u64,
    /// Log lines.
    pub log_lines: u32,
    /// Handles, feeds and spans alive at once.
    pub handles: u32,
    /// Bytes emitted.
    pub output_bytes: u64,
    /// Pieces emitted.
    pub emits: u32,
    /// Fuel, where it is metered; `None` is no bound.
    pub fuel: Option<u64>,
}

impl Limits {
    /// What a partner's plugin gets where nobody says otherwise.
    pub const PARTNER: Self = Self {
        memory_bytes: 64 << 20,
        table_elements: 20_000,
        cpu: Duration::from_millis(50),
        wall: Duration::from_secs(30),
        host_calls: 500,
        infer_calls: 16,
        http_calls: 16,
        kv_calls: 100,
        concurrent: 8,
        call_bytes: 1 << 20,
        input_bytes: 1 << 20,
        log_bytes: 64 << 10,
        log_lines: 200,
        handles: 64,
        output_bytes: 1 << 20,
        emits: 10_000,
        fuel: None,
    };

    /// What no plugin gets more of.
    pub const CEILING: Self = Self {
        memory_bytes: 256 << 20,
        table_elements: 20_000,
        cpu: Duration::from_secs(2),
        wall: Duration::from_secs(900),
        host_calls: 5_000,
        infer_calls: 160,
        http_calls: 160,
        kv_calls: 1_000,
        concurrent: 80,
        call_bytes: 8 << 20,
        input_bytes: 8 << 20,
        log_bytes: 64 << 10,
        log_lines: 200,
        handles: 256,
        output_bytes: 8 << 20,
        emits: 100_000,
        fuel: None,
    };

    /// The smaller of each bound.
    #[must_use]
    pub fn min(&self, other: &Self) -> Self {
        Self {
            memory_bytes: self.memory_bytes.min(other.memory_bytes),
            table_elements: self.table_elements.min(other.table_elements),
            cpu: self.cpu.min(other.cpu),
            wall: self.wall.min(other.wall),
            host_calls: self.host_calls.min(other.host_calls),
            infer_calls: self.infer_calls.min(other.infer_calls),
            http_calls: self.http_calls.min(other.http_calls),
            kv_calls: self.kv_calls.min(other.kv_calls),
            concurrent: self.concurrent.min(other.concurrent),
            call_bytes: self.call_bytes.min(other.call_bytes),
            input_bytes: self.input_bytes.min(other.input_bytes),
            log_bytes: self.log_bytes.min(other.log_bytes),
            log_lines: self.log_lines.min(other.log_lines),
            handles: self.handles.min(other.handles),
            output_bytes: self.output_bytes.min(other.output_bytes),
            emits: self.emits.min(other.emits),
            fuel: match (self.fuel, other.fuel) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }
}
