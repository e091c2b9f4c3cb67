//! What a folder holds, from its headers alone.

use std::path::Path;

use safetensors::Dtype;

use crate::checkpoint::Checkpoint;
use crate::{DecoderConfig, DecoderError};

/// Sizes of a folder's network.
#[derive(Debug, Clone, PartialEq)]
pub struct FolderFacts {
    /// The network.
    pub config: DecoderConfig,
    /// Values in all tensors.
    pub parameters: u64,
    /// Bytes of all files of weights.
    pub bytes: u64,
    /// The type that most values have: `F32`, `F16` or `BF16`.
    pub kind: &'static str,
}

impl FolderFacts {
    /// Reads `config.json` and the headers of the shards.
    ///
    /// # Errors
    /// As of [`crate::Decoder::load`], as far as headers tell.
    pub fn read(folder: &Path) -> Result<Self, DecoderError> {
        let config = DecoderConfig::read(&folder.join("config.json"))?;
        let files = Checkpoint::open(folder)?;
        let mut counts = [("F32", 0_u64), ("F16", 0), ("BF16", 0)];
        let mut parameters = 0_u64;
        for (kind, values) in files.sizes() {
            parameters = parameters.saturating_add(values);
            let name = match kind {
                Dtype::F16 => "F16",
                Dtype::BF16 => "BF16",
                _ => "F32",
            };
            for (own, count) in &mut counts {
                if *own == name {
                    *count = count.saturating_add(values);
                }
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        Ok(Self {
            config,
            parameters,
            bytes: files.bytes(),
            kind: most.map_or("F32", |(name, _)| name),
        })
    }
}
