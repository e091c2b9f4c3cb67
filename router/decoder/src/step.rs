//! What one step computes, and the room it computes in.

use crate::matrix::Tiles;

/// Tokens of one sequence that are read in a step.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The tokens.
    pub tokens: &'a [u32],
    /// The position of the first: so many tokens of the sequence are in its pages already.
    pub start: usize,
    /// The pages of the sequence, for these tokens, too.
    pub pages: &'a [u32],
    /// What is wanted of it.
    pub wanted: Wanted,
}

/// After which tokens the next one's logits are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// After none: more of the sequence is to come.
    Nothing,
    /// After the last.
    Last,
    /// After each.
    All,
}

/// One token on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) id: u32,
    pub(crate) position: usize,
    pub(crate) pages: &'a [u32],
    /// Which part it is of.
    pub(crate) sequence: usize,
}

/// Room that is used again by every layer and every step.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    pub(crate) hidden: Vec<f32>,
    pub(crate) normed: Vec<f32>,
    pub(crate) tiles: Tiles,
    pub(crate) panels: Vec<f32>,
    pub(crate) wide: Vec<f32>,
    pub(crate) narrow: Vec<f32>,
    pub(crate) inner: Vec<f32>,
    pub(crate) attended: Vec<f32>,
    pub(crate) angles: Vec<f32>,
    pub(crate) logits: Vec<f32>,
}
