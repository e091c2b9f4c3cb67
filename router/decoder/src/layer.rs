//! One layer: attention over what was read, then the feed-forward part, each on a normed copy and added back.

use rayon::prelude::*;

use crate::attention::Asking;
use crate::cache::KvCache;
use crate::checkpoint::{Checkpoint, Raw};
use crate::config::AttentionBias;
use crate::math::swiglu;
use crate::matrix::{Matrix, Stored, Tiles};
use crate::norm::{rms_norm, rms_norm_into};
use crate::rope::turn;
use crate::step::{Buffers, Token};
use crate::{DecoderConfig, DecoderError};

/// Tokens of one sequence whose attention is one task.
const BLOCK: usize = 4;

#[derive(Debug)]
pub(crate) struct Layer {
    attention_norm: Vec<f32>,
    /// Queries, keys and values, one after the other.
    qkv: Matrix,
    /// Of queries and of keys.
    head_norms: Option<(Vec<f32>, Vec<f32>)>,
    output: Matrix,
    mlp_norm: Vec<f32>,
    /// Gate and up, one after the other.
    gate_up: Matrix,
    down: Matrix,
    window: Option<usize>,
}

impl Layer {
    pub(crate) fn load(
        files: &Checkpoint,
        config: &DecoderConfig,
        at: usize,
        stored: Stored,
    ) -> Result<Self, DecoderError> {
        let (hidden, dim) = (config.hidden, config.head_dim);
        let (asking, asked) = (config.heads * dim, config.kv_heads * dim);
        let name = |part: &str| format!("model.layers.{at}.{part}");
        let attention = |part: &str| name(&format!("self_attn.{part}"));
        let bias = |parts: &[(String, usize)]| -> Result<Vec<f32>, DecoderError> {
            let mut all = Vec::new();
            for (part, length) in parts {
                all.extend(files.vector(&format!("{part}.bias"), *length)?);
            }
            Ok(all)
        };
        let stack = |parts: &[(String, usize)], width: usize, biased: bool| {
            let read = |(part, rows): &(String, usize)| {
                files.matrix(&format!("{part}.weight"), [*rows, width])
            };
            let raws: Vec<Raw> = parts.iter().map(read).collect::<Result<_, _>>()?;
            let refs: Vec<&Raw> = raws.iter().collect();
            let bias = biased.then(|| bias(parts)).transpose()?;
            Ok::<_, DecoderError>(Matrix::new(&refs, bias, stored))
        };
        let qkv = [
            (attention("q_proj"), asking),
            (attention("k_proj"), asked),
            (attention("v_proj"), asked),
        ];
        let gate_up = [
            (name("mlp.gate_proj"), config.inner),
            (name("mlp.up_proj"), config.inner),
        ];
        let biased = config.attention_bias;
        Ok(Self {
            attention_norm: files.vector(&name("input_layernorm.weight"), hidden)?,
            qkv: stack(&qkv, hidden, biased != AttentionBias::Without)?,
            head_norms: match config.head_norms {
                false => None,
                true => Some((
                    files.vector(&attention("q_norm.weight"), dim)?,
                    files.vector(&attention("k_norm.weight"), dim)?,
                )),
            },
            output: stack(
                &[(attention("o_proj"), hidden)],
                asking,
                biased == AttentionBias::All,
            )?,
            mlp_norm: files.vector(&name("post_attention_layernorm.weight"), hidden)?,
            gate_up: stack(&gate_up, hidden, config.mlp_bias)?,
            down: stack(
                &[(name("mlp.down_proj"), hidden)],
                config.inner,
                config.mlp_bias,
            )?,
            window: config.windows.get(at).copied().flatten(),
        })
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        [&self.qkv, &self.output, &self.gate_up, &self.down]
            .map(Matrix::bytes)
            .into_iter()
            .sum()
    }

