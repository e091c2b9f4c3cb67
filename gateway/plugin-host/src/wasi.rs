//! WASI 0.2 for guests whose language needs it: no files, no sockets, no environment, no arguments. What is left is a clock,
//! randomness in small pieces, and what the guest writes to its standard error, which goes into its log.

use wasmtime::component::Linker;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::state::State;
use crate::traced::{LogLine, Notes};
use crate::{Limits, LogLevel};

/// Bytes of the standard error that are kept.
const KEPT: usize = 64 << 10;
/// Most random bytes of one call.
const RANDOM: u64 = 4 << 10;

/// One call's WASI. Made at its first use: guests that have none pay nothing.
pub(crate) struct Wasi {
    context: WasiCtx,
    errors: MemoryOutputPipe,
}

impl Wasi {
    fn new() -> Self {
        let errors = MemoryOutputPipe::new(KEPT);
        let context = WasiCtx::builder()
            .stderr(errors.clone())
            .max_random_size(RANDOM)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self { context, errors }
    }

    /// What the guest wrote to its standard error, as lines of its log.
    pub(crate) fn say(&self, notes: &mut Notes, limits: &Limits) {
        for line in String::from_utf8_lossy(&self.errors.contents()).lines() {
            let line = LogLine {
                level: LogLevel::Error,
                message: line.to_owned(),
            };
            notes.log(line, limits);
        }
    }
}

/// Lets guests import it. Only those do whose manifest says so.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self
                .wasi
                .get_or_insert_with(|| Box::new(Wasi::new()))
                .context,
            table: &mut self.table,
        }
    }
}
