//! Named tensors, read from and written to safetensors files.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use expert_card::StoredType;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tch::{Device, Kind, Tensor};

use crate::ModelError;

/// Named fp32 tensors on one device. Which of them a network takes, and in what shape, the network checks.
#[derive(Debug)]
pub struct Weights {
    source: PathBuf,
    tensors: HashMap<String, Tensor>,
}

impl Weights {
    /// Reads a safetensors file of F32 and F16 tensors, as fp32. Integer tensors (position ids of older files) are
    /// skipped; any other type, and a value that is not finite, is an error that names the tensor.
    pub fn read(path: &Path, device: Device) -> Result<Self, ModelError> {
        let io = |source| ModelError::Io {
            path: path.to_path_buf(),
            source,
        };
        let bytes = std::fs::read(path).map_err(io)?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| ModelError::Malformed {
            path: path.to_path_buf(),
            message: format!("not a whole safetensors file: {error}"),
        })?;
        let mut tensors = HashMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() == Dtype::I64 {
                continue;
            }
            let tensor = tensor(&view).map_err(|message| ModelError::Tensor {
                path: path.to_path_buf(),
                tensor: name.clone(),
                message,
            })?;
            tensors.insert(name, tensor.f_to(device)?);
        }
        Ok(Self {
            source: path.to_path_buf(),
            tensors,
        })
    }

    /// Wraps tensors that live elsewhere, such as a trainer's variables; `source` only names them in errors.
    pub fn of(tensors: HashMap<String, Tensor>, source: &Path) -> Self {
        Self {
            source: source.to_path_buf(),
            tensors,
        }
    }

    /// The tensor of that name, sharing storage; fails if it is missing or of another shape.
    pub fn get(&self, name: &str, shape: &[i64]) -> Result<Tensor, ModelError> {
        let wrong = |message: String| ModelError::Tensor {
            path: self.source.clone(),
            tensor: name.to_owned(),
            message,
        };
        let tensor = self
            .tensors
            .get(name)
            .ok_or_else(|| wrong("missing".into()))?;
        if tensor.size() != shape {
            return Err(wrong(format!(
                "expected shape {shape:?}, found {:?}",
                tensor.size()
            )));
        }
        Ok(tensor.shallow_clone())
    }

    /// Whether a tensor of that name is there.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Names and tensors, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Number of values in all tensors.
    pub fn parameters(&self) -> u64 {
        self.tensors
            .values()
            .map(|t| u64::try_from(t.numel()).unwrap_or(u64::MAX))
            .sum()
    }

    /// Writes all tensors, in name order, as a safetensors file of one type.
    pub fn write(&self, path: &Path, stored: StoredType) -> Result<(), ModelError> {
        let (kind, dtype, width) = match stored {
            StoredType::F16 => (Kind::Half, Dtype::F16, 2),
            StoredType::F32 => (Kind::Float, Dtype::F32, 4),
        };
        let mut bytes = BTreeMap::new();
        for (name, tensor) in &self.tensors {
            let flat = tensor
                .f_detach()?
                .f_to(Device::Cpu)?
                .f_to_kind(kind)?
                .f_contiguous()?;
            let mut data = vec![0u8; flat.numel() * width];
            flat.f_copy_data_u8(&mut data, flat.numel())?;
            let shape: Vec<usize> = tensor
                .size()
                .into_iter()
                .filter_map(|n| usize::try_from(n).ok())
                .collect();
            bytes.insert(name.clone(), (shape, data));
        }
        let malformed = |error: safetensors::SafeTensorError| ModelError::Malformed {
            path: path.to_path_buf(),
            message: error.to_string(),
        };
        let views = bytes
            .iter()
            .map(|(name, (shape, data))| Ok((name, TensorView::new(dtype, shape.clone(), data)?)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(malformed)?;
        // `transformers` refuses a file that does not say which framework its layout is of.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize_to_file(views, Some(metadata), path).map_err(malformed)
    }
}

fn tensor(view: &TensorView<'_>) -> Result<Tensor, String> {
    let kind = match view.dtype() {
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        other => return Err(format!("expected F32 or F16, found {other:?}")),
    };
    let shape: Vec<i64> = view
        .shape()
        .iter()
        .map(|&n| i64::try_from(n).map_err(|_| format!("dimension {n} is too large")))
        .collect::<Result<_, _>>()?;
    let read = || -> Result<(Tensor, bool), tch::TchError> {
        let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)?.f_to_kind(Kind::Float)?;
        let finite = tensor.f_isfinite()?.f_all()?;
        let finite = bool::try_from(&finite)?;
        Ok((tensor, finite))
    };
    match read() {
        Ok((tensor, true)) => Ok(tensor),
        Ok((_, false)) => Err("holds a value that is not finite".into()),
        Err(error) => Err(error.to_string()),
    }
}