    /// Every token's hidden state, in place.
    pub(crate) fn forward(
        &self,
        at: usize,
        config: &DecoderConfig,
        tokens: &[Token<'_>],
        cache: &mut KvCache,
        work: &mut Buffers,
    ) {
        normed(work, &self.attention_norm, config);
        self.qkv
            .apply(&work.tiles, &mut work.panels, &mut work.wide);
        self.place(config, tokens.len(), work);
        let asking = config.heads * config.head_dim;
        let asked = config.kv_heads * config.head_dim;
        for (token, row) in tokens.iter().zip(work.wide.chunks(config.qkv())) {
            let (_, rest) = row.split_at(asking);
            let (key, value) = rest.split_at(asked);
            cache.write(at, token.pages, token.position, key, value);
        }
        self.attend(at, config, tokens, cache, work);
        work.tiles.fill(&work.attended, asking);
        self.output
            .apply(&work.tiles, &mut work.panels, &mut work.narrow);
        add(&mut work.hidden, &work.narrow);

        normed(work, &self.mlp_norm, config);
        self.gate_up
            .apply(&work.tiles, &mut work.panels, &mut work.wide);
        work.inner.resize(tokens.len() * config.inner, 0.0);
        work.inner
            .par_chunks_mut(config.inner)
            .zip(work.wide.par_chunks(2 * config.inner))
            .with_min_len(4)
            .for_each(|(inner, both)| {
                let (gate, up) = both.split_at(config.inner);
                inner.copy_from_slice(gate);
                swiglu(inner, up);
            });
        work.tiles.fill(&work.inner, config.inner);
        self.down
            .apply(&work.tiles, &mut work.panels, &mut work.narrow);
        add(&mut work.hidden, &work.narrow);
    }

    /// Norms queries and keys where the network does, and turns them to their positions.
    fn place(&self, config: &DecoderConfig, tokens: usize, work: &mut Buffers) {
        let dim = config.head_dim;
        let asking = config.heads * dim;
        let turned = asking + config.kv_heads * dim;
        work.wide
            .par_chunks_mut(config.qkv())
            .zip(work.angles.par_chunks(dim))
            .take(tokens)
            .with_min_len(16)
            .for_each(|(row, angles)| {
                let (turned, _) = row.split_at_mut(turned);
                for (head, values) in turned.chunks_mut(dim).enumerate() {
                    if let Some((queries, keys)) = &self.head_norms {
                        let norm = if head < config.heads { queries } else { keys };
                        rms_norm(values, norm, config.norm_eps);
                    }
                    turn(values, angles);
                }
            });
    }

    /// What every token sees, into `attended`. A single token's heads are tasks of their own; tokens of a longer part are
    /// taken a few at a time.
    fn attend(
        &self,
        at: usize,
        config: &DecoderConfig,
        tokens: &[Token<'_>],
        cache: &KvCache,
        work: &mut Buffers,
    ) {
        let (dim, group) = (config.head_dim, config.group());
        let width = config.heads * dim;
        work.attended.resize(tokens.len() * width, 0.0);
        let mut tasks: Vec<(Asking<'_>, &mut [f32])> = Vec::new();
        let mut rest = work.attended.as_mut_slice();
        let mut from = 0;
        while let Some(token) = tokens.get(from) {
            let alike = tokens.iter().skip(from).take(BLOCK);
            let count = alike
                .take_while(|other| other.sequence == token.sequence)
                .count();
            let asking = Asking {
                cache,
                layer: at,
                pages: token.pages,
                position: token.position,
                window: self.window,
                queries: work.wide.get(from * config.qkv()..).unwrap_or_default(),
                apart: config.qkv(),
                heads: (0, config.kv_heads),
                group,
                dim,
            };
            let (block, after) = rest.split_at_mut(count * width);
            rest = after;
            if count == 1 {
                for (head, out) in block.chunks_mut(group * dim).enumerate() {
                    let heads = (head, head + 1);
                    tasks.push((Asking { heads, ..asking }, out));
                }
            } else {
                tasks.push((asking, block));
            }
            from += count;
        }
        tasks
            .par_iter_mut()
            .for_each(|(asking, out)| asking.answer(out));
    }
}

/// Normed hidden states as the inputs of a matrix.
pub(crate) fn normed(work: &mut Buffers, norm: &[f32], config: &DecoderConfig) {
    work.normed.resize(work.hidden.len(), 0.0);
    let rows = work.normed.par_chunks_mut(config.hidden);
    rows.zip(work.hidden.par_chunks(config.hidden))
        .with_min_len(16)
        .for_each(|(out, row)| rms_norm_into(out, row, norm, config.norm_eps));
    Tiles::fill(&mut work.tiles, &work.normed, config.hidden);
}

fn add(hidden: &mut [f32], more: &[f32]) {
    for (hidden, more) in hidden.iter_mut().zip(more) {
        *hidden += more;
    }
}
