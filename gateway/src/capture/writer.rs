//! Writes notes in groups, each in one transaction, and asks the gate in the shadow about them.

use std::sync::Arc;
use std::time::Duration;

use ledger_store::{CaptureRecord, CaptureStore, ShadowRecord};
use router::{Gate, Scratch};
use tokio::sync::mpsc;

use super::{LiveChoice, Note};
use crate::catalog::Catalog;
use crate::gates::Gates;
use crate::metrics::Metrics;
use crate::replay::{Remembered, replay};
use crate::request::ppm;
use crate::tenants::Tenants;

/// Notes of one transaction at most.
const GROUP: usize = 256;
/// Time in which a group gathers.
const GATHER: Duration = Duration::from_millis(100);

/// What the writer needs to ask the gate in the shadow.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The gates.
    pub gates: Arc<Gates>,
    /// The experts on offer.
    pub catalog: Arc<Catalog>,
    /// The tenants' rules.
    pub tenants: Arc<Tenants>,
}

/// Runs until the queue is closed and empty.
pub(super) async fn run(
    mut notes: mpsc::Receiver<Note>,
    store: Arc<dyn CaptureStore>,
    watch: Watch,
    metrics: Metrics,
) {
    let mut scratch = Scratch::new();
    let mut group = Vec::with_capacity(GROUP);
    while notes.recv_many(&mut group, GROUP).await > 0 {
        if group.len() < GROUP && !notes.is_closed() {
            tokio::time::sleep(GATHER).await;
            while group.len() < GROUP
                && let Ok(note) = notes.try_recv()
            {
                group.push(note);
            }
        }
        let shadow = watch.gates.shadow();
        let shadows: Vec<ShadowRecord> = match shadow.as_ref() {
            None => Vec::new(),
            Some(gate) => group
                .iter()
                .filter_map(|note| ask(gate, note, &watch, &metrics, &mut scratch))
                .collect(),
        };
        drop(shadow);
        let captures: Vec<CaptureRecord> = group.drain(..).map(record).collect();
        let count = u64::try_from(captures.len()).unwrap_or(0);
        match store.keep(captures, shadows).await {
            Ok(()) => metrics.captured.inc_by(count),
            Err(why) => {
                metrics.capture_dropped.inc_by(count);
                tracing::warn!(%why, count, "captured features are not kept");
            }
        }
    }
}

fn record(note: Note) -> CaptureRecord {
    CaptureRecord {
        features: note.features.to_bytes(),
        tenant: note.tenant,
        decision: note.decision,
        at: note.at,
    }
}

/// Asks the gate in the shadow; `None` where it has nothing to say.
fn ask(
    gate: &Gate,
    note: &Note,
    watch: &Watch,
    metrics: &Metrics,
    scratch: &mut Scratch,
) -> Option<ShadowRecord> {
    let LiveChoice {
        gate: live,
        chosen,
        candidates,
    } = note.live.as_ref()?;
    let tenant = watch.tenants.get(&note.tenant)?;
    let remembered = Remembered {
        tenant: &note.tenant,
        decision: note.decision,
        scenario: &note.scenario,
        features: &note.features,
        candidates,
    };
    let started = std::time::Instant::now();
    let decided = replay(gate, &remembered, tenant, &watch.catalog, scratch);
    metrics.shadow_time.observe(started.elapsed().as_secs_f64());
    let decision = match decided {
        Ok(decision) => decision,
        Err(why) => {
            tracing::debug!(%why, "gate in the shadow does not decide");
            return None;
        }
    };
    let quality = |expert: &units::ExpertId| {
        let row = decision.candidates.iter().find(|row| row.expert == *expert);
        ppm(row.map_or(0.0, |row| f64::from(row.quality)))
    };
    let same = if decision.chosen == *chosen {
        "same"
    } else {
        "different"
    };
    metrics.shadow_decisions.with_label_values(&[same]).inc();
    Some(ShadowRecord {
        tenant: note.tenant.clone(),
        decision: note.decision,
        at: note.at,
        live: Arc::clone(live),
        live_choice: chosen.clone(),
        shadow: Arc::clone(&decision.gate),
        quality: quality(&decision.chosen),
        live_quality: quality(chosen),
        choice: decision.chosen,
    })
}
