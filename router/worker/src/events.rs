//! Every event of this crate's log. No event holds text of a prompt or of an answer.

use crate::engine::EngineError;
use crate::roster::Hosted;

fn id(hosted: Option<&Hosted>) -> &str {
    hosted.map_or("", |hosted| hosted.card.id.as_str())
}

pub(crate) fn listening(address: std::net::SocketAddr, experts: usize, queue: usize) {
    let name = crate::queue::Queue::NAME;
    tracing::info!(%address, experts, queue.name = name, queue.bound = queue, "listening");
}

pub(crate) fn loaded(expert: Option<&Hosted>, bytes: u64) {
    tracing::info!(expert = id(expert), bytes, "expert loaded");
}

pub(crate) fn load_failed(expert: Option<&Hosted>, error: &EngineError) {
    tracing::error!(expert = id(expert), %error, "expert failed to load");
}

pub(crate) fn evicted(expert: Option<&Hosted>) {
    tracing::info!(expert = id(expert), "expert evicted");
}

pub(crate) fn evict_failed(expert: Option<&Hosted>, error: &EngineError) {
    tracing::error!(expert = id(expert), %error, "expert failed to leave memory");
}

pub(crate) fn step_failed(expert: Option<&Hosted>, error: &EngineError) {
    tracing::error!(expert = id(expert), %error, "step failed");
}

pub(crate) fn accept_failed(error: &std::io::Error) {
    tracing::warn!(%error, "connection not accepted");
}

pub(crate) fn connection_broke(error: &dyn std::fmt::Display) {
    tracing::debug!(%error, "connection broke");
}

pub(crate) fn draining(connections: usize) {
    tracing::info!(connections, "draining");
}

pub(crate) fn drain_cut(connections: usize) {
    tracing::warn!(connections, "drain cut short");
}

pub(crate) fn stopped() {
    tracing::info!("stopped");
}
