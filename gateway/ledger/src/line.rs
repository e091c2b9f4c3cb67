//! A cost line: money for one meter, and how it came about. Lines are only ever added.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use units::{
    AttemptId, Bucket, ExpertId, Pico, PoolId, Purpose, RequestId, ScenarioId, TenantId, Timestamp,
};
use uuid::Uuid;

use crate::event::coded;
use crate::{LedgerError, Meter, RateId};

/// One amount, or one gap where an amount should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostLine {
    /// Made from what the line is about, so that the same line is never posted twice.
    pub id: LineId,
    /// The attempt that caused it; `None` for idle time and loading.
    pub attempt: Option<AttemptId>,
    /// Its request.
    pub request: Option<RequestId>,
    /// Who carries it.
    pub payer: Payer,
    /// The expert it is about.
    pub expert: Option<ExpertId>,
    /// Why the attempt was made.
    pub purpose: Option<Purpose>,
    /// What was counted.
    pub meter: Meter,
    /// How much was counted; `None` is unknown.
    pub quantity: Option<u64>,
    /// What it cost; `None` is unknown, which is not nothing.
    pub amount: Option<Pico>,
    /// The price used; `None` when there was none.
    pub rate: Option<RateId>,
    /// How the amount was found.
    pub method: Method,
    /// The 15 minutes that carry it.
    pub bucket: Bucket,
}

impl CostLine {
    /// The line that takes this one back, posted in `bucket`. Together they are nothing.
    ///
    /// # Errors
    /// `Overflow` on absurd amounts.
    pub fn reverse(&self, bucket: Bucket) -> Result<Self, LedgerError> {
        let amount = match self.amount {
            None => None,
            Some(amount) => Some(Pico::ZERO.checked_sub(amount)?),
        };
        Ok(Self {
            id: LineId::of_correction(self.id, Method::Reversal1, bucket.start()),
            // The work was done, whoever pays for it.
            quantity: None,
            amount,
            method: Method::Reversal1,
            bucket,
            ..self.clone()
        })
    }
}

/// Who carries a cost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payer {
    /// A scenario of a tenant.
    Tenant(TenantId, ScenarioId),
    /// The platform: what no tenant caused.
    Platform,
}

coded!(
    /// How an amount was found, with the version of the rule.
    Method, "method" {
        /// A share of a pool's bill by device time, largest remainder.
        DeviceShare1 = 1, "device-share/1";
        /// Tokens times the price list, rounded half to even.
        TokenPrice1 = 2, "token-price/1";
        /// A line taken back.
        Reversal1 = 3, "reversal/1";
        /// A share of idle time in proportion to device time used.
        IdleProportional1 = 4, "idle-proportional/1";
        /// What stands in the place of a line taken back, by a person's word.
        Correction1 = 5, "correction/1";
        /// A share of idle time, alike for all who used the pool.
        IdleEven1 = 6, "idle-even/1";
        /// A share of idle time in proportion to guaranteed capacity.
        IdleReserved1 = 7, "idle-reserved/1";
    }
);

/// The time one pool was settled for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowKey {
    /// The pool.
    pub pool: PoolId,
    /// From when.
    pub from: Timestamp,
    /// Until when; the last sample that was taken.
    pub to: Timestamp,
}

/// The name of a line: 48 bits of time in milliseconds, then 80 bits of a hash of what it is about. The time
/// in front, an attempt's own or the end of a window, keeps neighbours together in a store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId([u8; 16]);

impl LineId {
    /// Wraps a stored id.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id as bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// The line of an attempt for one meter. An attempt is settled once, so no window stands in it: settling it
    /// again anywhere is the same line.
    pub fn of_attempt(attempt: AttemptId, meter: Meter, method: Method) -> Self {
        let uuid = attempt.uuid();
        let (time, _) = uuid
            .as_bytes()
            .split_first_chunk()
            .unwrap_or((&[0; 6], &[]));
        let codes = [meter.code(), method.code()];
        Self::new(*time, &[b"attempt", uuid.as_bytes(), &codes])
    }

    /// The line of a window for what no single attempt caused; `about` tells such lines apart.
    pub fn of_window(window: &WindowKey, about: &str, meter: Meter, method: Method) -> Self {
        let from = window.from.unix_nanos().to_be_bytes();
        let to = window.to.unix_nanos().to_be_bytes();
        let codes = [meter.code(), method.code()];
        let parts: [&[u8]; 6] = [
            b"window",
            window.pool.as_str().as_bytes(),
            &from,
            &to,
            about.as_bytes(),
            &codes,
        ];
        Self::new(millis(window.to), &parts)
    }

    /// The line that takes `line` back, or stands in its place, by the method; posted at `at`.
    pub fn of_correction(line: Self, method: Method, at: Timestamp) -> Self {
        let code = [method.code()];
        Self::new(millis(at), &[b"correction", &line.0, &code])
    }

    /// Each part is led by its length, so that no two lists of parts read the same.
    fn new(time: [u8; 6], parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(time.iter().chain(&digest)) {
            *to = *from;
        }
        Self(id)
    }
}

/// The lower 48 bits of the milliseconds since 1970, as they lead a UUIDv7.
fn millis(at: Timestamp) -> [u8; 6] {
    let [_, _, time @ ..] = at.unix_nanos().div_euclid(1_000_000).to_be_bytes();
    time
}

/// A name as it is displayed: 32 hexadecimal digits.
impl FromStr for LineId {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let uuid = Uuid::try_parse(text);
        let uuid = uuid.map_err(|_| LedgerError::LineId(text.chars().take(40).collect()))?;
        Ok(Self(uuid.into_bytes()))
    }
}

impl fmt::Debug for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Uuid::from_bytes(self.0).simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_id_names_what_it_is_about() {
        let attempt = |n: u128| AttemptId::from_uuid(Uuid::from_u128(n));
        let id = |n, meter| LineId::of_attempt(attempt(n), meter, Method::DeviceShare1);
        assert_eq!(id(1, Meter::DeviceBusy), id(1, Meter::DeviceBusy));
        assert_ne!(id(1, Meter::DeviceBusy), id(2, Meter::DeviceBusy));
        assert_ne!(id(1, Meter::DeviceBusy), id(1, Meter::DeviceLoad));
        // An attempt made a millisecond later has later lines.
        let later = 1_u128 << 80;
        assert!(id(7, Meter::DeviceBusy) < id(later, Meter::DeviceBusy));
        assert_eq!(
            millis(Timestamp::from_unix_nanos(5_000_000)),
            [0, 0, 0, 0, 0, 5]
        );
    }

    #[test]
    fn a_line_and_its_reversal_are_nothing() {
        let line = CostLine {
            id: LineId::from_bytes([1; 16]),
            attempt: None,
            request: None,
            payer: Payer::Platform,
            expert: None,
            purpose: None,
            meter: Meter::DeviceIdle,
            quantity: Some(5),
            amount: Some(Pico::new(17)),
            rate: None,
            method: Method::DeviceShare1,
            bucket: Bucket::from_index(4),
        };
        let back = line.reverse(Bucket::from_index(9)).unwrap();
        assert_eq!(
            back.amount.unwrap().checked_add(line.amount.unwrap()),
            Ok(Pico::ZERO)
        );
        assert_eq!(
            (back.bucket, back.method),
            (Bucket::from_index(9), Method::Reversal1)
        );
        assert_ne!(back.id, line.id);
        assert_eq!(
            CostLine {
                amount: None,
                ..line
            }
            .reverse(Bucket::from_index(9))
            .unwrap()
            .amount,
            None
        );
    }
}
