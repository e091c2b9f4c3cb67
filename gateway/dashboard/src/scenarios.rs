//! The first page: what each scenario costs, how fast it is and how good.

use maud::{Markup, html};
use units::{Currency, Nanos, Pico};

use crate::amount::amount;
use crate::chart::{Point, bars};
use crate::layout::{Banner, page};

/// The scenarios of one tenant over a period.
#[derive(Debug, Clone)]
pub struct ScenariosPage {
    /// The tenant's name.
    pub tenant: String,
    /// The period in words, with its time zone.
    pub period: String,
    /// The currency of all amounts.
    pub currency: Currency,
    /// One row per scenario.
    pub rows: Vec<ScenarioRow>,
    /// Cost over time.
    pub series: Vec<SeriesRow>,
    /// Length of a step of the series, such as `hour`.
    pub step: String,
    /// Sent with the form that signs out.
    pub csrf: String,
}

/// One scenario.
#[derive(Debug, Clone)]
pub struct ScenarioRow {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Requests.
    pub requests: u64,
    /// Requests that got no answer.
    pub errors: u64,
    /// Who answered, most first.
    pub experts: Vec<ExpertShare>,
    /// Attempts whose cost is known, and all that are settled.
    pub cost_known: (u64, u64),
    /// Attempts that wait for the window of their pool.
    pub pending: u64,
    /// Cost of work alone.
    pub marginal: Pico,
    /// Cost with what this tenant carries of loading and idle time.
    pub loaded: Pico,
    /// Half of the requests took at most this.
    pub p50: Option<Nanos>,
    /// 99 of 100 requests took at most this.
    pub p99: Option<Nanos>,
    /// How good the answers were.
    pub quality: Option<Quality>,
}

/// How often an expert answered.
#[derive(Debug, Clone)]
pub struct ExpertShare {
    /// The expert.
    pub name: String,
    /// Requests.
    pub requests: u64,
}

/// Mean score of a scenario's answers.
#[derive(Debug, Clone, Copy)]
pub struct Quality {
    /// Mean score in parts per million.
    pub mean_ppm: u32,
    /// Judgements.
    pub count: u64,
}

/// Cost of one step of time.
#[derive(Debug, Clone)]
pub struct SeriesRow {
    /// The step's start in the reader's words.
    pub start: String,
    /// Requests.
    pub requests: u64,
    /// Cost of work alone.
    pub marginal: Pico,
}

impl ScenariosPage {
    /// The page.
    pub fn render(&self) -> String {
        let main = html! {
            h1 { "Scenarios" }
            p .lead {
                (self.period) ". Amounts in " (self.currency) ", "
                strong { "marginal" } " is work alone, " strong { "loaded" }
                " adds what this tenant carries of loading and idle time."
            }
            @if self.rows.is_empty() {
                p .empty { "No requests in this period." }
            } @else {
                (self.table())
                (self.chart())
            }
        };
        let banner = Banner { tenant: &self.tenant, csrf: &self.csrf };
        page("Scenarios", Some(banner), &main)
    }

    fn table(&self) -> Markup {
        html! {
            div .wide tabindex="0" role="region" aria-label="Scenarios" {
                table {
                    caption { "Cost, latency and quality of each scenario" }
                    thead { tr {
                        th scope="col" { "Scenario" }
                        th .number scope="col" { "Requests" }
                        th scope="col" { "Answered by" }
                        th .number scope="col" { "Marginal per request" }
                        th .number scope="col" { "Loaded per request" }
                        th .number scope="col" { "p50" }
                        th .number scope="col" { "p99" }
                        th .number scope="col" { "Quality" }
                        th .number scope="col" { "Cost known" }
                    } }
                    tbody { @for row in &self.rows { (row.markup()) } }
                }
            }
        }
    }

