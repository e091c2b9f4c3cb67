//! Makes the price lists of the configuration into the ledger's rate book: tiers beside their prices, and prices of other
//! currencies at the exchange rates that are configured. A row of the book says both in its source, so that a line's rate
//! names the price and the exchange rate it was made with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::{LedgerError, Meter, Price, Rate, RateBook, RateSubject};
use units::{Currency, Pico, ProviderId, Timestamp};

use crate::config::{Config, PriceRow, RemoteConfig, TierRow};
use crate::plugins::PROVIDER;

/// Why the price lists are unusable.
#[derive(Debug, thiserror::Error)]
pub enum RateError {
    /// Several currencies, and nobody says which one the books are kept in.
    #[error(
        "{0} beside {1}: say which one the books are kept in (store.currency), and what the other is worth ([[fx]])"
    )]
    Currencies(Currency, Currency),
    /// A currency without an exchange rate.
    #[error("{0} has no exchange rate to {1}: add one under [[fx]]")]
    NoExchange(Currency, Currency),
    /// An exchange rate that makes a price no line can hold.
    #[error("the exchange rate of {0} makes a price that is too fine or too large")]
    Exchange(Currency),
    /// An instant or a name that cannot be read; `moegate check` names the key before this.
    #[error("{0} cannot be read")]
    Unreadable(String),
    /// The ledger refuses a row.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The rate book of a configuration; US dollars where it names no price at all.
///
/// # Errors
/// Currencies differ and cannot be exchanged, or two rows start at the same instant.
pub fn book(config: &Config) -> Result<RateBook, RateError> {
    let mut rows = Vec::new();
    for pool in &config.pools {
        for rate in &pool.rates {
            rows.push(Listed {
                currency: rate.currency,
                rate: Rate {
                    subject: RateSubject::Pool(pool.id.clone()),
                    meter: Meter::DeviceBusy,
                    price: Price::per_device_hour(rate.per_hour)?,
                    from: instant(&rate.effective_from)?,
                    source: Arc::from(rate.source.as_str()),
                },
            });
        }
    }
    for remote in &config.remotes {
        remote_rows(remote, &mut rows)?;
    }
    plugin_rows(config, &mut rows)?;
    let currency = currency(config, &rows)?;
    let exchange = Exchange::new(config, currency)?;
    let mut booked = Vec::with_capacity(rows.len());
    for list in by_list(rows) {
        exchange.book(list, &mut booked)?;
    }
    Ok(RateBook::new(currency, booked)?)
}

/// A row in the currency it is listed in.
#[derive(Debug)]
struct Listed {
    currency: Currency,
    rate: Rate,
}

/// The currency of the books.
fn currency(config: &Config, rows: &[Listed]) -> Result<Currency, RateError> {
    if let Some(currency) = config.store.currency {
        return Ok(currency);
    }
    let all: BTreeSet<Currency> = rows.iter().map(|row| row.currency).collect();
    let mut all = all.into_iter();
    match (all.next(), all.next()) {
        (Some(first), Some(second)) => Err(RateError::Currencies(first, second)),
        (Some(only), None) => Ok(only),
        (None, _) => Ok(Currency::USD),
    }
}

/// Rows of one subject and meter together, by their first instant.
fn by_list(rows: Vec<Listed>) -> Vec<Vec<Listed>> {
    let mut lists: BTreeMap<(RateSubject, Meter), Vec<Listed>> = BTreeMap::new();
    for row in rows {
        let key = (row.rate.subject.clone(), row.rate.meter);
        lists.entry(key).or_default().push(row);
    }
    let mut lists: Vec<Vec<Listed>> = lists.into_values().collect();
    for list in &mut lists {
        list.sort_by_key(|row| row.rate.from);
    }
    lists
}

/// What other currencies are worth in that of the books.
#[derive(Debug)]
struct Exchange {
    to: Currency,
    /// By currency and first instant: the worth of a unit, and who says so.
    rates: BTreeMap<Currency, BTreeMap<Timestamp, (Pico, String)>>,
}

impl Exchange {
    fn new(config: &Config, to: Currency) -> Result<Self, RateError> {
        let mut rates: BTreeMap<Currency, BTreeMap<Timestamp, (Pico, String)>> = BTreeMap::new();
        for row in config.fx.iter().filter(|row| row.to == to) {
            let said = format!("1 {} = {} {to}, {}", row.from, row.rate, row.source);
            let of = rates.entry(row.from).or_default();
            of.insert(instant(&row.effective_from)?, (row.rate, said));
        }
        Ok(Self { to, rates })
    }

