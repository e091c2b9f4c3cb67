//! The host functions: each charges first, then asks the capability, and says `denied` where there is none.

mod asking;
mod data;
mod own;

use wasmtime::component::Resource;

use crate::capability::Feed;
use crate::state::State;

/// An answer that is being read by a guest.
#[expect(unreachable_pub, reason = "the bindings name it in public")]
pub struct FeedHandle(pub(crate) Box<dyn Feed>);

/// A span that a guest keeps open; the place of its notes, where there was room.
#[expect(unreachable_pub, reason = "the bindings name it in public")]
pub struct SpanHandle(pub(crate) Option<usize>);

/// The granted capability, or the error that is told to the guest.
macro_rules! granted {
    ($state:ident, $field:ident, $interface:expr) => {{
        $state.charge($interface)?;
        match &$state.services.$field {
            Some(service) => std::sync::Arc::clone(service),
            None => return Ok(Err($interface.denied())),
        }
    }};
}
pub(crate) use granted;

impl crate::types::Host for State {}

impl State {
    /// Puts a resource into the table.
    fn hold<T: Send + 'static>(&mut self, entry: T) -> wasmtime::Result<Resource<T>> {
        use wasmtime::component::ResourceTableError;
        self.table.push(entry).map_err(|why| match why {
            ResourceTableError::Full => crate::Limit::Handles.into(),
            other => other.into(),
        })
    }
}
