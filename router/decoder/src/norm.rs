//! Root-mean-square norms (Zhang and Sennrich 2019).

/// `x · weight / sqrt(mean(x²) + eps)`, in place.
pub(crate) fn rms_norm(x: &mut [f32], weight: &[f32], eps: f32) {
    let scale = scale(x, eps);
    for (x, w) in x.iter_mut().zip(weight) {
        *x = *w * (*x * scale);
    }
}

/// The same into another place.
pub(crate) fn rms_norm_into(out: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
    let scale = scale(x, eps);
    for ((out, x), w) in out.iter_mut().zip(x).zip(weight) {
        *out = *w * (*x * scale);
    }
}

#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
fn scale(x: &[f32], eps: f32) -> f32 {
    // Eight sums side by side: one alone would wait for itself.
    let (chunks, rest) = x.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x * x;
        }
    }
    let sum = sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>();
    1.0 / (sum / x.len() as f32 + eps).sqrt()
}
