//! Whether a forward pass answers or learns.

/// Whether a forward pass answers or learns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// Deterministic: no dropout.
    Infer,
    /// Dropout with this probability, in `[0, 1)`.
    Train {
        /// Share of activations zeroed.
        dropout: f64,
    },
}

impl Mode {
    /// Applies dropout of any shape when learning; the same tensor otherwise.
    pub(crate) fn dropout(self, x: tch::Tensor) -> Result<tch::Tensor, tch::TchError> {
        match self {
            Self::Train { dropout } if dropout > 0.0 => x.f_dropout(dropout, true),
            Self::Infer | Self::Train { .. } => Ok(x),
        }
    }
}
