//! Huber's loss of a log residual: squared when small, absolute when large, so that a few odd runs bend nothing.

/// Where the loss turns from squared to absolute (Hoffmann et al. 2022).
pub const HUBER_DELTA: f64 = 1e-3;

/// The loss of a residual and its slope.
pub(super) fn huber(residual: f64) -> (f64, f64) {
    let size = residual.abs();
    if size <= HUBER_DELTA {
        (0.5 * size * size, residual)
    } else {
        (
            HUBER_DELTA * (size - 0.5 * HUBER_DELTA),
            HUBER_DELTA * residual.signum(),
        )
    }
}

/// The weight that makes a squared residual pull like Huber's loss.
pub(super) fn pull(residual: f64) -> f64 {
    (HUBER_DELTA / residual.abs().max(f64::MIN_POSITIVE)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::{HUBER_DELTA, huber, pull};

    #[test]
    fn both_branches_meet() {
        let (below, slope_below) = huber(HUBER_DELTA * (1.0 - 1e-9));
        let (above, slope_above) = huber(HUBER_DELTA * (1.0 + 1e-9));
        assert!((below - above).abs() < 1e-14 && (slope_below - slope_above).abs() < 1e-11);
        assert_eq!(huber(-4e-3), (1e-3 * 3.5e-3, -1e-3));
        for residual in [-0.3, -5e-4, 2e-4, 0.01] {
            assert!((pull(residual) * residual - huber(residual).1).abs() < 1e-15);
        }
        assert!((pull(0.0) - 1.0).abs() < 1e-15);
    }
}
