//! The cost explorer: what was spent, by whatever one asks, beside the time before.

use std::collections::BTreeMap;

use dashboard::{
    Address, Block, Cell, Chart, Choice, Column, Drawing, Figure, Pile, Row, Sheet, Table, Tone,
};
use units::Pico;

use super::super::time::Period;
use super::super::visit::{Basis, Visit, drawn, money};
use super::PageError;

mod tags;

use tags::Part;

/// By what costs may be told apart, beside the tags of requests: name in the address, and for people.
const AXES: [(&str, &str); 5] = [
    ("scenario", "Scenario"),
    ("expert", "Expert"),
    ("purpose", "Purpose"),
    ("meter", "Meter"),
    ("kind", "Work, loading, idle"),
];
/// Parts of a bar; the rest is one part.
const MOST_PARTS: usize = 7;

/// Where a cell belongs.
fn value(part: &Part, axis: &str) -> String {
    if let Some(key) = axis.strip_prefix(tags::AXIS) {
        return tags::value(part, key);
    }
    let row = &part.cost;
    match axis {
        "expert" => row.expert.as_ref().map(ToString::to_string),
        "purpose" => row.purpose.map(|purpose| purpose.as_str().to_owned()),
        "meter" => Some(row.meter.as_str().to_owned()),
        "kind" => Some(
            if row.meter.is_work() {
                "work"
            } else {
                row.meter.as_str()
            }
            .to_owned(),
        ),
        _ => row.payer.as_ref().map(|(_, scenario)| scenario.to_string()),
    }
    .unwrap_or_else(|| "none".to_owned())
}

struct Question<'a> {
    axis: String,
    label: String,
    basis: Basis,
    scenario: Option<&'a str>,
    expert: Option<&'a str>,
    /// Key and value of a tag.
    tag: Option<(&'a str, &'a str)>,
}

impl Question<'_> {
    /// Are tags asked for, to tell apart or to choose by?
    fn is_of_tags(&self) -> bool {
        self.axis.starts_with(tags::AXIS) || self.tag.is_some()
    }

    fn asks_for(&self, part: &Part) -> bool {
        let is = |wanted: Option<&str>, found: String| wanted.is_none_or(|wanted| wanted == found);
        self.basis.counts(part.cost.meter)
            && is(self.scenario, value(part, "scenario"))
            && is(self.expert, value(part, "expert"))
            && self
                .tag
                .is_none_or(|(key, wanted)| wanted == tags::value(part, key))
    }
}

/// What one value of the axis cost, now and before.
#[derive(Default)]
struct Sum {
    amount: Pico,
    before: Pico,
    lines: u64,
    unknown: u64,
}

pub(in super::super) async fn sheet(visit: &Visit) -> Result<Sheet, PageError> {
    let period = visit.period();
    let axes = axes(visit);
    let mut wished = axes
        .iter()
        .filter(|(name, _)| visit.wish("by") == Some(name));
    let (axis, label) = wished.next().or(axes.first()).cloned().unwrap_or_default();
    let question = Question {
        axis: axis.clone(),
        label: label.clone(),
        basis: visit.basis(),
        scenario: visit.wish("scenario"),
        expert: visit.wish("expert"),
        tag: visit.wish("tag").and_then(|tag| tag.split_once('=')),
    };
    let mut rows = Vec::new();
    for run in period.runs() {
        rows.extend(tags::parts(visit, &question, (run.span, run.step)).await?);
    }
    rows.retain(|row| question.asks_for(row));
    let prior = period.prior();
    let step = u32::try_from(prior.to.index().saturating_sub(prior.from.index())).unwrap_or(1);
    let mut before = tags::parts(visit, &question, (prior, step.max(1))).await?;
    before.retain(|row| question.asks_for(row));

    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for part in &rows {
        let (row, sum) = (&part.cost, sums.entry(value(part, &axis)).or_default());
        sum.amount = [sum.amount, row.amount].into_iter().sum();
        sum.lines = sum.lines.saturating_add(row.lines);
        sum.unknown = sum.unknown.saturating_add(row.unknown);
    }
    for part in &before {
        let sum = sums.entry(value(part, &axis)).or_default();
        sum.before = [sum.before, part.cost.amount].into_iter().sum();
    }
    let mut sums: Vec<(String, Sum)> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.amount.cmp(&a.1.amount).then(a.0.cmp(&b.0)));
    Ok(Sheet {
        frame: visit.frame(),
        title: "Costs".to_owned(),
        lead: format!(
            "{}, {} cost in {}, by {}.",
            period.label,
            question.basis.as_str(),
            visit.currency(),
            label.to_lowercase()
        ),
        address: visit.address(&["period", "basis", "by", "scenario", "expert", "tag"]),
        choices: vec![
            visit.choose_period(),
            visit.choose_basis(),
            Choice {
                name: "by",
                label: "By",
                options: axes,
                current: axis,
            },
        ],
        blocks: blocks(visit, &question, &period, &rows, &sums),
    })
}

