//! Requests, and one of them with everything that was done and posted for it: what every number is made of.

use dashboard::{Address, Block, Cell, Column, Figure, Row, Sheet, Table, Tone, duration, score};
use ledger_store::{RequestDetail, RequestsWanted};
use units::{ExpertId, Nanos, Pico, RequestId, ScenarioId};
use uuid::Uuid;

use super::super::time::moment;
use super::super::visit::{Visit, money};
use super::PageError;

/// Requests on a page.
const MOST: u32 = 200;

pub(in super::super) async fn list(visit: &Visit) -> Result<Sheet, PageError> {
    let scenario = visit
        .wish("scenario")
        .and_then(|id| ScenarioId::new(id).ok());
    let expert = visit.wish("expert").and_then(|id| ExpertId::new(id).ok());
    let tag = visit.wish("tag").and_then(|tag| tag.split_once('='));
    let period = visit.period();
    let wanted = RequestsWanted {
        tenant: visit.tenant().clone(),
        span: period.span(),
        scenario: scenario.clone(),
        expert: expert.clone(),
        tag: tag.map(|(key, value)| (key.to_owned(), value.to_owned())),
        most: MOST,
    };
    let found = visit.app.recorder.store().requests(wanted).await?;
    let rows = found.iter().map(|one| {
        let id = one.request.uuid().to_string();
        let status = Cell::figure(one.status.to_string(), one.status);
        Row::of([
            Cell::words(&id).to(Address::new(format!("/dashboard/request/{id}"))),
            Cell::words(moment(one.started, &visit.zone)),
            Cell::words(one.scenario.to_string()),
            Cell::words(
                one.expert
                    .as_ref()
                    .map_or("nobody".to_owned(), ToString::to_string),
            ),
            Cell::words(tags(one.tags.as_ref())),
            time(one.total),
            if one.status >= 400 {
                status.meant(Tone::Bad)
            } else {
                status
            },
        ])
    });
    let of = |what: &str, id: Option<String>| {
        id.map(|id| format!(" of {what} {id}")).unwrap_or_default()
    };
    Ok(Sheet {
        frame: visit.frame(),
        title: "Requests".to_owned(),
        lead: format!(
            "{}{}{}{}, latest first, at most {MOST}.",
            period.label,
            of("scenario", scenario.map(|id| id.to_string())),
            of("expert", expert.map(|id| id.to_string())),
            of("tag", tag.map(|(key, value)| format!("{key} {value}")))
        ),
        address: visit.address(&["period", "scenario", "expert", "tag"]),
        choices: vec![visit.choose_period()],
        blocks: vec![Block::Table(Table {
            id: "requests",
            caption: "Requests".to_owned(),
            columns: vec![
                Column::words("Request"),
                Column::words("When"),
                Column::words("Scenario"),
                Column::words("Answered by"),
                Column::words("Tags"),
                Column::figures("Took, ns in CSV"),
                Column::figures("Status"),
            ],
            rows: rows.collect(),
            empty: "No request in this time.".to_owned(),
        })],
    })
}

fn tags(tags: Option<&ledger::Tags>) -> String {
    let pairs = tags.into_iter().flat_map(ledger::Tags::pairs);
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key} {value}")).collect();
    pairs.join(", ")
}

fn time(time: Nanos) -> Cell {
    Cell::figure(duration(time), time.get())
}

fn count(count: Option<u64>) -> Cell {
    count.map_or_else(Cell::unknown, |count| {
        Cell::figure(count.to_string(), count)
    })
}

