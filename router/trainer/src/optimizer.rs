//! AdamW whose state can be kept in a file (Loshchilov and Hutter 2019, algorithm 2; the decay is scaled by the rate).

use std::collections::HashMap;

use anyhow::{Context, Result};
use tch::{Kind, Tensor};

use crate::recipe::TrainingRecipe;
use crate::student::is_head;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// A variable with its first and second moment.
#[derive(Debug)]
struct Slot {
    name: String,
    variable: Tensor,
    first: Tensor,
    second: Tensor,
    rate: f64,
    decay: f64,
}

/// The optimizer of one fit.
#[derive(Debug)]
pub struct AdamW {
    slots: Vec<Slot>,
    clip: f64,
}

impl AdamW {
    /// Over the variables that want a gradient. Biases and normalisations are not decayed; heads have their own rate.
    pub fn new(variables: HashMap<String, Tensor>, recipe: &TrainingRecipe) -> Result<Self> {
        let mut slots = Vec::new();
        for (name, variable) in variables {
            if !variable.requires_grad() {
                continue;
            }
            let head = is_head(&name);
            slots.push(Slot {
                first: variable.f_detach()?.f_zeros_like()?,
                second: variable.f_detach()?.f_zeros_like()?,
                rate: if head {
                    recipe.head_learning_rate
                } else {
                    recipe.learning_rate
                },
                decay: if variable.dim() == 1 && !head {
                    0.0
                } else {
                    recipe.weight_decay
                },
                name,
                variable,
            });
        }
        slots.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            slots,
            clip: recipe.clip,
        })
    }

    /// One step after a backward pass. `step` counts from 1; `factor` scales the rates. Gradients above the norm are
    /// scaled down to it, and are gone afterwards.
    pub fn step(&mut self, step: usize, factor: f64) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        let steps = i32::try_from(step)?;
        let (bias_1, bias_2) = (1.0 - BETA_1.powi(steps), 1.0 - BETA_2.powi(steps));
        let scale = self.scale()?;
        for slot in &mut self.slots {
            let mut gradient = slot.variable.grad();
            if !gradient.defined() {
                continue;
            }
            if scale < 1.0 {
                gradient = gradient.f_mul_scalar_(scale)?;
            }
            let rate = slot.rate * factor;
            let _in_place = slot.first.f_lerp_(&gradient, 1.0 - BETA_1)?;
            let square = gradient.f_square()?;
            let _in_place = slot.second.f_lerp_(&square, 1.0 - BETA_2)?;
            let mut under = slot.second.f_sqrt()?;
            let mut under = under.f_mul_scalar_(1.0 / bias_2.sqrt())?;
            let under = under.f_add_scalar_(EPSILON)?;
            if slot.decay > 0.0 {
                let _in_place = slot.variable.f_mul_scalar_(1.0 - rate * slot.decay)?;
            }
            let mut change = slot.first.f_div(&under)?;
            let change = change.f_mul_scalar_(rate / bias_1)?;
            let _in_place = slot.variable.f_sub_(&change)?;
            slot.variable.zero_grad();
        }
        Ok(())
    }

    /// What gradients are multiplied with so that their norm is at most the clip.
    fn scale(&self) -> Result<f64> {
        let mut squares = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let gradient = slot.variable.grad();
            if gradient.defined() {
                squares.push(gradient.f_square()?.f_sum(Kind::Float)?);
            }
        }
        if squares.is_empty() {
            return Ok(1.0);
        }
        let norm = f64::try_from(&Tensor::f_stack(&squares, 0)?.f_sum(Kind::Float)?.f_sqrt()?)?;
        Ok(self.clip / (norm + 1e-6))
    }

    /// The moments by name.
    pub fn state(&self) -> HashMap<String, Tensor> {
        let slot = |slot: &Slot| {
            [
                (format!("first.{}", slot.name), slot.first.shallow_clone()),
                (format!("second.{}", slot.name), slot.second.shallow_clone()),
            ]
        };
        self.slots.iter().flat_map(slot).collect()
    }

    /// Sets the moments to those of [`AdamW::state`].
    pub fn restore(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        for slot in &mut self.slots {
            for (part, moment) in [("first", &mut slot.first), ("second", &mut slot.second)] {
                let name = format!("{part}.{}", slot.name);
                let kept = state.get(&name);
                moment.f_copy_(kept.with_context(|| format!("lacks {name}"))?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tch::{Device, Kind, Tensor, nn};

    use super::AdamW;
    use crate::recipe::{Learns, Precision, TrainingRecipe};

    fn recipe() -> TrainingRecipe {
        TrainingRecipe {
            epochs: 1,
            batch: 1,
            learning_rate: 0.01,
            head_learning_rate: 0.05,
            warmup: 0.0,
            weight_decay: 0.1,
            dropout: 0.0,
            label_smoothing: 0.0,
            clip: 1e9,
            patience: 1,
            cut_tokens: 8,
            learns: Learns::All,
            precision: Precision::F32,
        }
    }

    fn variables(store: &nn::VarStore) -> HashMap<String, Tensor> {
        store.variables()
    }

    /// libtorch's own AdamW on the same numbers is the reference.
    #[test]
    fn steps_equal_those_of_libtorch() {
        use nn::OptimizerConfig;
        let start = Tensor::from_slice(&[1f32, -2.0, 0.5, 3.0]).view([2, 2]);
        let make = || {
            let store = nn::VarStore::new(Device::Cpu);
            let root = store.root();
            let weight = (root.sub("encoder")).var_copy("weight", &start);
            (store, weight)
        };
        let ((own, a), (reference, b)) = (make(), make());
        let mut ours = AdamW::new(variables(&own), &recipe()).unwrap();
        let mut theirs = nn::AdamW {
            wd: 0.1,
            ..nn::AdamW::default()
        }
        .build(&reference, 0.01)
        .unwrap();
        for step in 1..=20 {
            let loss = |x: &Tensor| (x.pow_tensor_scalar(2) * 0.5 + x.sin()).sum(Kind::Float);
            loss(&a).backward();
            ours.step(step, 1.0).unwrap();
            theirs.backward_step(&loss(&b));
        }
        let gap = f64::try_from((&a - &b).abs().max()).unwrap();
        assert!(gap < 1e-6, "{gap}");
    }

    #[test]
    fn large_gradients_are_scaled_down_and_state_comes_back() {
        let make = || {
            let store = nn::VarStore::new(Device::Cpu);
            let weight = store
                .root()
                .sub("heads")
                .var_copy("w", &Tensor::from_slice(&[1f32]));
            (store, weight)
        };
        let mut clipped = recipe();
        clipped.clip = 1.0;
        let (store, weight) = make();
        let mut optimizer = AdamW::new(variables(&store), &clipped).unwrap();
        (&weight * 1e6).sum(Kind::Float).backward();
        optimizer.step(1, 1.0).unwrap();
        let first = f64::try_from(&optimizer.state()["first.heads.w"]).unwrap();
        assert!(
            (first - 0.1).abs() < 1e-4,
            "a tenth of the clipped 1: {first}"
        );
        assert_eq!(f64::try_from(weight.grad()).unwrap(), 0.0);

        let (other, _) = make();
        let mut again = AdamW::new(variables(&other), &clipped).unwrap();
        again.restore(&optimizer.state()).unwrap();
        assert_eq!(
            f64::try_from(&again.state()["first.heads.w"]).unwrap(),
            first
        );
        let error = again.restore(&HashMap::new()).expect_err("nothing there");
        assert!(error.to_string().contains("first.heads.w"), "{error}");
    }
}
