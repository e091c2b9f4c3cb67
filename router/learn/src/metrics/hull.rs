//! Quality over cost: RouterBench's non-decreasing convex hull and the mean quality under it (AIQ).

/// A way to serve: mean cost of a text and mean quality.
pub type Served = (f64, f64);

/// The non-decreasing convex hull of some ways to serve, by cost: every point on it can be had by drawing between two of
/// them, and none of them lies above it.
pub fn hull(points: &[Served]) -> Vec<Served> {
    let mut sorted: Vec<Served> = points
        .iter()
        .copied()
        .filter(|(c, q)| c.is_finite() && q.is_finite())
        .collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut hull: Vec<Served> = Vec::new();
    for point in sorted {
        if hull.last().is_some_and(|last| point.1 <= last.1) {
            continue;
        }
        while let [.., a, b] = hull.as_slice() {
            // Drop the middle one where it lies on or under the line between its neighbours.
            if (b.1 - a.1) * (point.0 - a.0) <= (point.1 - a.1) * (b.0 - a.0) {
                hull.pop();
            } else {
                break;
            }
        }
        hull.push(point);
    }
    hull
}

/// Quality on a hull at a cost: between points by a straight line, beyond the last as good as it, before the first 0.
pub fn quality_at(hull: &[Served], cost: f64) -> f64 {
    let after = hull.partition_point(|(c, _)| *c <= cost);
    match (
        after.checked_sub(1).and_then(|at| hull.get(at)),
        hull.get(after),
    ) {
        (Some((c0, q0)), Some((c1, q1))) => q0 + (q1 - q0) * (cost - c0) / (c1 - c0),
        (Some((_, q)), None) => *q,
        (None, _) => 0.0,
    }
}

/// Average improvement in quality: the mean of a hull's quality over costs from `least` to `most`, exactly.
pub fn aiq(hull: &[Served], least: f64, most: f64) -> f64 {
    if most <= least {
        return quality_at(hull, least);
    }
    let inside = hull
        .iter()
        .map(|(cost, _)| *cost)
        .filter(|cost| *cost > least && *cost < most);
    let mut costs = vec![least];
    costs.extend(inside);
    costs.push(most);
    let mut area = 0.0;
    for (a, b) in costs.iter().zip(costs.iter().skip(1)) {
        // Before the first point of the hull nothing is served; at its cost the quality jumps.
        let start = if hull.first().is_some_and(|(first, _)| a < first) {
            0.0
        } else {
            quality_at(hull, *a)
        };
        let end = if hull
            .first()
            .is_some_and(|(first, _)| b <= first && a < first)
        {
            0.0
        } else {
            quality_at(hull, *b)
        };
        area += (b - a) * (start + end) / 2.0;
    }
    area / (most - least)
}
