//! The portfolio: every scenario of the tenant with what it costs, what it earns and what to do with it.

use dashboard::{Block, Cell, Column, Figure, Row, Sheet, Table, Tone, percent};
use economics::verdict::{Condition, Verdict};
use units::Pico;

use super::super::time::moment;
use super::super::visit::{Visit, money};
use super::PageError;
use crate::business::{self, Judged, Standing};

/// A verdict's tone.
pub(super) fn tone(verdict: &str) -> Tone {
    match verdict {
        "invest" => Tone::Good,
        "stop" => Tone::Bad,
        _ => Tone::Warn,
    }
}

/// Amounts of a forecast, which are no books: no digits after the point from 100 on.
pub(super) fn about(value: f64) -> String {
    let sign = if value < 0.0 { "\u{2212}" } else { "" };
    let size = value.abs();
    if !size.is_finite() {
        return format!("{sign}\u{221e}");
    }
    if size >= 100.0 {
        let digits = format!("{size:.0}");
        let mut out = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.push('\u{202f}');
            }
            out.push(digit);
        }
        return format!("{sign}{out}");
    }
    let places = if size >= 1.0 || size == 0.0 { 2 } else { 4 };
    format!("{sign}{size:.places$}")
}

/// A difference of shares in points, with its sign.
fn signed(share: f64) -> String {
    format!("{:+.1}", share * 100.0).replace('-', "\u{2212}")
}

/// A forecast's amount as a cell.
pub(super) fn estimate(value: f64) -> Cell {
    Cell::figure(about(value), value)
}

/// A share as a cell.
pub(super) fn share(value: f64) -> Cell {
    Cell::figure(format!("{:.1}\u{202f}%", value * 100.0), value)
}

/// What keeps a verdict from being invest, in words.
pub(super) fn reason(condition: Condition) -> String {
    match condition {
        Condition::Value => "value".to_owned(),
        Condition::Quality => "quality".to_owned(),
        Condition::Cases => "too few judged".to_owned(),
        Condition::KnownCost => "unknown cost".to_owned(),
        Condition::Readiness(question) => {
            format!("readiness: {}", super::readiness::name(question))
        }
    }
}

pub(super) fn reasons(judged: &Judged) -> String {
    let binding = &judged.assessment.judgement.binding;
    let list: Vec<String> = binding.iter().copied().map(reason).collect();
    list.join(", ")
}

pub(in super::super) async fn sheet(visit: &Visit) -> Result<Sheet, PageError> {
    let standings = visit.standings().await?;
    let currency = visit.currency();
    let rows = standings.iter().map(|standing| row(visit, standing));
    let table = Table {
        id: "portfolio",
        caption: format!("Scenarios, loaded cost of the last 30 days in {currency}"),
        columns: vec![
            Column::words("Scenario"),
            Column::words("Verdict"),
            Column::figures("P(NPV > 0)"),
            Column::figures("Payback, months"),
            Column::figures("Net benefit a month"),
            Column::figures("Requests"),
            Column::figures("Cost"),
            Column::figures("Per accepted task"),
            Column::figures("Quality less baseline"),
            Column::figures("Readiness"),
            Column::words("Last verdict"),
        ],
        rows: rows.collect(),
        empty: "No scenario is configured and none had requests.".to_owned(),
    };
    Ok(Sheet {
        frame: visit.frame(),
        title: "Portfolio".to_owned(),
        lead: "Which scenarios are worth their money: what was measured in the last 30 days, joined with the case that people put."
            .to_owned(),
        address: visit.address(&[]),
        choices: Vec::new(),
        blocks: vec![
            Block::Figures(figures(visit, &standings)),
            Block::Table(table),
            Block::Words(
                "How to read it".to_owned(),
                vec![
                    "Invest, watch or stop follow from the policy on each scenario's page; a verdict counts once somebody records it.".to_owned(),
                    "Saved labour counts only as far as it is released or redeployed (realisation, beside every case).".to_owned(),
                    "A scenario without a case has measured cost and quality only: moegate scenario case put adds one.".to_owned(),
                ],
            ),
        ],
    })
}

