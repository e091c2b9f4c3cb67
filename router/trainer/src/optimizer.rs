//! AdamW whose state can be kept in a file (Loshchilov and Hutter 2019, algorithm 2; the decay is scaled by the rate).

use std::collections::HashMap;

use anyhow::{Context, Result};
use tch::{Kind, Tensor};

use crate::recipe::TrainingRecipe;
use crate::student::is_head;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Variables of one rate and one decay. Their moments lie one after the other in one tensor each, so that a step is a
/// handful of operations however many variables there are: on a GPU the count of operations is what a step costs.
#[derive(Debug)]
struct Group {
    names: Vec<String>,
    variables: Vec<Tensor>,
    first: Tensor,  // (all numbers of the variables) f32
    second: Tensor, // likewise
    rate: f64,
    decay: f64,
}

/// The optimizer of one fit.
#[derive(Debug)]
pub struct AdamW {
    groups: Vec<Group>,
    clip: f64,
}

impl AdamW {
    /// Over the variables that want a gradient. Biases and normalisations are not decayed; heads have their own rate.
    pub fn new(variables: HashMap<String, Tensor>, recipe: &TrainingRecipe) -> Result<Self> {
        let mut sorted: Vec<(String, Tensor)> = variables
            .into_iter()
            .filter(|(_, variable)| variable.requires_grad())
            .collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let mut groups: Vec<Group> = Vec::new();
        for head in [false, true] {
            for decayed in [false, true] {
                let belongs = |(name, variable): &(String, Tensor)| {
                    is_head(name) == head && (head || variable.dim() > 1) == decayed
                };
                let (own, others) = sorted.into_iter().partition(belongs);
                sorted = others;
                let rate = if head {
                    recipe.head_learning_rate
                } else {
                    recipe.learning_rate
                };
                let decay = if decayed { recipe.weight_decay } else { 0.0 };
                groups.extend(Group::new(own, rate, decay)?);
            }
        }
        Ok(Self {
            groups,
            clip: recipe.clip,
        })
    }

    /// One step after a backward pass. `step` counts from 1; `factor` scales the rates. Gradients above the norm are
    /// scaled down to it, and are gone afterwards.
    pub fn step(&mut self, step: usize, factor: f64) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        let steps = i32::try_from(step)?;
        let bias = (1.0 - BETA_1.powi(steps), 1.0 - BETA_2.powi(steps));
        let gradients = self.groups.iter().map(Group::gradient);
        let mut gradients = gradients.collect::<Result<Vec<_>>>()?;
        let scale = self.scale(&gradients)?;
        for (group, gradient) in self.groups.iter_mut().zip(&mut gradients) {
            if scale < 1.0 {
                let _in_place = gradient.f_mul_scalar_(scale)?;
            }
            group.step(gradient, factor, bias)?;
        }
        Ok(())
    }

    /// What gradients are multiplied with so that their norm is at most the clip.
    fn scale(&self, gradients: &[Tensor]) -> Result<f64> {
        let squares = gradients.iter().map(|gradient| gradient.f_dot(gradient));
        let squares = squares.collect::<Result<Vec<_>, _>>()?;
        if squares.is_empty() {
            return Ok(1.0);
        }
        let norm = f64::try_from(&Tensor::f_stack(&squares, 0)?.f_sum(Kind::Float)?.f_sqrt()?)?;
        Ok(self.clip / (norm + 1e-6))
    }

    /// The moments by name.
    pub fn state(&self) -> Result<HashMap<String, Tensor>> {
        let mut state = HashMap::new();
        for group in &self.groups {
            for (part, moments) in [("first", &group.first), ("second", &group.second)] {
                let moments = group.apart(moments)?;
                let name = |name: &String| format!("{part}.{name}");
                state.extend(group.names.iter().map(name).zip(moments));
            }
        }
        Ok(state)
    }

    /// Sets the moments to those of [`AdamW::state`].
    pub fn restore(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        let mut places: Vec<_> = self.state()?.into_iter().collect();
        // In the order of names: what is lacking is always named alike.
        places.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, mut place) in places {
            let kept = state.get(&name);
            place.f_copy_(kept.with_context(|| format!("lacks {name}"))?)?;
        }
        Ok(())
    }
}

