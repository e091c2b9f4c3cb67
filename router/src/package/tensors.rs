//! `gate.safetensors`: each tensor by name, with its shape, its type and no number that is not finite.

use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{HIDDEN, INPUT, Linear, Manifest, Weights, Wide};
use crate::error::GateError;
use crate::features::{DENSE, DIM};

/// Parses and checks the weights a manifest asks for; `path` only names the file in errors.
pub(super) fn parse(path: &Path, manifest: &Manifest, bytes: &[u8]) -> Result<Weights, GateError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| GateError::Form {
        path: path.to_path_buf(),
        message: format!("not a whole safetensors file: {error:?}"),
    })?;
    let reader = Reader { path, file };
    let experts = manifest.experts.len();
    let buckets = 1 << manifest.features.bucket_bits;
    let known = (1 << manifest.features.known_bits) / 8;
    let embedding = reader.bytes("embedding.weight", Dtype::I8, &[buckets, DIM])?;
    let (rows, _) = embedding.as_chunks::<DIM>();
    Ok(Weights {
        embedding: rows
            .iter()
            .map(|row| row.map(|byte| i8::from_le_bytes([byte])))
            .collect(),
        scale: reader.array("embedding.scale")?,
        known: reader.bytes("known.bits", Dtype::U8, &[known])?.to_vec(),
        input: reader.rows("hidden.weight", INPUT)?,
        input_bias: reader.array("hidden.bias")?,
        domain: reader.linear("domain", manifest.domains.len())?,
        scenario: reader.linear("scenario", manifest.scenarios.len())?,
        ood: reader.linear("ood", 1)?,
        quality: reader.linear("quality", experts)?,
        cost: reader.linear("cost", experts)?,
        latency: reader.linear("latency", experts)?,
        wide: reader.wide(manifest)?,
    })
}

/// The bytes of the weights, after the same checks as on reading.
pub(super) fn serialize(
    path: &Path,
    manifest: &Manifest,
    weights: &Weights,
) -> Result<Vec<u8>, GateError> {
    if weights.wide.is_some() != (manifest.features.wide_bits > 0) {
        return Err(GateError::Field {
            path: path.to_path_buf(),
            field: "wide.weight".to_owned(),
            message: "features.wide_bits says otherwise".to_owned(),
        });
    }
    let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    let table = weights
        .embedding
        .iter()
        .flatten()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let shape = vec![weights.embedding.len(), DIM];
    parts.push(("embedding.weight".into(), Dtype::I8, shape, table));
    let known = (vec![weights.known.len()], weights.known.clone());
    parts.push(("known.bits".into(), Dtype::U8, known.0, known.1));
    let mut floats = |name: String, shape: Vec<usize>, values: &[f32]| {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        parts.push((name, Dtype::F32, shape, bytes));
    };
    floats("embedding.scale".into(), vec![DIM], &weights.scale);
    floats(
        "hidden.weight".into(),
        vec![weights.input.len(), HIDDEN],
        weights.input.as_flattened(),
    );
    floats("hidden.bias".into(), vec![HIDDEN], &weights.input_bias);
    for (name, head) in [
        ("domain", &weights.domain),
        ("scenario", &weights.scenario),
        ("ood", &weights.ood),
        ("quality", &weights.quality),
        ("cost", &weights.cost),
        ("latency", &weights.latency),
    ] {
        floats(
            format!("{name}.weight"),
            vec![head.rows.len(), HIDDEN],
            head.rows.as_flattened(),
        );
        floats(format!("{name}.bias"), vec![head.bias.len()], &head.bias);
    }
    if let Some(wide) = &weights.wide {
        let columns = wide.scale.len();
        floats("wide.scale".into(), vec![columns], &wide.scale);
        let shape = vec![wide.dense.len(), DENSE];
        floats("wide.dense".into(), shape, wide.dense.as_flattened());
        let rows = wide.rows.iter().flat_map(|value| value.to_le_bytes());
        let shape = vec![wide.rows.len() / columns.max(1), columns];
        parts.push(("wide.weight".into(), Dtype::I8, shape, rows.collect()));
    }
    let failed = |error: safetensors::SafeTensorError| GateError::Form {
        path: path.to_path_buf(),
        message: format!("{error:?}"),
    };
    let mut views = Vec::new();
    for (name, dtype, shape, bytes) in &parts {
        let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(failed)?;
        views.push((name.as_str(), view));
    }
    let bytes = safetensors::serialize(views, None).map_err(failed)?;
    parse(path, manifest, &bytes)?;
    Ok(bytes)
}

struct Reader<'a> {
    path: &'a Path,
    file: SafeTensors<'a>,
}

impl<'a> Reader<'a> {
    fn wrong(&self, name: &str, message: String) -> GateError {
        GateError::Field {
            path: self.path.to_path_buf(),
            field: name.to_owned(),
            message,
        }
    }

    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&'a [u8], GateError> {
        let Ok(tensor) = self.file.tensor(name) else {
            return Err(self.wrong(name, "is missing".to_owned()));
        };
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let found = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
            return Err(self.wrong(name, format!("must be {dtype:?} {shape:?}, is {found}")));
        }
        Ok(tensor.data())
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, GateError> {
        let bytes = self.bytes(name, Dtype::F32, shape)?;
        let (words, _) = bytes.as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(self.wrong(name, format!("number {at} is not finite"))),
            None => Ok(values),
        }
    }

    fn array<const N: usize>(&self, name: &str) -> Result<[f32; N], GateError> {
        let values = self.floats(name, &[N])?;
        <[f32; N]>::try_from(values).map_err(|_| self.wrong(name, format!("must have {N}")))
    }

    fn rows(&self, name: &str, outputs: usize) -> Result<Vec<[f32; HIDDEN]>, GateError> {
        let values = self.floats(name, &[outputs, HIDDEN])?;
        Ok(values.as_chunks::<HIDDEN>().0.to_vec())
    }

    fn linear(&self, name: &str, outputs: usize) -> Result<Linear, GateError> {
        Ok(Linear {
            rows: self.rows(&format!("{name}.weight"), outputs)?,
            bias: self.floats(&format!("{name}.bias"), &[outputs])?,
        })
    }

    fn wide(&self, manifest: &Manifest) -> Result<Option<Wide>, GateError> {
        if manifest.features.wide_bits == 0 {
            return Ok(None);
        }
        let (rows, columns) = (1 << manifest.features.wide_bits, Wide::columns(manifest));
        let bytes = self.bytes("wide.weight", Dtype::I8, &[rows, columns])?;
        let dense = self.floats("wide.dense", &[columns, DENSE])?;
        Ok(Some(Wide {
            rows: bytes
                .iter()
                .map(|byte| i8::from_le_bytes([*byte]))
                .collect(),
            scale: self.floats("wide.scale", &[columns])?,
            dense: dense.as_chunks::<DENSE>().0.to_vec(),
        }))
    }
}
