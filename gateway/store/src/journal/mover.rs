//! The cold end of the journal: reads segments from disk, posts them in batches, deletes what is posted.
//! Memory holds one batch, however far the store is behind.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ledger::{LedgerEvent, decode_events};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use units::Clock;
use uuid::Uuid;

use super::frame::{self, Front};
use super::segment::Segment;
use super::writer::Writer;
use super::{JournalConfig, segment};
use crate::{EventBatch, JournalError, LedgerStore, StoreError, events};

/// A batch is read in pieces of this size: some 700 requests.
const PIECE: usize = 256 << 10;
/// Twice the longest group: a piece this long holds every group that starts in its first half.
const LONG_PIECE: usize = 2 << 20;
/// Windows are closed early when this many attempts wait, so that closing one never needs much memory.
const MOST_PENDING: u64 = 20_000;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How far the mover is.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Groups appended in this run that are posted; `None` until what was left over is posted too.
    pub(super) moved: Option<u64>,
    /// Refusals of the store since start.
    pub(super) refusals: u64,
    /// Refusals in a row.
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    pub(super) set_aside: u64,
    pub(super) skipped_bytes: u64,
}

#[derive(Debug)]
pub(super) struct Mover {
    dir: PathBuf,
    move_every: Duration,
    settle_every: Option<Duration>,
    store: Arc<dyn LedgerStore>,
    clock: Arc<dyn Clock>,
    writer: Arc<Writer>,
    /// Closed segments, oldest first. The bound is the journal's bound on bytes.
    queue: VecDeque<Segment>,
    /// The segment being read and how far it is posted.
    reading: Option<(Uuid, u64)>,
    pending: u64,
    report: watch::Sender<Progress>,
}

/// Why a pass ended early.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What a piece of a segment holds.
#[derive(Debug, Default)]
struct Piece {
    events: Vec<LedgerEvent>,
    taken: usize,
    skipped: u64,
    set_aside: u64,
}

impl Mover {
    pub(super) fn new(
        config: &JournalConfig,
        store: Arc<dyn LedgerStore>,
        clock: Arc<dyn Clock>,
        writer: Arc<Writer>,
        left_over: Vec<Segment>,
        report: watch::Sender<Progress>,
    ) -> Self {
        for segment in &left_over {
            events::segment_replayed(segment.id, segment.bytes);
        }
        Self {
            dir: config.dir.clone(),
            move_every: config.move_every,
            settle_every: config.settle_every,
            store,
            clock,
            writer,
            queue: left_over.into(),
            reading: None,
            pending: 0,
            report,
        }
    }

    /// Moves until stopped. The owner drains before it stops.
    pub(super) async fn run(mut self, stop: CancellationToken, wake: Arc<Notify>) {
        let mut ticks = tokio::time::interval(self.move_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut settled = Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = wake.notified() => {}
                () = stop.cancelled() => break,
            }
            if let Err(halt) = self.pass().await {
                let pause = self.refused(&halt);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = wake.notified() => wake.notify_one(),
                    () = stop.cancelled() => break,
                }
                continue;
            }
            let due = self
                .settle_every
                .is_some_and(|every| settled.elapsed() >= every);
            if due || self.pending >= MOST_PENDING {
                match self.store.settle(self.clock.now()).await {
                    Ok(_) => self.pending = 0,
                    Err(why) => events::settle_failed(&why),
                }
                settled = Instant::now();
            }
        }
        self.tidy().await;
    }

    /// Everything that is written when it starts is posted when it ends.
    async fn pass(&mut self) -> Result<(), Halt> {
        let tail = self.writer.tail();
        self.queue.extend(tail.closed);
        while let Some(segment) = self.queue.front().cloned() {
            self.post(segment.id, segment.bytes).await?;
            self.drop_segment(segment.id).await?;
            self.queue.pop_front();
        }
        self.post(tail.id, tail.written).await?;
        self.report.send_if_modified(|progress| {
            let news = progress.moved != Some(tail.appends) || progress.failures > 0;
            if progress.failures > 0 {
                events::store_back(progress.failures);
            }
            progress.moved = Some(tail.appends);
            progress.failures = 0;
            progress.last_error = None;
            news
        });
        Ok(())
    }

    /// Posts a segment up to byte `end`.
    async fn post(&mut self, id: Uuid, end: u64) -> Result<(), Halt> {
        let mut at = match self.reading {
            Some((reading, at)) if reading == id => at,
            _ if end == 0 => return Ok(()),
            _ => {
                let at = self.store.applied_bytes(id).await?;
                self.writer.moved(at.min(end));
                at
            }
        };
        self.reading = Some((id, at));
        while at < end {
            let piece = self.read(id, at, end).await?;
            let next = at.saturating_add(u64::try_from(piece.taken).unwrap_or(u64::MAX));
            let batch = EventBatch {
                segment: id,
                end: next,
                events: piece.events,
            };
            let applied = self.store.apply(batch).await?;
            if applied.refused > 0 {
                events::outcomes_refused(applied.refused);
            }
            self.pending = self.pending.saturating_add(applied.pool_attempts);
            self.writer.moved(next.saturating_sub(at));
            at = next;
            self.reading = Some((id, at));
            if piece.skipped > 0 || piece.set_aside > 0 {
                self.report.send_modify(|progress| {
                    progress.skipped_bytes = progress.skipped_bytes.saturating_add(piece.skipped);
                    progress.set_aside = progress.set_aside.saturating_add(piece.set_aside);
                });
            }
        }
        Ok(())
    }

    async fn read(&self, id: Uuid, at: u64, end: u64) -> Result<Piece, JournalError> {
        let dir = self.dir.clone();
        let job = tokio::task::spawn_blocking(move || {
            let file = File::open(segment::path(&dir, id)).map_err(JournalError::io("open"))?;
            let piece = parse(&load(&file, at, end, PIECE)?, &dir, id, at, end)?;
            if piece.taken > 0 {
                return Ok(piece);
            }
            parse(&load(&file, at, end, LONG_PIECE)?, &dir, id, at, end)
        });
        job.await.unwrap_or(Err(JournalError::Closed))
    }

    async fn drop_segment(&mut self, id: Uuid) -> Result<(), Halt> {
        self.store.forget_segment(id).await?;
        segment::delete(&self.dir, id)?;
        Ok(())
    }

    fn refused(&self, halt: &Halt) -> Duration {
        let mut failures = 0;
        self.report.send_modify(|progress| {
            progress.refusals = progress.refusals.saturating_add(1);
            progress.failures = progress.failures.saturating_add(1);
            progress.last_error = Some(halt.to_string());
            failures = progress.failures;
        });
        match halt {
            Halt::Store(why) if failures.is_power_of_two() => events::store_away(why, failures),
            Halt::Journal(why) if failures.is_power_of_two() => events::mover_stuck(why),
            Halt::Store(_) | Halt::Journal(_) => {}
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << failures.min(10));
        doubled.min(LONGEST_PAUSE)
    }

    /// After the last pass: a segment that is posted to its end is not left lying.
    async fn tidy(&mut self) {
        let tail = self.writer.tail();
        let posted = tail.written == 0 || self.reading == Some((tail.id, tail.written));
        if posted && let Err(Halt::Journal(why)) = self.drop_segment(tail.id).await {
            events::mover_stuck(&why);
        }
    }
}