    /// Books a list: its rows as they are, and those of another currency once for each exchange rate that is in force while
    /// they hold.
    fn book(&self, list: Vec<Listed>, booked: &mut Vec<Rate>) -> Result<(), RateError> {
        let ends: Vec<Option<Timestamp>> = list
            .iter()
            .skip(1)
            .map(|next| Some(next.rate.from))
            .chain([None])
            .collect();
        for (row, end) in list.into_iter().zip(ends) {
            if row.currency == self.to {
                booked.push(row.rate);
                continue;
            }
            let missing = || RateError::NoExchange(row.currency, self.to);
            let rates = self.rates.get(&row.currency).ok_or_else(missing)?;
            let first = rates.range(..=row.rate.from).next_back();
            let held = rates
                .range(row.rate.from..)
                .filter(|(from, _)| **from > row.rate.from);
            for (from, (worth, said)) in first.into_iter().chain(held) {
                let from = (*from).max(row.rate.from);
                if end.is_some_and(|end| from >= end) {
                    break;
                }
                let price =
                    exchanged(row.rate.price, *worth).ok_or(RateError::Exchange(row.currency))?;
                booked.push(Rate {
                    price,
                    from,
                    source: format!("{}; {said}", row.rate.source).into(),
                    ..row.rate.clone()
                });
            }
        }
        Ok(())
    }
}

/// A price in another currency, exactly; `None` where its fraction does not fit 64 bits.
fn exchanged(price: Price, worth: Pico) -> Option<Price> {
    let pico = price.pico().get().checked_mul(worth.get())?;
    let per = i128::from(price.per()).checked_mul(Pico::UNIT.get())?;
    let common = common(pico, per).max(1);
    let pico = pico.checked_div(common)?;
    let per = per.checked_div(common)?;
    i64::try_from(pico).ok()?;
    // The store keeps both as signed numbers of 64 bits.
    let per = u64::try_from(i64::try_from(per).ok()?).ok()?;
    Price::new(Pico::new(pico), per).ok()
}

/// The greatest common divisor.
fn common(mut one: i128, mut other: i128) -> i128 {
    while other != 0 {
        (one, other) = (other, one.checked_rem(other).unwrap_or(0));
    }
    one
}

/// An hour of a plugin's CPU time is priced like an hour of a device.
fn plugin_rows(config: &Config, rows: &mut Vec<Listed>) -> Result<(), RateError> {
    let unreadable = |why: units::IdError| RateError::Unreadable(why.to_string());
    for rate in &config.plugins.rates {
        rows.push(Listed {
            currency: rate.currency,
            rate: Rate {
                subject: RateSubject::Provider(ProviderId::new(PROVIDER).map_err(unreadable)?),
                meter: Meter::PluginCpu,
                price: Price::per_device_hour(rate.per_hour)?,
                from: instant(&rate.effective_from)?,
                source: Arc::from(rate.source.as_str()),
            },
        });
    }
    Ok(())
}

/// The meters of a row with its prices.
fn base(price: &PriceRow) -> [(Meter, Pico); 5] {
    [
        (Meter::InputUncached, price.input),
        (Meter::CacheRead, price.cache_read.unwrap_or(price.input)),
        (Meter::CacheWrite, price.cache_write.unwrap_or(price.input)),
        (Meter::OutputText, price.output),
        (
            Meter::OutputReasoning,
            price.reasoning.unwrap_or(price.output),
        ),
    ]
}

/// The same of a tier: what it does not say costs what it does below it.
fn above(tier: &TierRow, base: &[(Meter, Pico); 5]) -> [(Meter, Pico); 5] {
    base.map(|(meter, price)| {
        let own = match meter {
            Meter::InputUncached => tier.input,
            Meter::CacheRead => tier.cache_read,
            Meter::CacheWrite => tier.cache_write,
            Meter::OutputText => tier.output,
            Meter::OutputReasoning => tier.reasoning.or(tier.output),
            _ => None,
        };
        (meter, own.unwrap_or(price))
    })
}

fn remote_rows(remote: &RemoteConfig, rows: &mut Vec<Listed>) -> Result<(), RateError> {
    let provider = ProviderId::new(remote.id.as_str())
        .map_err(|why| RateError::Unreadable(why.to_string()))?;
    let mut tiers: BTreeSet<u64> = BTreeSet::new();
    let all = remote.prices.iter().flat_map(|price| &price.tiers);
    tiers.extend(all.map(|tier| tier.above_input_tokens));
    for price in &remote.prices {
        let base = base(price);
        let mut list = |subject: RateSubject, of: &[(Meter, Pico); 5]| -> Result<(), RateError> {
            for (meter, pico) in of {
                rows.push(Listed {
                    currency: price.currency,
                    rate: Rate {
                        subject: subject.clone(),
                        meter: *meter,
                        price: Price::per_million(*pico)?,
                        from: instant(&price.effective_from)?,
                        source: Arc::from(price.source.as_str()),
                    },
                });
            }
            Ok(())
        };
        list(RateSubject::Provider(provider.clone()), &base)?;
        // A tier that this row does not have, and another one has, ends here: from now on it costs what is below it.
        let mut below = base;
        for tier in &tiers {
            let own = price
                .tiers
                .iter()
                .find(|own| own.above_input_tokens == *tier);
            if let Some(own) = own {
                below = above(own, &below);
            }
            list(RateSubject::ProviderAbove(provider.clone(), *tier), &below)?;
        }
    }
    Ok(())
}

fn instant(text: &str) -> Result<Timestamp, RateError> {
    let instant: jiff::Timestamp = text
        .parse()
        .map_err(|_| RateError::Unreadable(text.to_owned()))?;
    Ok(Timestamp::from_unix_seconds(instant.as_second()))
}

#[cfg(test)]
mod tests;
