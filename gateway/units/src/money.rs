//! Money as integers of 1e-12 of a currency unit. Arithmetic is checked; nothing rounds silently.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why an amount is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The result does not fit.
    #[error("amount is out of range")]
    Overflow,
    /// The text is no decimal number with at most 12 places.
    #[error("{0:?} is not an amount: a decimal number with at most 12 places")]
    Text(String),
    /// The text is no ISO 4217 code.
    #[error("{0:?} is not a currency: expected a code of ISO 4217, such as USD")]
    Currency(String),
}

/// An amount of 1e-12 currency units ("pico"). One US dollar is 1 000 000 000 000.
///
/// Serialised as an integer where it fits 64 bits, as every single line does (9.2 million units).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pico(i128);

impl Pico {
    /// Nothing, as a known amount. An unknown amount is `None`.
    pub const ZERO: Self = Self(0);
    /// One whole currency unit.
    pub const UNIT: Self = Self(1_000_000_000_000);

    /// Wraps an integer of 1e-12 units.
    pub const fn new(pico: i128) -> Self {
        Self(pico)
    }

    /// The integer of 1e-12 units.
    pub const fn get(self) -> i128 {
        self.0
    }

    /// Whole units, for configuration such as budgets.
    pub fn from_units(units: i64) -> Self {
        Self(i128::from(units).saturating_mul(Self::UNIT.0))
    }

    /// The amount as 64 bits, for a store. Fails above 9.2 million units.
    pub fn to_i64(self) -> Result<i64, MoneyError> {
        i64::try_from(self.0).map_err(|_| MoneyError::Overflow)
    }

    /// Sum, or `Overflow`.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0
            .checked_add(other.0)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// Difference, or `Overflow`.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.0
            .checked_sub(other.0)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// Product with a count, or `Overflow`.
    pub fn checked_mul(self, count: i128) -> Result<Self, MoneyError> {
        self.0
            .checked_mul(count)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// Is the amount below nothing?
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

impl Sum for Pico {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        Self(iter.fold(0_i128, |a, b| a.saturating_add(b.0)))
    }
}

impl fmt::Debug for Pico {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Exact decimal form with 12 places, such as `0.000001250000`.
impl fmt::Display for Pico {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let unit = Self::UNIT.0.unsigned_abs();
        write!(
            f,
            "{sign}{}.{:012}",
            magnitude.div_euclid(unit),
            magnitude.rem_euclid(unit)
        )
    }
}

impl FromStr for Pico {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let wrong = || MoneyError::Text(text.chars().take(40).collect());
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1_i128, rest),
            None => (1, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 12 || !plain(whole) || !plain(fraction) {
            return Err(wrong());
        }
        let whole: i128 = whole.parse().map_err(|_| wrong())?;
        let fraction: i128 = format!("{fraction:0<12}").parse().map_err(|_| wrong())?;
        let pico = whole
            .checked_mul(Self::UNIT.0)
            .and_then(|w| w.checked_add(fraction))
            .and_then(|p| p.checked_mul(sign))
            .ok_or(MoneyError::Overflow)?;
        Ok(Self(pico))
    }
}

impl Serialize for Pico {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_i64(self.to_i64().map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Pico {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        i64::deserialize(d).map(|p| Self(i128::from(p)))
    }
}

/// An ISO 4217 currency code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// The codes of ISO 4217 that are money in use today, in order.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN \
    BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD \
    FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY \
    KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP \
    MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR \
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT \
    TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER \
    ZAR ZMW ZWG";

impl Currency {
    /// US dollars.
    pub const USD: Self = Self(*b"USD");

    /// The currency of a code of ISO 4217, in capital letters.
    pub fn new(text: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if CODES.split(' ').any(|known| known == text) => Ok(Self(code)),
            _ => Err(MoneyError::Currency(text.chars().take(8).collect())),
        }
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in ["0.000000000001", "-3.490000000000", "12.000000000000"] {
            assert_eq!(text.parse::<Pico>().unwrap().to_string(), text);
        }
        assert_eq!(
            "3.49".parse::<Pico>().unwrap(),
            Pico::new(3_490_000_000_000)
        );
    }

    #[test]
    fn bad_text_is_refused() {
        for text in ["", "-", ".5", "1.0000000000001", "1e3", "+1", "$3", "1,5"] {
            assert!(text.parse::<Pico>().is_err(), "{text:?}");
        }
        for text in ["usd", "XYZ", "US", "USDX", "", "A B", "US "] {
            assert!(Currency::new(text).is_err(), "{text:?}");
        }
        assert_eq!(Currency::new("USD"), Ok(Currency::USD));
    }

    #[test]
    fn overflow_is_an_error() {
        assert_eq!(
            Pico::new(i128::MAX).checked_add(Pico::new(1)),
            Err(MoneyError::Overflow)
        );
        assert_eq!(
            Pico::from_units(10_000_000).to_i64(),
            Err(MoneyError::Overflow)
        );
    }
}
