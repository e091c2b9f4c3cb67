//! `trace` and `context`: the guest's own notes, clock and randomness.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::SpanHandle;
use crate::bindings::{context, trace};
use crate::capability::Caller;
use crate::state::{Interface, State};
use crate::traced::{LogLevel, LogLine};

/// Most random bytes of one call.
const MOST_RANDOM: u32 = 4096;

impl trace::Host for State {
    async fn log(&mut self, level: trace::Level, message: String) -> Result<()> {
        self.charge(Interface::Trace)?;
        let level = match level {
            trace::Level::Debug => LogLevel::Debug,
            trace::Level::Info => LogLevel::Info,
            trace::Level::Warn => LogLevel::Warn,
            trace::Level::Error => LogLevel::Error,
        };
        self.notes
            .lock()
            .log(LogLine { level, message }, &self.limits);
        Ok(())
    }
}

impl trace::HostSpan for State {
    async fn new(&mut self, name: String) -> Result<Resource<SpanHandle>> {
        self.charge(Interface::Trace)?;
        let place = self.notes.lock().span(name, &self.limits);
        self.hold(SpanHandle(place))
    }

    async fn set(&mut self, span: Resource<SpanHandle>, key: String, value: String) -> Result<()> {
        self.charge(Interface::Trace)?;
        if let Some(place) = self.table.get(&span)?.0 {
            self.notes.lock().fact(place, key, value, &self.limits);
        }
        Ok(())
    }

    async fn drop(&mut self, span: Resource<SpanHandle>) -> Result<()> {
        self.table.delete(span)?;
        Ok(())
    }
}

impl context::Host for State {
    async fn who(&mut self) -> Result<Caller> {
        self.charge(Interface::Context)?;
        let nobody = Caller {
            request_id: String::new(),
            user: None,
            locale: None,
            extra: String::new(),
        };
        Ok(self
            .services
            .context
            .as_ref()
            .map_or(nobody, |context| context.who()))
    }

    async fn config(&mut self) -> Result<String> {
        self.charge(Interface::Context)?;
        let empty = || "{}".to_owned();
        Ok(self
            .services
            .context
            .as_ref()
            .map_or_else(empty, |context| context.config()))
    }

    async fn now_ms(&mut self) -> Result<u64> {
        self.charge(Interface::Context)?;
        Ok(self
            .services
            .context
            .as_ref()
            .map_or(0, |context| context.now_ms()))
    }

    async fn random(&mut self, count: u32) -> Result<Vec<u8>> {
        self.charge(Interface::Context)?;
        let count = count.min(MOST_RANDOM);
        Ok(self
            .services
            .context
            .as_ref()
            .map_or_else(Vec::new, |context| context.random(count)))
    }
}
