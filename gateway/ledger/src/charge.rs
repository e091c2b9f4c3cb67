//! Lines that are alike, summed up: what an export of charges is made of.

use std::sync::Arc;

use units::{Bucket, Currency, ExpertId, Pico, Purpose, ScenarioId, TenantId, Timestamp};

use crate::{Meter, Method, Price, RateId, Tags};

/// All lines of a span that differ in nothing but their attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// First bucket of the span.
    pub from: Bucket,
    /// First bucket after it.
    pub to: Bucket,
    /// Who carries it, and for which task; `None` is the platform.
    pub payer: Option<(TenantId, ScenarioId)>,
    /// The expert it is about.
    pub expert: Option<ExpertId>,
    /// Why the attempts were made.
    pub purpose: Option<Purpose>,
    /// What was counted.
    pub meter: Meter,
    /// How the amounts were found.
    pub method: Method,
    /// Do the lines take others back or stand for them, or are they about a month that was closed before they came?
    pub late: bool,
    /// The tags of the requests.
    pub tags: Option<Tags>,
    /// The pool that worked, or the provider.
    pub host: Option<Arc<str>>,
    /// The price; `None` where there was none.
    pub rate: Option<ChargeRate>,
    /// How many lines.
    pub lines: u64,
    /// How many of them have no amount: unknown is not nothing, and is in no sum.
    pub unknown: u64,
    /// How much was counted, as far as it is known.
    pub quantity: u64,
    /// Tokens of the attempts behind, as far as they are known; `None` without attempts.
    pub tokens: Option<u64>,
    /// What it cost, as far as that is known.
    pub amount: Pico,
}

/// A row of a price list, as it was when it was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRate {
    /// Its name.
    pub id: RateId,
    /// Whose price, such as `pool main` or `provider example`.
    pub subject: Arc<str>,
    /// How much.
    pub price: Price,
    /// From when.
    pub effective: Timestamp,
    /// In which currency.
    pub currency: Currency,
    /// Who says so.
    pub source: Arc<str>,
}