pub(in super::super) async fn one(visit: &Visit, id: &str) -> Result<Sheet, PageError> {
    let none = PageError::NotFound("request");
    let Ok(uuid) = Uuid::try_parse(id) else {
        return Err(none);
    };
    let request = RequestId::from_uuid(uuid);
    let store = visit.app.recorder.store();
    let Some(detail) = store.request(visit.tenant().clone(), request).await? else {
        return Err(none);
    };
    let known: Vec<Pico> = detail.costs.iter().filter_map(|line| line.amount).collect();
    let unknown = detail.costs.len().saturating_sub(known.len());
    let posted: Pico = known.into_iter().sum();
    let currency = visit.currency();
    let cost = Figure::new("Posted", format!("{} {currency}", dashboard::money(posted)));
    let cost = match (unknown, detail.costs.is_empty()) {
        (_, true) => cost.beside("waits for its pool's window").meant(Tone::Warn),
        (0, _) => cost.beside("work only"),
        (unknown, _) => cost
            .beside(format!("{unknown} lines of unknown cost"))
            .meant(Tone::Warn),
    };
    Ok(Sheet {
        frame: visit.frame(),
        title: "Request".to_owned(),
        lead: uuid.to_string(),
        address: Address::new(format!("/dashboard/request/{uuid}")),
        choices: Vec::new(),
        blocks: vec![
            Block::Figures(vec![
                cost,
                Figure::new("Scenario", detail.line.scenario.to_string()),
                Figure::new("When", moment(detail.line.started, &visit.zone)),
                Figure::new("Took", duration(detail.line.total))
                    .beside(format!("{} in the gateway", duration(detail.overhead))),
                Figure::new("Status", detail.line.status.to_string()),
                Figure::new(
                    "Tags",
                    match tags(detail.line.tags.as_ref()) {
                        none if none.is_empty() => "none".to_owned(),
                        tags => tags,
                    },
                ),
            ]),
            Block::Table(attempts(&detail)),
            Block::Table(lines(visit, &detail)),
            Block::Table(outcomes(visit, &detail)),
        ],
    })
}

fn attempts(detail: &RequestDetail) -> Table {
    let rows = detail.attempts.iter().map(|one| {
        let ended = Cell::words(if one.ok { "answered" } else { "failed" });
        Row::of([
            Cell::words(one.expert.to_string()),
            Cell::words(one.purpose.as_str()),
            Cell::words(&one.host),
            if one.ok {
                ended
            } else {
                ended.meant(Tone::Bad)
            },
            time(one.took),
            count(one.tokens.0),
            count(one.tokens.1),
            one.device.map_or_else(Cell::unknown, time),
        ])
    });
    Table {
        id: "attempts",
        caption: "Attempts".to_owned(),
        columns: vec![
            Column::words("Expert"),
            Column::words("Purpose"),
            Column::words("Pool or provider"),
            Column::words("Ended"),
            Column::figures("Took, ns in CSV"),
            Column::figures("Tokens in"),
            Column::figures("Tokens out"),
            Column::figures("Device time, ns in CSV"),
        ],
        rows: rows.collect(),
        empty: "Nobody was asked.".to_owned(),
    }
}

fn lines(visit: &Visit, detail: &RequestDetail) -> Table {
    let rows = detail.costs.iter().map(|one| {
        let carried = match &one.tenant {
            None => Cell::words("the platform"),
            Some(tenant) if tenant == visit.tenant() => Cell::words("this tenant"),
            // Another tenant is nobody's business here.
            Some(_) => Cell::words("another"),
        };
        Row::of([
            Cell::words(one.line.to_string()),
            Cell::words(one.meter.as_str()),
            count(one.quantity),
            one.amount.map_or_else(Cell::unknown, money),
            Cell::words(one.method.as_str()),
            carried,
            Cell::words(one.corrects.map_or(String::new(), |line| line.to_string())),
        ])
    });
    Table {
        id: "lines",
        caption: format!("Lines of the ledger, {}", visit.currency()),
        columns: vec![
            Column::words("Line"),
            Column::words("Meter"),
            Column::figures("Quantity"),
            Column::figures("Amount"),
            Column::words("Method"),
            Column::words("Carried by"),
            Column::words("Corrects"),
        ],
        rows: rows.collect(),
        empty: "None yet: a pool's lines are posted when its window closes.".to_owned(),
    }
}

fn outcomes(visit: &Visit, detail: &RequestDetail) -> Table {
    let rows = detail.outcomes.iter().map(|(source, value, label, at)| {
        Row::of([
            Cell::words(source.as_str()),
            Cell::figure(score(value.get()), score(value.get())),
            Cell::words(label.as_deref().unwrap_or_default()),
            Cell::words(moment(*at, &visit.zone)),
        ])
    });
    Table {
        id: "outcomes",
        caption: "Judgements".to_owned(),
        columns: vec![
            Column::words("Source"),
            Column::figures("Score"),
            Column::words("Label"),
            Column::words("When"),
        ],
        rows: rows.collect(),
        empty: "Nobody has judged the answer.".to_owned(),
    }
}
