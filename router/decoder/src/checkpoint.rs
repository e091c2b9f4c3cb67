//! Weights in safetensors files, one or several shards. A tensor is read when it is asked for, by its place in its file:
//! memory holds one at a time beside what is made of them, and a file that is cut while it is read is an error, which a
//! mapped one is not.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde::Deserialize;

use crate::DecoderError;

const ONE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Longest header; the format's own bound.
const HEADER: u64 = 100_000_000;

/// The shards of a network.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    folder: PathBuf,
    shards: Vec<Shard>,
    /// Which shard has a tensor.
    places: HashMap<String, usize>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    file: File,
    /// Where the values begin.
    start: u64,
    length: u64,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

impl Checkpoint {
    /// Opens the shards of a folder and reads their headers.
    ///
    /// # Errors
    /// A file is missing, no safetensors file or shorter than it says; a tensor of the index is in no shard.
    pub(crate) fn open(folder: &Path) -> Result<Self, DecoderError> {
        let index = folder.join(INDEX);
        let mut names: Vec<String> = if index.is_file() {
            let bytes = std::fs::read(&index).map_err(io(&index))?;
            let index: Index =
                serde_json::from_slice(&bytes).map_err(|why| DecoderError::Malformed {
                    path: index,
                    message: why.to_string(),
                })?;
            index.weight_map.into_values().collect()
        } else {
            vec![ONE.to_owned()]
        };
        names.sort();
        names.dedup();
        // A name leads to no other folder.
        if let Some(name) = names.iter().find(|name| name.contains(['/', '\\'])) {
            return Err(DecoderError::Malformed {
                path: folder.join(INDEX),
                message: format!("{name:?} is no file of this folder"),
            });
        }
        let shards = names.iter().map(|name| Shard::open(folder.join(name)));
        let shards: Vec<Shard> = shards.collect::<Result<_, _>>()?;
        let mut places = HashMap::new();
        for (at, shard) in shards.iter().enumerate() {
            places.extend(shard.metadata.tensors().into_keys().map(|name| (name, at)));
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            shards,
            places,
        })
    }

    /// Type and number of values of every tensor.
    pub(crate) fn sizes(&self) -> Vec<(Dtype, u64)> {
        let mut sizes = Vec::new();
        for shard in &self.shards {
            for info in shard.metadata.tensors().into_values() {
                let values = info.shape.iter().product::<usize>();
                sizes.push((info.dtype, u64::try_from(values).unwrap_or(u64::MAX)));
            }
        }
        sizes
    }

    /// Bytes of all shards.
    pub(crate) fn bytes(&self) -> u64 {
        self.shards.iter().map(|shard| shard.length).sum()
    }

    /// Is there a tensor of that name?
    pub(crate) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// A matrix of that shape.
    ///
    /// # Errors
    /// It is missing, of another shape, in no type that is read, cut short, or holds a value that is not finite.
    pub(crate) fn matrix(
        &self,
        name: &str,
        [rows, width]: [usize; 2],
    ) -> Result<Raw, DecoderError> {
        self.read(name, &[rows, width], width)
    }

    /// A vector of that length, as f32.
    ///
    /// # Errors
    /// As of a matrix.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, DecoderError> {
        let raw = self.read(name, &[length], length)?;
        let mut values = vec![0.0; length];
        raw.read_row(0, &mut values);
        Ok(values)
    }

    fn read(&self, name: &str, shape: &[usize], width: usize) -> Result<Raw, DecoderError> {
        let shard = self.places.get(name).and_then(|at| self.shards.get(*at));
        let path = shard.map_or(&self.folder, |shard| &shard.path);
        let wrong = |message: String| DecoderError::Tensor {
            path: path.clone(),
            tensor: name.to_owned(),
            message,
        };
        let shard = shard.ok_or_else(|| wrong("missing".to_owned()))?;
        let info = shard
            .metadata
            .info(name)
            .ok_or_else(|| wrong("missing".to_owned()))?;
        if info.shape != shape {
            return Err(wrong(format!(
                "expected shape {shape:?}, found {:?}",
                info.shape
            )));
        }
        let kind = match info.dtype {
            Dtype::F32 => Kind::F32,
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::Bf16,
            other => return Err(wrong(format!("expected F32, F16 or BF16, found {other:?}"))),
        };
        let (from, to) = info.data_offsets;
        let end = u64::try_from(to).unwrap_or(u64::MAX);
        if end.saturating_add(shard.start) > shard.length {
            return Err(wrong("the file ends before it".to_owned()));
        }
        let mut bytes = vec![0; to.saturating_sub(from)];
        let at = shard
            .start
            .saturating_add(u64::try_from(from).unwrap_or(u64::MAX));
        shard
            .file
            .read_exact_at(&mut bytes, at)
            .map_err(io(&shard.path))?;
        let raw = Raw { kind, width, bytes };
        if !raw.is_finite() {
            return Err(wrong("holds a value that is not finite".to_owned()));
        }
        Ok(raw)
    }
}

