//! Guarded outgoing HTTPS for code that is not trusted: where it may connect, what it may send and how much may come back.
//! It must not know of WebAssembly, of the gateway or of where secrets are kept.
//!
//! From the outside in: [`Egress::fetch`] sends one [`Request`] in a [`Scope`], which says whose it is, which
//! [`Origin`]s it may reach and which [`Secret`]s go there. A name is resolved once, all its addresses are checked by
//! [`check_address`], and the connection goes to one of exactly those. No connection serves twice, no redirect is followed.

mod address;
mod client;
mod error;
mod exchange;
mod limits;
mod message;
mod origin;
mod places;
mod policy;
mod resolve;
mod roots;
mod scope;
mod secret;

pub use address::check_address;
pub use client::Egress;
pub use error::EgressError;
pub use limits::Limits;
pub use message::{Request, Response};
pub use origin::Origin;
pub use policy::{LoopbackToo, Policy, PublicOnly};
pub use resolve::{Resolve, Resolving, SystemResolver};
pub use roots::Roots;
pub use scope::Scope;
pub use secret::{BoundSecret, Secret};
