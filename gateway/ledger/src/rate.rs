//! Price lists: what a unit of a meter costs, for whom, from when, according to whom.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use units::{Currency, ExpertId, Nanos, Pico, PoolId, ProviderId, Timestamp};

use crate::LedgerError;
use crate::event::coded;

coded!(
    /// What is counted.
    Meter, "meter" {
        /// Device time an attempt used, in ns.
        DeviceBusy = 1, "device_busy";
        /// Device time spent loading an expert, in ns.
        DeviceLoad = 2, "device_load";
        /// Device time nobody used, in ns.
        DeviceIdle = 3, "device_idle";
        /// Device time the worker reports as work and no attempt accounts for, in ns.
        DeviceUnattributed = 4, "device_unattributed";
        /// Input tokens that were computed.
        InputUncached = 10, "input_uncached";
        /// Input tokens read from a cache.
        CacheRead = 11, "cache_read";
        /// Input tokens written to a cache.
        CacheWrite = 12, "cache_write";
        /// Output tokens the client sees.
        OutputText = 13, "output_text";
        /// Output tokens of hidden reasoning.
        OutputReasoning = 14, "output_reasoning";
        /// CPU time of a plugin, in ns.
        PluginCpu = 20, "plugin_cpu";
    }
);

impl Meter {
    /// Is it work that somebody asked for: device time of attempts, tokens, a plugin's time? The rest is loading and idle
    /// time, and what nobody accounts for.
    pub const fn is_work(self) -> bool {
        matches!(self, Self::DeviceBusy) || self.code() >= 10
    }
}

/// A price as a fraction of integers: `pico` for every `per` units of the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    pico: Pico,
    per: u64,
}

impl Price {
    /// Nanoseconds in an hour.
    const HOUR: u64 = 3_600_000_000_000;

    /// A price of `pico` for every `per` units.
    ///
    /// # Errors
    /// `BadPrice` when `per` is 0 or `pico` is below nothing.
    pub const fn new(pico: Pico, per: u64) -> Result<Self, LedgerError> {
        if per == 0 || pico.is_negative() {
            return Err(LedgerError::BadPrice);
        }
        Ok(Self { pico, per })
    }

    /// A price for an hour of one device; the meter counts nanoseconds.
    ///
    /// # Errors
    /// `BadPrice` when `pico` is below nothing.
    pub const fn per_device_hour(pico: Pico) -> Result<Self, LedgerError> {
        Self::new(pico, Self::HOUR)
    }

    /// A price for a million tokens, as price lists print it.
    ///
    /// # Errors
    /// `BadPrice` when `pico` is below nothing.
    pub const fn per_million(pico: Pico) -> Result<Self, LedgerError> {
        Self::new(pico, 1_000_000)
    }

    /// The amount for a quantity, rounded half to even, once.
    ///
    /// # Errors
    /// `Overflow` on absurd input.
    pub fn of(self, quantity: u64) -> Result<Pico, LedgerError> {
        let product = self.pico.checked_mul(i128::from(quantity))?.get();
        let per = i128::from(self.per);
        // `per` is at least 1, so neither of these fails.
        let floor = product
            .checked_div_euclid(per)
            .ok_or(LedgerError::Overflow)?;
        let rest = product
            .checked_rem_euclid(per)
            .ok_or(LedgerError::Overflow)?;
        let up = match rest.saturating_mul(2).cmp(&per) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => floor.rem_euclid(2),
            std::cmp::Ordering::Greater => 1,
        };
        Ok(Pico::new(floor.saturating_add(up)))
    }

    /// The amount for a time, rounded half to even, once.
    ///
    /// # Errors
    /// `Overflow` on absurd input.
    pub fn of_time(self, time: Nanos) -> Result<Pico, LedgerError> {
        self.of(time.get())
    }

    /// The numerator: pico for every [`Price::per`] units.
    pub const fn pico(self) -> Pico {
        self.pico
    }

    /// The denominator, in units of the meter.
    pub const fn per(self) -> u64 {
        self.per
    }
}

/// Whose price it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateSubject {
    /// All devices of a pool.
    Pool(PoolId),
    /// All models of a provider.
    Provider(ProviderId),
    /// The same for attempts with more input tokens than this: a tier. The highest one that an attempt is in goes before
    /// the provider's price.
    ProviderAbove(ProviderId, u64),
    /// One remote expert; goes before its provider's price.
    Expert(ExpertId),
}

impl fmt::Display for RateSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(id) => write!(f, "pool {id}"),
            Self::Provider(id) => write!(f, "provider {id}"),
            Self::ProviderAbove(id, above) => {
                write!(f, "provider {id} above {above} input tokens")
            }
            Self::Expert(id) => write!(f, "expert {id}"),
        }
    }
}

/// The name of a rate, made from its contents: another price is another rate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateId(u64);

