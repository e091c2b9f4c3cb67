//! Readiness: whether the data of each scenario can carry an expert, with what shows it, and what is needed next.

mod sizing;

use dashboard::{Address, Block, Cell, Column, Row, Sheet, Table, Tone, percent};
use economics::readiness::{Level, LoopPolicy, Question};

use super::super::visit::{Visit, delay};
use super::PageError;
use crate::business::{Answer, Standing};

/// A question's name.
pub(super) fn name(question: Question) -> &'static str {
    match question {
        Question::TaskPath => "task path",
        Question::ReasoningPath => "reasoning path",
        Question::ClosedLoop => "closed loop",
    }
}

pub(in super::super) async fn sheet(visit: &Visit) -> Result<Sheet, PageError> {
    let all = visit.standings().await?;
    let table = Table {
        id: "readiness",
        caption: "Readiness, 0 to 4 on each question".to_owned(),
        columns: vec![
            Column::words("Scenario"),
            Column::figures("Task path"),
            Column::figures("Reasoning path"),
            Column::figures("Closed loop"),
            Column::words("What shows it"),
        ],
        rows: all.iter().map(row).collect(),
        empty: "No scenario is configured and none had requests.".to_owned(),
    };
    let measured = Table {
        id: "loop",
        caption: "The closed loop as it is measured, last 30 days".to_owned(),
        columns: vec![
            Column::words("Scenario"),
            Column::figures("Requests"),
            Column::figures("Joined within 30 days"),
            Column::figures("Share"),
            Column::figures("With a reason"),
            Column::figures("Mean delay, ns in CSV"),
        ],
        rows: all.iter().map(joined).collect(),
        empty: "No requests.".to_owned(),
    };
    let policy = LoopPolicy::default();
    Ok(Sheet {
        frame: visit.frame(),
        title: "Readiness and sizing".to_owned(),
        lead: "Can the data of a scenario carry an expert, and how large must it be? Two questions are answered by people with evidence, the third is measured."
            .to_owned(),
        address: visit.address(&[]),
        choices: Vec::new(),
        blocks: vec![
            Block::Table(table),
            Block::Table(measured),
            Block::Table(sizing::labels(visit, &all)),
            Block::Table(sizing::models(visit, &all)),
            Block::Words(
                "The levels".to_owned(),
                vec![
                    "Task path: 0 outcome only, or no right to use the data; 2 at least 1,000 cases with their steps; 4 all variants, versioned, cleared and traced to their source.".to_owned(),
                    "Reasoning path: 0 none; 2 notes or citations on a sample, or teacher traces verified by outcome; 4 reasons captured at work, an expert-checked sample, disagreements kept.".to_owned(),
                    format!(
                        "Closed loop: 0 nothing comes back; 2 from {:.0} % of requests joined within 30 days; 3 from {:.0} %; 4 with reasons on {:.0} % and a holdout.",
                        policy.some * 100.0, policy.most * 100.0, policy.reasons * 100.0
                    ),
                    "Sizing: a case may name small pilots ([sizing] in its file). What they say is foretold by the law of accuracy over labels, and by that of loss over size and data; neither speaks of what lies beyond ten times its pilots. moegate-train scaling fits the same laws to files.".to_owned(),
                ],
            ),
        ],
    })
}

fn level(level: u8) -> Cell {
    let cell = Cell::figure(level.to_string(), level);
    match level {
        0 => cell.meant(Tone::Bad),
        1 => cell.meant(Tone::Warn),
        _ => cell.meant(Tone::Good),
    }
}

fn row(standing: &Standing) -> Row {
    let link = Address::new(format!("/dashboard/scenario/{}", standing.scenario));
    let first = Cell::words(standing.scenario.to_string()).to(link);
    let measured: Level = standing.measured.feedback.level(&LoopPolicy::default());
    let said = |answer: &Answer| level(answer.level);
    match &standing.case {
        None => Row::of([
            first,
            Cell::unknown(),
            Cell::unknown(),
            level(measured.number()),
            Cell::words("no case: nobody has answered"),
        ]),
        Some((_, case)) => {
            let evidence = case
                .task_path
                .evidence
                .iter()
                .chain(&case.reasoning_path.evidence);
            let evidence: Vec<&str> = evidence.map(String::as_str).collect();
            Row::of([
                first,
                said(&case.task_path),
                said(&case.reasoning_path),
                level(measured.number()),
                Cell::words(evidence.join("; ")),
            ])
        }
    }
}

fn joined(standing: &Standing) -> Row {
    let feedback = standing.measured.feedback;
    let requests = standing
        .measured
        .summary
        .as_ref()
        .map_or(0, |summary| summary.requests);
    let slowest = standing
        .measured
        .judgements
        .iter()
        .map(|one| one.delay)
        .max();
    let count = |count: u64| Cell::figure(count.to_string(), count);
    Row::of([
        Cell::words(standing.scenario.to_string()),
        count(requests),
        count(feedback.joined),
        percent(feedback.joined, requests)
            .map_or_else(Cell::unknown, |text| Cell::figure(text, "")),
        count(feedback.with_reason),
        slowest.map_or_else(Cell::unknown, delay),
    ])
}
