//! What experts cost right now, for the policy: prices of this minute, and a load price that rises while
//! an expert's queue is over its target.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use expert_pool::ExpertLoad;
use ledger::RateBook;
use router::Price;
use units::{ExpertId, Pico, Timestamp};

use crate::catalog::{Catalog, price_at};

/// Requests per available replica that an expert carries without a load price.
const TARGET_PER_REPLICA: i64 = 8;
/// What one request over target adds to the price at one decision, in pico: a hundred-thousandth unit.
const STEP: i64 = 10_000_000;
/// Highest load price, in pico: two hundredths of a unit.
const HIGHEST: i64 = 20_000_000_000;

/// Prices of every expert.
#[derive(Debug)]
pub struct Prices {
    now: ArcSwap<HashMap<ExpertId, Price>>,
    duals: HashMap<ExpertId, AtomicI64>,
}

impl Prices {
    /// Prices of an instant, with no load price.
    pub fn new(catalog: &Catalog, book: &RateBook, when: Timestamp) -> Self {
        let duals = catalog
            .experts()
            .iter()
            .map(|e| (e.id.clone(), AtomicI64::new(0)))
            .collect();
        Self {
            now: ArcSwap::new(at(catalog, book, when)),
            duals,
        }
    }

    /// Takes the prices in force at a later instant.
    pub fn refresh(&self, catalog: &Catalog, book: &RateBook, when: Timestamp) {
        self.now.store(at(catalog, book, when));
    }

    /// Price of one expert; free where it is not known.
    pub fn of(&self, expert: &ExpertId) -> Price {
        self.now.load().get(expert).copied().unwrap_or_default()
    }

    /// The load price of an expert after seeing its load once more. It is a dual variable: it moves
    /// with the distance between load and target, and never below nothing (loss-free balancing,
    /// arXiv 2408.15664, with money as its unit).
    pub fn load_price(&self, expert: &ExpertId, load: &ExpertLoad) -> Pico {
        let Some(dual) = self.duals.get(expert) else {
            return Pico::ZERO;
        };
        let target = TARGET_PER_REPLICA.saturating_mul(i64::from(load.available.max(1)));
        let carried = i64::from(load.outstanding).saturating_add(i64::from(load.elsewhere));
        let move_by = carried.saturating_sub(target).saturating_mul(STEP);
        let before = dual.load(Ordering::Relaxed);
        let after = before.saturating_add(move_by).clamp(0, HIGHEST);
        if after != before {
            dual.store(after, Ordering::Relaxed);
        }
        Pico::new(i128::from(after))
    }
}

fn at(catalog: &Catalog, book: &RateBook, when: Timestamp) -> Arc<HashMap<ExpertId, Price>> {
    let price = |e: &crate::catalog::ExpertEntry| (e.id.clone(), price_at(&e.host, book, when));
    Arc::new(catalog.experts().iter().map(price).collect())
}
