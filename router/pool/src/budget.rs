//! The retry budget: retries are a share of requests, so that a failing service is not made worse.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::RetryConfig;

/// Counts in hundredths of a retry: a request earns `percent` of them, a retry costs a hundred.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    saved: AtomicU64,
    earn: u64,
    most: u64,
}

const RETRY: u64 = 100;

impl RetryBudget {
    pub(crate) fn new(config: &RetryConfig) -> Self {
        let most = u64::from(config.reserve).saturating_mul(RETRY);
        Self {
            saved: AtomicU64::new(most),
            earn: u64::from(config.percent),
            most,
        }
    }

    /// A request came.
    pub(crate) fn earn(&self) {
        // The common case is a full purse: one load and no store.
        if self.saved.load(Ordering::Relaxed) < self.most {
            let more = |saved: u64| Some(saved.saturating_add(self.earn).min(self.most));
            let _before = self
                .saved
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        }
    }

    /// May a request be tried again? If so, the retry is paid.
    pub(crate) fn spend(&self) -> bool {
        self.saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| {
                saved.checked_sub(RETRY)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn retries_never_exceed_reserve_and_share(
            steps in proptest::collection::vec(any::<bool>(), 0..500),
            percent in 0_u32..150, reserve in 0_u32..20,
        ) {
            let config = RetryConfig { percent, reserve, ..RetryConfig::default() };
            let budget = RetryBudget::new(&config);
            let (mut requests, mut retries) = (0_u64, 0_u64);
            for request in steps {
                if request {
                    requests += 1;
                    budget.earn();
                } else if budget.spend() {
                    retries += 1;
                }
                prop_assert!(
                    retries * 100 <= u64::from(reserve) * 100 + requests * u64::from(percent)
                );
            }
        }
    }
}
