//! The candidates of a decision as a small blob: per candidate LEB128 numbers of its name, quality,
//! propensity, then cost and latency each plus one, 0 for unknown.

use ledger::{Candidate, Ppm};
use units::{Nanos, Pico};

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

/// A stored candidate; its name is still a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) name: i64,
    pub(super) quality: Ppm,
    pub(super) propensity: Ppm,
    pub(super) cost: Option<Pico>,
    pub(super) latency: Option<Nanos>,
}

/// The candidates of a blob, in order.
pub(super) fn decode(mut blob: &[u8]) -> Result<Vec<Stored>, StoreError> {
    let mut list = Vec::new();
    while !blob.is_empty() {
        let [name, quality, propensity, cost, latency] = take(&mut blob)?;
        let ppm = |value: u128| Ppm::new(u32::try_from(value).unwrap_or(u32::MAX));
        let cost = cost
            .checked_sub(1)
            .and_then(|pico| i128::try_from(pico).ok());
        let latency = latency.checked_sub(1).and_then(|ns| u64::try_from(ns).ok());
        list.push(Stored {
            name: i64::try_from(name).map_err(|_| DAMAGED)?,
            quality: ppm(quality),
            propensity: ppm(propensity),
            cost: cost.map(Pico::new),
            latency: latency.map(Nanos::new),
        });
    }
    Ok(list)
}

const DAMAGED: StoreError = StoreError::Damaged("list of candidates");

/// The next five numbers.
fn take(blob: &mut &[u8]) -> Result<[u128; 5], StoreError> {
    let mut numbers = [0_u128; 5];
    for number in &mut numbers {
        let mut shift = 0_u32;
        loop {
            let (byte, rest) = blob.split_first().ok_or(DAMAGED)?;
            *blob = rest;
            let part = u128::from(byte & 0x7f);
            *number |= part.checked_shl(shift).ok_or(DAMAGED)?;
            if *byte < 0x80 {
                break;
            }
            shift = shift.saturating_add(7);
        }
    }
    Ok(numbers)
}
