//! What finance people add, in SQL. Every change and its entry in the audit log are one transaction.

pub(super) mod audit;
mod corrections;
pub(super) mod periods;
mod priced;

use ledger::{LineId, Month};
use units::{Pico, ScenarioId, TenantId, Timestamp};

use super::link::query;
use super::{SqlStore, names, number};
use crate::{
    AuditEntry, AuditOf, Author, CaseRecord, Corrected, Correction, Finance, Invoice, Note,
    PeriodRecord, PeriodState, Span, StoreError, StoreFuture, UnitPriced, VerdictRecord,
};

/// An amount as it is kept in a text: no column holds all of it.
pub(super) fn amount(text: &str) -> Result<Pico, StoreError> {
    let pico = text.parse().map_err(|_| StoreError::Damaged("amount"))?;
    Ok(Pico::new(pico))
}

/// An optional tenant for a statement; the empty text is all of them.
fn or_all(tenant: Option<&TenantId>) -> &str {
    tenant.map_or("", TenantId::as_str)
}

type CaseRow = (String, String, i64, i64, String, String);
type VerdictRow = (
    String,
    String,
    i64,
    i64,
    String,
    String,
    String,
    String,
    String,
);

impl Finance for SqlStore {
    fn note(&self, note: Note) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let mut open = writer.pen.begin().await?;
            let id = audit::add(&mut open.link(), &note).await?;
            open.commit().await?;
            Ok(id)
        })
    }

    fn audit(
        &self,
        of: AuditOf,
        before: Option<u64>,
        most: u32,
    ) -> StoreFuture<'_, Vec<AuditEntry>> {
        Box::pin(async move {
            let mut reader = self.readers.one().await?;
            audit::read(&mut reader.link(), &of, before, most).await
        })
    }

    fn periods(&self) -> StoreFuture<'_, Vec<PeriodRecord>> {
        Box::pin(async move { periods::all(&mut self.readers.one().await?.link()).await })
    }

    fn set_period(
        &self,
        month: Month,
        state: PeriodState,
        by: Author,
    ) -> StoreFuture<'_, PeriodRecord> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let mut open = writer.pen.begin().await?;
            let record = periods::set(&mut open.link(), month, state, by).await?;
            open.commit().await?;
            Ok(record)
        })
    }

    fn correct(&self, order: Correction) -> StoreFuture<'_, Corrected> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            corrections::post(&mut writer, order).await
        })
    }

    fn unit_priced(
        &self,
        span: Span,
        after: Option<LineId>,
        most: u32,
    ) -> StoreFuture<'_, Vec<UnitPriced>> {
        Box::pin(async move {
            let mut reader = self.readers.one().await?;
            priced::read(&mut reader.link(), span, after, most).await
        })
    }

    fn put_case(
        &self,
        tenant: TenantId,
        scenario: ScenarioId,
        body: String,
        by: Author,
    ) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let mut open = writer.pen.begin().await?;
            let mut link = open.link();
            let last: Option<(i64, String)> = query(
                "SELECT version, body FROM cases WHERE tenant = $1 AND scenario = $2 ORDER BY version DESC LIMIT 1",
            )
            .bind(tenant.as_str())
            .bind(scenario.as_str())
            .fetch_optional(&mut link)
            .await?;
            let (version, before) =
                last.map_or((1, None), |(version, body)| (version + 1, Some(body)));
            query(
                "INSERT INTO cases (tenant, scenario, version, at, actor, body) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(tenant.as_str())
            .bind(scenario.as_str())
            .bind(version)
            .bind(by.at.unix_nanos())
            .bind(by.actor.as_str())
            .bind(body.as_str())
            .execute(&mut link)
            .await?;
            let note = Note {
                object: format!("{scenario}, version {version}"),
                tenant: Some(tenant),
                by,
                action: "case.put".to_owned(),
                before,
                after: Some(body),
            };
            audit::add(&mut link, &note).await?;
            open.commit().await?;
            Ok(number::unsigned(version))
        })
    }

    fn cases(&self, tenant: Option<TenantId>) -> StoreFuture<'_, Vec<CaseRecord>> {
        Box::pin(async move {
            let rows: Vec<CaseRow> = query(
                "SELECT tenant, scenario, version, at, actor, body FROM cases AS one
                 WHERE ($1 = '' OR tenant = $1) AND version = (SELECT MAX(version) FROM cases AS other
                     WHERE other.tenant = one.tenant AND other.scenario = one.scenario)
                 ORDER BY tenant, scenario",
            )
            .bind(or_all(tenant.as_ref()))
            .fetch_all(&mut self.readers.one().await?.link())
            .await?;
            let rows = rows.into_iter();
            rows.map(|(tenant, scenario, version, at, actor, body)| {
                Ok(CaseRecord {
                    tenant: names::parse(&tenant, TenantId::new)?,
                    scenario: names::parse(&scenario, ScenarioId::new)?,
                    version: number::unsigned(version),
                    at: Timestamp::from_unix_nanos(at),
                    actor,
                    body,
                })
            })
            .collect()
        })
    }

    fn put_verdict(&self, verdict: VerdictRecord) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let mut open = writer.pen.begin().await?;
            let mut link = open.link();
            let last: Option<(i64, String)> = query(
                "SELECT number, verdict FROM verdicts WHERE tenant = $1 AND scenario = $2 ORDER BY number DESC LIMIT 1",
            )
            .bind(verdict.tenant.as_str())
            .bind(verdict.scenario.as_str())
            .fetch_optional(&mut link)
            .await?;
            let (number, before) =
                last.map_or((1, None), |(number, verdict)| (number + 1, Some(verdict)));
            query(
                "INSERT INTO verdicts (tenant, scenario, number, at, actor, verdict, inputs, body, reason)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(verdict.tenant.as_str())
            .bind(verdict.scenario.as_str())
            .bind(number)
            .bind(verdict.by.at.unix_nanos())
            .bind(verdict.by.actor.as_str())
            .bind(verdict.verdict.as_str())
            .bind(verdict.inputs.as_str())
            .bind(verdict.body.as_str())
            .bind(verdict.by.reason.as_str())
            .execute(&mut link)
            .await?;
            let note = Note {
                object: format!("{}, verdict {number}", verdict.scenario),
                tenant: Some(verdict.tenant),
                by: verdict.by,
                action: "verdict.record".to_owned(),
                before,
                after: Some(verdict.verdict),
            };
            audit::add(&mut link, &note).await?;
            open.commit().await?;
            Ok(number::unsigned(number))
        })
    }

    fn verdicts(&self, tenant: Option<TenantId>) -> StoreFuture<'_, Vec<VerdictRecord>> {
        Box::pin(async move {
            let rows: Vec<VerdictRow> = query(
                "SELECT tenant, scenario, number, at, actor, verdict, inputs, body, reason FROM verdicts
                 WHERE $1 = '' OR tenant = $1 ORDER BY tenant, scenario, number",
            )
            .bind(or_all(tenant.as_ref()))
            .fetch_all(&mut self.readers.one().await?.link())
            .await?;
            let rows = rows.into_iter();
            rows.map(
                |(tenant, scenario, number, at, actor, verdict, inputs, body, reason)| {
                    Ok(VerdictRecord {
                        tenant: names::parse(&tenant, TenantId::new)?,
                        scenario: names::parse(&scenario, ScenarioId::new)?,
                        number: number::unsigned(number),
                        by: Author {
                            actor,
                            at: Timestamp::from_unix_nanos(at),
                            reason,
                        },
                        verdict,
                        inputs,
                        body,
                    })
                },
            )
            .collect()
        })
    }

    fn put_invoice(&self, invoice: Invoice, by: Author) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let mut open = writer.pen.begin().await?;
            let mut link = open.link();
            let billed = invoice.amount.get().to_string();
            query(
                "INSERT INTO invoices (id, subject, month, amount, number, note, at, actor)
                 VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM invoices), $1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(invoice.subject.as_str())
            .bind(invoice.month.start().unix_nanos())
            .bind(billed.as_str())
            .bind(invoice.number.as_str())
            .bind(invoice.note.as_str())
            .bind(by.at.unix_nanos())
            .bind(by.actor.as_str())
            .execute(&mut link)
            .await?;
            let note = Note {
                tenant: None,
                by,
                action: "invoice.put".to_owned(),
                object: format!("{} of {}", invoice.subject, invoice.month),
                before: None,
                after: Some(format!("{}, number {}", invoice.amount, invoice.number)),
            };
            audit::add(&mut link, &note).await?;
            open.commit().await
        })
    }

    fn invoices(&self) -> StoreFuture<'_, Vec<Invoice>> {
        Box::pin(async move {
            let rows: Vec<(String, i64, String, String, String)> = query(
                "SELECT subject, month, amount, number, note FROM invoices AS one
                 WHERE id = (SELECT MAX(id) FROM invoices AS other
                     WHERE other.subject = one.subject AND other.month = one.month)
                 ORDER BY month, subject",
            )
            .fetch_all(&mut self.readers.one().await?.link())
            .await?;
            let rows = rows.into_iter();
            rows.map(|(subject, month, billed, number, note)| {
                Ok(Invoice {
                    subject,
                    month: Month::of(Timestamp::from_unix_nanos(month)),
                    amount: amount(&billed)?,
                    number,
                    note,
                })
            })
            .collect()
        })
    }
}
