//! One scenario: from what a person costs to what the gateway leaves, cash over its horizon, what moves it, quality, and the
//! verdicts so far.

mod charts;
mod quality;

use dashboard::{Address, Block, Cell, Column, Figure, Form, Row, Sheet, Table, Tone, duration};
use units::ScenarioId;

use super::super::time::moment;
use super::super::visit::Visit;
use super::PageError;
use super::portfolio::{about, estimate, reasons, share, tone};
use crate::business::{self, BusinessCase, Judged, Standing};

/// The scenario as it stands.
pub(in super::super) async fn standing(
    visit: &Visit,
    scenario: &str,
) -> Result<Standing, PageError> {
    let id = ScenarioId::new(scenario).map_err(|_| PageError::NotFound("scenario"))?;
    let all = visit.standings().await?;
    let found = all.into_iter().find(|one| one.scenario == id);
    found.ok_or(PageError::NotFound("scenario"))
}

pub(in super::super) async fn sheet(visit: &Visit, scenario: &str) -> Result<Sheet, PageError> {
    let standing = standing(visit, scenario).await?;
    let path = format!("/dashboard/scenario/{}", standing.scenario);
    let mut blocks = vec![Block::Figures(figures(visit, &standing))];
    if let (Some(judged), Some((record, case))) = (&standing.judged, &standing.case) {
        let currency = visit.currency().to_string();
        blocks.push(Block::Chart(Box::new(charts::waterfall(judged, &currency))));
        blocks.push(Block::Chart(Box::new(charts::cash(judged, &currency))));
        blocks.push(Block::Chart(Box::new(charts::tornado(judged, &currency))));
        blocks.push(Block::Table(flips(judged)));
        blocks.push(Block::Words("Policy".to_owned(), policy(judged)));
        let by = format!(
            "version {}, put by {} on {}",
            record.version,
            record.actor,
            moment(record.at, &visit.zone)
        );
        blocks.push(Block::Table(assumptions(visit, case, &by)?));
    } else {
        blocks.push(Block::Words(
            "No case yet".to_owned(),
            vec![
                "What it costs is measured; what it earns needs a case: who does the task today, in how many minutes, how well."
                    .to_owned(),
                format!("moegate scenario case put --tenant {} --scenario {} --file case.toml", visit.tenant(), standing.scenario),
            ],
        ));
    }
    blocks.push(Block::Table(quality::table(&standing)));
    blocks.extend(quality::judging(&standing).map(Block::Table));
    blocks.push(Block::Table(verdicts(visit, &standing)));
    if standing.judged.is_some() && visit.may_write() {
        blocks.push(Block::Form(Form {
            title: "Record the verdict".to_owned(),
            hint: "It is kept with all it was made of, and nobody changes it afterwards. The same numbers are recorded once."
                .to_owned(),
            action: Address::new(format!("{path}/verdict")),
            fields: vec![("reason", "Reason", String::new())],
            button: "Record",
        }));
    }
    let question = standing
        .case
        .as_ref()
        .map_or(String::new(), |(_, case)| case.question.clone());
    Ok(Sheet {
        frame: visit.frame(),
        title: format!("Scenario {}", standing.scenario),
        lead: question,
        address: Address::new(path),
        choices: Vec::new(),
        blocks,
    })
}

