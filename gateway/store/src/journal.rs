//! The local journal: one `write` per finished request before its answer leaves, synced in the background,
//! moved to the store in the background. A killed gateway loses nothing it has answered; a stopped store loses
//! nothing and slows nobody, for the backlog lies on disk and not in memory.

mod frame;
mod mover;
mod segment;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ledger::LedgerEvent;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use units::{Clock, IdSource};

use crate::backstage::Backstage;
use crate::{JournalError, LedgerStore};
use mover::{Mover, Progress};
use writer::Writer;

/// Where the journal lies and how often its tasks run.
#[derive(Debug, Clone)]
pub struct JournalConfig {
    /// Its folder, made when missing. No other process may write there.
    pub dir: PathBuf,
    /// A segment is closed at this size, and deleted once it is in the store.
    pub segment_bytes: u64,
    /// The most that may wait for the store; beyond it `append` refuses.
    pub max_bytes: u64,
    /// How long a group may lie in the page cache only.
    pub sync_every: Duration,
    /// How long a group waits for others before it is moved.
    pub move_every: Duration,
    /// How often pool windows are closed; `None` leaves that to the caller.
    pub settle_every: Option<Duration>,
}

impl JournalConfig {
    /// 64 MiB a segment, 8 GiB at most, synced every 50 ms, moved every second, windows of 15 minutes.
    pub const fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            segment_bytes: 64 << 20,
            max_bytes: 8 << 30,
            sync_every: Duration::from_millis(50),
            move_every: Duration::from_millis(1_000),
            settle_every: Some(Duration::from_secs(900)),
        }
    }
}

/// The open journal. Dropping it without [`Journal::shutdown`] leaves what is not yet moved for the next start.
#[derive(Debug)]
pub struct Journal {
    writer: Arc<Writer>,
    tasks: TaskTracker,
    stage: Backstage,
    stop: CancellationToken,
    wake: Arc<Notify>,
    progress: watch::Receiver<Progress>,
}

/// How the journal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalStatus {
    /// Bytes that wait for the store.
    pub backlog_bytes: u64,
    /// Times in a row the store has refused; 0 is well.
    pub failures: u32,
    /// The last refusal.
    pub last_error: Option<String>,
    /// Groups that were set aside as unreadable, since start.
    pub set_aside: u64,
    /// Bytes skipped as torn or damaged, since start.
    pub skipped_bytes: u64,
}

impl Journal {
    /// Opens a new segment in the folder and starts the tasks; segments left from before are moved first.
    ///
    /// # Errors
    /// `InUse` when another journal is open there, `Io` when the folder cannot be used.
    pub fn open(
        config: &JournalConfig,
        store: Arc<dyn LedgerStore>,
        ids: Arc<dyn IdSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JournalError> {
        let folder = segment::claim(&config.dir)?;
        let left_over = segment::list(&config.dir)?;
        let writer = Arc::new(Writer::open(config, ids, &left_over)?);
        let stage = Backstage::start("books").map_err(JournalError::io("start its thread"))?;
        let stop = CancellationToken::new();
        let wake = Arc::new(Notify::new());
        let (report, progress) = watch::channel(Progress::default());
        let mover = Mover::new(config, store, clock, Arc::clone(&writer), left_over, report);
        let tasks = TaskTracker::new();
        // Booking a batch takes milliseconds, which no request is to queue behind.
        let on = stage.handle();
        let moving = mover.run(stop.clone(), Arc::clone(&wake));
        let moving = async move {
            moving.await;
            // Only now may another process have the segments.
            drop(folder);
        };
        tasks.spawn_on(moving, on);
        let syncing = writer::sync_all(Arc::clone(&writer), config.sync_every, stop.clone());
        tasks.spawn_on(syncing, on);
        tasks.close();
        Ok(Self {
            writer,
            tasks,
            stage,
            stop,
            wake,
            progress,
        })
    }

    /// Writes a group of events with one `write`. After it returns, a killed process does not lose them;
    /// a machine that loses power may lose the last 50 ms.
    ///
    /// # Errors
    /// `Full`, `Io` or `Closed`: nothing of the group is kept, and the caller must not give the answer away.
    pub fn append(&self, events: &[LedgerEvent]) -> Result<(), JournalError> {
        self.writer.append(events)
    }

    /// Waits until everything appended before this call, and everything left over from before, is in the store.
    ///
    /// # Errors
    /// `Store` when the store refuses meanwhile; the events stay in the journal.
    pub async fn drain(&self) -> Result<(), JournalError> {
        let target = self.writer.appends();
        let mut progress = self.progress.clone();
        let before = progress.borrow().refusals;
        self.wake.notify_one();
        let done = progress
            .wait_for(|now| now.reached(target) || now.refusals > before)
            .await;
        match done {
            Ok(now) if now.reached(target) => Ok(()),
            Ok(now) => Err(JournalError::Store(
                now.last_error.clone().unwrap_or_default(),
            )),
            Err(_) => Err(JournalError::Closed),
        }
    }

    /// How it stands.
    pub fn status(&self) -> JournalStatus {
        let progress = self.progress.borrow();
        JournalStatus {
            backlog_bytes: self.writer.backlog(),
            failures: progress.failures,
            last_error: progress.last_error.clone(),
            set_aside: progress.set_aside,
            skipped_bytes: progress.skipped_bytes,
        }
    }

    /// Takes no more events, moves what is there, syncs, and ends the tasks. What a refusing store does not
    /// take stays for the next start.
    ///
    /// # Errors
    /// `Store` when something stays behind.
    pub async fn shutdown(&self) -> Result<(), JournalError> {
        self.writer.close();
        let drained = self.drain().await;
        self.stop.cancel();
        self.tasks.wait().await;
        self.stage.close();
        drained
    }
}
