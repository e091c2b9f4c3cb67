//! Prices one attempt: at once for the budget and the client, and as lines for a remote's bill.

use units::{Bucket, Pico, Tokens};

use crate::{
    AttemptRecord, CostLine, Host, LineId, Meter, Method, Payer, RateBook, RateId, RateSubject,
};

/// The marginal cost of an attempt as far as it is known when it ends: device time at the pool's rate, or
/// tokens or CPU time at the price list. A pool's idle time comes on top when its window closes. `None` is unknown.
pub fn price_now(rates: &RateBook, attempt: &AttemptRecord) -> Option<Pico> {
    match &attempt.host {
        Host::Pool(pool) => {
            let device = attempt.device_ns()?;
            if device.get() == 0 {
                return Some(Pico::ZERO);
            }
            let subject = RateSubject::Pool(pool.clone());
            let (_, rate) = rates.at(&subject, Meter::DeviceBusy, attempt.finished)?;
            rate.price.of_time(device).ok()
        }
        Host::Provider(_) => {
            let mut sum = Pico::ZERO;
            for (meter, count) in used(attempt).into_iter().flatten() {
                sum = sum
                    .checked_add(priced(rates, attempt, meter, count?)?.0)
                    .ok()?;
            }
            Some(sum)
        }
    }
}

/// The lines of an attempt at a remote API or a plugin, one per bucket of tokens or for its CPU time, priced at the list in force when it
/// ended. What is unknown is a line without an amount. An attempt of a pool has no lines until its window
/// closes.
pub fn token_lines(rates: &RateBook, attempt: &AttemptRecord) -> Vec<CostLine> {
    if matches!(attempt.host, Host::Pool(_)) {
        return Vec::new();
    }
    let all = used(attempt).into_iter().flatten();
    all.map(|(meter, count)| line(rates, attempt, meter, count))
        .collect()
}

/// A meter and its count, where that is known.
type Used = (Meter, Option<u64>);

/// The meters of an attempt: of a plugin its CPU time; of a remote input and output always, the others where
/// something was counted.
fn used(attempt: &AttemptRecord) -> [Option<Used>; 5] {
    if let Some(time) = attempt.receipt.cpu_ns {
        let own = (Meter::PluginCpu, Some(time.get()));
        return [Some(own), None, None, None, None];
    }
    let tokens = &attempt.receipt.tokens;
    let always = |meter, count: Option<Tokens>| Some((meter, count.map(Tokens::get)));
    let some = |meter, count: Option<Tokens>| {
        count
            .filter(|count| *count != Tokens::ZERO)
            .map(|count| (meter, Some(count.get())))
    };
    [
        always(Meter::InputUncached, tokens.input_uncached),
        always(Meter::OutputText, tokens.output_text),
        some(Meter::CacheRead, tokens.cache_read),
        some(Meter::CacheWrite, tokens.cache_write),
        some(Meter::OutputReasoning, tokens.output_reasoning),
    ]
}

/// The amount and its rate. Nothing used costs nothing where there is a price; where there is none, even
/// that is unknown.
fn priced(
    rates: &RateBook,
    attempt: &AttemptRecord,
    meter: Meter,
    count: u64,
) -> Option<(Pico, RateId)> {
    let Host::Provider(provider) = &attempt.host else {
        return None;
    };
    let whose = (provider, &attempt.expert);
    let input = attempt.receipt.tokens.input().map(Tokens::get);
    rates.price_line(whose, (meter, count), attempt.finished, input)
}

fn line(rates: &RateBook, attempt: &AttemptRecord, meter: Meter, count: Option<u64>) -> CostLine {
    let price = count.and_then(|count| priced(rates, attempt, meter, count));
    let method = Method::TokenPrice1;
    let bucket = Bucket::of(attempt.finished);
    CostLine {
        id: LineId::of_attempt(attempt.attempt(), meter, method),
        attempt: Some(attempt.attempt()),
        request: Some(attempt.request),
        payer: Payer::Tenant(attempt.tenant.clone(), attempt.scenario.clone()),
        expert: Some(attempt.expert.clone()),
        purpose: Some(attempt.purpose()),
        meter,
        quantity: count,
        amount: price.map(|(amount, _)| amount),
        rate: price.map(|(_, rate)| rate),
        method,
        bucket,
    }
}

#[cfg(test)]
mod tests;