fn figures(visit: &Visit, standing: &Standing) -> Vec<Figure> {
    let mut figures = Vec::new();
    let currency = visit.currency();
    if let Some(judged) = &standing.judged {
        let found = &judged.assessment;
        let word = business::word(found.judgement.verdict);
        figures.push(
            Figure::new("Verdict", word)
                .meant(tone(word))
                .beside(reasons(judged)),
        );
        figures.push(
            Figure::new("P(NPV > 0)", format!("{:.2}", found.forecast.positive))
                .beside("10\u{202f}000 draws"),
        );
        let npv = found.forecast.npv;
        figures.push(
            Figure::new("NPV", format!("{} {currency}", about(found.npv))).beside(format!(
                "{} to {}",
                about(npv.low),
                about(npv.high)
            )),
        );
        figures.push(Figure::new(
            "Net benefit a month",
            format!("{} {currency}", about(found.monthly_benefit)),
        ));
        if let Some(volume) = found.break_even_volume {
            figures.push(Figure::new("Break-even, tasks a month", about(volume)));
        }
        if let Some(more) = found.judgement.cases_needed {
            figures.push(Figure::new("Judged cases still needed", more.to_string()));
        }
    }
    if let Some(summary) = &standing.measured.summary {
        figures.push(
            Figure::new("Requests, 30 days", summary.requests.to_string())
                .beside(format!("{} failed", summary.errors)),
        );
        let time = |time: Option<units::Nanos>| time.map_or("unknown".to_owned(), duration);
        figures.push(
            Figure::new("Latency p50", time(summary.p50))
                .beside(format!("p99 {}", time(summary.p99))),
        );
        if let Some(each) = dashboard::money_each(summary.cost.loaded, summary.requests) {
            figures.push(
                Figure::new("Cost per request", format!("{each} {currency}")).beside("loaded"),
            );
        }
    }
    figures
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn flips(judged: &Judged) -> Table {
    let rows = judged.assessment.flips.iter().map(|flip| {
        Row::of([
            Cell::words(words(flip.factor.name())),
            estimate(flip.now),
            estimate(flip.at),
        ])
    });
    Table {
        id: "flips",
        caption: "What would turn the value: each factor alone, until the net present value is 0"
            .to_owned(),
        columns: vec![
            Column::words("Factor"),
            Column::figures("Now"),
            Column::figures("At the turn"),
        ],
        rows: rows.collect(),
        empty: "No factor alone turns it.".to_owned(),
    }
}

fn policy(judged: &Judged) -> Vec<String> {
    let policy = &judged.policy;
    vec![
        format!(
            "Version {}: invest from P(NPV > 0) {:.2} on, stop up to {:.2}; a verdict that stands changes {:.2} beyond its threshold.",
            policy.version, policy.invest_from, policy.stop_up_to, policy.hysteresis
        ),
        format!(
            "Quality may be at most {:.1} points below the baseline, at an error of {:.2}; invest needs {} judged cases, readiness {} on each question and {:.0} % of cost known.",
            policy.quality_margin * 100.0,
            policy.alpha,
            policy.least_cases,
            policy.least_readiness,
            policy.least_known_cost * 100.0
        ),
    ]
}

fn assumptions(visit: &Visit, case: &BusinessCase, by: &str) -> Result<Table, PageError> {
    let known = case.known(visit.now)?;
    let today = &case.baseline;
    let age = Cell::words(format!("{} days old", known.age_days));
    let age = if known.is_stale() {
        age.meant(Tone::Warn).beside("stale")
    } else {
        age
    };
    let source = serde_json::to_value(today.source).unwrap_or_default();
    let source = source.as_str().unwrap_or_default().replace('_', " ");
    let row = |name: &str, value: Cell, source: &str, age: Cell| {
        Row::of([Cell::words(name), value, Cell::words(source), age])
    };
    let said = || Cell::words(by);
    let spent: f64 = case
        .investment
        .iter()
        .filter(|s| s.month >= 0)
        .map(|s| s.amount)
        .sum();
    let sunk: f64 = case
        .investment
        .iter()
        .filter(|s| s.month < 0)
        .map(|s| s.amount)
        .sum();
    let rows = vec![
        row(
            "Who does it today",
            Cell::words(&today.role),
            &source,
            age.clone(),
        ),
        row(
            "Loaded hourly rate",
            estimate(today.hourly_rate),
            &source,
            age.clone(),
        ),
        row(
            "Minutes, half of the tasks",
            estimate(today.minutes_p50),
            &source,
            age.clone(),
        ),
        row(
            "Minutes, nine in ten",
            estimate(today.minutes_p90),
            &source,
            age.clone(),
        ),
        row(
            "Cost of a person's task",
            estimate(
                known
                    .cost_per_task()
                    .map_err(business::BusinessError::from)?,
            ),
            &format!("{} cases", today.cases),
            age.clone(),
        ),
        row(
            "Tasks a month",
            estimate(today.tasks_per_month),
            &source,
            age.clone(),
        ),
        row(
            "Errors of a person",
            share(today.error),
            &source,
            age.clone(),
        ),
        row(
            "Loss per error",
            estimate(today.loss_per_error),
            &source,
            age,
        ),
        row("Adoption", share(case.adoption), &case.owner, said()),
        row(
            "Realisation of saved labour",
            share(case.realisation),
            &case.owner,
            said(),
        ),
        row("Reviewed", share(case.review_rate), &case.owner, said()),
        row(
            "Cost of a review",
            estimate(case.review_cost),
            &case.owner,
            said(),
        ),
        row("Fixed a month", estimate(case.fixed), &case.owner, said()),
        row("Investment to come", estimate(spent), &case.owner, said()),
        row(
            "Already spent, not counted",
            estimate(sunk),
            &case.owner,
            said(),
        ),
        row(
            "Discount rate a year",
            share(case.annual_rate),
            &case.owner,
            said(),
        ),
        row(
            "Horizon, months",
            estimate(f64::from(case.months)),
            &case.owner,
            said(),
        ),
    ];
    Ok(Table {
        id: "assumptions",
        caption: format!("Assumptions: {by}"),
        columns: vec![
            Column::words("Assumption"),
            Column::figures("Value"),
            Column::words("Source or owner"),
            Column::words("Age"),
        ],
        rows,
        empty: String::new(),
    })
}

fn verdicts(visit: &Visit, standing: &Standing) -> Table {
    let rows = standing.verdicts.iter().rev().map(|one| {
        Row::of([
            Cell::figure(one.number.to_string(), one.number),
            Cell::words(&one.verdict).meant(tone(&one.verdict)),
            Cell::words(moment(one.by.at, &visit.zone)),
            Cell::words(&one.by.actor),
            Cell::words(&one.by.reason),
            Cell::words(one.inputs.get(..12).unwrap_or_default()),
        ])
    });
    Table {
        id: "verdicts",
        caption: "Verdicts recorded".to_owned(),
        columns: vec![
            Column::figures("No."),
            Column::words("Verdict"),
            Column::words("When"),
            Column::words("By"),
            Column::words("Reason"),
            Column::words("Inputs, SHA-256"),
        ],
        rows: rows.collect(),
        empty: "None yet.".to_owned(),
    }
}
