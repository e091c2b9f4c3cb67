//! Random schedules: whatever happens in whatever order, the books balance.

use std::collections::VecDeque;

use proptest::prelude::*;
use tokio::sync::oneshot;
use units::Nanos;

use super::Work;
use super::tests::{Desk, desk, failure, input, outcomes};
use crate::engine::Slot;
use crate::job::Reply;

#[derive(Debug, Clone)]
enum Move {
    Submit {
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
    let one = prop_oneof![
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

/// The device's side of a random schedule.
fn end(desk: &Desk, work: Option<Work>, works: bool) {
    match work {
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

proptest! {
    #[test]
    fn the_books_balance_at_every_instant_of_any_schedule(moves in moves()) {
        let desk = desk(6, 3, 20, &[10, 10, 10]);
        let mut open: VecDeque<oneshot::Receiver<Reply>> = VecDeque::new();
        let mut receipts = Nanos::ZERO;
        let mut running = None;
        let mut deliver = |open: &mut VecDeque<oneshot::Receiver<Reply>>, arrives: bool| {
            let ready = open.iter_mut().enumerate().find_map(|(at, ticket)| {
                ticket.try_recv().ok().map(|reply| (at, reply))
            });
            let Some((at, reply)) = ready else { return false };
            open.remove(at);
            if let Ok(done) = reply && arrives {
                receipts = receipts.saturating_add(done.device);
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
                Move::Abandon(at) => drop(open.remove(at)),
                Move::Begin if running.is_none() => running = desk.scheduler.try_next(),
                Move::Begin => {}
                Move::End { works } => end(&desk, running.take(), works),
                Move::Deliver { arrives } => { deliver(&mut open, arrives); }
                Move::Pass(ns) => desk.clock.advance(ns),
            }
            desk.check();
        }
        // Drain: every request ends, and what was not delivered is in the other books.
        desk.scheduler.stop();
        loop {
            end(&desk, running.take(), true);
            match desk.scheduler.try_next() {
                Some(Work::Stop) => break,
                next => running = next,
            }
        }
        while deliver(&mut open, true) {}
        drop(open);
        let books = desk.check();
        prop_assert_eq!(books.waiting + books.running + books.delivering, 0);
        prop_assert_eq!(books.unsettled, Nanos::ZERO);
        prop_assert_eq!(books.completed.device, receipts);
    }
}
