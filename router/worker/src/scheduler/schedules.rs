//! Random schedules: whatever happens in whatever order, the books balance.

use std::collections::{HashMap, VecDeque};

use decoder::Sampling;
use proptest::prelude::*;
use tokio::sync::{mpsc, oneshot};
use units::{AttemptStatus, Nanos};

use super::Work;
use super::tests::{Desk, desk, failure, input, outcomes};
use crate::device_clock::split;
use crate::engine::Slot;
use crate::job::{Failure, Reply};
use crate::writing::{Closing, Event, Finish, Last, Prompt, Report, WriteJob};

#[derive(Debug, Clone)]
enum Move {
    Submit {
        slot: usize,
        tokens: usize,
        within: Option<u64>,
    },
    Write {
        slot: usize,
        tokens: usize,
        within: Option<u64>,
    },
    Abandon(usize),
    Begin,
    End {
        works: bool,
    },
    Deliver {
        arrives: bool,
    },
    Pass(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let within = prop::option::weighted(0.3, 0_u64..200);
    let prompt = (
        0_usize..3,
        1_usize..40,
        prop::option::weighted(0.3, 0_u64..200),
    );
    let one = prop_oneof![
        4 => prompt.prop_map(|(slot, tokens, within)| Move::Write { slot, tokens, within }),
        6 => (0_usize..3, 0_usize..40, within)
            .prop_map(|(slot, tokens, within)| Move::Submit { slot, tokens, within }),
        1 => (0_usize..8).prop_map(Move::Abandon),
        4 => Just(Move::Begin),
        4 => prop::bool::weighted(0.8).prop_map(|works| Move::End { works }),
        4 => any::<bool>().prop_map(|arrives| Move::Deliver { arrives }),
        4 => (0_u64..100).prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 0..120)
}

/// Sequences that the device has, by expert, with what they have taken.
type Writing = HashMap<usize, Vec<(WriteJob, Nanos)>>;

/// A step of writing: time is shared alike, the first ends where `works`, and whoever went away ends.
fn write(desk: &Desk, writing: &mut Writing, slot: Slot, fresh: Vec<WriteJob>, works: bool) {
    let own = writing.entry(slot.position()).or_default();
    own.extend(fresh.into_iter().map(|job| (job, Nanos::ZERO)));
    let took = desk.scheduler.stepped();
    let shares = split(took, &vec![1; own.len()]);
    for ((_, spent), share) in own.iter_mut().zip(shares) {
        *spent = spent.saturating_add(share);
    }
    let now = desk.scheduler.now();
    let mut closed = Vec::new();
    let (mut kept, mut ends) = (Vec::new(), works);
    for (job, spent) in own.drain(..) {
        let status = job.ended(now);
        let last = match status {
            Some(_) => Last::Failed(Failure::TimedOut),
            None if std::mem::take(&mut ends) => Last::Whole {
                finish: Finish::Stop,
                read: 1,
                cached: 0,
                tokens: 1,
                queue: Nanos::ZERO,
            },
            None => {
                kept.push((job, spent));
                continue;
            }
        };
        closed.push(Closing {
            status: status.unwrap_or(AttemptStatus::Ok),
            spent,
            deadline: job.deadline,
            events: job.events,
            last,
        });
    }
    *own = kept;
    let active = own.len();
    desk.scheduler.wrote(slot, Report { active, closed }, None);
}

/// The device's side of a random schedule.
fn end(desk: &Desk, writing: &mut Writing, work: Option<Work>, works: bool) {
    match work {
        Some(Work::Write { slot, fresh }) => write(desk, writing, slot, fresh, works),
        Some(Work::Load { slot, .. }) => {
            let result = if works { Ok(10) } else { Err(failure()) };
            desk.scheduler.loaded(slot, result);
        }
        Some(Work::Step(step)) => {
            let result = if works {
                outcomes(&step)
            } else {
                Err(failure())
            };
            desk.scheduler.finish(step, result);
        }
        Some(Work::Stop) | None => {}
    }
}

fn prompt(tokens: usize) -> Prompt {
    Prompt {
        tokens: vec![1; tokens],
        sampling: Sampling::GREEDY,
        stops: Vec::new(),
        most: 4,
        tenant: "t".into(),
    }
}

/// Hears all that is told by now; gives the time of answers that arrived.
fn hear(told: &mut VecDeque<mpsc::Receiver<Event>>, arrives: bool) -> Nanos {
    let mut time = Nanos::ZERO;
    for one in told {
        while let Ok(event) = one.try_recv() {
            if let Event::End(written) = event
                && arrives
            {
                time = time.saturating_add(written.device);
                written.delivery.delivered();
            }
        }
    }
    time
}

proptest! {
    #[test]
    fn the_books_balance_at_every_instant_of_any_schedule(moves in moves()) {
        let desk = desk(6, 3, 20, &[10, 10, 10]);
        let mut open: VecDeque<oneshot::Receiver<Reply>> = VecDeque::new();
        let mut receipts = Nanos::ZERO;
        let mut running = None;
        let mut writing = Writing::new();
        let mut told: VecDeque<mpsc::Receiver<Event>> = VecDeque::new();
        let deliver = |open: &mut VecDeque<oneshot::Receiver<Reply>>, receipts: &mut Nanos, arrives: bool| {
            let ready = open.iter_mut().enumerate().find_map(|(at, ticket)| {
                ticket.try_recv().ok().map(|reply| (at, reply))
            });
            let Some((at, reply)) = ready else { return false };
            open.remove(at);
            if let Ok(done) = reply && arrives {
                *receipts = receipts.saturating_add(done.device);
                done.delivery.delivered();
            }
            true
        };
        for step in moves {
            match step {
                Move::Submit { slot, tokens, within } => {
                    let now = desk.scheduler.now();
                    let deadline = within.map(|ns| now.saturating_add(Nanos::new(ns)));
                    let sent = desk.scheduler.submit(Slot::new(slot), input(tokens), deadline);
                    open.extend(sent.ok());
                }
                Move::Write { slot, tokens, within } => {
                    let now = desk.scheduler.now();
                    let deadline = within.map(|ns| now.saturating_add(Nanos::new(ns)));
                    let sent = desk.scheduler.submit_prompt(Slot::new(slot), prompt(tokens), deadline);
                    told.extend(sent.ok());
                }
                Move::Abandon(at) => {
                    drop(open.remove(at));
                    drop(told.remove(at));
                }
                Move::Begin if running.is_none() => running = desk.scheduler.try_next(),
                Move::Begin => {}
                Move::End { works } => end(&desk, &mut writing, running.take(), works),
                Move::Deliver { arrives } => {
                    deliver(&mut open, &mut receipts, arrives);
                    receipts = receipts.saturating_add(hear(&mut told, arrives));
                }
                Move::Pass(ns) => desk.clock.advance(ns),
            }
            desk.check();
        }
        // Drain: every request ends, and what was not delivered is in the other books.
        desk.scheduler.stop();
        loop {
            end(&desk, &mut writing, running.take(), true);
            match desk.scheduler.try_next() {
                Some(Work::Stop) => break,
                next => running = next,
            }
        }
        while deliver(&mut open, &mut receipts, true) {}
        drop(open);
        let late = hear(&mut told, true);
        drop(told);
        let books = desk.check();
        prop_assert_eq!(books.waiting + books.running + books.delivering, 0);
        prop_assert_eq!(books.unsettled, Nanos::ZERO);
        prop_assert_eq!(books.completed.device, receipts.saturating_add(late));
    }
}
