//! Measures Moegate: a mock upstream, a load driver, and the gateway beside nginx on the same mock in
//! one run, what a call of a plugin costs, how fast a worker writes, what the books can take, and whether they hold after an hour in which everything
//! goes wrong. It must not know how the gateway works inside: it speaks HTTP, reads `/proc` and the books.

pub mod gateway;
pub mod http;
pub mod ledger;
pub mod load;
pub mod machine;
pub mod mock;
pub mod plugin;
pub mod process;
pub mod replay;
pub mod worker;
