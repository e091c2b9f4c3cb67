//! Named tensors, read from and written to safetensors files.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use expert_card::StoredType;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tch::{Device, Kind, TchError, Tensor};

use crate::ModelError;

/// What the name of a matrix of integers ends with to name its scale.
const SCALE: &str = ".scale";

/// Named fp32 tensors on one device. Which of them a network takes, and in what shape, the network checks.
#[derive(Debug)]
pub struct Weights {
    source: PathBuf,
    tensors: HashMap<String, Tensor>,
}

impl Weights {
    /// Reads a safetensors file of F32 and F16 tensors, as fp32, and of I8 matrices with a scale for each row in
    /// `<name>.scale`. I64 tensors (position ids of older files) are skipped; any other type, a missing scale and a
    /// value that is not finite are errors that name the tensor.
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
            let of = name.strip_suffix(SCALE).and_then(|of| file.tensor(of).ok());
            if view.dtype() == Dtype::I64 || of.is_some_and(|of| of.dtype() == Dtype::I8) {
                continue;
            }
            let scale = file.tensor(&format!("{name}{SCALE}")).ok();
            let tensor = match view.dtype() {
                Dtype::I8 => from_int8(&view, scale.as_ref()),
                _ => tensor(&view),
            };
            let tensor = tensor.map_err(|message| ModelError::Tensor {
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

    /// Writes all tensors, in name order, as a safetensors file.
    pub fn write(&self, path: &Path, stored: StoredType) -> Result<(), ModelError> {
        let mut bytes = BTreeMap::new();
        for (name, tensor) in &self.tensors {
            let tensor = tensor.f_detach()?.f_to(Device::Cpu)?;
            match stored {
                StoredType::F32 => {
                    bytes.insert(name.clone(), plain(&tensor, Kind::Float)?);
                }
                StoredType::I8 if tensor.dim() == 2 => {
                    let (values, scale) = to_int8(&tensor)?;
                    bytes.insert(name.clone(), plain(&values, Kind::Int8)?);
                    bytes.insert(format!("{name}{SCALE}"), plain(&scale, Kind::Float)?);
                }
                StoredType::Bf16 => {
                    bytes.insert(name.clone(), plain(&tensor, Kind::BFloat16)?);
                }
                StoredType::F16 | StoredType::I8 => {
                    bytes.insert(name.clone(), plain(&tensor, Kind::Half)?);
                }
            }
        }
        let malformed = |error: safetensors::SafeTensorError| ModelError::Malformed {
            path: path.to_path_buf(),
            message: error.to_string(),
        };
        let views = bytes
            .iter()
            .map(|(name, (dtype, shape, data))| {
                Ok((name, TensorView::new(*dtype, shape.clone(), data)?))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(malformed)?;
        // `transformers` refuses a file that does not say which framework its layout is of.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize_to_file(views, Some(metadata), path).map_err(malformed)
    }
}

/// What a tensor is in a file.
type Plain = (Dtype, Vec<usize>, Vec<u8>);

fn plain(tensor: &Tensor, kind: Kind) -> Result<Plain, TchError> {
    let (dtype, width) = match kind {
        Kind::Int8 => (Dtype::I8, 1),
        Kind::Half => (Dtype::F16, 2),
        Kind::BFloat16 => (Dtype::BF16, 2),
        _ => (Dtype::F32, 4),
    };
    let flat = tensor.f_to_kind(kind)?.f_contiguous()?;
    let mut data = vec![0u8; flat.numel() * width];
    flat.f_copy_data_u8(&mut data, flat.numel())?;
    let shape = tensor.size().into_iter();
    let shape = shape.filter_map(|n| usize::try_from(n).ok()).collect();
    Ok((dtype, shape, data))
}

/// A matrix (rows, columns) as integers from -127 to 127 and the scale (rows) that gives the values back.
fn to_int8(matrix: &Tensor) -> Result<(Tensor, Tensor), TchError> {
    let most = matrix.f_abs()?.f_amax([1i64].as_slice(), true)?;
    let scale = most
        .f_clamp_min(f64::from(f32::MIN_POSITIVE))?
        .f_div_scalar(127.0)?;
    let values = matrix.f_div(&scale)?.f_round()?.f_to_kind(Kind::Int8)?;
    Ok((values, scale.f_squeeze_dim(1)?))
}

/// The values of a matrix of integers and its scale.
fn from_int8(view: &TensorView<'_>, scale: Option<&TensorView<'_>>) -> Result<Tensor, String> {
    let [rows, columns] = view.shape() else {
        return Err("expected a matrix of I8".into());
    };
    let scale = scale.ok_or_else(|| format!("a matrix of I8 has no {SCALE}"))?;
    if scale.shape() != [*rows] {
        return Err(format!("expected {rows} scales, found {:?}", scale.shape()));
    }
    let scale = tensor(scale)?;
    let size = |n: usize| i64::try_from(n).map_err(|_| format!("dimension {n} is too large"));
    let shape = [size(*rows)?, size(*columns)?];
    let read = || -> Result<Tensor, TchError> {
        let values = Tensor::f_from_data_size(view.data(), &shape, Kind::Int8)?;
        values.f_to_kind(Kind::Float)?.f_mul(&scale.f_unsqueeze(1)?)
    };
    read().map_err(|error| error.to_string())
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
