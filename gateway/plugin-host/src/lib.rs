//! Runs plugins: loads sealed code, gives each call a fresh instance under limits, lends it the capabilities that
//! were granted, and tells what it used. It must not know tenants beyond what a capability was made for, and no
//! compiler: components become code in a process of their own ([`Compiler`]).

mod bindings;
mod cache;
mod capability;
mod compiler;
mod error;
mod host;
mod limits;
mod meter;
mod plugin;
mod runtime;
mod state;
mod traced;
mod wasi;

pub use bindings::types;
pub use cache::{CacheError, CodeCache};
pub use capability::{
    Boxed, Caller, Context, Feed, Hit, Http, HttpAnswer, HttpAsk, Infer, Kv, Output, Remaining,
    Retrieve, Secrets, Services, Steps, Tools,
};
pub use compiler::{CompileError, CompileLimits, Compiler};
pub use error::{CallError, HostError, Limit};
pub use limits::Limits;
pub use meter::Meters;
pub use plugin::{Plugin, PluginKind, Running};
pub use plugin_engine::{Digest, Metering, PoolSize};
pub use runtime::{HostConfig, PluginHost};
pub use traced::{LogLevel, LogLine, Report, Span};
pub use wasmtime::component::Component;