    fn chart(&self) -> Markup {
        let points: Vec<Point> = self.series.iter().map(SeriesRow::point).collect();
        let title = format!("Marginal cost per request by {}", self.step);
        html! {
            section aria-labelledby="cost-over-time" {
                h2 #cost-over-time { (title) }
                (bars(&title, "The table below holds the same figures.", &points))
                div .wide tabindex="0" role="region" aria-label=(title) {
                    table {
                        caption { "Figures of the chart" }
                        thead { tr {
                            th scope="col" { "From" }
                            th .number scope="col" { "Requests" }
                            th .number scope="col" { "Marginal cost" }
                            th .number scope="col" { "Per request" }
                        } }
                        tbody {
                            @for (row, point) in self.series.iter().zip(&points) {
                                tr {
                                    th scope="row" { (row.start) }
                                    td .number { (row.requests) }
                                    td .number { (amount(row.marginal)) }
                                    td .number { (point.shown) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn each(cost: Pico, requests: u64) -> Option<Pico> {
    cost.get().checked_div(i128::from(requests)).map(Pico::new)
}

fn ms(time: Option<Nanos>) -> String {
    match time {
        None => "unknown".to_owned(),
        Some(time) => format!("{:.1} ms", time.to_duration().as_secs_f64() * 1e3),
    }
}

impl ScenarioRow {
    fn markup(&self) -> Markup {
        let (known, settled) = self.cost_known;
        let cost = |total: Pico| {
            each(total, self.requests)
                .filter(|_| known > 0)
                .map_or_else(|| "unknown".to_owned(), amount)
        };
        let share = settled.checked_sub(0).filter(|s| *s > 0).map(|settled| {
            let tenths = known.saturating_mul(1_000).div_euclid(settled);
            format!("{}.{} %", tenths.div_euclid(10), tenths.rem_euclid(10))
        });
        html! {
            tr {
                th scope="row" { (self.name) br; span .id { (self.id) } }
                td .number {
                    (self.requests)
                    @if self.errors > 0 { br; span .bad { (self.errors) " failed" } }
                }
                td {
                    @for expert in &self.experts {
                        span .expert { (expert.name) " " span .count { (expert.requests) } } " "
                    }
                }
                td .number { (cost(self.marginal)) }
                td .number { (cost(self.loaded)) }
                td .number { (ms(self.p50)) }
                td .number { (ms(self.p99)) }
                td .number {
                    @match self.quality {
                        Some(quality) => {
                            (shown_ppm(quality.mean_ppm)) br; span .id { "n = " (quality.count) }
                        }
                        None => "unknown",
                    }
                }
                td .number {
                    (share.unwrap_or_else(|| "unknown".to_owned()))
                    @if self.pending > 0 { br; span .id { (self.pending) " waiting" } }
                }
            }
        }
    }
}

/// Parts per million as a share with three decimals.
fn shown_ppm(ppm: u32) -> String {
    let thousandths = ppm.saturating_add(500).div_euclid(1_000);
    format!("{}.{:03}", thousandths.div_euclid(1_000), thousandths.rem_euclid(1_000))
}

impl SeriesRow {
    fn point(&self) -> Point {
        let each = each(self.marginal, self.requests).unwrap_or(Pico::ZERO);
        #[expect(clippy::cast_precision_loss, reason = "the height of a bar needs no more")]
        let value = each.get() as f64;
        Point { label: self.start.clone(), value, shown: amount(each) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(name: &str) -> String {
        let row = ScenarioRow {
            name: name.to_owned(),
            id: "one".to_owned(),
            requests: 4,
            errors: 1,
            experts: vec![ExpertShare { name: "finance".to_owned(), requests: 3 }],
            cost_known: (4, 5),
            pending: 1,
            marginal: Pico::new(40_000_000),
            loaded: Pico::new(80_000_000),
            p50: Some(Nanos::new(12_345_678)),
            p99: None,
            quality: Some(Quality { mean_ppm: 912_345, count: 3 }),
        };
        let series = SeriesRow {
            start: "09:00".to_owned(),
            requests: 4,
            marginal: Pico::new(40_000_000),
        };
        ScenariosPage {
            tenant: "A & Sons".to_owned(),
            period: "Last 30 days".to_owned(),
            currency: Currency::USD,
            rows: vec![row],
            series: vec![series],
            step: "hour".to_owned(),
            csrf: "token".to_owned(),
        }
        .render()
    }

    #[test]
    fn figures_are_shown_and_text_is_escaped() {
        let page = page_of("<script>alert(1)</script>");
        assert!(!page.contains("<script>"));
        for text in ["A &amp; Sons", "0.0000100", "12.3 ms", "0.912", "80.0 %", "1 waiting"] {
            assert!(page.contains(text), "{text}: {page}");
        }
    }

    #[test]
    fn pages_hold_no_style_or_script_of_their_own() {
        let page = page_of("One");
        for inline in ["<style", "style=", "<script", "onclick", "javascript:"] {
            assert!(!page.contains(inline), "{inline}");
        }
    }

    #[test]
    fn an_empty_period_says_so() {
        let page = ScenariosPage {
            tenant: "A".to_owned(),
            period: "Today".to_owned(),
            currency: Currency::USD,
            rows: Vec::new(),
            series: Vec::new(),
            step: "hour".to_owned(),
            csrf: String::new(),
        }
        .render();
        assert!(page.contains("No requests in this period."));
    }
}
