//! What a guest may ask of the world around it. Each is a trait that the gateway implements for one call: the
//! implementer knows tenant, plugin and request; the guest names none of them. What is absent is denied.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use crate::bindings::context::Caller;
pub use crate::bindings::http::{Request as HttpAsk, Response as HttpAnswer};
pub use crate::bindings::infer::Budget as Remaining;
pub use crate::bindings::retrieve::Hit;
use crate::types::{Chat, Error, Reply, Tool};

/// A future of a capability.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Other experts.
pub trait Infer: Send + Sync {
    /// One answer. Without a name the gate chooses among those that are allowed.
    fn call(&self, expert: Option<String>, ask: Chat) -> Boxed<'_, Result<Reply, Error>>;
    /// An answer in pieces.
    fn start(&self, expert: Option<String>, ask: Chat) -> Boxed<'_, Result<Box<dyn Feed>, Error>>;
    /// What may still be used.
    fn remaining(&self) -> Remaining;
}

/// An answer that comes in pieces.
pub trait Feed: Send {
    /// The next piece; `None` at the end.
    fn next(&mut self) -> Boxed<'_, Result<Option<String>, Error>>;
    /// Reads to the end and gives the whole answer.
    fn finish(self: Box<Self>) -> Boxed<'static, Result<Reply, Error>>;
}

/// The caller's stream.
pub trait Output: Send + Sync {
    /// Hands on a piece; waits while the caller does not take it.
    ///
    /// The error has the code `cancelled` once the caller has gone.
    fn emit(&self, text: String) -> Boxed<'_, Result<(), Error>>;
}

/// Documents of the tenant.
pub trait Retrieve: Send + Sync {
    /// The chunks that fit best, best first.
    fn search(
        &self,
        query: String,
        top_k: u32,
        filter: String,
    ) -> Boxed<'_, Result<Vec<Hit>, Error>>;
}

/// Keys and values of one plugin of one tenant.
pub trait Kv: Send + Sync {
    /// Reads.
    fn get(&self, key: String) -> Boxed<'_, Result<Option<Vec<u8>>, Error>>;
    /// Writes, for that many seconds.
    fn set(&self, key: String, value: Vec<u8>, ttl_s: Option<u32>) -> Boxed<'_, Result<(), Error>>;
    /// Writes if the value is still the old one.
    fn swap(
        &self,
        key: String,
        old: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Boxed<'_, Result<bool, Error>>;
    /// Removes.
    fn delete(&self, key: String) -> Boxed<'_, Result<(), Error>>;
    /// Keys with that beginning, in order.
    fn keys(&self, prefix: String, limit: u32) -> Boxed<'_, Result<Vec<String>, Error>>;
}

/// Servers elsewhere.
pub trait Http: Send + Sync {
    /// One request.
    fn fetch(&self, ask: HttpAsk) -> Boxed<'_, Result<HttpAnswer, Error>>;
}

/// Secrets of the tenant.
pub trait Secrets: Send + Sync {
    /// A placeholder that stands for the secret in headers of requests to its hosts.
    fn handle(&self, name: &str) -> Result<String, Error>;
}

/// Tools of the tenant.
pub trait Tools: Send + Sync {
    /// Those that this plugin may call.
    fn available(&self) -> Boxed<'_, Vec<Tool>>;
    /// Calls one with JSON arguments.
    fn call(&self, name: String, arguments: String) -> Boxed<'_, Result<String, Error>>;
}

/// Recorded steps of a workflow.
pub trait Steps: Send + Sync {
    /// What an earlier try of the same run recorded.
    fn recall(&self, key: String) -> Boxed<'_, Result<Option<String>, Error>>;
    /// Records.
    fn record(&self, key: String, value: String) -> Boxed<'_, Result<(), Error>>;
    /// Is the result still wanted?
    fn cancelled(&self) -> bool;
}

/// Who asks, and the only clock and randomness of a guest.
pub trait Context: Send + Sync {
    /// The caller.
    fn who(&self) -> Caller;
    /// The tenant's settings for this plugin, JSON.
    fn config(&self) -> String;
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// That many random bytes, at most 4096.
    fn random(&self, count: u32) -> Vec<u8>;
}

/// What is granted to one call. `None` is denied.
#[derive(Clone, Default)]
pub struct Services {
    /// Other experts.
    pub infer: Option<Arc<dyn Infer>>,
    /// The caller's stream.
    pub output: Option<Arc<dyn Output>>,
    /// Documents.
    pub retrieve: Option<Arc<dyn Retrieve>>,
    /// Keys and values.
    pub kv: Option<Arc<dyn Kv>>,
    /// Servers elsewhere.
    pub http: Option<Arc<dyn Http>>,
    /// Secrets.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// Tools.
    pub tools: Option<Arc<dyn Tools>>,
    /// Steps.
    pub steps: Option<Arc<dyn Steps>>,
    /// Who asks. Without one there is no clock.
    pub context: Option<Arc<dyn Context>>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").finish_non_exhaustive()
    }
}
