//! The network to train: some layers of the base model over a smaller vocabulary, with fresh heads.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use models::{Classifier, EncoderConfig, TASK_HEAD, Weights, head_prefix};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::base::Base;
use crate::recipe::Precision;

/// Parameter groups of the optimizer.
pub mod group {
    /// Matrices and embeddings of the encoder.
    pub const ENCODER: usize = 0;
    /// Biases and normalisations of the encoder: no weight decay.
    pub const ENCODER_PLAIN: usize = 1;
    /// Heads.
    pub const HEADS: usize = 2;
}

const WORDS: &str = "embeddings.word_embeddings.weight";

/// A network whose weights are variables.
#[derive(Debug)]
pub struct Student {
    /// Its variables.
    pub variables: VarStore,
    /// The network over them.
    pub network: Classifier,
    /// Its sizes.
    pub config: EncoderConfig,
    /// Its tasks with their numbers of labels.
    pub tasks: Vec<(String, i64)>,
}

impl Student {
    /// Copies `layers` of the base and the embeddings of the `kept` tokens; heads start at N(0, 0.02). `tasks` are
    /// ids with their numbers of labels. Draws from libtorch's generator: seed it first.
    pub fn cut(base: &Base, layers: &[i64], kept: &[u32], tasks: &[(&str, i64)]) -> Result<Self> {
        let mut config = base.config.clone();
        config.num_hidden_layers = i64::try_from(layers.len())?;
        config.vocab_size = i64::try_from(kept.len())?;
        config.pad_token_id = i64::try_from(
            kept.iter()
                .position(|&id| i64::from(id) == base.config.pad_token_id)
                .context("no [PAD]")?,
        )?;
        let variables = VarStore::new(Device::Cpu);
        for (name, tensor) in base.weights.iter() {
            if let Some((name, tensor)) = part(name, tensor, layers, kept)? {
                let plain = tensor.dim() == 1;
                let group = if plain {
                    group::ENCODER_PLAIN
                } else {
                    group::ENCODER
                };
                add(&variables, &name, &tensor, group)?;
            }
        }
        for &layer in layers {
            ensure!(
                (0..base.config.num_hidden_layers).contains(&layer),
                "the base has no layer {layer}"
            );
        }
        let mut heads: Vec<(String, i64)> = tasks
            .iter()
            .map(|(task, labels)| (head_prefix(task), *labels))
            .collect();
        if tasks.len() > 1 {
            heads.push((TASK_HEAD.to_owned(), i64::try_from(tasks.len())?));
        }
        for (prefix, outputs) in heads {
            let options = (Kind::Float, Device::Cpu);
            let weight =
                Tensor::f_randn([outputs, config.hidden_size], options)?.f_mul_scalar(0.02)?;
            add(
                &variables,
                &format!("{prefix}.weight"),
                &weight,
                group::HEADS,
            )?;
            let bias = Tensor::f_zeros([outputs], options)?;
            add(&variables, &format!("{prefix}.bias"), &bias, group::HEADS)?;
        }
        let weights = Weights::of(variables.variables(), Path::new("student"));
        let network = Classifier::new(&weights, &config, tasks)?;
        let tasks = tasks
            .iter()
            .map(|(task, labels)| ((*task).to_owned(), *labels))
            .collect();
        Ok(Self {
            variables,
            network,
            config,
            tasks,
        })
    }
    /// The network to learn with: the encoder's variables cast to the precision, so that gradients reach them in fp32.
    /// Made anew for each step, since the variables change under it.
    pub fn learner(&self, precision: Precision) -> Result<Classifier> {
        let mut tensors = self.variables.variables();
        if precision == Precision::Bf16 {
            for (name, tensor) in &mut tensors {
                if name.starts_with("encoder.") || name.starts_with("embeddings.") {
                    *tensor = tensor.f_to_kind(Kind::BFloat16)?;
                }
            }
        }
        let weights = Weights::of(tensors, Path::new("student"));
        let tasks: Vec<(&str, i64)> = self
            .tasks
            .iter()
            .map(|(task, labels)| (task.as_str(), *labels))
            .collect();
        Ok(Classifier::new(&weights, &self.config, &tasks)?)
    }

    /// Leaves the word embeddings as they are from now on. To be called before an optimizer is made.
    pub fn freeze_words(&self) {
        if let Some(words) = self.variables.variables().get(WORDS) {
            let _same = words.set_requires_grad(false);
        }
    }

    /// A copy of all variables as they are now.
    pub fn snapshot(&self) -> Result<HashMap<String, Tensor>> {
        let _no_grad = tch::no_grad_guard();
        let copy = |(name, tensor): (String, Tensor)| Ok((name, tensor.f_detach()?.copy()));
        self.variables.variables().into_iter().map(copy).collect()
    }

    /// Sets all variables to a snapshot's values.
    pub fn restore(&mut self, snapshot: &HashMap<String, Tensor>) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        for (name, mut tensor) in self.variables.variables() {
            let values = snapshot
                .get(&name)
                .with_context(|| format!("snapshot lacks {name}"))?;
            tensor.f_copy_(values)?;
        }
        Ok(())
    }
}

/// The student's name and values of a base tensor, if the student has it.
fn part(
    name: &str,
    tensor: &Tensor,
    layers: &[i64],
    kept: &[u32],
) -> Result<Option<(String, Tensor)>> {
    if name == WORDS {
        let rows: Vec<i64> = kept.iter().map(|&id| i64::from(id)).collect();
        return Ok(Some((
            name.to_owned(),
            tensor.f_index_select(0, &Tensor::f_from_slice(&rows)?)?,
        )));
    }
    if let Some(rest) = name.strip_prefix("encoder.layer.") {
        let (layer, rest) = rest
            .split_once('.')
            .context("a layer's tensor has a name")?;
        let layer: i64 = layer
            .parse()
            .with_context(|| format!("{name}: no layer number"))?;
        let new = layers.iter().position(|&kept| kept == layer);
        return Ok(new.map(|new| {
            (
                format!("encoder.layer.{new}.{rest}"),
                tensor.shallow_clone(),
            )
        }));
    }
    let embedding = name.starts_with("embeddings.");
    Ok(embedding.then(|| (name.to_owned(), tensor.shallow_clone())))
}

fn add(variables: &VarStore, name: &str, tensor: &Tensor, group: usize) -> Result<()> {
    let (path, leaf) = name
        .rsplit_once('.')
        .with_context(|| format!("{name}: no path"))?;
    let root = variables.root().set_group(group);
    let place = path.split('.').fold(root, |place, step| place.sub(step));
    place.f_var_copy(leaf, tensor).map(drop)?;
    Ok(())
}

#[cfg(test)]
mod tests;
