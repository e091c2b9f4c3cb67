//! Rate cards and methods: every price with its first day and its source, and how amounts are found. Nothing is edited in place.

use std::collections::BTreeMap;

use dashboard::{Block, Cell, Column, Row, Sheet, Table};
use ledger::{ChargeRate, Meter, Method};
use units::Pico;

use super::super::time::moment;
use super::super::visit::Visit;
use super::PageError;

pub(in super::super) async fn sheet(visit: &Visit) -> Result<Sheet, PageError> {
    let cards = visit.app.recorder.store().rate_cards().await?;
    Ok(Sheet {
        frame: visit.frame(),
        title: "Rates and methods".to_owned(),
        lead: format!(
            "Every price that was ever used, in {}. A price holds until the next row of the same subject and meter begins; lines keep the price they were made with.",
            visit.currency()
        ),
        address: visit.address(&[]),
        choices: Vec::new(),
        blocks: vec![
            Block::Table(prices(visit, &cards)),
            Block::Table(methods()),
            Block::Table(idle(visit)),
        ],
    })
}

/// A price by the unit that people know: an hour of a device, a million tokens.
fn each(meter: Meter, rate: &ChargeRate) -> (Pico, &'static str) {
    const HOUR: i128 = 3_600_000_000_000;
    const MILLION: i128 = 1_000_000;
    let time = !matches!(
        meter,
        Meter::InputUncached
            | Meter::CacheRead
            | Meter::CacheWrite
            | Meter::OutputText
            | Meter::OutputReasoning
    );
    let (units, name) = if time {
        (HOUR, "hour")
    } else {
        (MILLION, "million tokens")
    };
    let scaled = rate.price.pico().get().saturating_mul(units);
    let price = scaled.checked_div(rate.price.per().into()).unwrap_or(0);
    (Pico::new(price), name)
}

fn prices(visit: &Visit, cards: &[(Meter, ChargeRate)]) -> Table {
    // The row after one of the same subject and meter ends it.
    let mut until: BTreeMap<(&str, u8), String> = BTreeMap::new();
    let mut rows: Vec<Row> = cards
        .iter()
        .rev()
        .map(|(meter, rate)| {
            let from = moment(rate.effective, &visit.zone);
            let ends = until.insert((&rate.subject, meter.code()), from.clone());
            let (price, unit) = each(*meter, rate);
            Row::of([
                Cell::words(&*rate.subject),
                Cell::words(meter.as_str()),
                Cell::figure(dashboard::money(price), price),
                Cell::words(unit),
                Cell::words(from),
                Cell::words(ends.unwrap_or_else(|| "holds".to_owned())),
                Cell::words(&*rate.source),
                Cell::words(rate.id.to_string()),
            ])
        })
        .collect();
    rows.reverse();
    Table {
        id: "rates",
        caption: "Prices".to_owned(),
        columns: vec![
            Column::words("Subject"),
            Column::words("Meter"),
            Column::figures("Price"),
            Column::words("For one"),
            Column::words("From"),
            Column::words("Until"),
            Column::words("Source"),
            Column::words("Rate"),
        ],
        rows,
        empty: "No price is configured: every cost is unknown.".to_owned(),
    }
}

fn methods() -> Table {
    let says = |method: Method| match method {
        Method::DeviceShare1 => {
            "a pool's bill of a window, by device time; the few units left go to the largest remainders, ties by id"
        }
        Method::TokenPrice1 => "quantity times price, rounded half to even once",
        Method::IdleEven1 => "idle time of a window, alike for all who used the pool",
        Method::IdleReserved1 => "idle time of a window in proportion to guaranteed capacity",
        Method::Reversal1 => "the negative of the line it cites",
        Method::IdleProportional1 => "idle time of a window in proportion to device time used",
        Method::Correction1 => "what stands in the place of a line taken back, by a person's word",
    };
    let all = [
        Method::DeviceShare1,
        Method::TokenPrice1,
        Method::IdleProportional1,
        Method::IdleEven1,
        Method::IdleReserved1,
        Method::Reversal1,
        Method::Correction1,
    ];
    let rows = all.map(|method| Row::of([Cell::words(method.as_str()), Cell::words(says(method))]));
    Table {
        id: "methods",
        caption: "Methods, with their versions".to_owned(),
        columns: vec![Column::words("Method"), Column::words("What it does")],
        rows: rows.to_vec(),
        empty: String::new(),
    }
}

fn idle(visit: &Visit) -> Table {
    let rows = visit.app.config.pools.iter().map(|pool| {
        let policy = format!("{:?}", pool.idle).to_lowercase();
        Row::of([Cell::words(pool.id.to_string()), Cell::words(policy)])
    });
    Table {
        id: "idle",
        caption: "Who carries the idle time of a pool".to_owned(),
        columns: vec![Column::words("Pool"), Column::words("Policy")],
        rows: rows.collect(),
        empty: "There is no pool.".to_owned(),
    }
}
