//! The whole network: embeddings, layers, the last norm and the head.

use std::path::Path;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::cache::KvCache;
use crate::checkpoint::{Checkpoint, Raw};
use crate::layer::{Layer, normed};
use crate::matrix::{Matrix, Stored};
use crate::rope::Rope;
use crate::step::{Buffers, Part, Token, Wanted};
use crate::{DecoderConfig, DecoderError};

#[cfg(test)]
mod tests;

/// A decoder in memory, with its threads.
#[derive(Debug)]
pub struct Decoder {
    config: DecoderConfig,
    /// Rows by token; absent where the head has them.
    embeddings: Option<Raw>,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    head: Matrix,
    rope: Rope,
    threads: ThreadPool,
    work: Buffers,
}

impl Decoder {
    /// Loads a Hugging Face folder's network, to be computed by so many threads.
    ///
    /// # Errors
    /// `config.json` or a shard is missing, damaged or asks for what is not supported.
    pub fn load(folder: &Path, threads: usize, stored: Stored) -> Result<Self, DecoderError> {
        let config = DecoderConfig::read(&folder.join("config.json"))?;
        let files = Checkpoint::open(folder)?;
        let threads = ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|at| format!("decoder-{at}"))
            .build()
            .map_err(|_| DecoderError::Input("threads cannot be started"))?;
        let (vocab, hidden) = (config.vocab, config.hidden);
        let load = || -> Result<_, DecoderError> {
            let layers = (0..config.layers).map(|at| Layer::load(&files, &config, at, stored));
            let layers: Vec<Layer> = layers.collect::<Result<_, _>>()?;
            let embeddings = files.matrix("model.embed_tokens.weight", [vocab, hidden])?;
            // Some files of tied networks have a head all the same.
            let own_head = !config.tied && files.has("lm_head.weight");
            if !config.tied && !own_head {
                files.matrix("lm_head.weight", [vocab, hidden])?;
            }
            Ok(if own_head {
                let head = files.matrix("lm_head.weight", [vocab, hidden])?;
                (
                    layers,
                    Some(embeddings),
                    Matrix::new(&[&head], None, stored),
                )
            } else {
                (layers, None, Matrix::new(&[&embeddings], None, stored))
            })
        };
        let (layers, embeddings, head) = threads.install(load)?;
        Ok(Self {
            norm: files.vector("model.norm.weight", hidden)?,
            rope: Rope::new(config.head_dim, config.rope_theta, &config.rope_scaling),
            config,
            embeddings,
            layers,
            head,
            threads,
            work: Buffers::default(),
        })
    }

    /// Its sizes.
    pub const fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Bytes that its weights hold in memory.
    pub fn bytes(&self) -> u64 {
        let embeddings = self.embeddings.as_ref().map_or(0, Raw::bytes);
        let layers: u64 = self.layers.iter().map(Layer::bytes).sum();
        let embeddings = u64::try_from(embeddings).unwrap_or(u64::MAX);
        layers
            .saturating_add(self.head.bytes())
            .saturating_add(embeddings)
    }

    /// Reads parts of sequences; keys and values of their tokens go into their pages. Gives the logits that are wanted, in
    /// the order of the parts and their tokens, each as long as the vocabulary. What comes of a sequence does not depend,
    /// not in one bit, on what else is in the step, nor on how it was cut into parts.
    ///
    /// # Errors
    /// A token is not in the vocabulary, a position past the context, or a sequence lacks pages: nothing was computed.
    pub fn step(
        &mut self,
        cache: &mut KvCache,
        parts: &[Part<'_>],
    ) -> Result<&[f32], DecoderError> {
        let tokens = self.tokens(cache, parts)?;
        let wanted = wanted(parts);
        let Self {
            config,
            embeddings,
            layers,
            norm,
            head,
            rope,
            threads,
            work,
        } = self;
        threads.install(|| {
            work.hidden.resize(tokens.len() * config.hidden, 0.0);
            for (token, out) in tokens.iter().zip(work.hidden.chunks_mut(config.hidden)) {
                let row = usize::try_from(token.id).unwrap_or(usize::MAX);
                match embeddings {
                    Some(rows) => rows.read_row(row, out),
                    None => head.row(row, out),
                }
            }
            work.angles.clear();
            for token in &tokens {
                rope.angles(token.position, &mut work.angles);
            }
            for (at, layer) in layers.iter().enumerate() {
                layer.forward(at, config, &tokens, cache, work);
            }
            keep(&mut work.hidden, &wanted, config.hidden);
            normed(work, norm, config);
            head.apply(&work.tiles, &mut work.panels, &mut work.logits);
        });
        Ok(&self.work.logits)
    }

    fn tokens<'a>(
        &self,
        cache: &KvCache,
        parts: &[Part<'a>],
    ) -> Result<Vec<Token<'a>>, DecoderError> {
        let mut tokens = Vec::new();
        for (sequence, part) in parts.iter().enumerate() {
            let end = part.start + part.tokens.len();
            if end > self.config.context {
                return Err(DecoderError::Input("a sequence is longer than the context"));
            }
            cache.check(part.pages, end)?;
            for (at, id) in part.tokens.iter().enumerate() {
                if usize::try_from(*id).map_or(true, |id| id >= self.config.vocab) {
                    return Err(DecoderError::Input("a token is not in the vocabulary"));
                }
                tokens.push(Token {
                    id: *id,
                    position: part.start + at,
                    pages: part.pages,
                    sequence,
                });
            }
        }
        Ok(tokens)
    }
}

/// The places of the tokens whose successors are wanted.
fn wanted(parts: &[Part<'_>]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut at = 0;
    for part in parts {
        let end = at + part.tokens.len();
        match part.wanted {
            Wanted::Nothing => {}
            Wanted::Last => places.extend((at < end).then(|| end - 1)),
            Wanted::All => places.extend(at..end),
        }
        at = end;
    }
    places
}

/// Keeps some rows, which are in order, and forgets the rest.
fn keep(rows: &mut Vec<f32>, places: &[usize], width: usize) {
    for (to, from) in places.iter().enumerate() {
        rows.copy_within(from * width..(from + 1) * width, to * width);
    }
    rows.truncate(places.len() * width);
}
