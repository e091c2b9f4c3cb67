//! The ledger of a gateway that has ended, read as an auditor would.

use ledger_store::{LedgerStore, Pricing, Reports, Span, SqlStore, VerifyReport};
use units::{Bucket, Currency, Pico, RequestId};

use crate::system::System;

/// The opened books.
#[derive(Debug)]
pub struct Books {
    runtime: tokio::runtime::Runtime,
    store: SqlStore,
}

impl Books {
    /// Opens the store of a gateway.
    ///
    /// # Panics
    /// It cannot be opened.
    pub fn open(system: &System) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let file = system.dir().join("var/moegate.sqlite");
        let rates = ledger::RateBook::new(Currency::USD, []).expect("no rates");
        let pricing = Pricing {
            rates,
            idle: std::collections::BTreeMap::new(),
        };
        let store = runtime
            .block_on(SqlStore::open(&file, pricing))
            .expect("the books open");
        Self { runtime, store }
    }

    /// Is the request of an answer (`chatcmpl-…`) there, as this tenant's?
    ///
    /// # Panics
    /// The id is none, or the store does not answer.
    pub fn has(&self, answer: &str, tenant: &str) -> bool {
        let id = answer.strip_prefix("chatcmpl-").expect("an answer's id");
        let request: RequestId = id.parse().expect("a request id");
        let owner = self
            .runtime
            .block_on(self.store.request_tenant(request))
            .expect("an answer");
        owner.is_some_and(|owner| owner.as_str() == tenant)
    }

    /// What everything has cost, with loading and idle time.
    ///
    /// # Panics
    /// The store does not answer.
    pub fn cost(&self) -> Pico {
        let always = Span {
            from: Bucket::from_index(0),
            to: Bucket::from_index(10_000_000),
        };
        let points = self.store.series(None, always, 96);
        let points = self.runtime.block_on(points).expect("a series");
        points.iter().map(|point| point.loaded).sum()
    }

    /// The proof of the books.
    ///
    /// # Panics
    /// The store does not answer.
    pub fn verify(&self) -> VerifyReport {
        self.runtime
            .block_on(self.store.verify())
            .expect("a report")
    }
}
