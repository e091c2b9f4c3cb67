//! The law of loss over model size and data, `L(N, D) = E + A / N^alpha + B / D^beta` (Hoffmann et al. 2022), fitted to
//! finished training runs and asked backwards: how big a model, and how much data, a target loss needs.
//!
//! [`Law::fit`] starts from variable projection over a grid of exponents (given both, the law is linear in E, A and B)
//! and descends from the best starts on the sum of Huber losses of log residuals; [`Fit::bootstrap`] repeats the descent
//! on resampled runs.

mod fit;
mod huber;
mod law;
mod projection;
mod run;

pub use fit::{Bootstrap, Fit, Form, LEAST_RUNS};
pub use huber::HUBER_DELTA;
pub use law::{Allocation, Law, Size, flops};
pub use run::Run;

#[cfg(test)]
mod tests;
