//! A full table of outcomes: what every expert would have done on every request. Only a simulation has one.

use router::{Captured, RequestView, Role, Turn};
use units::TenantId;

use crate::table::OutcomeTable;

/// The table.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The experts, in the order of the columns.
    pub experts: Vec<String>,
    /// The slices that requests are of: subjects, tasks or data sets.
    pub slices: Vec<String>,
    /// The requests.
    pub rows: Vec<Row>,
}

/// One request with every expert's outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Place of its slice.
    pub slice: usize,
    /// Its features.
    pub features: Captured,
    /// Quality of each expert's answer in `[0, 1]`.
    pub quality: Vec<f32>,
    /// Cost of each expert's answer, in any one unit; empty where none is known.
    pub cost: Vec<f32>,
}

impl World {
    /// What an expert does on a request; 0 outside the table.
    pub fn quality(&self, row: usize, expert: usize) -> f64 {
        let quality = self.rows.get(row).and_then(|row| row.quality.get(expert));
        quality.copied().map_or(0.0, f64::from)
    }

    /// What it costs; 0 where no cost is known.
    pub fn cost(&self, row: usize, expert: usize) -> f64 {
        let cost = self.rows.get(row).and_then(|row| row.cost.get(expert));
        cost.copied().map_or(0.0, f64::from)
    }

    /// Mean quality of each expert over the rows that hold; 0.5 where there are none.
    pub fn means(&self, holds: impl Fn(usize, &Row) -> bool) -> Vec<f64> {
        let mut sums = vec![0.0; self.experts.len()];
        let mut n = 0_u32;
        for (at, row) in self.rows.iter().enumerate() {
            if holds(at, row) {
                n += 1;
                for (sum, quality) in sums.iter_mut().zip(&row.quality) {
                    *sum += f64::from(*quality);
                }
            }
        }
        if n == 0 {
            return vec![0.5; self.experts.len()];
        }
        sums.iter().map(|sum| sum / f64::from(n)).collect()
    }

    /// The same requests with the outcomes of others: what experts do has nothing to do with what is asked, while each
    /// expert's mean stays. The control in which nothing can be learned.
    pub fn shuffled(&self, rng: &mut rand::rngs::StdRng) -> Self {
        use rand::seq::SliceRandom;
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.shuffle(rng);
        let mut world = self.clone();
        for (row, from) in world.rows.iter_mut().zip(order) {
            if let Some(other) = self.rows.get(from) {
                row.quality.clone_from(&other.quality);
                row.cost.clone_from(&other.cost);
            }
        }
        world
    }
}

impl World {
    /// The rows of a table on which every expert's quality was seen, of every fold. Slices are the table's domains. Cost is
    /// in mean answers of the dearest expert; unknown where any is.
    pub fn of(table: &OutcomeTable) -> Self {
        const BITS: u32 = 16;
        let view = |text: &str| {
            let turns = [Turn {
                role: Role::User,
                text,
            }];
            let tenant = TenantId::new("trainer").ok()?;
            let view = RequestView::of_turns(&tenant, &turns);
            Some(Captured::of(&view, BITS, BITS))
        };
        let experts = table.experts.len();
        let mut rows = Vec::new();
        for row in &table.rows {
            let seen: Option<Vec<f32>> = (0..experts).map(|expert| row.evidence(expert)).collect();
            let Some((quality, features)) = seen.zip(view(&row.text)) else {
                continue;
            };
            #[expect(
                clippy::cast_precision_loss,
                reason = "a cost needs no exact amount here"
            )]
            let cost = |expert: usize| Some(row.outcomes.get(expert)?.cost?.get() as f32);
            let cost: Option<Vec<f32>> = (0..experts).map(cost).collect();
            rows.push(Row {
                slice: row.domain.unwrap_or(table.domains.len()),
                features,
                quality,
                cost: cost.unwrap_or_default(),
            });
        }
        let mut slices = table.domains.clone();
        slices.push("none".to_owned());
        let mut world = Self {
            experts: table.experts.iter().map(|e| e.id.to_string()).collect(),
            slices,
            rows,
        };
        world.scale_costs();
        world
    }

    fn scale_costs(&mut self) {
        let n = self.rows.len();
        let whole = self
            .rows
            .iter()
            .all(|row| row.cost.len() == self.experts.len());
        let means = (0..self.experts.len()).map(|expert| {
            let sum: f64 = (0..n).map(|row| self.cost(row, expert)).sum();
            sum / crate::off_policy::count(n.max(1))
        });
        let dearest = means.fold(0.0, f64::max);
        for row in &mut self.rows {
            if whole && dearest > 0.0 {
                for cost in &mut row.cost {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "a cost needs no 64 bits here"
                    )]
                    let share = (f64::from(*cost) / dearest) as f32;
                    *cost = share;
                }
            } else {
                row.cost.clear();
            }
        }
    }
}
