//! Every amount is made again from its quantity: tokens at the price on record, device time as its share of
//! the window's bill; and every price on record still bears the name that was made from it.

use ledger::{Meter, Price, RateId};
use units::{Pico, Timestamp};

use super::{broken, number};
use crate::sql::link::{Link, query};
use crate::{StoreError, VerifyReport};

pub(super) async fn check(
    view: &mut Link<'_>,
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    rates(view, report).await?;
    tokens(view, report).await?;
    shares(view, report).await
}

fn price(pico: i64, per: i64) -> Option<Price> {
    Price::new(Pico::new(pico.into()), number::unsigned(per)).ok()
}

/// A price list's row: its number, subject, meter, price, first instant and source.
type Rate = (i64, String, i64, i64, i64, i64, String);

async fn rates(view: &mut Link<'_>, report: &mut VerifyReport) -> Result<(), StoreError> {
    let rows: Vec<Rate> =
        query("SELECT rate, subject, meter, pico, per, effective, source FROM rates")
            .fetch_all(view)
            .await?;
    for (rate, subject, meter, pico, per, effective, source) in rows {
        let meter = u8::try_from(meter).ok().and_then(Meter::from_code);
        let name = meter.zip(price(pico, per)).map(|(meter, price)| {
            let from = Timestamp::from_unix_nanos(effective);
            number::rate(RateId::of(&subject, meter, price, from, &source))
        });
        if name != Some(rate) {
            broken(
                report,
                format!("the price of {subject} is not the one it was made from"),
            );
        }
    }
    Ok(())
}

/// Alike lines: price, quantity, amount, and how many there are.
type Priced = (i64, i64, i64, i64, i64);

async fn tokens(view: &mut Link<'_>, report: &mut VerifyReport) -> Result<(), StoreError> {
    let rows: Vec<Priced> = query(
        "SELECT rates.pico, rates.per, quantity, amount, COUNT(*)
         FROM lines JOIN rates ON rates.rate = lines.rate
         WHERE pool_window IS NULL AND method = 2 AND quantity IS NOT NULL AND amount IS NOT NULL
         GROUP BY 1, 2, 3, 4",
    )
    .fetch_all(view)
    .await?;
    for (pico, per, quantity, amount, count) in rows {
        let due = price(pico, per).and_then(|p| p.of(number::unsigned(quantity)).ok());
        if due != Some(Pico::new(amount.into())) {
            let amount = Pico::new(amount.into());
            broken(
                report,
                format!(
                    "{count} lines of {quantity} tokens are {amount}, their price makes {due:?}"
                ),
            );
        }
    }
    Ok(())
}

/// Alike lines of a window: its number and bill, all its quantities, a line's quantity and amount.
type Shared = (i64, i64, i64, i64, i64);

/// Each share is the exact quotient, rounded down or up.
async fn shares(view: &mut Link<'_>, report: &mut VerifyReport) -> Result<(), StoreError> {
    let rows: Vec<Shared> = query(
        "WITH whole AS (SELECT pool_window AS id, CAST(SUM(quantity) AS BIGINT) AS quantity FROM lines
             WHERE pool_window IS NOT NULL GROUP BY 1)
         SELECT pool_windows.id, pool_windows.cost, whole.quantity, lines.quantity, lines.amount
         FROM lines JOIN pool_windows ON pool_windows.id = lines.pool_window
             JOIN whole ON whole.id = lines.pool_window
         WHERE lines.meter = 1 AND lines.quantity IS NOT NULL AND lines.amount IS NOT NULL
             AND pool_windows.cost IS NOT NULL
         GROUP BY 1, 2, 3, 4, 5",
    )
    .fetch_all(view)
    .await?;
    for (window, cost, whole, quantity, amount) in rows {
        let product = i128::from(cost).saturating_mul(i128::from(quantity));
        let floor = product.checked_div(i128::from(whole)).unwrap_or(0);
        let over = i128::from(amount).saturating_sub(floor);
        if !(0..=1).contains(&over) {
            let amount = Pico::new(amount.into());
            broken(
                report,
                format!(
                    "window {window}: a line of {quantity} ns is {amount}, its share is {}",
                    Pico::new(floor)
                ),
            );
        }
    }
    Ok(())
}
