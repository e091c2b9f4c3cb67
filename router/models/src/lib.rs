//! Networks of hosted experts: BERT-class encoders with classification heads, loaded from Hugging Face folders, on tch.
//! It must not know HTTP, queues, tenants, receipts or how a network was trained.
//!
//! From the outside in: [`ClassifierExpert`] is an expert's folder, loaded; [`Classifier`] is its network; [`Encoder`]
//! is the transformer, one layer per file. Networks are built from [`Weights`], a checked map of named tensors, so the
//! same code runs a file's weights and a trainer's variables. In comments B is the batch, L the longest row in tokens,
//! H the hidden width, N the attention heads and D = H / N.

mod attention;
mod batch;
mod classification;
mod classifier;
mod config;
mod device;
mod embeddings;
mod encoder;
mod error;
mod expert;
mod feed_forward;
#[cfg(any(test, feature = "test-util"))]
pub mod fixture;
mod layer;
mod layer_norm;
mod linear;
mod mode;
mod package;
mod pooling;
mod tokenizer;
mod weights;

pub use batch::TokenBatch;
pub use classification::Classification;
pub use classifier::{Classifier, TASK_HEAD, head_prefix};
pub use config::EncoderConfig;
pub use device::{DeviceChoice, device_name, load_cuda};
pub use encoder::Encoder;
pub use error::ModelError;
pub use expert::ClassifierExpert;
pub use mode::Mode;
pub use package::{CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE, write_network};
pub use pooling::mean_pool;
pub use tokenizer::{Encoded, ExpertTokenizer};
pub use weights::Weights;
