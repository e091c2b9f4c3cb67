//! The network to train: some layers of the base model over a smaller vocabulary, with fresh heads.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use models::{Classifier, EncoderConfig, TASK_HEAD, Weights, head_prefix};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::base::Base;
use crate::recipe::Precision;

const WORDS: &str = "embeddings.word_embeddings.weight";

/// Whether a variable belongs to a head.
pub fn is_head(name: &str) -> bool {
    name.starts_with("heads.") || name.starts_with(TASK_HEAD)
}

/// What to cut out of a base model.
#[derive(Debug, Clone, Copy)]
pub struct Cut<'a> {
    /// Layers to keep, from 0, in order.
    pub layers: &'a [i64],
    /// Neurons to keep inside each position-wise network; absent keeps all.
    pub inner: Option<i64>,
    /// Tokens to keep.
    pub kept: &'a [u32],
    /// Ids of tasks with their numbers of labels.
    pub tasks: &'a [(&'a str, i64)],
}

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
    /// Copies layers, neurons and the embeddings of tokens out of the base; heads start at N(0, 0.02). Draws from
    /// libtorch's generator: seed it first.
    pub fn cut(base: &Base, cut: Cut<'_>) -> Result<Self> {
        let Cut {
            layers,
            kept,
            tasks,
            ..
        } = cut;
        let mut config = base.config.clone();
        config.num_hidden_layers = i64::try_from(layers.len())?;
        config.vocab_size = i64::try_from(kept.len())?;
        config.pad_token_id = i64::try_from(
            kept.iter()
                .position(|&id| i64::from(id) == base.config.pad_token_id)
                .context("no [PAD]")?,
        )?;
        for &layer in layers {
            ensure!(
                (0..base.config.num_hidden_layers).contains(&layer),
                "the base has no layer {layer}"
            );
        }
        let neurons = neurons(base, cut)?;
        config.intermediate_size = cut.inner.unwrap_or(config.intermediate_size);
        let variables = VarStore::new(Device::Cpu);
        for (name, tensor) in base.weights.iter() {
            if let Some((name, tensor)) = part(name, tensor, cut, &neurons)? {
                add(&variables, &name, &tensor)?;
            }
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
            add(&variables, &format!("{prefix}.weight"), &weight)?;
            let bias = Tensor::f_zeros([outputs], options)?;
            add(&variables, &format!("{prefix}.bias"), &bias)?;
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

    /// Where its variables are.
    pub fn device(&self) -> Device {
        self.variables.device()
    }

    /// Moves its variables, and with them its network.
    pub fn move_to(&mut self, device: Device) {
        if self.device() != device {
            self.variables.set_device(device);
        }
    }

    /// Takes the head of a task from the weights of a network that has one of the same shape.
    pub fn take_head(&mut self, task: &str, from: &Weights) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        let variables = self.variables.variables();
        for leaf in ["weight", "bias"] {
            let name = format!("{}.{leaf}", head_prefix(task));
            let variable = variables.get(&name);
            let mut variable = variable
                .with_context(|| format!("no {name}"))?
                .shallow_clone();
            let head = from.get(&name, &variable.size())?;
            variable.f_copy_(&head)?;
        }
        Ok(())
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

/// The neurons to keep of each kept layer: those whose ways in and out weigh most.
fn neurons(base: &Base, cut: Cut<'_>) -> Result<HashMap<i64, Tensor>> {
    let mut neurons = HashMap::new();
    let Some(inner) = cut.inner else {
        return Ok(neurons);
    };
    let (hidden, all) = (base.config.hidden_size, base.config.intermediate_size);
    ensure!(
        (1..=all).contains(&inner),
        "student.inner: the base has {all} neurons, asked for {inner}"
    );
    for &layer in cut.layers {
        let prefix = format!("encoder.layer.{layer}");
        let into = format!("{prefix}.intermediate.dense.weight");
        let out = format!("{prefix}.output.dense.weight");
        let square = |tensor: Tensor, over: i64| -> Result<Tensor> {
            let square = tensor.f_square()?;
            Ok(square.f_sum_dim_intlist([over].as_slice(), false, Kind::Float)?)
        };
        let into = square(base.weights.get(&into, &[all, hidden])?, 1)?; // (inner)
        let out = square(base.weights.get(&out, &[hidden, all])?, 0)?; // (inner)
        let (_, best) = into.f_mul(&out)?.f_topk(inner, 0, true, true)?;
        let (best, _) = best.f_sort(0, false)?;
        neurons.insert(layer, best);
    }
    Ok(neurons)
}

/// The student's name and values of a base tensor, if the student has it.
fn part(
    name: &str,
    tensor: &Tensor,
    cut: Cut<'_>,
    neurons: &HashMap<i64, Tensor>,
) -> Result<Option<(String, Tensor)>> {
    if name == WORDS {
        let rows: Vec<i64> = cut.kept.iter().map(|&id| i64::from(id)).collect();
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
        let Some(new) = cut.layers.iter().position(|&kept| kept == layer) else {
            return Ok(None);
        };
        let over = match rest {
            "intermediate.dense.weight" | "intermediate.dense.bias" => Some(0),
            "output.dense.weight" => Some(1),
            _ => None,
        };
        let tensor = match (over, neurons.get(&layer)) {
            (Some(over), Some(kept)) => tensor.f_index_select(over, kept)?,
            _ => tensor.shallow_clone(),
        };
        return Ok(Some((format!("encoder.layer.{new}.{rest}"), tensor)));
    }
    let embedding = name.starts_with("embeddings.");
    Ok(embedding.then(|| (name.to_owned(), tensor.shallow_clone())))
}

fn add(variables: &VarStore, name: &str, tensor: &Tensor) -> Result<()> {
    let (path, leaf) = name
        .rsplit_once('.')
        .with_context(|| format!("{name}: no path"))?;
    let root = variables.root();
    let place = path.split('.').fold(root, |place, step| place.sub(step));
    place.f_var_copy(leaf, tensor).map(drop)?;
    Ok(())
}

#[cfg(test)]
mod tests;
