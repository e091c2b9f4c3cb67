//! The hot end of the journal: one `write` under a short lock.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ledger::LedgerEvent;
use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use units::IdSource;
use uuid::Uuid;

use super::segment::Segment;
use super::{JournalConfig, frame, segment};
use crate::{JournalError, events};

/// The segment that is written, and what is known of all of them.
#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    segment_bytes: u64,
    max_bytes: u64,
    ids: Arc<dyn IdSource>,
    state: Mutex<State>,
    /// Bytes in the folder that are not in the store.
    backlog: AtomicU64,
}

#[derive(Debug)]
struct State {
    file: Arc<File>,
    id: Uuid,
    written: u64,
    appends: u64,
    /// Files with bytes that are not synced; the current one, and such as were closed since the last sync.
    unsynced: Vec<Arc<File>>,
    /// Segments closed since the mover last asked.
    closed: Vec<Segment>,
    open: bool,
}

/// Where the written end is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) id: Uuid,
    pub(super) written: u64,
    /// Groups appended when the tail was looked at.
    pub(super) appends: u64,
    /// Segments that were closed since the last look, oldest first.
    pub(super) closed: Vec<Segment>,
}

impl Writer {
    pub(super) fn open(
        config: &JournalConfig,
        ids: Arc<dyn IdSource>,
        left_over: &[Segment],
    ) -> Result<Self, JournalError> {
        let id = ids.next();
        let state = State {
            file: Arc::new(segment::create(&config.dir, id)?),
            id,
            written: 0,
            appends: 0,
            unsynced: Vec::new(),
            closed: Vec::new(),
            open: true,
        };
        Ok(Self {
            dir: config.dir.clone(),
            segment_bytes: config.segment_bytes,
            max_bytes: config.max_bytes,
            ids,
            state: Mutex::new(state),
            backlog: AtomicU64::new(left_over.iter().map(|segment| segment.bytes).sum()),
        })
    }

    pub(super) fn append(&self, events: &[LedgerEvent]) -> Result<(), JournalError> {
        let bytes = frame::encode(events)?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let backlog = self.backlog.load(Ordering::Relaxed);
        if backlog.saturating_add(length) > self.max_bytes {
            return Err(JournalError::Full { bytes: backlog });
        }
        let mut state = self.state.lock();
        if !state.open {
            return Err(JournalError::Closed);
        }
        if state.written >= self.segment_bytes {
            self.rotate(&mut state)?;
        }
        let written = state.file.as_ref().write(&bytes);
        match written {
            Ok(count) if count == bytes.len() => {}
            other => return Err(self.take_back(&mut state, other)),
        }
        if state
            .unsynced
            .last()
            .is_none_or(|last| !Arc::ptr_eq(last, &state.file))
        {
            let file = Arc::clone(&state.file);
            state.unsynced.push(file);
        }
        state.written = state.written.saturating_add(length);
        state.appends = state.appends.saturating_add(1);
        self.backlog.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    /// A write that was cut short, as on a full disk, leaves no torn group: the file is cut back, or closed
    /// where even that fails.
    fn take_back(&self, state: &mut State, result: std::io::Result<usize>) -> JournalError {
        let why = match result {
            Ok(_) => std::io::Error::from(std::io::ErrorKind::WriteZero),
            Err(why) => why,
        };
        if state.file.set_len(state.written).is_err() {
            // The reader finds the next whole group behind the torn one, so going on here is safe too.
            if let Err(why) = self.rotate(state) {
                return why;
            }
        }
        JournalError::Io {
            doing: "write",
            source: why,
        }
    }

    fn rotate(&self, state: &mut State) -> Result<(), JournalError> {
        let id = self.ids.next();
        let file = Arc::new(segment::create(&self.dir, id)?);
        state.closed.push(Segment {
            id: state.id,
            bytes: state.written,
        });
        state.file = file;
        state.id = id;
        state.written = 0;
        Ok(())
    }

    pub(super) fn tail(&self) -> Tail {
        let mut state = self.state.lock();
        Tail {
            id: state.id,
            written: state.written,
            appends: state.appends,
            closed: std::mem::take(&mut state.closed),
        }
    }

    pub(super) fn appends(&self) -> u64 {
        self.state.lock().appends
    }

    pub(super) fn close(&self) {
        self.state.lock().open = false;
    }

    pub(super) fn backlog(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
    }

    pub(super) fn moved(&self, bytes: u64) {
        self.backlog.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Syncs what was written since the last call. What fails is tried again next time.
    fn sync(&self) -> std::io::Result<()> {
        let files = std::mem::take(&mut self.state.lock().unsynced);
        let failed: Vec<_> = files
            .into_iter()
            .filter_map(|file| file.sync_data().err().map(|why| (file, why)))
            .collect();
        let mut first = Ok(());
        for (file, why) in failed {
            self.state.lock().unsynced.push(file);
            first = first.and(Err(why));
        }
        first
    }
}

/// Syncs every `every` until stopped, and once more then.
pub(super) async fn sync_all(writer: Arc<Writer>, every: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            _ = ticks.tick() => false,
            () = stop.cancelled() => true,
        };
        if !writer.state.lock().unsynced.is_empty() {
            let job = Arc::clone(&writer);
            if let Ok(Err(why)) = tokio::task::spawn_blocking(move || job.sync()).await {
                events::sync_failed(&why);
            }
        }
        if last {
            return;
        }
    }
}
