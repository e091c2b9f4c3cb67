//! Llama-class decoders (Llama, Mistral, Qwen2, Qwen3) computed on CPU cores: loaded from Hugging Face folders, stepped over
//! parts of several sequences, with keys and values in pages. It must not know libtorch, HTTP, queues, tenants or receipts,
//! nor whose page is whose.
//!
//! Why not libtorch: a step of a few tokens reads every weight once, and is as fast as that reading. Weights lie in panels
//! for it ([`Stored`]), and every sum has one order: a sequence's tokens are the same, bit by bit, alone and in company.

mod attention;
mod cache;
mod checkpoint;
mod config;
mod error;
mod facts;
#[cfg(any(test, feature = "test-util"))]
pub mod fixture;
mod layer;
mod math;
mod matrix;
mod network;
mod norm;
mod pieces;
mod rope;
mod sampler;
mod step;
mod template;
mod text;

pub use cache::{KvCache, PAGE};
pub use config::{AttentionBias, DecoderConfig};
pub use error::DecoderError;
pub use facts::FolderFacts;
pub use matrix::Stored;
pub use network::Decoder;
pub use pieces::{Piece, Pieces};
pub use rope::RopeScaling;
pub use sampler::{Drawn, NotFinite, Sampler, Sampling};
pub use step::{Part, Wanted};
pub use template::{ChatTemplate, TemplateError};
pub use text::Text;
