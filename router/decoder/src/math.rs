//! Exponentials by the vector, within 2 units in the last place of f32.

use pulp::{Simd, WithSimd};

use crate::matrix::ARCH;

/// `e^x`; 0 for what is below -87.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // 1.5 · 2^23: what is added to it is rounded to a whole number, which stands in its lowest bits.
    const WHOLE: f32 = 12_582_912.0;
    let low = simd.less_than_f32s(x, simd.splat_f32s(-87.0));
    let x = simd.min_f32s(x, simd.splat_f32s(88.0));
    let x = simd.max_f32s(x, simd.splat_f32s(-87.0));
    let (log2_e, whole) = (
        simd.splat_f32s(std::f32::consts::LOG2_E),
        simd.splat_f32s(WHOLE),
    );
    let shifted = simd.mul_add_f32s(x, log2_e, whole);
    let n = simd.sub_f32s(shifted, whole);
    // ln 2 in two parts, the first of few bits.
    let r = simd.mul_add_f32s(n, simd.splat_f32s(-0.693_359_4), x);
    let r = simd.mul_add_f32s(n, simd.splat_f32s(2.121_944_4e-4), r);
    // Taylor's series; r is within ln 2 / 2.
    let mut sum = simd.splat_f32s(1.0 / 5_040.0);
    for term in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = simd.mul_add_f32s(sum, r, simd.splat_f32s(term));
    }
    let exponent = simd.transmute_u32s_f32s(shifted);
    let exponent = simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23));
    let value = simd.add_u32s(simd.transmute_u32s_f32s(sum), exponent);
    let value = simd.transmute_f32s_u32s(value);
    simd.select_f32s(low, simd.splat_f32s(0.0), value)
}

/// `gate · sigmoid(gate) · up`, into `gate`.
pub(crate) fn swiglu(gate: &mut [f32], up: &[f32]) {
    ARCH.dispatch(SwiGlu { gate, up });
}

struct SwiGlu<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
}

impl WithSimd for SwiGlu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (gates, gate_rest) = S::as_mut_simd_f32s(self.gate);
        let (ups, up_rest) = S::as_simd_f32s(self.up);
        for (gate, up) in gates.iter_mut().zip(ups) {
            *gate = one_swiglu(simd, *gate, *up);
        }
        if !gate_rest.is_empty() {
            let gate = simd.partial_load_f32s(gate_rest);
            let value = one_swiglu(simd, gate, simd.partial_load_f32s(up_rest));
            simd.partial_store_f32s(gate_rest, value);
        }
    }
}

#[inline(always)]
fn one_swiglu<S: Simd>(simd: S, gate: S::f32s, up: S::f32s) -> S::f32s {
    let grown = exp(simd, simd.neg_f32s(gate));
    let below = simd.add_f32s(simd.splat_f32s(1.0), grown);
    simd.mul_f32s(simd.div_f32s(gate, below), up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_f64() {
        let inputs: Vec<f32> = (-9_000..9_000).map(|i| i as f32 / 100.0).collect();
        // With up 1 + e^-x the product is x: exp by itself is not public, so it is solved for.
        for chunk in inputs.chunks(37) {
            let mut gate = chunk.to_vec();
            swiglu(&mut gate, &vec![1.0; chunk.len()]);
            for (x, found) in chunk.iter().zip(gate) {
                let x = f64::from(*x);
                let expected = x / (1.0 + (-x).exp());
                let gap = (f64::from(found) - expected).abs();
                assert!(
                    gap <= 4e-7 * expected.abs() + 1e-35,
                    "{x}: {found} {expected}"
                );
            }
        }
    }
}
