//! What a call tells about itself: its log, its spans, what it used and what it was allowed.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Limits, Meters};

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// For the author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

/// A line of the guest. For the tenant and the author, never for the operator's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub level: LogLevel,
    /// Its words.
    pub message: String,
}

/// A named stretch of a call with facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// What the guest says about it.
    pub facts: Vec<(String, String)>,
}

/// Everything about one call but its answer.
#[derive(Debug, Clone)]
pub struct Report {
    /// The bounds in effect.
    pub limits: Limits,
    /// CPU time, ns.
    pub cpu_ns: u64,
    /// Fuel, where it is metered.
    pub fuel: Option<u64>,
    /// Calls of the host.
    pub host_calls: u32,
    /// Most memory held, bytes.
    pub memory_peak: u64,
    /// The log.
    pub log: Vec<LogLine>,
    /// The spans.
    pub spans: Vec<Span>,
}

/// What is being written down while the call runs.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    bytes: u64,
    full: bool,
    log: Vec<LogLine>,
    spans: Vec<Span>,
}

impl Notes {
    /// Takes bytes from the room for notes. The first that does not fit leaves one mark, the rest nothing.
    fn room(&mut self, bytes: usize, limits: &Limits) -> bool {
        let entries = self.log.len().saturating_add(self.spans.len());
        let bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let fits =
            bytes <= limits.log_bytes && u32::try_from(entries).is_ok_and(|n| n < limits.log_lines);
        if fits && !self.full {
            self.bytes = bytes;
            return true;
        }
        if !std::mem::replace(&mut self.full, true) {
            self.log.push(LogLine {
                level: LogLevel::Warn,
                message: "more was said than there is room for".to_owned(),
            });
        }
        false
    }

    pub(crate) fn log(&mut self, line: LogLine, limits: &Limits) {
        if self.room(line.message.len(), limits) {
            self.log.push(line);
        }
    }

    /// A new span; its place, where there was room.
    pub(crate) fn span(&mut self, name: String, limits: &Limits) -> Option<usize> {
        self.room(name.len(), limits).then(|| {
            self.spans.push(Span {
                name,
                facts: Vec::new(),
            });
            self.spans.len().saturating_sub(1)
        })
    }

    pub(crate) fn fact(&mut self, span: usize, key: String, value: String, limits: &Limits) {
        if self.room(key.len().saturating_add(value.len()), limits)
            && let Some(span) = self.spans.get_mut(span)
        {
            span.facts.push((key, value));
        }
    }
}

/// The report as it stands.
pub(crate) fn report(limits: Limits, meters: &Meters, notes: &Arc<Mutex<Notes>>) -> Report {
    let notes = notes.lock();
    Report {
        limits,
        cpu_ns: meters.cpu_ns(),
        fuel: meters.fuel(),
        host_calls: meters.host_calls(),
        memory_peak: meters.memory_peak(),
        log: notes.log.clone(),
        spans: notes.spans.clone(),
    }
}
