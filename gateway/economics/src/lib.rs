//! The mathematics of what an expert is worth before it is paid for: how big a model and how much data a target
//! needs, and how many labels. It must not know of files, clocks, tenants or where its numbers come from.
//!
//! [`scaling`] is the law of loss over parameters and tokens, [`curve`] that of accuracy over labels. Both are fitted to
//! measured runs, carry the range they were fitted on, and refuse to speak of what lies further than ten times outside.

pub mod curve;
mod draws;
mod error;
mod minimise;
mod quantile;
mod reach;
pub mod scaling;

pub use draws::Draws;
pub use error::EconomicsError;
pub use reach::{REACH, Reach, Span};