impl Group {
    /// `None` of no variables.
    fn new(own: Vec<(String, Tensor)>, rate: f64, decay: f64) -> Result<Option<Self>> {
        let (names, variables): (Vec<_>, Vec<_>) = own.into_iter().unzip();
        if variables.is_empty() {
            return Ok(None);
        }
        let first = together(&variables)?.f_zeros_like()?;
        Ok(Some(Self {
            names,
            second: first.f_zeros_like()?,
            first,
            variables,
            rate,
            decay,
        }))
    }

    /// The gradients one after the other; zeros where a variable has none. A variable's own is zero afterwards.
    fn gradient(&self) -> Result<Tensor> {
        let gradient = |variable: &Tensor| match variable.grad() {
            gradient if gradient.defined() => Ok(gradient),
            _ => variable.f_zeros_like(),
        };
        let gradients = self.variables.iter().map(gradient);
        let gradient = together(&gradients.collect::<Result<Vec<_>, _>>()?)?;
        for variable in &self.variables {
            variable.shallow_clone().zero_grad();
        }
        Ok(gradient)
    }

    fn step(&mut self, gradient: &Tensor, factor: f64, bias: (f64, f64)) -> Result<()> {
        let rate = self.rate * factor;
        let _in_place = self.first.f_lerp_(gradient, 1.0 - BETA_1)?;
        let _in_place = self.second.f_lerp_(&gradient.f_square()?, 1.0 - BETA_2)?;
        let mut under = self.second.f_sqrt()?;
        let mut under = under.f_mul_scalar_(1.0 / bias.1.sqrt())?;
        let under = under.f_add_scalar_(EPSILON)?;
        let mut change = self.first.f_div(&under)?;
        let mut change = change.f_mul_scalar_(rate / bias.0)?;
        if self.decay > 0.0 {
            let mut decayed = together(&self.variables)?;
            change = change.f_add_(&decayed.f_mul_scalar_(rate * self.decay)?)?;
        }
        let changes = self.apart(&change)?;
        for (variable, change) in self.variables.iter_mut().zip(changes) {
            let _in_place = variable.f_sub_(&change)?;
        }
        Ok(())
    }

    /// Views of a tensor of all numbers, one of each variable's shape.
    fn apart(&self, together: &Tensor) -> Result<Vec<Tensor>> {
        let mut from = 0;
        let mut views = Vec::with_capacity(self.variables.len());
        for variable in &self.variables {
            let count = i64::try_from(variable.numel())?;
            views.push(together.f_narrow(0, from, count)?.f_view_as(variable)?);
            from += count;
        }
        Ok(views)
    }
}

/// All numbers of some tensors in one.
fn together(tensors: &[Tensor]) -> Result<Tensor> {
    let flat = tensors
        .iter()
        .map(|tensor| tensor.f_detach()?.f_flatten(0, -1));
    Ok(Tensor::f_cat(&flat.collect::<Result<Vec<_>, _>>()?, 0)?)
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
        let first = f64::try_from(&optimizer.state().unwrap()["first.heads.w"]).unwrap();
        assert!(
            (first - 0.1).abs() < 1e-4,
            "a tenth of the clipped 1: {first}"
        );
        assert_eq!(f64::try_from(weight.grad()).unwrap(), 0.0);

        let (other, _) = make();
        let mut again = AdamW::new(variables(&other), &clipped).unwrap();
        again.restore(&optimizer.state().unwrap()).unwrap();
        assert_eq!(
            f64::try_from(&again.state().unwrap()["first.heads.w"]).unwrap(),
            first
        );
        let error = again.restore(&HashMap::new()).expect_err("nothing there");
        assert!(error.to_string().contains("first.heads.w"), "{error}");
    }
}
