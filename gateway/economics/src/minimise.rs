//! Finding a minimum of a smooth function of few numbers.

/// A point and the function's value there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Minimum<const N: usize> {
    pub(crate) at: [f64; N],
    pub(crate) value: f64,
}

type Matrix<const N: usize> = [[f64; N]; N];

/// Descends from a start by BFGS with a bisecting weak-Wolfe search, which also copes with the kinks of a nearly
/// absolute loss (Lewis and Overton 2013). `f` gives value and gradient. Ends where no step lowers the value.
pub(crate) fn minimise<const N: usize>(
    f: impl Fn(&[f64; N]) -> (f64, [f64; N]),
    start: [f64; N],
) -> Minimum<N> {
    let mut at = start;
    let (mut value, mut gradient) = f(&at);
    let mut inverse = identity::<N>(1.0);
    let mut fresh = true;
    for _ in 0..2_000 {
        let mut direction = times(&inverse, &gradient).map(|d| -d);
        if dot(&direction, &gradient) >= 0.0 {
            inverse = identity(1.0);
            fresh = true;
            direction = gradient.map(|g| -g);
        }
        let Some((step, next, next_gradient)) = search(&f, &at, value, &gradient, &direction)
        else {
            if fresh {
                break;
            }
            // The curvature learned so far may be stale; try the plain gradient once.
            inverse = identity(1.0);
            fresh = true;
            continue;
        };
        let change = zip(&next_gradient, &gradient, |new, old| new - old);
        let moved = zip(&step, &at, |new, old| new - old);
        let curvature = dot(&moved, &change);
        if curvature > 0.0 {
            if fresh {
                inverse = identity(curvature / dot(&change, &change).max(f64::MIN_POSITIVE));
            }
            update(&mut inverse, &moved, &change, curvature);
            fresh = false;
        }
        let gained = value - next;
        (at, value, gradient) = (step, next, next_gradient);
        if gained <= 1e-14 * value.abs() && fresh {
            break;
        }
        if gained <= 1e-14 * value.abs() {
            inverse = identity(1.0);
            fresh = true;
        }
    }
    Minimum { at, value }
}

type Step<const N: usize> = ([f64; N], f64, [f64; N]);

/// A step that lowers the value enough and whose slope has flattened; the lowest one met if none flattens.
fn search<const N: usize>(
    f: impl Fn(&[f64; N]) -> (f64, [f64; N]),
    at: &[f64; N],
    value: f64,
    gradient: &[f64; N],
    direction: &[f64; N],
) -> Option<Step<N>> {
    let slope = dot(gradient, direction);
    let (mut low, mut high, mut length) = (0.0, f64::INFINITY, 1.0);
    let mut best: Option<Step<N>> = None;
    for _ in 0..60 {
        let there = zip(at, direction, |x, d| x + length * d);
        let (next, next_gradient) = f(&there);
        let enough = next.is_finite() && next < value && next <= value + 1e-4 * length * slope;
        if enough && best.as_ref().is_none_or(|(_, lowest, _)| next < *lowest) {
            best = Some((there, next, next_gradient));
        }
        if !enough {
            high = length;
        } else if dot(&next_gradient, direction) < 0.9 * slope {
            low = length;
        } else {
            return Some((there, next, next_gradient));
        }
        length = if high.is_finite() {
            (low + high) / 2.0
        } else {
            2.0 * low
        };
    }
    best
}

/// The update of the inverse curvature (Nocedal and Wright 2006, equation 6.17).
fn update<const N: usize>(
    inverse: &mut Matrix<N>,
    moved: &[f64; N],
    change: &[f64; N],
    curvature: f64,
) {
    let pushed = times(inverse, change);
    let factor = (1.0 + dot(change, &pushed) / curvature) / curvature;
    for ((row, m), p) in inverse.iter_mut().zip(moved).zip(&pushed) {
        for ((cell, m2), p2) in row.iter_mut().zip(moved).zip(&pushed) {
            *cell += factor * m * m2 - (p * m2 + m * p2) / curvature;
        }
    }
}

fn identity<const N: usize>(scale: f64) -> Matrix<N> {
    std::array::from_fn(|i| std::array::from_fn(|j| if i == j { scale } else { 0.0 }))
}

fn times<const N: usize>(matrix: &Matrix<N>, vector: &[f64; N]) -> [f64; N] {
    matrix.map(|row| dot(&row, vector))
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn zip<const N: usize>(a: &[f64; N], b: &[f64; N], f: impl Fn(f64, f64) -> f64) -> [f64; N] {
    let mut out = *a;
    for (o, y) in out.iter_mut().zip(b) {
        *o = f(*o, *y);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::minimise;

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        // Rosenbrock's function; its minimum is 0 at (1, 1).
        let f = |x: &[f64; 2]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            (
                a * a + 100.0 * b * b,
                [-2.0 * a - 400.0 * b * x[0], 200.0 * b],
            )
        };
        let found = minimise(f, [-1.2, 1.0]);
        assert!(found.value < 1e-18, "{found:?}");
        assert!((found.at[0] - 1.0).abs() < 1e-8, "{found:?}");
    }

    #[test]
    fn a_kink_is_found() {
        // |x| + 2|y - 1| + 0.1 (x - y)^2, with kinks at its minimum.
        let f = |p: &[f64; 2]| {
            let (x, y) = (p[0], p[1]);
            let d = x - y;
            let value = x.abs() + 2.0 * (y - 1.0).abs() + 0.1 * d * d;
            (
                value,
                [x.signum() + 0.2 * d, 2.0 * (y - 1.0).signum() - 0.2 * d],
            )
        };
        let found = minimise(f, [3.0, -4.0]);
        assert!((found.value - 0.1).abs() < 1e-6, "{found:?}");
    }
}
