//! A charge with all that its columns are computed from.

use std::collections::BTreeSet;

use ledger::{Charge, Meter, Method, Month};
use units::{Currency, TenantId};

use crate::{Decimal, FocusError};

/// Who sends the bill, and in which currency the books are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Id of the billing account: the organisation that runs the gateway.
    pub account: String,
    /// Its name.
    pub name: String,
    /// The currency of charges without a price.
    pub currency: Currency,
    /// Months that are closed: their charges are on an invoice, the others' are not yet.
    pub closed: BTreeSet<Month>,
}

/// A charge with all that its columns are computed from.
#[derive(Debug)]
pub struct Line<'a> {
    pub(crate) charge: &'a Charge,
    pub(crate) issuer: &'a Issuer,
    /// What it cost.
    pub(crate) cost: Decimal,
    /// How much was counted, in the unit that has a price: seconds or tokens.
    pub(crate) quantity: Option<Decimal>,
    /// What one unit costs by the price list.
    pub(crate) unit_price: Option<Decimal>,
    /// Unit price times quantity, exactly.
    pub(crate) list_cost: Decimal,
    /// Which share of its pool's bill of the period it is.
    pub(crate) share: Option<Decimal>,
}

impl<'a> Line<'a> {
    /// A charge; `share` is its share of the bill it was split from.
    ///
    /// # Errors
    /// `Range` for numbers beyond 38 digits.
    pub fn new(
        charge: &'a Charge,
        issuer: &'a Issuer,
        share: Option<Decimal>,
    ) -> Result<Self, FocusError> {
        let range = || FocusError::Range(charge.amount.to_string());
        let cost = Decimal::of_money(charge.amount).ok_or_else(range)?;
        let line = Self {
            charge,
            issuer,
            cost,
            quantity: None,
            unit_price: None,
            list_cost: cost,
            share,
        };
        if line.corrects() {
            // It takes back what another row says: it has money and nothing else.
            return Ok(line);
        }
        let price = charge.rate.as_ref().map(|rate| rate.price);
        let (quantity, unit_price) = if is_time(charge.meter) {
            let price = price.map(|price| Decimal::for_a_second(price).ok_or_else(range));
            (Decimal::seconds(charge.quantity), price)
        } else {
            let price = price.map(|price| Decimal::for_each(price).ok_or_else(range));
            (Decimal::whole(charge.quantity).ok_or_else(range)?, price)
        };
        let unit_price = unit_price.transpose()?;
        let list_cost = match unit_price {
            Some(price) => price.exact_product(quantity).ok_or_else(range)?,
            None => Decimal::ZERO,
        };
        Ok(Self {
            quantity: Some(quantity),
            unit_price,
            list_cost,
            ..line
        })
    }

    pub(crate) fn tenant(&self) -> Option<&TenantId> {
        self.charge.payer.as_ref().map(|(tenant, _)| tenant)
    }

    pub(crate) fn scenario(&self) -> Option<&str> {
        self.charge
            .payer
            .as_ref()
            .map(|(_, scenario)| scenario.as_str())
    }

    pub(crate) fn expert(&self) -> Option<&str> {
        self.charge.expert.as_ref().map(|expert| expert.as_str())
    }

    pub(crate) fn currency(&self) -> &str {
        let rate = self.charge.rate.as_ref();
        rate.map_or(&self.issuer.currency, |rate| &rate.currency)
            .as_str()
    }

    /// Whether it is money alone: an earlier charge taken back, or what stands in its place.
    pub(crate) fn corrects(&self) -> bool {
        let method = self.charge.method;
        matches!(method, Method::Reversal1 | Method::Correction1)
    }

    /// Whether it belongs to a month that was billed before.
    pub(crate) fn is_late(&self) -> bool {
        self.charge.late || self.corrects()
    }

    /// The month that it is billed in.
    pub(crate) fn month(&self) -> Month {
        Month::of(self.charge.from.start())
    }

    /// The invoice of a month that is closed: the billing account and the month.
    pub(crate) fn invoice(&self) -> Option<String> {
        let month = self.month();
        let closed = self.issuer.closed.contains(&month);
        closed.then(|| format!("{}-{month}", self.issuer.account))
    }

    /// The pool or the provider.
    pub(crate) fn host(&self) -> &str {
        self.charge.host.as_deref().unwrap_or("unknown")
    }

    /// Whether the host is one of our pools.
    pub(crate) fn is_pool(&self) -> bool {
        is_time(self.charge.meter)
    }

    /// What tells the thing that is priced.
    pub(crate) fn sku(&self) -> Option<String> {
        let rate = self.charge.rate.as_ref()?;
        Some(format!("{}/{}", rate.subject, self.charge.meter))
    }

    /// What tells its price. A pool has one price for all its meters, and the specification wants one thing for each price.
    pub(crate) fn sku_price(&self) -> Option<String> {
        let rate = self.charge.rate.as_ref()?;
        Some(format!("{}/{}", rate.id, self.charge.meter))
    }

    /// What was counted, in the words of an invoice.
    pub(crate) fn meter(&self) -> &'static str {
        match self.charge.meter {
            Meter::DeviceBusy => "Device Busy",
            Meter::DeviceLoad => "Device Load",
            Meter::DeviceIdle => "Device Idle",
            Meter::DeviceUnattributed => "Device Unattributed",
            Meter::InputUncached => "API Input",
            Meter::CacheRead => "API Cache Read",
            Meter::CacheWrite => "API Cache Write",
            Meter::OutputText => "API Output",
            Meter::OutputReasoning => "API Reasoning Output",
            Meter::PluginCpu => "Plugin CPU",
        }
    }

    /// Tokens where attempts stand behind it, else device time.
    pub(crate) fn consumed(&self) -> Option<(Decimal, &'static str)> {
        if self.corrects() {
            return None;
        }
        if self.charge.meter == Meter::DeviceBusy
            && let Some(tokens) = self.charge.tokens.filter(|tokens| *tokens > 0)
        {
            return Some((Decimal::whole(tokens)?, "Tokens"));
        }
        Some((self.quantity?, self.unit()))
    }

    /// The unit that has a price.
    pub(crate) fn unit(&self) -> &'static str {
        if is_time(self.charge.meter) {
            "Seconds"
        } else {
            "Tokens"
        }
    }

    /// `marginal`: what the work itself cost; `loaded`: what comes on top of it on the loaded basis.
    pub(crate) fn basis(&self) -> &'static str {
        match self.charge.meter {
            Meter::DeviceLoad | Meter::DeviceIdle | Meter::DeviceUnattributed => "loaded",
            _ => "marginal",
        }
    }
}

/// Whether a meter counts nanoseconds of our own machines.
fn is_time(meter: Meter) -> bool {
    matches!(
        meter,
        Meter::DeviceBusy
            | Meter::DeviceLoad
            | Meter::DeviceIdle
            | Meter::DeviceUnattributed
            | Meter::PluginCpu
    )
}
