//! The front door of Moegate: it knows who calls, what they may use, and what a request costs, and it
//! wires the gate, the pool and the ledger. It must not know how an expert computes its answer.

pub mod admission;
pub mod alerts;
pub mod api;
pub mod app;
pub mod auth;
pub mod business;
pub mod capture;
pub mod catalog;
pub mod children;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod drift;
pub mod evidence;
pub mod gates;
pub mod gateway;
pub mod metrics;
pub mod plugins;
pub mod pools;
pub mod prices;
pub mod promotion;
pub mod rates;
pub mod recorder;
pub mod replay;
pub mod request;
pub mod retraining;
pub mod sampling;
pub mod secret;
pub mod server;
pub mod sessions;
pub mod stored_keys;
pub mod tagging;
pub mod telemetry;
pub mod tenants;
