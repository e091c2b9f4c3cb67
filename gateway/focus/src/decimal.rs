//! Exact decimal numbers with 18 places: money, quantities and prices of one file.

use std::fmt;

use ledger::Price;
use units::Pico;

/// Units of one in a decimal: 18 places.
const ONE: i128 = 1_000_000_000_000_000_000;
/// Units of a billionth.
const BILLIONTH: i128 = 1_000_000_000;

/// A number as an integer of 1e-18. Up to 38 digits, as `decimal(38, 18)` of Parquet holds them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(i128);

impl Decimal {
    /// 0.
    pub const ZERO: Self = Self(0);
    /// 1.
    pub const ONE: Self = Self(ONE);

    /// Wraps an integer of 1e-18.
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The integer of 1e-18.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// A whole number; `None` beyond the range.
    pub fn whole(count: u64) -> Option<Self> {
        i128::from(count).checked_mul(ONE).map(Self)
    }

    /// Money, exactly; `None` beyond the range.
    pub fn of_money(amount: Pico) -> Option<Self> {
        amount.get().checked_mul(1_000_000).map(Self)
    }

    /// Nanoseconds in seconds, exactly.
    pub fn seconds(ns: u64) -> Self {
        Self(i128::from(ns).saturating_mul(BILLIONTH))
    }

    /// What one token costs, to 18 places.
    pub fn for_each(price: Price) -> Option<Self> {
        let numerator = price.pico().get().checked_mul(1_000_000)?;
        Some(Self(half_even(numerator, i128::from(price.per()))))
    }

    /// What a second costs of something that is counted in nanoseconds, to 9 places: times whole nanoseconds that is
    /// exact with 18.
    pub fn for_a_second(price: Price) -> Option<Self> {
        // pico for every `per` ns, in 1e-9 of the currency for 1e9 ns.
        let numerator = price.pico().get().checked_mul(1_000_000)?;
        half_even(numerator, i128::from(price.per()))
            .checked_mul(BILLIONTH)
            .map(Self)
    }

    /// The product; `None` where 18 places do not hold it, or beyond the range.
    pub fn exact_product(self, other: Self) -> Option<Self> {
        let (a, other_places) = reduced(self.0);
        let (b, places) = reduced(other.0);
        let product = a.checked_mul(b)?;
        // Both were divided by powers of ten: 36 places in all, less what was taken away.
        let spare = 36_u32.checked_sub(other_places)?.checked_sub(places)?;
        match spare.checked_sub(18) {
            None => product
                .checked_mul(10_i128.checked_pow(18 - spare)?)
                .map(Self),
            Some(more) => {
                let divisor = 10_i128.checked_pow(more)?;
                (product.checked_rem(divisor)? == 0).then(|| Self(product / divisor))
            }
        }
    }

    /// The share that a part is of a whole, to 18 places; 0 of nothing.
    pub fn share(part: Pico, whole: Pico) -> Option<Self> {
        if whole == Pico::ZERO {
            return Some(Self::ZERO);
        }
        let numerator = part.get().checked_mul(ONE)?;
        Some(Self(half_even(numerator, whole.get())))
    }

    /// The sum; `None` beyond the range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference; `None` beyond the range.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

/// A number without its trailing zeros, at most 18, and how many they were.
fn reduced(mut units: i128) -> (i128, u32) {
    let mut zeros = 0;
    while zeros < 18 && units != 0 && units % 10 == 0 {
        units /= 10;
        zeros += 1;
    }
    (units, zeros)
}

/// The quotient, rounded half to even. The divisor is above 0.
fn half_even(numerator: i128, divisor: i128) -> i128 {
    let (floor, rest) = (numerator.div_euclid(divisor), numerator.rem_euclid(divisor));
    let up = match (rest.saturating_mul(2)).cmp(&divisor) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => floor.rem_euclid(2),
        std::cmp::Ordering::Greater => 1,
    };
    floor.saturating_add(up)
}

/// Plain digits, no exponent, no zeros behind the last place that counts.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let one = ONE.unsigned_abs();
        let (whole, rest) = (magnitude / one, magnitude % one);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let places = format!("{rest:018}");
        write!(f, "{sign}{whole}.{}", places.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(decimal: Option<Decimal>) -> String {
        decimal.unwrap().to_string()
    }

    #[test]
    fn numbers_are_shown_in_plain_digits() {
        for (pico, shown) in [
            (0, "0"),
            (1, "0.000000000001"),
            (-1_500_000_000_000, "-1.5"),
            (120_000_000_000_000, "120"),
        ] {
            assert_eq!(text(Decimal::of_money(Pico::new(pico))), shown);
        }
        assert_eq!(Decimal::seconds(1_500_000_000).to_string(), "1.5");
        assert_eq!(text(Decimal::whole(7)), "7");
    }

    #[test]
    fn unit_prices_are_of_a_token_and_of_a_second() {
        let million = Price::per_million(Pico::new(2_500_000_000_000)).unwrap();
        assert_eq!(text(Decimal::for_each(million)), "0.0000025");
        let hour = Price::per_device_hour(Pico::new(3_600_000_000_000)).unwrap();
        assert_eq!(text(Decimal::for_a_second(hour)), "0.001");
        let third = Price::per_device_hour(Pico::new(1_200_000_000_000)).unwrap();
        assert_eq!(text(Decimal::for_a_second(third)), "0.000333333");
    }

    #[test]
    fn shares_of_a_whole_are_to_18_places() {
        let share = Decimal::share(Pico::new(1), Pico::new(3));
        assert_eq!(text(share), "0.333333333333333333");
        assert_eq!(
            Decimal::share(Pico::new(5), Pico::ZERO),
            Some(Decimal::ZERO)
        );
    }

    proptest! {
        /// A device's price by whole nanoseconds, and a token's by whole tokens, never round.
        #[test]
        fn products_of_a_file_are_exact(pico in 0_i128..1_000_000_000_000_000, ns in 0_u64..3_000_000_000_000_000_000, tokens in 0_u64..4_000_000_000_000) {
            let price = Decimal::for_a_second(Price::per_device_hour(Pico::new(pico)).unwrap()).unwrap();
            if let Some(product) = price.exact_product(Decimal::seconds(ns)) {
                let nano = price.units() / BILLIONTH;
                prop_assert_eq!(product.units(), nano * i128::from(ns));
            } else {
                prop_assert!((price.units() / BILLIONTH).checked_mul(i128::from(ns)).is_none());
            }
            let each = Decimal::for_each(Price::per_million(Pico::new(pico)).unwrap()).unwrap();
            if let Some(product) = each.exact_product(Decimal::whole(tokens).unwrap()) {
                prop_assert_eq!(product.units(), each.units() * i128::from(tokens));
            } else {
                prop_assert!(each.units().checked_mul(i128::from(tokens)).is_none());
            }
        }
    }
}
