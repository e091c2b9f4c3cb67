//! The two learned parts of a gate, in floats, before they are mixed: the network with its hidden layer, and the wide part.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::encode::{Encoded, Encoder, Known};
use crate::network::{Network, Shape, Target};
use crate::table::{Fold, OutcomeTable, Row};
use crate::train::{self, NetworkOptions, Point};
use crate::wide::{self, WideFit, WideOptions};
use crate::{LearnError, Watch};

/// The parts, fitted to the train fold of a table.
#[derive(Debug)]
pub struct Parts {
    /// How many outputs the heads have.
    pub shape: Shape,
    /// The network.
    pub network: Network,
    /// Losses of the network by pass.
    pub curve: Vec<Point>,
    /// The wide part; `None` where none was asked for.
    pub wide: Option<WideFit>,
    /// Words of the training texts.
    pub known: Known,
    /// Rows fitted to.
    pub rows: usize,
    encoder: Encoder,
}

/// What the parts say of one text: of each number the network's word and the wide part's.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Logits of the domains.
    pub domain: [Vec<f32>; 2],
    /// Logits of the experts' quality.
    pub quality: [Vec<f32>; 2],
    /// `ln(1 + output tokens)` of the experts.
    pub output: [Vec<f32>; 2],
    /// `ln(latency in ns)` of the experts.
    pub latency: [Vec<f32>; 2],
}

/// How the parts are fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartOptions {
    /// The network.
    pub network: NetworkOptions,
    /// The wide part; `None`: none.
    pub wide: Option<WideOptions>,
}

impl Parts {
    /// Fits both parts.
    pub fn fit(
        table: &OutcomeTable,
        options: &PartOptions,
        watch: &dyn Watch,
    ) -> Result<Self, LearnError> {
        let shape = Shape::of(table);
        let trained = train::fit(table, &options.network, watch)?;
        let wide_bits = options.wide.map_or(0, |wide| wide.bits);
        let encoder = Encoder::new(options.network.bits, wide_bits);
        let rows: Vec<&Row> = table.fold(Fold::Train).collect();
        let plain: Vec<Encoded> = rows
            .iter()
            .map(|row| encoder.encode(&row.text, None))
            .collect();
        let known = Known::count(plain.iter());
        let wide = options.wide.map(|wide| {
            let texts: Vec<(Encoded, Target)> = plain
                .into_iter()
                .zip(&rows)
                .map(|(mut text, row)| {
                    known.set_share(&mut text, 1);
                    (text, Target::of(row))
                })
                .collect();
            let rng = &mut StdRng::seed_from_u64(options.network.seed);
            wide::fit(&texts, shape.domains, shape.experts, &wide, rng)
        });
        Ok(Self {
            shape,
            network: trained.network,
            curve: trained.curve,
            wide,
            known,
            rows: rows.len(),
            encoder,
        })
    }

    /// What the parts say of a text.
    pub fn say(&self, text: &str) -> Said {
        let mut text = self.encoder.encode(text, None);
        self.known.set_share(&mut text, 0);
        let pass = self.network.forward(&text);
        let Shape {
            domains, experts, ..
        } = self.shape;
        let wide = match &self.wide {
            Some(wide) => wide.logits(&text),
            None => vec![0.0; domains + 3 * experts],
        };
        let part = |from: usize, count: usize| wide.get(from..from + count).unwrap_or(&[]).to_vec();
        let [domain, _, _, quality, output, latency] = pass.logits;
        Said {
            domain: [domain, part(0, domains)],
            quality: [quality, part(domains, experts)],
            output: [output, part(domains + experts, experts)],
            latency: [latency, part(domains + 2 * experts, experts)],
        }
    }
}

/// A mix of the two words: the network's and the wide part's, which has `share`.
pub fn mixed(said: &[Vec<f32>; 2], share: f32, at: usize) -> f32 {
    let of = |part: usize| said.get(part).and_then(|values| values.get(at)).copied();
    (1.0 - share) * of(0).unwrap_or(0.0) + share * of(1).unwrap_or(0.0)
}
