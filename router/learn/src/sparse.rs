//! A logistic model over a request's hashed tokens, learned one judgement at a time (AdaGrad). It says what to add to a
//! logit that is known already, so a fresh one says nothing.

use router::{Captured, DENSE};

/// Step of a token's weight before AdaGrad has seen anything.
const TOKEN_RATE: f32 = 0.25;
/// Step of a number's weight and of the bias, likewise.
const DENSE_RATE: f32 = 0.05;

/// A request as the model takes it: the rows of the gate's wide part, each once.
#[derive(Debug, Clone, PartialEq)]
pub struct Tokens {
    /// Rows of words and pairs, and of characters.
    pub bags: [Vec<u32>; 2],
    /// The numbers; the share of known words is left out, which is a gate's own.
    pub dense: [f32; DENSE],
}

impl Tokens {
    /// The tokens in a wide part of `2^bits` rows; `None` where the capture is of a smaller table.
    pub fn of(captured: &Captured, bits: u32) -> Option<Self> {
        let once = |mut rows: Vec<u32>| {
            rows.sort_unstable();
            rows.dedup();
            rows
        };
        let [words, chars] = captured.wide_rows(bits)?.map(once);
        let mut dense = captured.dense;
        if let Some(known) = dense.last_mut() {
            *known = 0.0;
        }
        Some(Self {
            bags: [words, chars],
            dense,
        })
    }
}

/// One over the root of a bag's tokens; as in the gate.
pub fn factor(tokens: usize) -> f32 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "tokens of one window are below 2^24"
    )]
    let tokens = tokens.max(1) as f32;
    tokens.sqrt().recip()
}

/// The model of one expert.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    /// What each row adds.
    pub rows: Vec<f32>,
    /// What each number adds, times the number.
    pub dense: [f32; DENSE],
    /// What is always added.
    pub bias: f32,
    squares: Vec<f32>,
    dense_squares: [f32; DENSE],
    bias_square: f32,
}

impl Sparse {
    /// A model over `2^bits` rows that adds nothing.
    pub fn new(bits: u32) -> Self {
        let rows = 1_usize << bits.min(22);
        Self {
            rows: vec![0.0; rows],
            dense: [0.0; DENSE],
            bias: 0.0,
            squares: vec![0.0; rows],
            dense_squares: [0.0; DENSE],
            bias_square: 0.0,
        }
    }

    /// What it adds for a request.
    pub fn logit(&self, tokens: &Tokens) -> f32 {
        let mut sum = self.bias;
        for bag in &tokens.bags {
            let part: f32 = bag
                .iter()
                .filter_map(|row| self.rows.get(place(*row)))
                .sum();
            sum += part * factor(bag.len());
        }
        let numbers = self.dense.iter().zip(&tokens.dense);
        sum + numbers.map(|(weight, value)| weight * value).sum::<f32>()
    }

    /// Moves against the slope of a loss by the logit; every weight touched also goes back towards 0 by a share.
    pub fn learn(&mut self, tokens: &Tokens, slope: f32, shrink: f32) {
        for bag in &tokens.bags {
            let slope = slope * factor(bag.len());
            for row in bag.iter().map(|row| place(*row)) {
                let weight = self.rows.get_mut(row).zip(self.squares.get_mut(row));
                if let Some((weight, square)) = weight {
                    step(weight, square, slope, TOKEN_RATE, shrink);
                }
            }
        }
        let weights = self.dense.iter_mut().zip(&mut self.dense_squares);
        for ((weight, square), value) in weights.zip(&tokens.dense) {
            step(weight, square, slope * value, DENSE_RATE, shrink);
        }
        step(
            &mut self.bias,
            &mut self.bias_square,
            slope,
            DENSE_RATE,
            shrink,
        );
    }
}

fn step(weight: &mut f32, square: &mut f32, slope: f32, rate: f32, shrink: f32) {
    *square += slope * slope;
    if *square > 0.0 {
        *weight -= rate * slope / (square.sqrt() + 1e-4) + shrink * *weight;
    }
}

fn place(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

/// The logistic function.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Its inverse; the ends are held at one in ten thousand.
pub fn logit(probability: f32) -> f32 {
    let inside = probability.clamp(1e-4, 1.0 - 1e-4);
    (inside / (1.0 - inside)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(rows: &[u32]) -> Tokens {
        Tokens {
            bags: [rows.to_vec(), Vec::new()],
            dense: [0.0; DENSE],
        }
    }

    #[test]
    fn it_learns_a_word_and_leaves_the_others() {
        let mut model = Sparse::new(8);
        assert_eq!(model.logit(&tokens(&[1, 2])), 0.0);
        for _ in 0..200 {
            for (rows, label) in [([1, 2], 1.0), ([3, 2], 0.0)] {
                let tokens = tokens(&rows);
                let slope = sigmoid(model.logit(&tokens)) - label;
                model.learn(&tokens, slope, 1e-4);
            }
        }
        assert!(model.logit(&tokens(&[1, 2])) > 1.0);
        assert!(model.logit(&tokens(&[3, 2])) < -1.0);
        assert!(model.logit(&tokens(&[2])).abs() < 0.7);
        assert_eq!(model.rows[4], 0.0);
    }
}
