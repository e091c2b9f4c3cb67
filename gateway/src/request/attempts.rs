//! From the pool's report of an attempt to the ledger's record of it.

use std::sync::Arc;

use expert_pool::{AttemptError, AttemptReport, ReplicaKind};
use ledger::{AttemptRecord, Host};
use units::{Nanos, ProviderId, Receipt, TokenBuckets, Tokens};

use crate::plugins::NestedFacts;

/// An attempt as the ledger keeps it.
pub fn attempt_record(report: &AttemptReport, of: &NestedFacts) -> AttemptRecord {
    let host = match report.kind {
        ReplicaKind::Worker => Host::Pool(report.pool.clone()),
        ReplicaKind::Remote => provider(report.expert.as_str(), report),
        ReplicaKind::Local => provider(report.pool.as_str(), report),
    };
    AttemptRecord {
        request: of.request,
        tenant: of.tenant.clone(),
        scenario: of.scenario.clone(),
        expert: report.expert.clone(),
        host,
        replica: Some(Arc::clone(&report.replica)),
        started: report.started,
        finished: report.finished,
        http_status: report.http_status,
        decision: of.decision,
        tags: of.tags.clone(),
        receipt: known_zero(report),
    }
}

/// Who charges by a price list.
fn provider(name: &str, report: &AttemptReport) -> Host {
    ProviderId::new(name).map_or_else(|_| Host::Pool(report.pool.clone()), Host::Provider)
}

/// Where nothing was sent, nothing was used: that zero is known.
fn known_zero(report: &AttemptReport) -> Receipt {
    let unsent = matches!(
        report.error,
        Some(
            AttemptError::Connect(_)
                | AttemptError::ConnectTimeout
                | AttemptError::Overloaded { .. }
        )
    );
    if !unsent {
        return report.receipt;
    }
    let none = Some(Tokens::ZERO);
    Receipt {
        tokens: TokenBuckets {
            input_uncached: none,
            cache_read: none,
            cache_write: none,
            output_text: none,
            output_reasoning: none,
        },
        device_ns: Some(Nanos::ZERO),
        ..report.receipt
    }
}