impl Shard {
    fn open(path: PathBuf) -> Result<Self, DecoderError> {
        let wrong = |message: String| DecoderError::Malformed {
            path: path.clone(),
            message,
        };
        let file = File::open(&path).map_err(io(&path))?;
        let length = file.metadata().map_err(io(&path))?.len();
        let mut size = [0; 8];
        file.read_exact_at(&mut size, 0)
            .map_err(|_| wrong("shorter than a header".to_owned()))?;
        let size = u64::from_le_bytes(size);
        if size > HEADER || size.saturating_add(8) > length {
            return Err(wrong(format!(
                "its header says {size} bytes, the file has {length}"
            )));
        }
        let mut header = vec![0; usize::try_from(size).unwrap_or(0)];
        file.read_exact_at(&mut header, 8).map_err(io(&path))?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|why| wrong(format!("not a safetensors header: {why}")))?;
        Ok(Self {
            start: size.saturating_add(8),
            length,
            metadata,
            file,
            path,
        })
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> DecoderError {
    let path = path.to_path_buf();
    move |source| DecoderError::Io { path, source }
}

/// The type of the stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    F32,
    F16,
    Bf16,
}

/// Rows of values as a file has them.
#[derive(Debug)]
pub(crate) struct Raw {
    kind: Kind,
    width: usize,
    bytes: Vec<u8>,
}

impl Raw {
    /// The type of the values.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Values of a row.
    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub(crate) fn rows(&self) -> usize {
        self.bytes.len() / (self.width * self.each()).max(1)
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    const fn each(&self) -> usize {
        match self.kind {
            Kind::F32 => 4,
            Kind::F16 | Kind::Bf16 => 2,
        }
    }

    /// One row as f32.
    pub(crate) fn read_row(&self, row: usize, out: &mut [f32]) {
        let length = self.width * self.each();
        let bytes = self
            .bytes
            .get(row * length..(row + 1) * length)
            .unwrap_or_default();
        match self.kind {
            Kind::F32 => {
                for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *out = f32::from_le_bytes(*bytes);
                }
            }
            Kind::F16 => {
                for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *out = f16::from_le_bytes(*bytes).to_f32();
                }
            }
            Kind::Bf16 => {
                for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *out = bf16::from_le_bytes(*bytes).to_f32();
                }
            }
        }
    }

    fn is_finite(&self) -> bool {
        let halves = || self.bytes.as_chunks::<2>().0.iter();
        match self.kind {
            Kind::F32 => {
                let mut values = self.bytes.as_chunks::<4>().0.iter();
                values.all(|bytes| f32::from_le_bytes(*bytes).is_finite())
            }
            Kind::F16 => halves().all(|bytes| f16::from_le_bytes(*bytes).is_finite()),
            Kind::Bf16 => halves().all(|bytes| bf16::from_le_bytes(*bytes).is_finite()),
        }
    }

    /// Rows made from values, for tests.
    #[cfg(test)]
    pub(crate) fn of(values: &[f32], width: usize, kind: Kind) -> Self {
        let bytes = values.iter().flat_map(|value| match kind {
            Kind::F32 => value.to_le_bytes().to_vec(),
            Kind::F16 => f16::from_f32(*value).to_le_bytes().to_vec(),
            Kind::Bf16 => bf16::from_f32(*value).to_le_bytes().to_vec(),
        });
        Self {
            kind,
            width,
            bytes: bytes.collect(),
        }
    }
}
