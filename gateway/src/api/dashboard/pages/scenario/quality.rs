//! How good the answers of a scenario are, by who judged, and what the word of a judge is worth.

use dashboard::{Cell, Column, Row, Table, Tone};
use economics::agreement::JudgePolicy;
use ledger::OutcomeSource;

use super::super::super::visit::delay;
use super::super::portfolio::share;
use crate::business::Standing;

pub(super) fn table(standing: &Standing) -> Table {
    let rows = standing.measured.judgements.iter().map(|one| {
        let accepted = match one.count {
            0 => Cell::unknown(),
            #[expect(clippy::cast_precision_loss, reason = "a share is shown, not booked")]
            count => share(one.accepted as f64 / count as f64),
        };
        let used = standing
            .measured
            .judged
            .is_some_and(|used| used.source == one.source);
        Row::of([
            Cell::words(one.source.as_str()).beside(if used { "used for the verdict" } else { "" }),
            Cell::figure(one.count.to_string(), one.count),
            accepted,
            missing(one.missing),
            Cell::figure(one.reasoned.to_string(), one.reasoned),
            delay(one.delay),
        ])
    });
    Table {
        id: "quality",
        caption: "Quality by who judged, last 30 days".to_owned(),
        columns: vec![
            Column::words("Source"),
            Column::figures("Judged"),
            Column::figures("Accepted"),
            Column::figures("Missing"),
            Column::figures("With a reason"),
            Column::figures("Mean delay, ns in CSV"),
        ],
        rows: rows.collect(),
        empty: "Nobody has judged an answer: send scores to POST /v1/feedback.".to_owned(),
    }
}

/// Judgements that were asked for and did not come.
fn missing(count: u64) -> Cell {
    let cell = Cell::figure(count.to_string(), count);
    if count == 0 {
        cell
    } else {
        cell.meant(Tone::Warn)
    }
}

/// The judge beside others who judged the same answers; `None` where no judge judged.
pub(super) fn judging(standing: &Standing) -> Option<Table> {
    let measured = &standing.measured;
    let judge = measured
        .judgements
        .iter()
        .find(|one| one.source == OutcomeSource::Judge)?;
    let policy = JudgePolicy::default();
    let rows = measured.agreements.iter().map(|(source, found)| {
        let kappa = match found.kappa() {
            None => Cell::unknown(),
            Some(kappa) => Cell::figure(format!("{kappa:.2}"), kappa),
        };
        let believed = found.is_believed(&policy);
        // These were judged by both; the others by the judge alone.
        let agreed = found.both.saturating_add(found.only_judge);
        let alone = judge.count.saturating_sub(found.cases());
        let corrected = found.corrected(judge.accepted.saturating_sub(agreed), alone);
        let corrected = match corrected {
            Err(_) => Cell::unknown(),
            Ok(estimate) => {
                let span = estimate.interval();
                let (low, high) = (span.low * 100.0, span.high * 100.0);
                share(estimate.mean).beside(format!("{low:.1} to {high:.1}\u{202f}%"))
            }
        };
        Row::of([
            Cell::words(source.as_str()),
            Cell::figure(found.cases().to_string(), found.cases()),
            found.observed().map_or_else(Cell::unknown, share),
            kappa.meant(if believed { Tone::Good } else { Tone::Warn }),
            corrected,
        ])
    });
    Some(Table {
        id: "judge",
        caption: format!(
            "The judge beside others: worth listening to from {} answers and a kappa of {} on",
            policy.least_cases, policy.least_kappa
        ),
        columns: vec![
            Column::words("Beside"),
            Column::figures("Judged by both"),
            Column::figures("Agree"),
            Column::figures("Kappa"),
            Column::figures("Accepted, the judge corrected by them"),
        ],
        rows: rows.collect(),
        empty:
            "Nobody else judged an answer that the judge judged: its word counts for nothing yet."
                .to_owned(),
    })
}
