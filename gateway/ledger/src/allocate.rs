//! Splits a cost over weights by largest remainder: exact to the last pico and independent of order.

use std::collections::BTreeMap;

use units::Pico;

use crate::LedgerError;

/// Splits `total` in proportion to `weights`: each share is rounded down, and the few pico left over go to
/// the largest remainders, ties to the smaller key. The shares sum to `total` exactly.
///
/// # Errors
/// `NoWeight` when all weights are zero and `total` is not; `Negative` or `Overflow` on absurd input.
pub fn allocate<K: Ord + Clone>(
    total: Pico,
    weights: &BTreeMap<K, u64>,
) -> Result<BTreeMap<K, Pico>, LedgerError> {
    if total.is_negative() {
        return Err(LedgerError::Negative);
    }
    let all: i128 = weights.values().fold(0, |sum: i128, weight| {
        sum.saturating_add(i128::from(*weight))
    });
    if all == 0 && total != Pico::ZERO {
        return Err(LedgerError::NoWeight(total));
    }
    let mut shares = BTreeMap::new();
    let mut remainders = Vec::with_capacity(weights.len());
    let mut left = total.get();
    for (key, weight) in weights {
        let product = total
            .get()
            .checked_mul(i128::from(*weight))
            .ok_or(LedgerError::Overflow)?;
        let share = product.checked_div(all).unwrap_or(0);
        let remainder = product.checked_rem(all).unwrap_or(0);
        left = left.checked_sub(share).ok_or(LedgerError::Overflow)?;
        shares.insert(key.clone(), Pico::new(share));
        remainders.push((std::cmp::Reverse(remainder), key));
    }
    // Fewer pico are left than there are weights with a remainder, so one each is enough.
    remainders.sort_unstable();
    let extra = usize::try_from(left).map_err(|_| LedgerError::Overflow)?;
    for (_, key) in remainders.into_iter().take(extra) {
        if let Some(share) = shares.get_mut(key) {
            *share = share.checked_add(Pico::new(1))?;
        }
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // One GPU-hour at 3.49, computed apart with Python integers.
    #[test]
    fn the_reference_vector() {
        let hour = 3_600_000_000_000_u64;
        let used = [1_234_567_890_u64, 987_654_321, 55_555_555_555];
        let weights = BTreeMap::from([
            ("r1", used[0]),
            ("r2", used[1]),
            ("r3", used[2]),
            ("~idle", hour - used.iter().sum::<u64>()),
        ]);
        let shares = allocate(Pico::new(3_490_000_000_000), &weights).unwrap();
        let got: Vec<i128> = shares.values().map(|share| share.get()).collect();
        assert_eq!(
            got,
            [
                1_196_844_982,
                957_475_995,
                53_858_024_691,
                3_433_987_654_332
            ]
        );
    }

    #[test]
    fn a_cost_without_weight_does_not_vanish() {
        let none = BTreeMap::from([("a", 0_u64)]);
        assert_eq!(
            allocate(Pico::new(27), &none),
            Err(LedgerError::NoWeight(Pico::new(27)))
        );
        assert_eq!(allocate(Pico::ZERO, &none).unwrap()["a"], Pico::ZERO);
        assert_eq!(allocate(Pico::new(-1), &none), Err(LedgerError::Negative));
    }

    proptest! {
        #[test]
        fn shares_sum_to_the_total(total in 0_i128..10_i128.pow(18), weights in prop::collection::btree_map(any::<u32>(), 0_u64..u64::MAX / 1_000, 1..60)) {
            prop_assume!(weights.values().any(|w| *w > 0));
            let shares = allocate(Pico::new(total), &weights).unwrap();
            prop_assert_eq!(shares.values().copied().sum::<Pico>(), Pico::new(total));
            let all: i128 = weights.values().map(|w| i128::from(*w)).sum();
            for (key, weight) in &weights {
                let floor = total * i128::from(*weight) / all;
                let share = shares[key].get();
                prop_assert!(share == floor || share == floor + 1);
            }
        }
    }
}
