//! The audit log: who did what, when, why, and what stood there before. Nothing in it can be changed unnoticed.

use dashboard::{Block, Cell, Column, Row, Sheet, Table};
use ledger_store::{AuditEntry, AuditOf};

use super::super::time::moment;
use super::super::visit::Visit;
use super::PageError;

/// Entries on a page.
const MOST: u32 = 100;

pub(in super::super) async fn sheet(visit: &Visit) -> Result<Sheet, PageError> {
    let before = visit.wish("before").and_then(|id| id.parse().ok());
    let of = match visit.is_operator() {
        true => AuditOf::All,
        false => AuditOf::Tenant(visit.tenant().clone()),
    };
    let entries = visit.app.recorder.store().audit(of, before, MOST).await?;
    let mut blocks = vec![Block::Table(table(visit, &entries))];
    if let Some(last) = entries.last().filter(|_| entries.len() >= 100) {
        let older = visit.address(&[]).with("before", last.id.to_string());
        let mut cell = Cell::words("earlier entries");
        cell.link = Some(older);
        blocks.push(Block::Table(Table {
            id: "more",
            caption: "There are more".to_owned(),
            columns: vec![Column::words("")],
            rows: vec![Row::of([cell])],
            empty: String::new(),
        }));
    }
    Ok(Sheet {
        frame: visit.frame(),
        title: "Audit".to_owned(),
        lead: "Who did what and why, latest first. Each entry carries a hash over itself and the one before; moegate ledger verify proves the chain."
            .to_owned(),
        address: visit.address(&["before"]),
        choices: Vec::new(),
        blocks,
    })
}

/// Long values are told by their beginning; the file has them whole.
fn short(text: Option<&str>) -> Cell {
    let text = text.unwrap_or_default();
    let shown: String = text.chars().take(120).collect();
    let more = shown.len() < text.len();
    Cell {
        exact: more.then(|| format!("\"{}\"", text.replace('"', "\"\""))),
        text: if more {
            format!("{shown}\u{2026}")
        } else {
            shown
        },
        ..Cell::default()
    }
}

fn table(visit: &Visit, entries: &[AuditEntry]) -> Table {
    let rows = entries.iter().map(|entry| {
        let note = &entry.note;
        Row::of([
            Cell::figure(entry.id.to_string(), entry.id),
            Cell::words(moment(note.by.at, &visit.zone)),
            Cell::words(&note.by.actor),
            Cell::words(
                note.tenant
                    .as_ref()
                    .map_or("platform".to_owned(), ToString::to_string),
            ),
            Cell::words(&note.action),
            Cell::words(&note.object),
            short(note.before.as_deref()),
            short(note.after.as_deref()),
            Cell::words(&note.by.reason),
            Cell::words(hex::encode(entry.hash.get(..6).unwrap_or_default())),
        ])
    });
    Table {
        id: "audit",
        caption: "Audit log".to_owned(),
        columns: [
            "No.", "When", "Who", "Tenant", "Action", "Object", "Before", "After", "Reason", "Hash",
        ]
        .into_iter()
        .map(Column::words)
        .collect(),
        rows: rows.collect(),
        empty: "Nothing was done yet that is kept here.".to_owned(),
    }
}