/// All axes: the fixed ones, then the tenant's keys of tags.
fn axes(visit: &Visit) -> Vec<(String, String)> {
    let fixed = AXES.iter().map(|(n, l)| ((*n).to_owned(), (*l).to_owned()));
    let tags = tags::keys(visit);
    let tags = tags.map(|key| (format!("{}{key}", tags::AXIS), format!("Tag {key}")));
    fixed.chain(tags).collect()
}

fn blocks(
    visit: &Visit,
    question: &Question<'_>,
    period: &Period,
    rows: &[Part],
    sums: &[(String, Sum)],
) -> Vec<Block> {
    let total = |f: fn(&Sum) -> Pico| sums.iter().map(|(_, sum)| f(sum)).sum::<Pico>();
    let (now, before) = (total(|s| s.amount), total(|s| s.before));
    let unknown: u64 = sums.iter().map(|(_, sum)| sum.unknown).sum();
    let currency = visit.currency();
    let mut figures = vec![
        Figure::new("Cost", format!("{} {currency}", dashboard::money(now)))
            .beside(question.basis.as_str()),
        Figure::new(
            "The time before",
            format!("{} {currency}", dashboard::money(before)),
        )
        .beside(change(now, before)),
    ];
    if unknown > 0 {
        let what = Figure::new("Lines of unknown cost", unknown.to_string());
        figures.push(
            what.beside("in no sum: unknown is not nothing")
                .meant(Tone::Warn),
        );
    }
    let mut blocks = vec![Block::Figures(figures)];
    let tag = question.tag.map(|(key, value)| format!("{key} {value}"));
    let only = [
        ("scenario", question.scenario),
        ("expert", question.expert),
        ("tag", tag.as_deref()),
    ];
    for (name, wanted) in only {
        if let Some(wanted) = wanted {
            blocks.push(Block::Words(
                format!("Only {name} {wanted}"),
                vec!["All figures and rows of this page are of it alone.".to_owned()],
            ));
        }
    }
    if question.is_of_tags() {
        blocks.push(tags::explained());
    }
    blocks.push(Block::Chart(Box::new(chart(
        visit, question, period, rows, sums,
    ))));
    blocks.push(Block::Table(table(visit, question, sums, (now, before))));
    blocks
}

/// A change against before, in words.
fn change(now: Pico, before: Pico) -> String {
    if before <= Pico::ZERO {
        return "nothing to compare with".to_owned();
    }
    let share = drawn(now) / drawn(before) - 1.0;
    format!("{:+.1}\u{202f}% since", share * 100.0)
}