fn figures(visit: &Visit, standings: &[Standing]) -> Vec<Figure> {
    let cost: Pico = standings
        .iter()
        .filter_map(|one| one.measured.summary.as_ref())
        .map(|summary| summary.cost.loaded)
        .sum();
    let monthly: f64 = standings
        .iter()
        .filter_map(|one| one.judged.as_ref())
        .map(|judged| judged.assessment.monthly_benefit)
        .sum();
    let count = |verdict: Verdict| {
        let judged = standings.iter().filter_map(|one| one.judged.as_ref());
        judged
            .filter(|judged| judged.assessment.judgement.verdict == verdict)
            .count()
            .to_string()
    };
    let currency = visit.currency();
    vec![
        Figure::new("Invest", count(Verdict::Invest)).meant(Tone::Good),
        Figure::new("Watch", count(Verdict::Watch)).meant(Tone::Warn),
        Figure::new("Stop", count(Verdict::Stop)).meant(Tone::Bad),
        Figure::new(
            "Net benefit a month",
            format!("{} {currency}", about(monthly)),
        )
        .beside("of scenarios with a case"),
        Figure::new(
            "Cost, 30 days",
            format!("{} {currency}", dashboard::money(cost)),
        )
        .beside("loaded"),
    ]
}

fn row(visit: &Visit, standing: &Standing) -> Row {
    let link = dashboard::Address::new(format!("/dashboard/scenario/{}", standing.scenario));
    let summary = standing.measured.summary.as_ref();
    let mut cells = vec![Cell::words(standing.scenario.to_string()).to(link)];
    match &standing.judged {
        None => {
            cells.push(Cell::words("no case"));
            cells.extend([Cell::unknown(), Cell::unknown(), Cell::unknown()]);
        }
        Some(judged) => {
            let found = &judged.assessment;
            let word = business::word(found.judgement.verdict);
            cells.push(Cell::words(word).meant(tone(word)).beside(reasons(judged)));
            cells.push(Cell::figure(
                format!("{:.2}", found.forecast.positive),
                found.forecast.positive,
            ));
            let payback = found.forecast.payback;
            cells.push(Cell::figure(
                format!("{}\u{2013}{}", about(payback.low), about(payback.high)),
                payback.low,
            ));
            cells.push(estimate(found.monthly_benefit));
        }
    }
    match summary {
        None => cells.extend([Cell::figure("0", 0), money(Pico::ZERO), Cell::unknown()]),
        Some(summary) => {
            cells.push(Cell::figure(summary.requests.to_string(), summary.requests));
            let known = percent(summary.cost.known, summary.attempts).unwrap_or_default();
            cells.push(money(summary.cost.loaded).beside(format!("{known} known")));
            cells.push(accepted(standing).unwrap_or_else(Cell::unknown));
        }
    }
    cells.push(quality(standing));
    cells.push(ready(standing));
    cells.push(match standing.verdicts.last() {
        None => Cell::words("none recorded"),
        Some(last) => Cell::words(&last.verdict).beside(format!(
            "{}, {}",
            moment(last.by.at, &visit.zone),
            last.by.actor
        )),
    });
    Row::of(cells)
}

/// Loaded cost of all requests over those accepted, as far as they are judged: cost a request over the accepted share.
fn accepted(standing: &Standing) -> Option<Cell> {
    let judged = standing
        .measured
        .judged
        .filter(|judged| judged.accepted > 0)?;
    let summary = standing.measured.summary.as_ref()?;
    let scaled = summary.cost.loaded.get().checked_mul(judged.count.into())?;
    let of = u128::from(summary.requests).checked_mul(judged.accepted.into())?;
    let each = scaled.checked_div(i128::try_from(of).ok()?)?;
    Some(money(Pico::new(each)).beside(format!("{} judged", judged.count)))
}

fn quality(standing: &Standing) -> Cell {
    let Some(judged) = &standing.judged else {
        return match standing.measured.judged {
            None => Cell::unknown(),
            Some(judged) => Cell::figure("no baseline", "").beside(format!(
                "{} accepted by {}",
                percent(judged.accepted, judged.count).unwrap_or_default(),
                judged.source.as_str()
            )),
        };
    };
    let compared = judged.input.quality;
    if standing.measured.judged.is_none() {
        return Cell::unknown();
    }
    let middle = compared.ours - compared.baseline;
    let cell = Cell::figure(format!("{}\u{202f}pt", signed(middle)), middle);
    match judged.assessment.quality {
        None => cell.beside(format!("{} judged, too few", compared.cases)),
        Some(span) => cell.beside(format!("{} to {}", signed(span.low), signed(span.high))),
    }
}

fn ready(standing: &Standing) -> Cell {
    match &standing.judged {
        None => Cell::unknown(),
        Some(judged) => {
            let of = &judged.input.readiness;
            let levels = [of.task_path, of.reasoning_path, of.closed_loop].map(|l| l.number());
            let text = levels.map(|level| level.to_string()).join(" \u{b7} ");
            let least = levels.into_iter().min().unwrap_or(0);
            let tone = match least {
                0 => Tone::Bad,
                1 => Tone::Warn,
                _ => Tone::Plain,
            };
            Cell::figure(text, least).meant(tone)
        }
    }
}
