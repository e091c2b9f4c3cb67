//! Between a weak and a strong expert: how soon the strong one's calls pay (RouteLLM's APGR and CPT).

use super::count;

/// One text for a pair of experts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The higher, the sooner the text goes to the strong expert.
    pub score: f32,
    /// Quality of the weak expert.
    pub weak: f32,
    /// Quality of the strong expert.
    pub strong: f32,
}

/// Performance gap recovered over the share of strong calls: `(share, gap recovered)`, from `(0, 0)` to `(1, 1)`. Texts
/// of one score are called together, which is what a drawn order among them gives on average. `None` where the strong
/// expert is no better than the weak one.
pub fn curve(pairs: &[Pair]) -> Option<Vec<(f64, f64)>> {
    let mut order: Vec<&Pair> = pairs.iter().collect();
    order.sort_by(|a, b| b.score.total_cmp(&a.score));
    let weights: Vec<(&Pair, usize)> = order.into_iter().map(|pair| (pair, 1)).collect();
    weighted_curve(&weights)
}

/// The same for pairs that are sorted already, best score first, each so many times. For resampling.
pub fn weighted_curve(sorted: &[(&Pair, usize)]) -> Option<Vec<(f64, f64)>> {
    let gain = |pair: &Pair| f64::from(pair.strong) - f64::from(pair.weak);
    let total: usize = sorted.iter().map(|(_, times)| times).sum();
    let gap: f64 = sorted
        .iter()
        .map(|(pair, times)| gain(pair) * count(*times))
        .sum();
    if total == 0 || gap <= 0.0 {
        return None;
    }
    let mut points = vec![(0.0, 0.0)];
    let (mut calls, mut gained) = (0, 0.0);
    for (at, (pair, times)) in sorted.iter().enumerate() {
        calls += times;
        gained += gain(pair) * count(*times);
        let next = sorted.get(at + 1).map(|(next, _)| next.score);
        if next != Some(pair.score) {
            points.push((count(calls) / count(total), gained / gap));
        }
    }
    Some(points)
}

/// Average performance gap recovered: the area under [`curve`], by trapezoids. A drawn order has 0.5.
pub fn apgr(curve: &[(f64, f64)]) -> f64 {
    let steps = curve.iter().zip(curve.iter().skip(1));
    steps
        .map(|((x0, y0), (x1, y1))| (x1 - x0) * (y0 + y1) / 2.0)
        .sum()
}

/// Call-performance threshold: the least share of strong calls that recovers `gap` of the gap, between the points of
/// [`curve`] by a straight line. A drawn order needs `gap` itself.
pub fn cpt(curve: &[(f64, f64)], gap: f64) -> f64 {
    let steps = curve.iter().zip(curve.iter().skip(1));
    for ((x0, y0), (x1, y1)) in steps {
        if *y0 >= gap {
            return *x0;
        }
        if *y1 >= gap {
            return x0 + (x1 - x0) * (gap - y0) / (y1 - y0);
        }
    }
    1.0
}
