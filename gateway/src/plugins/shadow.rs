//! A version in the shadow of the live one: asked the same, heard by nobody, booked as what it is and compared. It
//! reaches nothing outside, and what it keeps is its own.

use std::fmt;
use std::sync::Arc;

use expert_pool::{AttemptError, AttemptReport, ReplicaKind};
use openai_api::ChatRequest;
use plugin_host::{CallError, Meters};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use units::{AttemptStatus, Nanos, Purpose, Receipt, Timestamp, TokenBuckets};

use super::answer::Call;
use super::expert::PluginExpert;
use super::{Installed, Scope};

/// Shadows that run at once; more requests have none.
const MOST: usize = 16;

/// How a shadow's answer compares. The names are those of the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    /// The same text, or the same JSON.
    Same,
    Different,
    /// The shadow has no answer.
    Failed,
    /// The live version has no answer, or its client went away.
    Alone,
    /// Too many ran already.
    Skipped,
}

impl Compared {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Failed => "failed",
            Self::Alone => "alone",
            Self::Skipped => "skipped",
        }
    }
}

/// The running shadows.
pub(super) struct Shadows {
    tasks: TaskTracker,
    stop: CancellationToken,
    turns: Arc<Semaphore>,
}

impl fmt::Debug for Shadows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadows")
            .field("running", &self.tasks.len())
            .finish_non_exhaustive()
    }
}

impl Default for Shadows {
    fn default() -> Self {
        Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            turns: Arc::new(Semaphore::new(MOST)),
        }
    }
}

impl Shadows {
    /// Asks a version in the shadow; the live answer's text is to be sent where this says.
    pub(super) fn begin(
        &self,
        expert: &PluginExpert,
        chat: &ChatRequest,
        scope: &Arc<Scope>,
        installed: &Arc<Installed>,
    ) -> Option<oneshot::Sender<String>> {
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else {
            count(scope, expert, Compared::Skipped);
            return None;
        };
        let scope = Arc::new(scope.in_shadow());
        let started = scope.app.clock.now();
        let begun = expert.call(chat, &scope, installed);
        let (sender, live) = oneshot::channel();
        let (expert, stop) = (expert.clone(), self.stop.child_token());
        self.tasks.spawn(async move {
            let shadow = Shadow {
                expert,
                scope,
                started,
                _turn: turn,
            };
            match begun {
                Ok(call) => {
                    let stopped = stop.run_until_cancelled(shadow.listen(call, live)).await;
                    if stopped.is_none() {
                        shadow.count(Compared::Alone);
                    }
                }
                // The input does not fit its schema, say: no guest was asked, so there is nothing to book.
                Err(_) => shadow.count(Compared::Failed),
            }
        });
        Some(sender)
    }

    /// Ends those that run.
    pub(super) async fn end(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// One shadow.
struct Shadow {
    expert: PluginExpert,
    scope: Arc<Scope>,
    started: Timestamp,
    _turn: OwnedSemaphorePermit,
}

/// Books a shadow when it ends, also where it is ended.
struct Books<'a> {
    shadow: &'a Shadow,
    meters: Arc<Meters>,
    status: AttemptStatus,
    error: Option<AttemptError>,
}

impl Drop for Books<'_> {
    fn drop(&mut self) {
        let (scope, now) = (&self.shadow.scope, self.shadow.scope.app.clock.now());
        let attempt = scope.app.ids.attempt();
        let receipt = Receipt {
            cpu_ns: Some(Nanos::new(self.meters.cpu_ns())),
            fuel: self.meters.fuel(),
            tokens: TokenBuckets::NONE_USED,
            total_ns: Some(now.since(self.shadow.started)),
            ..Receipt::unknown(attempt, Purpose::Shadow, self.status)
        };
        let id = &self.shadow.expert.id;
        scope.book(vec![AttemptReport {
            attempt,
            expert: id.clone(),
            pool: scope.app.plugin_pool.clone(),
            replica: format!("plugin:{id}").into(),
            kind: ReplicaKind::Local,
            purpose: Purpose::Shadow,
            status: self.status,
            http_status: None,
            started: self.shadow.started,
            finished: now,
            receipt,
            estimated: false,
            error: self.error.take(),
        }]);
    }
}

impl Shadow {
    async fn listen(&self, mut call: Call, live: oneshot::Receiver<String>) {
        let mut books = Books {
            shadow: self,
            meters: call.meters(),
            status: AttemptStatus::Cancelled,
            error: Some(AttemptError::Abandoned),
        };
        let heard = call.heard().await;
        (books.status, books.error) = match &heard {
            Ok(_) => (AttemptStatus::Ok, None),
            Err(CallError::Deadline(_)) => (AttemptStatus::TimedOut, Some(AttemptError::Deadline)),
            Err(CallError::Busy(_)) => {
                let error = AttemptError::Overloaded {
                    status: 429,
                    retry_after: None,
                };
                (AttemptStatus::Overloaded, Some(error))
            }
            Err(_) => (AttemptStatus::Failed, Some(AttemptError::Http(500))),
        };
        drop(books);
        let manifest = &call.installed.manifest;
        let own = match heard {
            Ok(own) => own,
            Err(why) => {
                call.broke(&why);
                let code = why.code();
                tracing::info!(plugin = %manifest.name, version = %manifest.version, code, "a shadow has no answer");
                return self.count(Compared::Failed);
            }
        };
        let compared = match live.await {
            Ok(live) if is_same(&live, &own) => Compared::Same,
            Ok(_) => Compared::Different,
            Err(_) => Compared::Alone,
        };
        let how = compared.as_str();
        tracing::debug!(plugin = %manifest.name, version = %manifest.version, how, "a shadow was heard");
        self.count(compared);
    }

    fn count(&self, compared: Compared) {
        count(&self.scope, &self.expert, compared);
    }
}

fn count(scope: &Scope, expert: &PluginExpert, compared: Compared) {
    let labels = [expert.id.as_str(), compared.as_str()];
    let metric = &scope.app.metrics.plugin_shadows;
    metric.with_label_values(&labels).inc();
}

/// The same JSON, however it is written, or the same text.
fn is_same(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (read(one), read(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.trim() == other.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compared_as_json_and_text_as_text() {
        assert!(is_same("{\"a\": 1, \"b\": [2]}", "{\"b\":[2],\"a\":1}"));
        assert!(!is_same("{\"a\": 1}", "{\"a\": 2}"));
        assert!(is_same("positive\n", "positive"));
        assert!(!is_same("positive", "negative"));
    }
}
