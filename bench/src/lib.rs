//! Measures Moegate: a mock upstream, a load driver, and the gateway beside nginx on the same mock in
//! one run, what a call of a plugin costs, and what the books can take. It must not know how the gateway works inside: it speaks HTTP and reads `/proc`.

pub mod gateway;
pub mod http;
pub mod ledger;
pub mod load;
pub mod machine;
pub mod mock;
pub mod plugin;
pub mod process;
