use super::*;
use crate::checkpoint::Kind;

/// Values that every format holds exactly: small multiples of 2^-6.
fn values(count: usize, seed: usize) -> Vec<f32> {
    let value = |i: usize| ((i * 7_919 + seed * 104_729) % 127) as f32 - 63.0;
    (0..count).map(|i| value(i) / 64.0).collect()
}

fn by_hand(x: &[f32], w: &[f32], bias: &[f32], inputs: usize) -> Vec<f64> {
    let dot = |x: &[f32], w: &[f32]| -> f64 {
        let products = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w));
        products.sum()
    };
    let token = |x: &[f32]| -> Vec<f64> {
        let rows = w.chunks(inputs).zip(bias);
        rows.map(|(w, b)| dot(x, w) + f64::from(*b)).collect()
    };
    x.chunks(inputs).flat_map(token).collect()
}

#[test]
fn every_format_multiplies_as_by_hand() {
    for (inputs, outputs) in [(7, 5), (32, 64), (50, 33), (128, 97)] {
        let w = values(inputs * outputs, 1);
        let bias = values(outputs, 3);
        for (kind, stored) in [
            (Kind::F32, Stored::AsIs),
            (Kind::F16, Stored::AsIs),
            (Kind::Bf16, Stored::AsIs),
            (Kind::F32, Stored::Int8),
        ] {
            let raw = Raw::of(&w, inputs, kind);
            let matrix = Matrix::new(&[&raw], Some(bias.clone()), stored);
            for tokens in [1, 2, 3, 5, 8, 13, 16, 31] {
                let x = values(inputs * tokens, 5);
                let mut tiles = Tiles::default();
                tiles.fill(&x, inputs);
                let (mut scratch, mut out) = (vec![9.0; 3], vec![9.0; 5]);
                matrix.apply(&tiles, &mut scratch, &mut out);
                let expected = by_hand(&x, &w, &bias, inputs);
                assert_eq!(out.len(), expected.len());
                // Integers are off by half a step of 1/127 at most, as often up as down.
                let most = if stored == Stored::Int8 { 0.3 } else { 1e-4 };
                for (found, expected) in out.iter().zip(expected) {
                    let gap = (f64::from(*found) - expected).abs();
                    assert!(
                        gap < most,
                        "{kind:?} {stored:?} {inputs}x{outputs} {tokens}: {gap}"
                    );
                }
            }
            let mut row = vec![0.0; inputs];
            matrix.row(outputs - 1, &mut row);
            for (found, expected) in row.iter().zip(&w[inputs * (outputs - 1)..]) {
                assert!((found - expected).abs() < 0.01, "{kind:?} {stored:?}");
            }
        }
    }
}

#[test]
fn a_token_is_the_same_alone_and_in_company() {
    let (inputs, outputs) = (200, 130);
    let noise = |count: usize, seed: usize| -> Vec<f32> {
        let value = |i: usize| ((i * 2_654_435_761 + seed * 97) % 1_000_003) as f32;
        (0..count).map(|i| value(i) / 500_000.0 - 1.0).collect()
    };
    let raw = Raw::of(&noise(inputs * outputs, 1), inputs, Kind::F32);
    let matrix = Matrix::new(&[&raw], None, Stored::AsIs);
    let x = noise(inputs * 23, 2);
    let apply = |x: &[f32]| {
        let (mut tiles, mut scratch, mut out) = (Tiles::default(), Vec::new(), Vec::new());
        tiles.fill(x, inputs);
        matrix.apply(&tiles, &mut scratch, &mut out);
        out
    };
    let together = apply(&x);
    for (x, found) in x.chunks(inputs).zip(together.chunks(outputs)) {
        assert_eq!(apply(x), found);
    }
}

#[test]
fn several_tensors_stand_one_after_the_other() {
    let inputs = 9;
    let parts = [40, 3, 50].map(|rows| Raw::of(&values(inputs * rows, rows), inputs, Kind::F16));
    let refs: Vec<&Raw> = parts.iter().collect();
    let matrix = Matrix::new(&refs, None, Stored::AsIs);
    assert_eq!(matrix.outputs(), 93);
    let mut row = vec![0.0; inputs];
    for (at, (part, own)) in [(0, 0), (0, 39), (1, 0), (1, 2), (2, 0), (2, 49)]
        .into_iter()
        .enumerate()
    {
        let place = [0, 39, 40, 42, 43, 92][at];
        matrix.row(place, &mut row);
        let mut expected = vec![0.0; inputs];
        parts[part].read_row(own, &mut expected);
        assert_eq!(row, expected);
    }
}
