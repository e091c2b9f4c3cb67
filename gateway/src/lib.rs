//! The front door of Moegate: it knows who calls, what they may use, and what a request costs, and it
//! wires the gate, the pool and the ledger. It must not know how an expert computes its answer.

pub mod admission;
pub mod auth;
pub mod children;
pub mod clock;
pub mod config;
pub mod metrics;
pub mod secret;
pub mod server;
pub mod telemetry;
