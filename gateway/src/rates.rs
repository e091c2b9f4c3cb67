//! Makes the price lists of the configuration into the ledger's rate book.

use std::sync::Arc;

use ledger::{LedgerError, Meter, Price, Rate, RateBook, RateSubject};
use units::{Currency, Pico, ProviderId, Timestamp};

use crate::config::{Config, PoolConfig, RemoteConfig};
use crate::plugins::PROVIDER;

/// Why the price lists are unusable.
#[derive(Debug, thiserror::Error)]
pub enum RateError {
    /// Two currencies in one configuration.
    #[error("{0} beside {1}: a gateway bills in one currency")]
    Currencies(Currency, Currency),
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
/// Currencies differ, or two rows start at the same instant.
pub fn book(config: &Config) -> Result<RateBook, RateError> {
    let pools = config
        .pools
        .iter()
        .flat_map(|pool| pool.rates.iter().map(|rate| rate.currency));
    let remotes = config
        .remotes
        .iter()
        .flat_map(|r| r.prices.iter().map(|price| price.currency));
    let plugins = config.plugins.rates.iter().map(|rate| rate.currency);
    let mut currency = None;
    for next in pools.chain(remotes).chain(plugins) {
        match currency {
            Some(first) if first != next => return Err(RateError::Currencies(first, next)),
            _ => currency = Some(next),
        }
    }
    let mut rows = Vec::new();
    for pool in &config.pools {
        pool_rows(pool, &mut rows)?;
    }
    for remote in &config.remotes {
        remote_rows(remote, &mut rows)?;
    }
    plugin_rows(config, &mut rows)?;
    Ok(RateBook::new(currency.unwrap_or(Currency::USD), rows)?)
}

fn pool_rows(pool: &PoolConfig, rows: &mut Vec<Rate>) -> Result<(), RateError> {
    for rate in &pool.rates {
        rows.push(Rate {
            subject: RateSubject::Pool(pool.id.clone()),
            meter: Meter::DeviceBusy,
            price: Price::per_device_hour(rate.per_hour)?,
            from: instant(&rate.effective_from)?,
            source: Arc::from(rate.source.as_str()),
        });
    }
    Ok(())
}

/// An hour of a plugin's CPU time is priced like an hour of a device.
fn plugin_rows(config: &Config, rows: &mut Vec<Rate>) -> Result<(), RateError> {
    let unreadable = |why: units::IdError| RateError::Unreadable(why.to_string());
    for rate in &config.plugins.rates {
        rows.push(Rate {
            subject: RateSubject::Provider(ProviderId::new(PROVIDER).map_err(unreadable)?),
            meter: Meter::PluginCpu,
            price: Price::per_device_hour(rate.per_hour)?,
            from: instant(&rate.effective_from)?,
            source: Arc::from(rate.source.as_str()),
        });
    }
    Ok(())
}

fn remote_rows(remote: &RemoteConfig, rows: &mut Vec<Rate>) -> Result<(), RateError> {
    let provider = ProviderId::new(remote.id.as_str())
        .map_err(|why| RateError::Unreadable(why.to_string()))?;
    for price in &remote.prices {
        let of: [(Meter, Pico); 5] = [
            (Meter::InputUncached, price.input),
            (Meter::CacheRead, price.cache_read.unwrap_or(price.input)),
            (Meter::CacheWrite, price.cache_write.unwrap_or(price.input)),
            (Meter::OutputText, price.output),
            (
                Meter::OutputReasoning,
                price.reasoning.unwrap_or(price.output),
            ),
        ];
        for (meter, pico) in of {
            rows.push(Rate {
                subject: RateSubject::Provider(provider.clone()),
                meter,
                price: Price::per_million(pico)?,
                from: instant(&price.effective_from)?,
                source: Arc::from(price.source.as_str()),
            });
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
