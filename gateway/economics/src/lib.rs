//! The mathematics of what a scenario is worth: how big a model and how much data a target needs, how many labels, what
//! comes back for the money, and how sure that is. It must not know of files, clocks, tenants or where its numbers come
//! from.
//!
//! Before the money: [`scaling`] is the law of loss over parameters and tokens, [`curve`] that of accuracy over labels.
//! [`sizing`] asks both of the pilots of a case. Both carry the range they were fitted on, and refuse to speak of what lies further than ten times outside. For the
//! money: [`scenario`] is what a month earns, [`forecast`] how sure that is, [`confidence`] and [`prediction_powered`] how
//! sure quality is, [`agreement`] what a judge's word is worth, [`readiness`] whether the data can carry it, and [`verdict`] what follows from all of it.

pub mod agreement;
pub mod case;
pub mod confidence;
pub mod curve;
mod draws;
mod error;
pub mod forecast;
mod gamma;
mod minimise;
pub mod prediction_powered;
mod quantile;
mod reach;
pub mod readiness;
pub mod scaling;
pub mod scenario;
pub mod sizing;
pub mod verdict;

pub use draws::Draws;
pub use error::EconomicsError;
pub use reach::{REACH, Reach, Span};
