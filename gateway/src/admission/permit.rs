//! The right to run one request, and the guard that ends its reservations exactly once, whatever happens.

use units::Pico;

use super::AdmitAsk;
use super::rate_headers::RateHeaders;
use super::scope::{Held, Used};

/// A request that was let in. `settle` books what it used; dropping it releases what was reserved.
///
/// The request counts against concurrency as long as this lives, and against requests per minute however it ends.
#[derive(Debug)]
#[must_use = "dropping a permit at once releases its reservations"]
pub struct Permit {
    /// The tenant's share, and the key's where it has limits. Empty only after the end.
    held: [Option<Held>; 2],
    ask: AdmitAsk,
    rate: RateHeaders,
    used: Option<Used>,
}

impl Permit {
    pub(super) const fn new(
        tenant: Held,
        key: Option<Held>,
        ask: AdmitAsk,
        rate: RateHeaders,
    ) -> Self {
        Self {
            held: [Some(tenant), key],
            ask,
            rate,
            used: None,
        }
    }

    /// The `x-ratelimit-*` headers as they stood when the request was let in.
    pub const fn rate(&self) -> &RateHeaders {
        &self.rate
    }

    /// What was reserved.
    pub const fn reserved(&self) -> &AdmitAsk {
        &self.ask
    }

    /// Books what was used, more or less than was reserved. What is unknown (`None`) counts as all that was reserved:
    /// a limit never leaks because a meter is missing. A negative cost counts as nothing.
    pub fn settle(mut self, actual_tokens: Option<u64>, actual_cost: Option<Pico>) {
        self.used = Some(Used {
            tokens: actual_tokens.unwrap_or(self.ask.tokens),
            cost: actual_cost.map_or(self.ask.amount(), |cost| cost.max(Pico::ZERO)),
        });
    }
}

/// The only place where a reservation ends.
impl Drop for Permit {
    fn drop(&mut self) {
        for held in &mut self.held {
            if let Some(held) = held.take() {
                held.end(self.used);
            }
        }
    }
}