/// Up to `most` bytes of the file from `at`, not past `end`.
fn load(file: &File, at: u64, end: u64, most: usize) -> Result<Vec<u8>, JournalError> {
    let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; left.min(most)];
    file.read_exact_at(&mut bytes, at)
        .map_err(JournalError::io("read"))?;
    Ok(bytes)
}

/// Takes whole groups off the front. What is no group is skipped up to the next whole one.
fn parse(
    bytes: &[u8],
    dir: &std::path::Path,
    id: Uuid,
    at: u64,
    end: u64,
) -> Result<Piece, JournalError> {
    let mut piece = Piece::default();
    let offset = |taken: usize| at.saturating_add(u64::try_from(taken).unwrap_or(0));
    let whole = offset(bytes.len()) >= end;
    while let Some(rest) = bytes.get(piece.taken..).filter(|rest| !rest.is_empty()) {
        match frame::front(rest) {
            Front::Group { body, taken } => {
                match decode_events(body) {
                    Ok(events) => piece.events.extend(events),
                    Err(why) => {
                        set_aside(dir, rest.get(..taken).unwrap_or(body))?;
                        events::group_set_aside(id, offset(piece.taken), &why);
                        piece.set_aside = piece.set_aside.saturating_add(1);
                    }
                }
                piece.taken = piece.taken.saturating_add(taken);
            }
            // A piece that is not the last may end inside a group: look again from there, at more if need be.
            Front::Incomplete | Front::Damage
                if !whole && (piece.taken > 0 || bytes.len() < LONG_PIECE) =>
            {
                break;
            }
            front => {
                let skipped = match frame::resume(rest) {
                    Some(skipped) => skipped,
                    None if whole => rest.len(),
                    None => rest.len().saturating_sub(LONG_PIECE / 2).max(1),
                };
                let bytes = u64::try_from(skipped).unwrap_or(u64::MAX);
                if front == Front::Incomplete && whole && skipped == rest.len() {
                    events::torn_tail(id, offset(piece.taken), bytes);
                } else {
                    events::damage_skipped(id, offset(piece.taken), bytes);
                }
                piece.skipped = piece.skipped.saturating_add(bytes);
                piece.taken = piece.taken.saturating_add(skipped);
                if !whole {
                    break;
                }
            }
        }
    }
    Ok(piece)
}

/// Keeps a group that this version cannot read, for one that can.
fn set_aside(dir: &std::path::Path, group: &[u8]) -> Result<(), JournalError> {
    let path = dir.join("set-aside.bin");
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path);
    let written = file.and_then(|mut file| file.write_all(group).and_then(|()| file.sync_data()));
    written.map_err(JournalError::io("set a group aside"))
}

impl Progress {
    /// Is everything posted that lay there when `appends` groups had been appended?
    pub(super) fn reached(&self, appends: u64) -> bool {
        self.moved.is_some_and(|moved| moved >= appends)
    }
}
