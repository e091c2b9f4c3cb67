//! The candidates of a decision as a small blob: per candidate LEB128 numbers of its name, quality,
//! propensity, then cost and latency each plus one, 0 for unknown.

use ledger::Candidate;

use super::names::Names;
use crate::StoreError;

pub(super) fn encode(names: &Names, candidates: &[Candidate]) -> Result<Vec<u8>, StoreError> {
    let mut blob = Vec::with_capacity(candidates.len() * 16);
    for candidate in candidates {
        let name = names.get(candidate.expert.as_str())?;
        push(&mut blob, u128::try_from(name).unwrap_or(0));
        push(&mut blob, candidate.quality.get().into());
        push(&mut blob, candidate.propensity.get().into());
        let cost = candidate
            .cost
            .and_then(|cost| u128::try_from(cost.get()).ok());
        push(&mut blob, cost.map_or(0, |cost| cost.saturating_add(1)));
        let latency = candidate.latency.map(|ns| u128::from(ns.get()));
        push(&mut blob, latency.map_or(0, |ns| ns.saturating_add(1)));
    }
    Ok(blob)
}

fn push(blob: &mut Vec<u8>, mut value: u128) {
    while value > 0x7f {
        blob.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    blob.push(u8::try_from(value).unwrap_or(0));
}
