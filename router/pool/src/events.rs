//! Every event the pool logs. None holds text of a request or of an answer.

use crate::breaker::Phase;
use crate::replica::Replica;

pub(crate) fn breaker_moved(replica: &Replica, before: Phase, after: Phase) {
    if std::mem::discriminant(&before) == std::mem::discriminant(&after) {
        return;
    }
    let state = match after {
        Phase::Closed => "closed",
        Phase::Open(_) => "open",
        Phase::HalfOpen | Phase::Probing => "half_open",
    };
    tracing::warn!(expert = %replica.expert, address = %replica.member.address, state, "breaker moved");
}

pub(crate) fn member_joined(address: &str) {
    tracing::info!(address, "member joined");
}

pub(crate) fn member_left(address: &str) {
    tracing::info!(address, "member left");
}

pub(crate) fn health_moved(address: &str, healthy: bool) {
    tracing::warn!(address, healthy, "health moved");
}

pub(crate) fn resolve_failed(host: &str, kind: std::io::ErrorKind) {
    tracing::warn!(host, ?kind, "name not resolved, the last addresses stay");
}
