//! The audit log: entries with a hash over each and the one before, so that none can be changed or taken out unnoticed.

use sha2::{Digest, Sha256};
use units::{TenantId, Timestamp};

use crate::sql::link::{Link, query};
use crate::sql::{names, number};
use crate::{AuditEntry, AuditOf, Author, Note, StoreError};

/// An entry as it is stored.
#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: i64,
    tenant: Option<String>,
    actor: String,
    action: String,
    object: String,
    before: Option<String>,
    after: Option<String>,
    reason: Option<String>,
    hash: Vec<u8>,
}

const COLUMNS: &str = "id, at, tenant, actor, action, object, before, after, reason, hash";

/// Adds an entry to the open transaction.
pub(in crate::sql) async fn add(link: &mut Link<'_>, note: &Note) -> Result<u64, StoreError> {
    let last: Option<(i64, Vec<u8>)> = query("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
        .fetch_optional(link)
        .await?;
    let (last, before) = last.unwrap_or_default();
    let id = last.saturating_add(1);
    let hash = chained(&before, id, note);
    query(
        "INSERT INTO audit (id, at, tenant, actor, action, object, before, after, reason, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id)
    .bind(note.by.at.unix_nanos())
    .bind(note.tenant.as_ref().map(TenantId::as_str))
    .bind(note.by.actor.as_str())
    .bind(note.action.as_str())
    .bind(note.object.as_str())
    .bind(note.before.as_deref())
    .bind(note.after.as_deref())
    .bind(Some(note.by.reason.as_str()).filter(|reason| !reason.is_empty()))
    .bind(hash.as_slice())
    .execute(link)
    .await?;
    Ok(number::unsigned(id))
}

/// Each part is led by its length, so that no two entries read the same.
fn chained(before: &[u8], id: i64, note: &Note) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(bytes);
    };
    part(before);
    part(&id.to_be_bytes());
    part(&note.by.at.unix_nanos().to_be_bytes());
    for text in [&note.by.actor, &note.action, &note.object, &note.by.reason] {
        part(text.as_bytes());
    }
    let tenant = note.tenant.as_ref().map(TenantId::as_str);
    for text in [tenant, note.before.as_deref(), note.after.as_deref()] {
        part(&[u8::from(text.is_some())]);
        part(text.unwrap_or_default().as_bytes());
    }
    hash.finalize().into()
}

/// Entries, latest first.
pub(super) async fn read(
    link: &mut Link<'_>,
    of: &AuditOf,
    before: Option<u64>,
    most: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let tenant = match of {
        AuditOf::All => "",
        AuditOf::Tenant(tenant) => tenant.as_str(),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE ($1 = '' OR tenant = $1) AND id < $2 ORDER BY id DESC LIMIT $3"
    );
    let rows: Vec<Row> = query(&sql)
        .bind(tenant)
        .bind(before.map_or(i64::MAX, number::signed))
        .bind(i64::from(most))
        .fetch_all(link)
        .await?;
    rows.into_iter().map(entry).collect()
}

fn entry(row: Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: number::unsigned(row.id),
        note: Note {
            tenant: match row.tenant {
                None => None,
                Some(tenant) => Some(names::parse(&tenant, TenantId::new)?),
            },
            by: Author {
                actor: row.actor,
                at: Timestamp::from_unix_nanos(row.at),
                reason: row.reason.unwrap_or_default(),
            },
            action: row.action,
            object: row.object,
            before: row.before,
            after: row.after,
        },
        hash: (row.hash.try_into()).map_err(|_| StoreError::Damaged("audit hash"))?,
    })
}

/// The first entry that does not follow from the one before; `None` where all do.
pub(in crate::sql) async fn broken(link: &mut Link<'_>) -> Result<Option<u64>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM audit ORDER BY id");
    let rows: Vec<Row> = query(&sql).fetch_all(link).await?;
    let (mut before, mut expected) = (Vec::new(), 1_i64);
    for row in rows {
        let (id, hash) = (row.id, row.hash.clone());
        let entry = entry(row)?;
        if id != expected || chained(&before, id, &entry.note).as_slice() != hash {
            return Ok(Some(entry.id));
        }
        (before, expected) = (hash, expected.saturating_add(1));
    }
    Ok(None)
}
