//! Tells when a tenant's monthly budget reaches a threshold: once for each, in the audit log, and to an Alertmanager where
//! the configuration names one. What is on record says who was told.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ledger::Month;
use ledger_store::{AuditOf, Author, Finance, Note, StoreError};
use parking_lot::Mutex;
use serde_json::{Value, json};
use units::{Pico, TenantId, Timestamp};

use crate::admission::reaches;
use crate::app::App;
use crate::config::{Config, TenantConfig};

/// Parts of a budget that are told, in percent.
pub const THRESHOLDS: [u8; 3] = [50, 80, 100];
/// The action of an entry in the audit log.
pub const ACTION: &str = "budget.alert";

/// Time for the Alertmanager to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Entries of the audit log read at a time.
const PAGE: u32 = 200;

/// A threshold that was reached. The tenant is part of the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reached {
    tenant: TenantId,
    month: Month,
    percent: u8,
}

impl Reached {
    /// Its name in the audit log.
    fn object(&self) -> String {
        format!("budget of {}, {} %", self.month, self.percent)
    }
}

/// What was told, and the way to those who are.
#[derive(Debug)]
pub struct Alerts {
    told: Mutex<HashSet<Reached>>,
    url: Option<String>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Alerts {
    /// Nothing is told yet.
    pub fn new(config: &Config) -> Self {
        Self {
            told: Mutex::default(),
            url: config.alerts.url.clone(),
            client: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
        }
    }

    /// Looks at every budget, and tells what nobody was told before.
    ///
    /// # Errors
    /// The store does not answer; the next look tells it.
    pub async fn look(&self, app: &App) -> Result<(), StoreError> {
        let now = app.clock.now();
        for tenant in &app.config.tenants {
            let Some(cap) = tenant.limits.monthly_budget.filter(|cap| *cap > Pico::ZERO) else {
                continue;
            };
            let Some(view) = app.admission.budget(&tenant.id, None, now) else {
                continue;
            };
            let reached = THRESHOLDS
                .into_iter()
                .filter(|percent| reaches(view.spent, cap, *percent));
            for percent in reached {
                let reached = Reached {
                    tenant: tenant.id.clone(),
                    month: view.month,
                    percent,
                };
                if self.told.lock().contains(&reached) {
                    continue;
                }
                let store = app.recorder.store().as_ref();
                if !on_record(store, &reached).await? {
                    let spent = (view.spent, cap, app.recorder.rates().currency().to_string());
                    let reason = self.tell(tenant, &reached, &spent, now).await;
                    store.note(note(&reached, &spent, reason, now)).await?;
                }
                self.told.lock().insert(reached);
            }
        }
        Ok(())
    }

    /// Tells the Alertmanager; who was told, in words.
    async fn tell(
        &self,
        tenant: &TenantConfig,
        reached: &Reached,
        spent: &(Pico, Pico, String),
        now: Timestamp,
    ) -> String {
        let contacts = tenant.budget_contacts.join(", ");
        tracing::warn!(tenant = %reached.tenant, month = %reached.month, percent = reached.percent, "budget");
        let Some(url) = &self.url else {
            return "nobody was told: the configuration names no alerts.url".to_owned();
        };
        let body = alert(reached, spent, &contacts, now).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)));
        let sent = match request {
            Ok(request) => tokio::time::timeout(PATIENCE, self.client.request(request)).await,
            Err(why) => return format!("nobody was told: {why}"),
        };
        let whom = if contacts.is_empty() {
            "whom the Alertmanager tells"
        } else {
            contacts.as_str()
        };
        match sent {
            Ok(Ok(answer)) if answer.status() == StatusCode::OK => {
                format!("told by the Alertmanager: {whom}")
            }
            Ok(Ok(answer)) => format!("nobody was told: the Alertmanager says {}", answer.status()),
            Ok(Err(why)) => format!("nobody was told: {why}"),
            Err(_) => "nobody was told: the Alertmanager does not answer".to_owned(),
        }
    }
}

/// An alert as the Alertmanager takes it (its API, version 2, `POST /api/v2/alerts`).
fn alert(
    reached: &Reached,
    (spent, cap, currency): &(Pico, Pico, String),
    contacts: &str,
    now: Timestamp,
) -> Value {
    let Reached {
        tenant,
        month,
        percent,
    } = reached;
    let severity = if *percent < 100 {
        "warning"
    } else {
        "critical"
    };
    let at = jiff::Timestamp::from_second(now.unix_seconds()).unwrap_or_default();
    json!([{
        "labels": {
            "alertname": "MoegateBudgetReached",
            "tenant": tenant,
            "month": month.to_string(),
            "threshold": percent.to_string(),
            "severity": severity,
        },
        "annotations": {
            "summary": format!("{tenant} has spent {percent} % of its budget of {month}"),
            "description": format!("{spent} of {cap} {currency}"),
            "contacts": contacts,
        },
        "startsAt": at.to_string(),
    }])
}

fn note(
    reached: &Reached,
    (spent, cap, currency): &(Pico, Pico, String),
    reason: String,
    now: Timestamp,
) -> Note {
    Note {
        tenant: Some(reached.tenant.clone()),
        by: Author {
            actor: "gateway".to_owned(),
            at: now,
            reason,
        },
        action: ACTION.to_owned(),
        object: reached.object(),
        before: None,
        after: Some(format!("{spent} of {cap} {currency}")),
    }
}

/// Was it told by a gateway before this one?
async fn on_record<S: Finance + ?Sized>(store: &S, reached: &Reached) -> Result<bool, StoreError> {
    let (of, object) = (AuditOf::Tenant(reached.tenant.clone()), reached.object());
    let mut before = None;
    loop {
        let entries = store.audit(of.clone(), before, PAGE).await?;
        let told = |entry: &ledger_store::AuditEntry| {
            entry.note.action == ACTION && entry.note.object == object
        };
        if entries.iter().any(told) {
            return Ok(true);
        }
        // Nothing of a month is older than the month.
        let Some(last) = entries
            .last()
            .filter(|last| last.note.by.at >= reached.month.start())
        else {
            return Ok(false);
        };
        before = Some(last.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_reached_to_the_pico() {
        let cap = Pico::new(1_000);
        for (spent, percent, reached) in [
            (499, 50, false),
            (500, 50, true),
            (799, 80, false),
            (800, 80, true),
            (1_000, 100, true),
            (2_000, 100, true),
        ] {
            assert_eq!(reaches(Pico::new(spent), cap, percent), reached, "{spent}");
        }
    }

    #[test]
    fn an_alert_is_one_that_an_alertmanager_takes() {
        let reached = Reached {
            tenant: TenantId::new("acme").unwrap(),
            month: "2026-11".parse().unwrap(),
            percent: 80,
        };
        let spent = (Pico::from_units(4), Pico::from_units(5), "USD".to_owned());
        let alert = alert(
            &reached,
            &spent,
            "cfo",
            Timestamp::from_unix_seconds(1_796_083_200),
        );
        assert_eq!(alert[0]["labels"]["threshold"], "80");
        assert_eq!(alert[0]["labels"]["severity"], "warning");
        assert_eq!(alert[0]["startsAt"], "2026-12-01T00:00:00Z");
        let labels = alert[0]["labels"].as_object().unwrap();
        assert!(labels.values().all(Value::is_string));
    }
}
