//! Platt scaling by Newton's method on the log loss, pulled towards a scaling that is known already.

use router::Platt;

use crate::sparse::sigmoid;

/// One label with the logit before calibration.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Place of the domain the gate sees.
    pub domain: usize,
    /// The logit.
    pub logit: f32,
    /// Quality in `[0, 1]`.
    pub label: f32,
}

/// The scaling that fits the points, near `known` where there are few: it counts as about `pull` labels.
pub(crate) fn fit(points: &[Point], known: Platt, pull: f64) -> Platt {
    let known = [f64::from(known.scale), f64::from(known.shift)];
    let [mut scale, mut shift] = known;
    for _ in 0..50 {
        let mut slope = [pull * (scale - known[0]), pull * (shift - known[1])];
        let mut curve = [pull, 0.0, pull];
        for point in points {
            let x = f64::from(point.logit);
            #[expect(clippy::cast_possible_truncation, reason = "a logit needs no 64 bits")]
            let p = f64::from(sigmoid((scale * x + shift) as f32));
            let error = p - f64::from(point.label);
            let spread = (p * (1.0 - p)).max(1e-6);
            slope = [slope[0] + error * x, slope[1] + error];
            curve = [
                curve[0] + spread * x * x,
                curve[1] + spread * x,
                curve[2] + spread,
            ];
        }
        let det = curve[0] * curve[2] - curve[1] * curve[1];
        if det.is_nan() || det <= 1e-12 {
            break;
        }
        let step = [
            (curve[2] * slope[0] - curve[1] * slope[1]) / det,
            (curve[0] * slope[1] - curve[1] * slope[0]) / det,
        ];
        scale = (scale - step[0].clamp(-1.0, 1.0)).clamp(0.05, 20.0);
        shift = (shift - step[1].clamp(-1.0, 1.0)).clamp(-20.0, 20.0);
        if step[0].abs() + step[1].abs() < 1e-7 {
            break;
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "calibration needs no 64 bits"
    )]
    let platt = Platt {
        scale: scale as f32,
        shift: shift as f32,
    };
    platt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_mends_what_is_too_sure_and_trusts_few_labels_little() {
        // Logit 2 says 0.88, logit -2 says 0.12; seen are 0.7 and 0.3.
        let point = |n: usize| Point {
            domain: 0,
            logit: if n.is_multiple_of(2) { 2.0 } else { -2.0 },
            label: f32::from(u8::from((n % 20 < 14) == n.is_multiple_of(2))),
        };
        let many: Vec<Point> = (0..4_000).map(point).collect();
        let sure = |platt: Platt| sigmoid(platt.scale * 2.0 + platt.shift);
        let mended = sure(fit(&many, Platt::IDENTITY, 10.0));
        assert!((mended - 0.7).abs() < 0.02, "{mended}");
        assert_eq!(fit(&[], Platt::IDENTITY, 10.0), Platt::IDENTITY);
        let few = sure(fit(&many[..2], Platt::IDENTITY, 10.0));
        assert!(few > 0.84, "{few}");
    }
}
