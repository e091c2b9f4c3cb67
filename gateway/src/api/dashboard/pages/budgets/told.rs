//! The alert log: which thresholds were reached, and who was told.

use dashboard::{Cell, Column, Row, Table, Tone};
use ledger_store::AuditOf;

use super::super::super::time::moment;
use super::super::super::visit::Visit;
use super::super::PageError;
use crate::alerts;

/// Entries of the audit log that are searched for alerts.
const SEARCHED: u32 = 1_000;

/// What was told, when and to whom.
pub(super) async fn table(visit: &Visit) -> Result<Table, PageError> {
    let of = AuditOf::Tenant(visit.tenant().clone());
    let store = visit.app.recorder.store();
    let entries = store.audit(of, None, SEARCHED).await?;
    let alerts = entries
        .iter()
        .filter(|entry| entry.note.action == alerts::ACTION);
    let rows = alerts.map(|entry| {
        let note = &entry.note;
        let told = Cell::words(&note.by.reason);
        Row::of([
            Cell::words(moment(note.by.at, &visit.zone)),
            Cell::words(&note.object),
            Cell::words(note.after.clone().unwrap_or_default()),
            if note.by.reason.starts_with("told") {
                told
            } else {
                told.meant(Tone::Warn)
            },
        ])
    });
    Ok(Table {
        id: "alerts",
        caption: "Alert log".to_owned(),
        columns: vec![
            Column::words("When"),
            Column::words("What"),
            Column::words("Spent"),
            Column::words("Who was told"),
        ],
        rows: rows.collect(),
        empty: "No threshold was reached since the log began.".to_owned(),
    })
}
