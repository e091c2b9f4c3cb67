//! The host's functions. In a component they are its imports: a plugin imports what it calls and nothing else.

#[cfg(target_arch = "wasm32")]
use crate::bindings::moegate::plugin as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing as host;

/// Other experts: the gateway routes, meters and charges each call to the same request and scenario.
pub mod infer {
    pub use super::host::infer::{Budget, Feed};
    use crate::{Chat, Error, Reply};

    /// Asks one expert; without a name the gate chooses.
    ///
    /// # Errors
    /// `denied`, `budget`, `timeout`, `unavailable`, or what the expert says.
    pub fn call(expert: Option<&str>, ask: &Chat) -> Result<Reply, Error> {
        super::host::infer::call(expert, ask)
    }

    /// Asks several at once; the answers come in the order of the questions.
    pub fn call_all(asks: &[(Option<String>, Chat)]) -> Vec<Result<Reply, Error>> {
        super::host::infer::call_all(asks)
    }

    /// Begins an answer in pieces.
    ///
    /// # Errors
    /// As [`call`].
    pub fn start(expert: Option<&str>, ask: &Chat) -> Result<Feed, Error> {
        super::host::infer::start(expert, ask)
    }

    /// Lets the host pass the pieces on to the caller; none of them comes here.
    ///
    /// # Errors
    /// As [`call`], or `cancelled` once the caller has gone.
    pub fn relay(feed: Feed) -> Result<Reply, Error> {
        super::host::infer::relay(feed)
    }

    /// What may still be used.
    pub fn remaining() -> Budget {
        super::host::infer::remaining()
    }
}

/// The caller's stream.
pub mod output {
    use crate::Error;

    /// Hands a piece to the caller; waits while it is not taken.
    ///
    /// # Errors
    /// `cancelled` once the caller has gone, `limit` where there is no more room.
    pub fn emit(text: &str) -> Result<(), Error> {
        super::host::output::emit(text)
    }
}

/// The tenant's documents.
pub mod retrieve {
    pub use super::host::retrieve::Hit;
    use crate::Error;

    /// The chunks that fit best. The filter is `key=value,…` over metadata, or empty.
    ///
    /// # Errors
    /// `denied`, or `invalid` for a filter that cannot be read.
    pub fn search(query: &str, top_k: u32, filter: &str) -> Result<Vec<Hit>, Error> {
        super::host::retrieve::search(query, top_k, filter)
    }
}

/// Keys and values of this plugin and tenant.
pub mod kv {
    use crate::Error;

    /// Reads.
    ///
    /// # Errors
    /// `denied` or `unavailable`.
    pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
        super::host::kv::get(key)
    }

    /// Writes, for that many seconds or for good.
    ///
    /// # Errors
    /// `quota` where there is no room.
    pub fn set(key: &str, value: &[u8], ttl_s: Option<u32>) -> Result<(), Error> {
        super::host::kv::set(key, value, ttl_s)
    }

    /// Writes if the value is still the old one; says whether it was.
    ///
    /// # Errors
    /// `quota` where there is no room.
    pub fn swap(key: &str, old: Option<&[u8]>, new: &[u8]) -> Result<bool, Error> {
        super::host::kv::swap(key, old, new)
    }

    /// Removes.
    ///
    /// # Errors
    /// `denied` or `unavailable`.
    pub fn delete(key: &str) -> Result<(), Error> {
        super::host::kv::delete(key)
    }

    /// Keys with that beginning.
    ///
    /// # Errors
    /// `denied` or `unavailable`.
    pub fn keys(prefix: &str, limit: u32) -> Result<Vec<String>, Error> {
        super::host::kv::keys(prefix, limit)
    }
}

/// Servers elsewhere.
pub mod http {
    pub use super::host::http::{Request, Response};
    use crate::Error;

    /// One request.
    ///
    /// # Errors
    /// `denied` for a host that is not allowed, `timeout`, `unavailable`.
    pub fn fetch(ask: &Request) -> Result<Response, Error> {
        super::host::http::fetch(ask)
    }
}

/// The tenant's secrets.
pub mod secrets {
    use crate::Error;

    /// A placeholder to put into a header; the host puts the secret in its place, for its hosts only.
    ///
    /// # Errors
    /// `denied` where the secret is not granted.
    pub fn handle(name: &str) -> Result<String, Error> {
        super::host::secrets::handle(name)
    }
}

/// The tenant's tools.
pub mod tools {
    use crate::{Error, Tool};

    /// Those that may be called.
    pub fn available() -> Vec<Tool> {
        super::host::tools::available()
    }

    /// Calls one with JSON arguments.
    ///
    /// # Errors
    /// `denied`, `invalid` arguments, or what the tool says.
    pub fn call(name: &str, arguments: &str) -> Result<String, Error> {
        super::host::tools::call(name, arguments)
    }
}

/// Notes for the tenant and the author.
pub mod trace {
    pub use super::host::trace::{Level, Span};

    /// Writes a line.
    pub fn log(level: Level, message: &str) {
        super::host::trace::log(level, message);
    }
}

/// Who asks; the clock and the randomness.
pub mod context {
    pub use super::host::context::Caller;

    /// The caller.
    pub fn who() -> Caller {
        super::host::context::who()
    }

    /// Milliseconds since 1970.
    pub fn now_ms() -> u64 {
        super::host::context::now_ms()
    }

    /// Random bytes, at most 4096.
    pub fn random(count: u32) -> Vec<u8> {
        super::host::context::random(count)
    }
}

/// Recorded steps of a workflow: a run that is tried again finds what the run before has recorded.
#[cfg(any(feature = "workflow", not(feature = "expert")))]
pub mod steps {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use crate::{Error, error};

    /// The result of a step: recalled where it was recorded before, else made and recorded.
    ///
    /// # Errors
    /// What the step says, or a result that is no JSON.
    pub fn once<T: Serialize + DeserializeOwned>(
        key: &str,
        step: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let strange = |why: serde_json::Error| error("internal", &format!("step {key}: {why}"));
        if let Some(text) = super::host::steps::recall(key)? {
            return serde_json::from_str(&text).map_err(strange);
        }
        let value = step()?;
        let text = serde_json::to_string(&value).map_err(strange)?;
        super::host::steps::record_step(key, &text)?;
        Ok(value)
    }

    /// Is the result no longer wanted?
    pub fn cancelled() -> bool {
        super::host::steps::cancelled()
    }
}

/// The tenant's settings for this plugin.
///
/// # Errors
/// They are not of that type: the manifest's schema and the type disagree.
pub fn config<T: serde::de::DeserializeOwned>() -> Result<T, crate::Error> {
    let text = host::context::config();
    serde_json::from_str(&text)
        .map_err(|why| crate::error("invalid", &format!("the settings: {why}")))
}
