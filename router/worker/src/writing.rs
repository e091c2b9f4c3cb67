//! Sequences that are written token by token: waiting in turn by tenant, then together in steps of one expert, with
//! pages of keys and values that are shared where prompts begin alike.

mod batch;
mod cost;
mod fair;
mod job;
mod pages;

pub(crate) use batch::{Batch, Report};
pub(crate) use fair::Fair;
#[cfg(test)]
pub(crate) use job::Closing;
pub use job::{Event, Finish, Prompt, Told, Written};
pub(crate) use job::{Last, WriteJob};

/// Bounds of steps that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteLimits {
    /// Sequences of one expert that are written at a time; at least 1.
    pub sequences: usize,
    /// Tokens read in one step, prompts and written ones together; more of a prompt waits for the next.
    pub step_tokens: usize,
}
