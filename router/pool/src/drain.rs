//! What becomes of an answer whose client went away. A worker stops when its connection closes. A
//! remote goes on and bills, so its answer is read to the usage, within bounds.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::answer::read_answer;
use crate::attempt::Attempt;
use crate::frames::Frames;
use crate::pool::Shared;
use crate::request::Form;
use crate::{AttemptError, AttemptReport, OnAbandon};

/// What an abandoned request leaves behind.
pub(crate) struct Left {
    pub(crate) reports: Vec<AttemptReport>,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) form: Form,
    pub(crate) on_abandon: Option<OnAbandon>,
}

/// A place among the answers that are read at once.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(all: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
            (n < most).then(|| n + 1)
        })
        .ok()
        .map(|_| Self(Arc::clone(all)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reports an abandoned request, at once or after its remote answer was read.
pub(crate) fn abandon(shared: &Arc<Shared>, left: Left) {
    let bills_on = left
        .attempt
        .as_ref()
        .is_some_and(|attempt| attempt.is_remote() && attempt.exchange.is_some());
    if bills_on
        && !shared.stop.is_cancelled()
        && let Some(place) = Place::take(&shared.draining, shared.drain.at_once)
    {
        let reading = Arc::clone(shared);
        shared
            .tasks
            .spawn_on(read_on(reading, left, place), &shared.runtime);
        return;
    }
    tell(left);
}

async fn read_on(shared: Arc<Shared>, mut left: Left, _place: Place) {
    if let Some(attempt) = &mut left.attempt {
        let form = left.form;
        let reading = read_to_usage(&shared, attempt, form);
        tokio::select! {
            _read = tokio::time::timeout(shared.drain.time, reading) => {}
            () = shared.stop.cancelled() => {}
        }
    }
    tell(left);
}

/// Reads until the usage is known, the answer ends or a bound is reached.
async fn read_to_usage(
    shared: &Shared,
    attempt: &mut Attempt,
    form: Form,
) -> Result<(), AttemptError> {
    let replica = Arc::clone(attempt.replica());
    let Some(exchange) = &mut attempt.exchange else {
        return Ok(());
    };
    if exchange.awaits_head() {
        let head = exchange.head(shared.connections.connect_timeout).await?;
        attempt.http_status = Some(head.status);
        if !(200..300).contains(&head.status) {
            return Ok(());
        }
    }
    match form {
        Form::Whole => {
            let body = exchange.whole(shared.drain.bytes).await?;
            if let Some((_answer, usage)) = read_answer(&replica.expert, 200, &body) {
                attempt.usage = usage.filter(crate::usage::SaidUsage::is_known);
            }
        }
        Form::Stream => {
            let most = shared.connections.max_answer_bytes;
            let frames = attempt.frames.get_or_insert_with(|| Frames::new(most));
            let mut left = shared.drain.bytes;
            while frames.end().is_none() {
                let Some(piece) = poll_fn(|cx| exchange.poll_piece(cx)).await else {
                    break;
                };
                let piece = piece?;
                frames.feed(&piece);
                while frames.next().is_some() {}
                left = match left.checked_sub(piece.len()) {
                    Some(left) => left,
                    None => break,
                };
            }
            exchange.close();
        }
    }
    Ok(())
}

fn tell(left: Left) {
    let mut reports = left.reports;
    if let Some(mut attempt) = left.attempt {
        // A worker sees the closed connection and stops at its next step.
        drop(attempt.exchange.take());
        reports.push(attempt.finish(Err(AttemptError::Abandoned)));
    }
    if let Some(on_abandon) = left.on_abandon {
        on_abandon(reports);
    }
}
