//! Every log line of this crate, declared once.

use uuid::Uuid;

use crate::{JournalError, StoreError};

pub(crate) fn segment_replayed(segment: Uuid, bytes: u64) {
    tracing::info!(%segment, bytes, "journal segment left over is being moved");
}

pub(crate) fn torn_tail(segment: Uuid, at: u64, bytes: u64) {
    tracing::warn!(%segment, at, bytes, "journal segment ends in a torn group, skipped");
}

pub(crate) fn damage_skipped(segment: Uuid, at: u64, bytes: u64) {
    tracing::error!(%segment, at, bytes, "journal segment is damaged, skipped to the next whole group");
}

pub(crate) fn group_set_aside(segment: Uuid, at: u64, why: &ledger::CodecError) {
    tracing::error!(%segment, at, error = %why, "group of events cannot be read, set aside");
}

pub(crate) fn store_away(why: &StoreError, failures: u32) {
    let cause = std::error::Error::source(why).map(ToString::to_string);
    tracing::warn!(error = %why, cause, failures, "store does not take the journal, will try again");
}

pub(crate) fn store_back(failures: u32) {
    tracing::info!(failures, "store takes the journal again");
}

pub(crate) fn settle_failed(why: &StoreError) {
    tracing::error!(error = %why, "pool windows could not be closed, will try again");
}

pub(crate) fn sync_failed(why: &std::io::Error) {
    tracing::error!(error = %why, "journal could not be synced to disk, will try again");
}

pub(crate) fn mover_stuck(why: &JournalError) {
    tracing::error!(error = %why, "journal cannot be read, will try again");
}

pub(crate) fn outcomes_refused(count: u64) {
    tracing::warn!(count, "outcomes of unknown requests were refused");
}
