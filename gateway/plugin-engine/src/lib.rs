//! The one set of WebAssembly features and code-generation settings that plugins are compiled with and run under,
//! and the sealed form in which compiled code is kept. It must not know of plugins, tenants or the gateway: the
//! host and the compiler share it so that neither can drift from the other.

mod config;
mod sealed;

pub use config::{ENGINE_TAG, Metering, PoolSize, compiling, running};
pub use sealed::{Digest, LoadError, SealKey, load, seal};
