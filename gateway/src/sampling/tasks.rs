//! The task that takes answers from the queue, and the few that are checked at a time.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Sample, ask};
use crate::app::App;

/// Answers that are checked at a time.
const AT_ONCE: usize = 4;

/// Those who check. Dropping it ends them.
#[derive(Debug)]
pub struct Checking {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Checking {
    /// Starts to take what is offered; once for a gateway.
    pub fn start(app: &Arc<App>) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        if let Some(samples) = app.sampling.waiting.lock().take() {
            tasks.spawn(run(samples, Arc::clone(app), stop.clone(), tasks.clone()));
        }
        Self { tasks, stop }
    }

    /// Ends what runs: its attempts are booked as far as they got. What waits is not checked.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Checking {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn run(
    mut samples: mpsc::Receiver<Sample>,
    app: Arc<App>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let next = async {
            let turn = Arc::clone(&turns).acquire_owned().await.ok()?;
            Some((turn, samples.recv().await?))
        };
        let Some(Some((turn, sample))) = stop.run_until_cancelled(next).await else {
            return;
        };
        let (app, stop) = (Arc::clone(&app), stop.clone());
        tasks.spawn(async move {
            // Cancelled, the pool books what was asked.
            let _ = stop.run_until_cancelled(ask::check(&app, sample)).await;
            drop(turn);
        });
    }
}
