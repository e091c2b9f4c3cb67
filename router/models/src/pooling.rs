//! One vector per text from the vectors of its tokens.

use tch::{Kind, TchError, Tensor};

use crate::TokenBatch;

/// Mean over the tokens that are no padding: (B, L, H) → (B, H).
pub fn mean_pool(hidden: &Tensor, batch: &TokenBatch) -> Result<Tensor, TchError> {
    let Some(keep) = batch.keep() else {
        return hidden.f_mean_dim([1i64].as_slice(), false, Kind::Float);
    };
    let keep = keep.f_unsqueeze(-1)?; // (B, L, 1)
    let sum = hidden
        .f_mul(&keep)?
        .f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
    sum.f_div(&keep.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?)
}
