//! Features and settings. Everything that no guest needs is off: it takes whole classes of advisories with it.

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmFeatures,
};

/// Names the runtime, the features and the settings: part of the key of compiled code. A test holds it against
/// the version in the lock file.
pub const ENGINE_TAG: &str = "wasmtime-48.0.8/moegate-1";

/// Stack of a guest, bytes.
const WASM_STACK: usize = 512 << 10;
/// Stack of the fibre it runs on, bytes: the guest's and the host functions'.
const FIBRE_STACK: usize = 1 << 20;
/// Address space before guards: loads and stores of 32-bit addresses need no check.
const RESERVATION: u64 = 4 << 30;

/// Of a slot's memory, what is cleared by hand between two instances instead of being given back to the system: giving
/// back interrupts every core, which costs more than the guest's own work. Only pages that were written are cleared. What is
/// more than this goes back at once: collected, a few memory bombs would hold hundreds of megabytes.
const KEPT: usize = 256 << 10;
/// The same of tables.
const KEPT_TABLE: usize = 64 << 10;

/// How a guest's work is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Metering {
    /// CPU time, looked at once a millisecond.
    #[default]
    Time,
    /// CPU time and fuel: the same call uses the same fuel each time, for a quarter more time.
    Fuel,
}

impl Metering {
    /// The name in keys of compiled code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Fuel => "fuel",
        }
    }
}

/// How much the instance pool holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize {
    /// Instances of plugins alive at once.
    pub instances: u32,
    /// Most linear memory of one, bytes.
    pub memory_bytes: usize,
    /// Most elements of one table.
    pub table_elements: usize,
    /// Core instances in one component.
    pub core_instances: u32,
    /// Tables in one component.
    pub tables: u32,
    /// Memories in one component.
    pub memories: u32,
}

impl Default for PoolSize {
    fn default() -> Self {
        Self {
            instances: 1_000,
            memory_bytes: 256 << 20,
            table_elements: 20_000,
            core_instances: 24,
            tables: 4,
            memories: 2,
        }
    }
}

/// What a guest cannot have. `extended-const` stays: Python's interpreter needs it.
const OFF: &[WasmFeatures] = &[
    WasmFeatures::THREADS,
    WasmFeatures::SHARED_EVERYTHING_THREADS,
    WasmFeatures::SIMD,
    WasmFeatures::RELAXED_SIMD,
    WasmFeatures::TAIL_CALL,
    WasmFeatures::MULTI_MEMORY,
    WasmFeatures::MEMORY64,
    WasmFeatures::FUNCTION_REFERENCES,
    WasmFeatures::GC,
    WasmFeatures::EXCEPTIONS,
    WasmFeatures::LEGACY_EXCEPTIONS,
    WasmFeatures::WIDE_ARITHMETIC,
    WasmFeatures::CUSTOM_PAGE_SIZES,
    WasmFeatures::STACK_SWITCHING,
    WasmFeatures::CM_ASYNC,
    WasmFeatures::CM_ASYNC_STACKFUL,
    WasmFeatures::CM_MORE_ASYNC_BUILTINS,
    WasmFeatures::CM_THREADING,
    WasmFeatures::CM_ERROR_CONTEXT,
    WasmFeatures::CM_GC,
    WasmFeatures::CM_MAP,
    WasmFeatures::CM64,
    WasmFeatures::CM_FIXED_LENGTH_LISTS,
];

/// What code is compiled with.
pub fn compiling(metering: Metering) -> Config {
    let mut config = Config::new();
    config.concurrency_support(false);
    for feature in OFF {
        config.wasm_features(*feature, false);
    }
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .consume_fuel(metering == Metering::Fuel)
        .memory_reservation(RESERVATION)
        .memory_reservation_for_growth(0)
        .memory_may_move(false)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBRE_STACK);
    config
}

/// What it runs under: the same, from a pool of that size.
pub fn running(metering: Metering, size: &PoolSize) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    let of_all = |per_component: u32| size.instances.saturating_mul(per_component.min(4));
    pool.total_component_instances(size.instances)
        .total_core_instances(of_all(size.core_instances))
        .total_memories(size.instances.saturating_mul(size.memories.min(1)))
        .total_tables(of_all(size.tables))
        .total_stacks(size.instances)
        .max_core_instances_per_component(size.core_instances)
        .max_memories_per_component(size.memories)
        .max_tables_per_component(size.tables)
        .max_memory_size(size.memory_bytes)
        .table_elements(size.table_elements)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(KEPT_TABLE)
        .pagemap_scan(Enabled::Auto);
    let mut config = compiling(metering);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