impl RateId {
    /// The number stored.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Wraps a stored number.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The name of a row with these contents; `subject` is a [`RateSubject`] as text.
    pub fn of(subject: &str, meter: Meter, price: Price, from: Timestamp, source: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(subject);
        hash.update([0, meter.code()]);
        hash.update(price.pico.get().to_be_bytes());
        hash.update(price.per.to_be_bytes());
        hash.update(from.unix_nanos().to_be_bytes());
        hash.update(source);
        let digest: [u8; 32] = hash.finalize().into();
        let (first, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        Self(u64::from_be_bytes(*first))
    }
}

impl fmt::Debug for RateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for RateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rate-{:016x}", self.0)
    }
}

/// One row of a price list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Whose price.
    pub subject: RateSubject,
    /// For what. A pool has one price, under [`Meter::DeviceBusy`], for every ns it is provisioned.
    pub meter: Meter,
    /// How much.
    pub price: Price,
    /// From when; it holds until the next row of the same subject and meter begins.
    pub from: Timestamp,
    /// Who says so: a contract, a price page with its date, an amortisation sheet.
    pub source: Arc<str>,
}

impl Rate {
    /// The name of this row.
    pub fn id(&self) -> RateId {
        let subject = self.subject.to_string();
        RateId::of(&subject, self.meter, self.price, self.from, &self.source)
    }
}

/// The rows of one subject, by meter and then by the instant they begin.
type PriceList = BTreeMap<(Meter, Timestamp), (RateId, Rate)>;

/// All price lists, in one billing currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateBook {
    currency: Currency,
    rates: BTreeMap<RateSubject, PriceList>,
}

impl RateBook {
    /// Orders the rows.
    ///
    /// # Errors
    /// `DuplicateRate` when two rows begin at the same instant for the same subject and meter.
    pub fn new(
        currency: Currency,
        rows: impl IntoIterator<Item = Rate>,
    ) -> Result<Self, LedgerError> {
        let mut rates: BTreeMap<RateSubject, PriceList> = BTreeMap::new();
        for rate in rows {
            let of_subject = rates.entry(rate.subject.clone()).or_default();
            let key = (rate.meter, rate.from);
            let (subject, meter) = (rate.subject.to_string(), rate.meter.as_str());
            if of_subject.insert(key, (rate.id(), rate)).is_some() {
                return Err(LedgerError::DuplicateRate { subject, meter });
            }
        }
        Ok(Self { currency, rates })
    }

    /// The price in force at an instant; `None` when nobody has said one.
    pub fn at(
        &self,
        subject: &RateSubject,
        meter: Meter,
        when: Timestamp,
    ) -> Option<&(RateId, Rate)> {
        let start = (meter, Timestamp::from_unix_nanos(i64::MIN));
        self.rates
            .get(subject)?
            .range(start..=(meter, when))
            .next_back()
            .map(|(_, entry)| entry)
    }

    /// The price of a provider that is in force at an instant for an attempt of so many input tokens: that of the highest
    /// tier it is in, or the provider's. `None` when nobody has said one, and when the provider has tiers and the count is
    /// not known.
    pub fn at_tier(
        &self,
        provider: &ProviderId,
        meter: Meter,
        when: Timestamp,
        input: Option<u64>,
    ) -> Option<&(RateId, Rate)> {
        let tier = |above: u64| RateSubject::ProviderAbove(provider.clone(), above);
        let mut tiers = self.rates.range(tier(0)..=tier(u64::MAX)).rev();
        let Some(input) = input else {
            return match tiers.next() {
                Some(_) => None,
                None => self.at(&RateSubject::Provider(provider.clone()), meter, when),
            };
        };
        let within = |subject: &RateSubject| matches!(subject, RateSubject::ProviderAbove(_, above) if *above < input);
        let found = tiers
            .filter(|(subject, _)| within(subject))
            .find_map(|(subject, _)| self.at(subject, meter, when));
        found.or_else(|| self.at(&RateSubject::Provider(provider.clone()), meter, when))
    }

    /// What a count of a meter costs at a provider, and by which rate: an expert's own price goes before the provider's
    /// tiers, and those before its price. `None` where there is no price, and for an amount that no line holds: nobody pays
    /// it, and it must stop no other line.
    pub fn price_line(
        &self,
        (provider, expert): (&ProviderId, &ExpertId),
        (meter, count): (Meter, u64),
        when: Timestamp,
        input: Option<u64>,
    ) -> Option<(Pico, RateId)> {
        let own = RateSubject::Expert(expert.clone());
        let (id, rate) = self
            .at(&own, meter, when)
            .or_else(|| self.at_tier(provider, meter, when, input))?;
        let amount = rate.price.of(count).ok()?;
        amount.to_i64().is_ok().then_some((amount, *id))
    }

    /// The currency of every price.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Every row with its name, in order.
    pub fn rows(&self) -> impl Iterator<Item = &(RateId, Rate)> {
        self.rates.values().flat_map(BTreeMap::values)
    }
}

#[cfg(test)]
mod tests;
