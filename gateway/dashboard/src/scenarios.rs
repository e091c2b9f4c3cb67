//! The scenarios page: what each scenario costs, how fast it is and how good, in one table and one chart.

mod columns;
#[cfg(test)]
mod tests;

use maud::{Markup, html};
use units::{Currency, Nanos, Pico};

use crate::bars::{self, Bar};
use crate::figures::{grouped, money, money_each, percent};
use crate::frame::{Frame, page};

/// Everything the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenariosPage {
    /// Around the page.
    pub frame: Frame,
    /// Which time.
    pub period: Period,
    /// Which of the two costs.
    pub basis: Basis,
    /// The currency of every amount.
    pub currency: Currency,
    /// One row per tenant and scenario.
    pub rows: Vec<ScenarioRow>,
    /// What no tenant carries in the period: idle time, loading. `None` where the visitor may not see it.
    pub platform: Option<Pico>,
}

/// The time a page is about; its name is the value of `period` in the address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Period {
    /// The hour that runs and the one before.
    Hour,
    /// 24 hours.
    #[default]
    Day,
    /// Seven days.
    Week,
    /// Thirty days.
    Month,
}

impl Period {
    /// Every period, shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The value of `period` in the address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The period of an address; `None` for a value no page writes.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == name)
    }

    /// How many 15-minute buckets it holds, the one that runs included.
    pub const fn buckets(self) -> u32 {
        match self {
            Self::Hour => 8,
            Self::Day => 97,
            Self::Week => 673,
            Self::Month => 2_881,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Hour => "last 2 hours",
            Self::Day => "last 24 hours",
            Self::Week => "last 7 days",
            Self::Month => "last 30 days",
        }
    }
}

/// Which cost is shown; its name is the value of `basis` in the address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Basis {
    /// Work only: device time of attempts, and tokens.
    Marginal,
    /// With loading, idle time and shared cost, as far as the scenario carries it.
    #[default]
    Loaded,
}

impl Basis {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Loaded, Self::Marginal];

    /// The value of `basis` in the address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Marginal => "marginal",
            Self::Loaded => "loaded",
        }
    }

    /// The basis of an address; `None` for a value no page writes.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| basis.as_str() == name)
    }
}

/// One scenario of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioRow {
    /// The tenant.
    pub tenant: String,
    /// The scenario.
    pub scenario: String,
    /// Requests.
    pub requests: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Who answered, most first.
    pub experts: Vec<ExpertCell>,
    /// What it cost.
    pub cost: CostCell,
    /// Median latency.
    pub p50: Option<Nanos>,
    /// Latency that one request in a hundred exceeds.
    pub p99: Option<Nanos>,
    /// Measured quality, by source.
    pub quality: Vec<QualityCell>,
}

/// How often an expert answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpertCell {
    /// The expert; `None` for requests nobody answered.
    pub name: Option<String>,
    /// Requests.
    pub requests: u64,
}

/// The cost of a row on both bases, and of how many attempts it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CostCell {
    /// Work only.
    pub marginal: Pico,
    /// With all the scenario carries.
    pub loaded: Pico,
    /// Attempts whose cost is posted.
    pub known: u64,
    /// Attempts whose cost stays unknown.
    pub unknown: u64,
    /// Attempts that wait for their pool's window.
    pub pending: u64,
}

impl CostCell {
    /// The total on a basis.
    pub const fn on(&self, basis: Basis) -> Pico {
        match basis {
            Basis::Marginal => self.marginal,
            Basis::Loaded => self.loaded,
        }
    }
}

/// A mean score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityCell {
    /// Who judged, such as `gold`.
    pub source: String,
    /// How many answers were judged.
    pub count: u64,
    /// Mean score in parts per million.
    pub mean_ppm: u32,
}

/// The page as HTML.
pub fn render_scenarios(view: &ScenariosPage) -> String {
    let content = html! {
        h1 { "Scenarios" }
        p .lead {
            "What each scenario costs per request, how fast it answers and how good the answers are: "
            (view.period.label()) ", " (view.basis.as_str()) " cost in " (view.currency) "."
        }
        (choices(view))
        @if view.rows.is_empty() {
            p .empty { "No request has come in this time. Send one, or choose a longer time." }
        } @else {
            (totals(view))
            (columns::table(view))
            (chart(view))
        }
        (meaning())
    };
    page("Scenarios", &view.frame, &content)
}

