//! The operator's page: experts, workers and their queues, what the gate decides and how traffic drifts.

use dashboard::{Block, Cell, Column, Figure, Row, Sheet, Table, Tone, duration, percent};
use units::Nanos;

use super::super::visit::Visit;
use super::PageError;

pub(in super::super) async fn sheet(visit: &Visit) -> Result<Sheet, PageError> {
    if !visit.is_operator() {
        return Err(PageError::Forbidden);
    }
    let app = &visit.app;
    let gate = app.gates.live();
    let shadow = app.gates.shadow();
    let drift = |of: &str| app.metrics.drift.with_label_values(&[of]).get();
    let alarm = |of: &str| app.metrics.drift_alarm.with_label_values(&[of]).get() > 0;
    let drifted = |name: &str, of: &str| {
        let figure =
            Figure::new(name, format!("{:.3}", drift(of))).beside("PSI, alarm from 0.2 on");
        if alarm(of) {
            figure.meant(Tone::Bad)
        } else {
            figure
        }
    };
    let lag = app.recorder.lag_bytes();
    let figures = vec![
        Figure::new("Gate", gate.version().to_string()).beside(
            shadow
                .as_ref()
                .as_ref()
                .map_or("no shadow".to_owned(), |s| {
                    format!("shadow {}", s.version())
                }),
        ),
        Figure::new(
            "Selection entropy",
            format!("{:.2}", app.metrics.selection_entropy.get()),
        )
        .beside("bits of the last window"),
        drifted("Drift of the gate's score", "score"),
        drifted("Drift of length", "length"),
        Figure::new("Journal behind the store", format!("{lag} bytes")),
        match app.recorder.store_answers() {
            true => Figure::new("Store", "answers").meant(Tone::Good),
            false => Figure::new("Store", "does not answer").meant(Tone::Bad),
        },
    ];
    Ok(Sheet {
        frame: visit.frame(),
        title: "Operator".to_owned(),
        lead: "Experts, workers, queue, gate and drift, as they stand now.".to_owned(),
        address: visit.address(&[]),
        choices: Vec::new(),
        blocks: vec![
            Block::Figures(figures),
            Block::Table(experts(visit)),
            Block::Table(workers(visit)),
            Block::Table(decisions(visit).await?),
        ],
    })
}

fn experts(visit: &Visit) -> Table {
    let rows = visit.app.pool.experts().into_iter().map(|one| {
        let count = |count: u32| Cell::figure(count.to_string(), count);
        let available = count(one.load.available);
        Row::of([
            Cell::words(one.id.to_string()),
            Cell::words(one.version.unwrap_or_else(|| "unknown".to_owned())),
            Cell::words(one.pool.to_string()),
            count(one.load.replicas),
            if one.load.available == 0 {
                available.meant(Tone::Bad)
            } else {
                available
            },
            count(one.loaded),
            count(one.load.outstanding),
        ])
    });
    Table {
        id: "experts",
        caption: "Experts".to_owned(),
        columns: vec![
            Column::words("Expert"),
            Column::words("Version"),
            Column::words("Pool or provider"),
            Column::figures("Replicas"),
            Column::figures("May be asked"),
            Column::figures("In memory"),
            Column::figures("Under way"),
        ],
        rows: rows.collect(),
        empty: "No expert is known.".to_owned(),
    }
}

fn workers(visit: &Visit) -> Table {
    let time = |time: Nanos| Cell::figure(duration(time), time.get());
    let rows = visit.app.pool.samples().into_iter().map(|one| {
        let all = one.counters.provisioned_ns;
        let waiting = Cell::figure(one.waiting.to_string(), one.waiting);
        Row::of([
            Cell::words(&*one.worker.address),
            Cell::words(one.pool.to_string()),
            Cell::words(&*one.device),
            Cell::words(&*one.version),
            time(all),
            time(one.counters.busy_ns)
                .beside(percent(one.counters.busy_ns.get(), all.get()).unwrap_or_default()),
            time(one.counters.load_ns),
            Cell::figure(one.running.to_string(), one.running),
            if one.waiting > 0 {
                waiting.meant(Tone::Warn)
            } else {
                waiting
            },
        ])
    });
    Table {
        id: "workers",
        caption: "Workers and their queues, since each has started".to_owned(),
        columns: vec![
            Column::words("Worker"),
            Column::words("Pool"),
            Column::words("Device"),
            Column::words("Version"),
            Column::figures("Provisioned, ns in CSV"),
            Column::figures("Busy, ns in CSV"),
            Column::figures("Loading, ns in CSV"),
            Column::figures("Computing"),
            Column::figures("Waiting"),
        ],
        rows: rows.collect(),
        empty: "No worker has said anything yet.".to_owned(),
    }
}

/// Who answers whom: a map of tenant's scenarios against experts, of the last 24 hours.
async fn decisions(visit: &Visit) -> Result<Table, PageError> {
    let to = units::Bucket::of(visit.now).next();
    let from = units::Bucket::from_index(to.index().saturating_sub(97));
    let span = ledger_store::Span { from, to };
    let all = visit
        .app
        .recorder
        .store()
        .scenario_summaries(None, span)
        .await?;
    let mut experts: Vec<String> = all
        .iter()
        .flat_map(|row| &row.experts)
        .filter_map(|one| one.expert.as_ref().map(ToString::to_string))
        .collect();
    experts.sort();
    experts.dedup();
    let rows = all.iter().map(|row| {
        let first = Cell::words(format!("{} \u{b7} {}", row.tenant, row.scenario));
        let cells = experts.iter().map(|expert| {
            let found = row
                .experts
                .iter()
                .find(|one| one.expert.as_ref().is_some_and(|id| id.as_str() == expert));
            let count = found.map_or(0, |one| one.requests);
            let ninths = count
                .saturating_mul(9)
                .checked_div(row.requests)
                .unwrap_or(0);
            Cell {
                heat: u8::try_from(ninths).ok(),
                ..Cell::figure(count.to_string(), count)
            }
        });
        Row::of([first].into_iter().chain(cells))
    });
    Ok(Table {
        id: "decisions",
        caption: "Who answered whom, last 24 hours: the darker, the larger the share of the scenario's requests".to_owned(),
        columns: [Column::words("Tenant and scenario")].into_iter().chain(experts.iter().map(Column::figures)).collect(),
        rows: rows.collect(),
        empty: "No request in the last 24 hours.".to_owned(),
    })
}