fn table(
    visit: &Visit,
    question: &Question<'_>,
    sums: &[(String, Sum)],
    total: (Pico, Pico),
) -> Table {
    let link = |name: &str| -> Option<Address> {
        let all = visit.address(&["period", "basis", "scenario", "expert", "tag"]);
        if let Some(key) = question.axis.strip_prefix(tags::AXIS) {
            // What has no tag cannot be asked for by it.
            let named = name != tags::NONE;
            return named.then(|| {
                all.with("tag", format!("{key}={name}"))
                    .with("by", "scenario")
            });
        }
        match question.axis.as_str() {
            "scenario" => Some(all.with("scenario", name).with("by", "expert")),
            "expert" if question.scenario.is_some() => {
                let requests = Address::new("/dashboard/requests");
                let period = visit.wish("period").unwrap_or_default();
                let scenario = question.scenario.unwrap_or_default();
                Some(
                    requests
                        .with("period", period)
                        .with("scenario", scenario)
                        .with("expert", name)
                        .with("tag", visit.wish("tag").unwrap_or_default()),
                )
            }
            "expert" => Some(all.with("expert", name).with("by", "scenario")),
            _ => None,
        }
    };
    let row = |(name, sum): &(String, Sum)| {
        let mut first = Cell::words(name);
        first.link = link(name);
        Row::of([
            first,
            money(sum.amount),
            money(sum.before),
            Cell::words(change(sum.amount, sum.before)),
            Cell::figure(sum.lines.to_string(), sum.lines),
            Cell::figure(sum.unknown.to_string(), sum.unknown),
        ])
    };
    let mut rows: Vec<Row> = sums.iter().map(row).collect();
    if rows.len() > 1 {
        rows.push(Row::total([
            Cell::words("All"),
            money(total.0),
            money(total.1),
            Cell::words(change(total.0, total.1)),
            Cell::words(""),
            Cell::words(""),
        ]));
    }
    let currency = visit.currency();
    Table {
        id: "costs",
        caption: format!(
            "Cost by {}, {} basis, {currency}",
            question.label.to_lowercase(),
            question.basis.as_str()
        ),
        columns: vec![
            Column::words(&question.label),
            Column::figures("Cost"),
            Column::figures("The time before"),
            Column::words("Change"),
            Column::figures("Lines"),
            Column::figures("Of unknown cost"),
        ],
        rows,
        empty: "Nothing was posted in this time.".to_owned(),
    }
}

fn chart(
    visit: &Visit,
    question: &Question<'_>,
    period: &Period,
    rows: &[Part],
    sums: &[(String, Sum)],
) -> Chart {
    let mut names: Vec<String> = sums
        .iter()
        .filter(|(_, s)| s.amount > Pico::ZERO)
        .map(|(n, _)| n.clone())
        .collect();
    let rest = names.len() > MOST_PARTS;
    names.truncate(MOST_PARTS);
    let mut days: Vec<(String, i64, Vec<Pico>)> = period
        .days()
        .map(|(day, first)| {
            (
                day.to_string(),
                first.index(),
                vec![Pico::ZERO; names.len().saturating_add(usize::from(rest))],
            )
        })
        .collect();
    for part in rows {
        let (row, name) = (&part.cost, value(part, &question.axis));
        let place = names
            .iter()
            .position(|known| *known == name)
            .unwrap_or(names.len());
        // The last day that begins at or before the row's step.
        let day = days
            .iter()
            .rposition(|(_, first, _)| *first <= row.start.index());
        let cell = day
            .and_then(|day| days.get_mut(day))
            .and_then(|day| day.2.get_mut(place));
        if let Some(sum) = cell {
            *sum = [*sum, row.amount].into_iter().sum();
        }
    }
    if rest {
        names.push("all others".to_owned());
    }
    let title = format!(
        "Cost by day and {}, {}",
        question.label.to_lowercase(),
        visit.currency()
    );
    let cells = |(day, _, parts): &(String, i64, Vec<Pico>)| {
        Row::of(
            [Cell::words(day)]
                .into_iter()
                .chain(parts.iter().map(|part| money(*part))),
        )
    };
    Chart {
        id: "by-day",
        described: format!(
            "{} days, {} parts, the largest first.",
            days.len(),
            names.len()
        ),
        drawing: Drawing::Stack {
            names: names.clone(),
            piles: days
                .iter()
                .map(|(day, _, parts)| Pile {
                    label: day.get(5..).unwrap_or(day).to_owned(),
                    parts: parts.iter().map(|part| drawn(*part)).collect(),
                })
                .collect(),
        },
        figures: Table {
            id: "costs-by-day",
            caption: title.clone(),
            columns: [Column::words("Day")]
                .into_iter()
                .chain(names.into_iter().map(Column::figures))
                .collect(),
            rows: days.iter().map(cells).collect(),
            empty: "Nothing was posted in this time.".to_owned(),
        },
        title,
    }
}