fn choices(view: &ScenariosPage) -> Markup {
    html! {
        form .choices method="get" action=(crate::SCENARIOS_PATH) {
            label for="period" { "Time" }
            select #period name="period" {
                @for period in Period::ALL {
                    option value=(period.as_str()) selected[period == view.period] { (period.label()) }
                }
            }
            label for="basis" { "Cost basis" }
            select #basis name="basis" {
                @for basis in Basis::ALL {
                    option value=(basis.as_str()) selected[basis == view.basis] { (basis.as_str()) }
                }
            }
            button type="submit" { "Show" }
        }
    }
}

fn totals(view: &ScenariosPage) -> Markup {
    let sum = |f: fn(&ScenarioRow) -> u64| {
        view.rows
            .iter()
            .fold(0, |sum: u64, row| sum.saturating_add(f(row)))
    };
    let cost: Pico = view.rows.iter().map(|row| row.cost.on(view.basis)).sum();
    let known = sum(|row| row.cost.known);
    let attempts = sum(|row| columns::attempts(&row.cost));
    html! {
        dl .totals {
            div { dt { "Requests" } dd { (grouped(sum(|row| row.requests).into())) } }
            div { dt { "Failed" } dd { (grouped(sum(|row| row.errors).into())) } }
            div { dt { "Cost, " (view.basis.as_str()) } dd { (money(cost)) " " (view.currency) } }
            @if let Some(platform) = view.platform {
                div {
                    dt { "Idle and shared, carried by the platform" }
                    dd { (money(platform)) " " (view.currency) }
                }
            }
            @if let Some(share) = percent(known, attempts) {
                div { dt { "Share of cost known" } dd { (share) } }
            }
        }
    }
}

/// More bars than this say less than the table.
const MOST_BARS: usize = 20;

fn chart(view: &ScenariosPage) -> Markup {
    let each = |row: &ScenarioRow| {
        let cost = row.cost.on(view.basis).get();
        cost.checked_div(row.requests.into())
            .filter(|_| row.cost.known > 0)
    };
    let mut rows: Vec<(&ScenarioRow, i128)> = view
        .rows
        .iter()
        .filter_map(|row| each(row).map(|cost| (row, cost)))
        .collect();
    rows.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
    rows.truncate(MOST_BARS);
    let figure =
        |row: &ScenarioRow| money_each(row.cost.on(view.basis), row.requests).unwrap_or_default();
    let bars: Vec<Bar> = rows
        .iter()
        .map(|(row, cost)| Bar {
            label: format!("{} · {}", row.scenario, row.tenant),
            value: *cost,
            figure: format!("{} {}", figure(row), view.currency),
        })
        .collect();
    let title = format!(
        "Cost per request by scenario, {} basis",
        view.basis.as_str()
    );
    let described = match rows.first() {
        None => "No scenario has a known cost.".to_owned(),
        Some((row, _)) => format!(
            "Bars from the dearest to the cheapest; {} of {} costs {} {} per request.",
            row.scenario,
            row.tenant,
            figure(row),
            view.currency
        ),
    };
    html! {
        section .card aria-labelledby="chart-heading" {
            h2 #chart-heading { (title) }
            @if bars.is_empty() {
                p .empty { "No cost is known yet: a pool's cost is known when its window closes." }
            } @else {
                (bars::chart("chart", &title, &described, &bars))
                details {
                    summary { "The figures of this chart" }
                    table {
                        caption .unseen { (title) }
                        thead {
                            tr {
                                th scope="col" { "Scenario" }
                                th scope="col" { "Tenant" }
                                th .figure scope="col" { "Requests" }
                                th .figure scope="col" { "Cost, " (view.currency) }
                                th .figure scope="col" { "Per request, " (view.currency) }
                            }
                        }
                        tbody {
                            @for (row, _) in &rows {
                                tr {
                                    th scope="row" { (row.scenario) }
                                    td { (row.tenant) }
                                    td .figure { (grouped(row.requests.into())) }
                                    td .figure { (row.cost.on(view.basis)) }
                                    td .figure { (figure(row)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn meaning() -> Markup {
    html! {
        details .meaning {
            summary { "What the columns mean" }
            dl {
                dt { "Cost per request" }
                dd {
                    "All attempts of the scenario's requests, retries and fallbacks included, divided by its requests. "
                    b { "Marginal" } " counts work only: device time and tokens. "
                    b { "Loaded" } " adds what the scenario carries of loading and idle time."
                }
                dt { "p50, p99" }
                dd { "Half of the requests, and 99 of 100, took at most this long, from arrival to the last byte." }
                dt { "Quality" }
                dd { "Mean score from 0 to 1, with its source and the number of answers judged." }
                dt { "Cost known" }
                dd { "Attempts with a posted cost. A worker's cost is posted when its pool's window closes; a cost nobody has reported stays unknown and is never counted as nothing." }
            }
        }
    }
}
