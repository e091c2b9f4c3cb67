//! The scheduler without an engine: the tests play the device thread, one step at a time, on a
//! clock they set.

use std::sync::atomic::{AtomicU64, Ordering};

use units::Timestamp;

use super::*;
use crate::job::Failure;

#[derive(Debug, Default)]
pub(super) struct SetClock(AtomicU64);

impl SetClock {
    pub(super) fn advance(&self, ns: u64) {
        self.0.fetch_add(ns, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn monotonic(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::SeqCst))
    }
}

pub(super) struct Desk {
    pub(super) clock: Arc<SetClock>,
    pub(super) scheduler: Arc<Scheduler>,
}

pub(super) fn desk(queue: usize, members: usize, memory: u64, experts: &[u64]) -> Desk {
    let clock = Arc::new(SetClock::default());
    let limits = Limits {
        queue,
        batch: BatchLimits::of_members(members),
        memory_bytes: memory,
        write: crate::writing::WriteLimits {
            sequences: 4,
            step_tokens: 64,
        },
    };
    let scheduler = Scheduler::new(limits, clock.clone(), experts.iter().copied());
    Desk { clock, scheduler }
}

pub(super) fn input(tokens: usize) -> Encoded {
    Encoded {
        ids: vec![1; tokens],
        task: None,
    }
}

pub(super) fn outcomes(step: &Step) -> Result<Vec<Classification>, EngineError> {
    let outcome = |_: &Encoded| Classification {
        task: 0,
        ranked: vec![(0, 1.0)],
        chosen: vec![0],
        confidence: 1.0,
        rejected: false,
    };
    Ok(step.inputs.iter().map(outcome).collect())
}

pub(super) fn failure() -> EngineError {
    EngineError("it broke".to_owned())
}

impl Desk {
    fn submit(&self, slot: usize, tokens: usize) -> oneshot::Receiver<Reply> {
        let submitted = self.scheduler.submit(Slot::new(slot), input(tokens), None);
        submitted.expect("a place in the queue")
    }

    fn work(&self) -> Work {
        self.scheduler.try_next().expect("something to do")
    }

    fn load(&self) -> (usize, Vec<usize>) {
        let Work::Load { slot, evict } = self.work() else {
            panic!("expected a load");
        };
        let bytes = self.scheduler.snapshot().experts[slot.position()].bytes;
        assert_eq!(self.scheduler.loaded(slot, Ok(bytes)), []);
        (
            slot.position(),
            evict.into_iter().map(Slot::position).collect(),
        )
    }

    fn step(&self) -> Step {
        match self.work() {
            Work::Step(step) => step,
            other => panic!("expected a step, got {other:?}"),
        }
    }

    pub(super) fn check(&self) -> Snapshot {
        let s = self.scheduler.snapshot();
        assert_eq!(
            s.busy.get() + s.load.get() + s.idle.get(),
            s.provisioned.get()
        );
        let ended = [s.completed, s.failed, s.timed_out, s.cancelled];
        let device: u64 = ended.iter().map(|e| e.device.get()).sum();
        assert_eq!(
            device + s.unsettled.get() + s.running_step.get(),
            s.busy.get()
        );
        let count: u64 = ended.iter().map(|e| e.count).sum();
        let held = u64::try_from(s.waiting + s.running + s.delivering).expect("small");
        assert_eq!(count + s.rejected + held, s.requests, "{s:?}");
        s
    }
}

#[test]
fn requests_of_one_expert_share_a_step_and_its_time() {
    let desk = desk(8, 4, 100, &[10]);
    let mut first = desk.submit(0, 10);
    desk.clock.advance(5);
    let mut second = desk.submit(0, 11);
    assert_eq!(desk.load(), (0, vec![]));
    desk.clock.advance(100);
    let step = desk.step();
    desk.clock.advance(22);
    assert_eq!(desk.check().running, 2);
    let result = outcomes(&step);
    desk.scheduler.finish(step, result);
    let first = first.try_recv().unwrap().unwrap();
    let second = second.try_recv().unwrap().unwrap();
    assert_eq!(first.device.get() + second.device.get(), 22);
    assert_eq!(first.device.get(), 10);
    assert_eq!((first.queue.get(), second.queue.get()), (105, 100));
    assert_eq!(desk.check().delivering, 2);
    first.delivery.delivered();
    drop(second);
    let books = desk.check();
    assert_eq!((books.completed.count, books.cancelled.count), (1, 1));
    assert_eq!(books.cancelled.device.get(), 12);
    assert_eq!(books.unsettled, Nanos::ZERO);
}

#[test]
fn a_full_queue_refuses_and_says_when_to_come_back() {
    let desk = desk(2, 4, 100, &[10]);
    let _first = desk.submit(0, 3);
    let second = desk.submit(0, 3);
    let refused = desk.scheduler.submit(Slot::new(0), input(3), None);
    assert!(matches!(refused, Err(Refusal::Full { retry_after_ms }) if retry_after_ms > 0));
    assert_eq!(desk.check().rejected, 1);
    // Whoever went away makes room.
    drop(second);
    let _third = desk.submit(0, 3);
    let books = desk.check();
    assert_eq!((books.waiting, books.cancelled.count), (2, 1));
}

#[test]
fn the_cancelled_and_the_late_are_never_computed() {
    let desk = desk(8, 4, 100, &[10]);
    let scheduler = &desk.scheduler;
    let _stays = desk.submit(0, 4);
    desk.load();
    let gone = desk.submit(0, 4);
    let mut late = scheduler
        .submit(Slot::new(0), input(4), Some(Nanos::new(50)))
        .unwrap();
    drop(gone);
    desk.clock.advance(50);
    assert_eq!(desk.step().members.len(), 1);
    assert_eq!(late.try_recv().unwrap().unwrap_err(), Failure::TimedOut);
    let books = desk.check();
    assert_eq!((books.cancelled.count, books.timed_out.count), (1, 1));
    assert_eq!(books.cancelled.device, Nanos::ZERO);
    let refused = scheduler.submit(Slot::new(0), input(4), Some(Nanos::new(50)));
    assert!(matches!(refused, Err(Refusal::TimedOut)));
    desk.check();
}

#[test]
fn one_cancelled_during_its_step_is_booked_with_its_share() {
    let desk = desk(8, 4, 100, &[10]);
    let kept = desk.submit(0, 5);
    let gone = desk.submit(0, 5);
    desk.load();
    let step = desk.step();
    drop(gone);
    desk.clock.advance(9);
    let result = outcomes(&step);
    desk.scheduler.finish(step, result);
    let books = desk.check();
    assert_eq!(
        (books.cancelled.count, books.cancelled.device.get()),
        (1, 4)
    );
    assert_eq!((books.delivering, books.unsettled.get()), (1, 5));
    drop(kept);
    assert_eq!(desk.check().cancelled.device.get(), 9);
}

#[test]
fn the_expert_whose_request_is_oldest_goes_first() {
    let desk = desk(8, 4, 100, &[10, 10]);
    let mut tickets = Vec::new();
    for slot in [1, 0, 1, 0] {
        tickets.push(desk.submit(slot, 4));
        desk.clock.advance(1);
    }
    for slot in [1, 0] {
        assert_eq!(desk.load(), (slot, vec![]));
        let step = desk.step();
        assert_eq!((step.slot.position(), step.members.len()), (slot, 2));
        let result = outcomes(&step);
        desk.scheduler.finish(step, result);
    }
    // Both are in memory now: a later crowd for one does not hold up the other.
    for slot in [0, 1, 0, 0] {
        tickets.push(desk.submit(slot, 4));
        desk.clock.advance(1);
    }
    let step = desk.step();
    assert_eq!((step.slot.position(), step.members.len()), (0, 3));
    tickets.push(desk.submit(0, 4));
    let result = outcomes(&step);
    desk.scheduler.finish(step, result);
    assert_eq!(desk.step().slot.position(), 1);
}

#[test]
fn experts_take_turns_in_memory() {
    let desk = desk(8, 4, 20, &[10, 10, 15]);
    for (slot, evicted) in [(0, vec![]), (1, vec![]), (2, vec![0, 1]), (0, vec![2])] {
        let _ticket = desk.submit(slot, 4);
        desk.clock.advance(3);
        assert_eq!(desk.load(), (slot, evicted));
        let step = desk.step();
        let result = outcomes(&step);
        desk.scheduler.finish(step, result);
    }
    let books = desk.check();
    let loaded: Vec<bool> = books.experts.iter().map(|e| e.loaded).collect();
    assert_eq!(loaded, [true, false, false]);
    assert_eq!(books.experts[0].loads, 2);
}

#[test]
fn a_failed_load_fails_those_who_wait_and_is_tried_again_later() {
    let desk = desk(8, 4, 100, &[10]);
    let mut waiting = desk.submit(0, 4);
    let Work::Load { slot, .. } = desk.work() else {
        panic!("expected a load");
    };
    desk.clock.advance(7);
    desk.scheduler.loaded(slot, Err(failure()));
    let told = waiting.try_recv().unwrap().unwrap_err();
    assert_eq!(
        told,
        Failure::Unavailable {
            retry_after_ms: 1000
        }
    );
    let refused = desk.scheduler.submit(slot, input(4), None);
    assert!(matches!(
        refused,
        Err(Refusal::Unavailable {
            retry_after_ms: 1000
        })
    ));
    let books = desk.check();
    assert_eq!(books.experts[0].failure.as_deref(), Some("it broke"));
    assert_eq!((books.load.get(), books.experts[0].load.get()), (7, 7));
    desk.clock.advance(1_000_000_000);
    let _again = desk.submit(0, 4);
    desk.load();
    assert_eq!(desk.check().experts[0].failure, None);
}

#[test]
fn an_expert_never_loaded_is_loaded_on_demand() {
    let desk = desk(8, 4, 100, &[10]);
    let slot = Slot::new(0);
    desk.scheduler.begin_load(slot);
    desk.scheduler.loaded(slot, Err(failure()));
    assert_eq!(desk.scheduler.want(slot), 1000);
    assert!(desk.scheduler.try_next().is_none(), "too early");
    desk.clock.advance(1_000_000_000);
    desk.scheduler.want(slot);
    assert_eq!(desk.load(), (0, vec![]));
    assert!(desk.scheduler.try_next().is_none());
}

#[test]
fn a_failed_step_is_taken_apart_so_that_only_the_bad_request_fails() {
    let desk = desk(8, 4, 100, &[10]);
    let mut tickets: Vec<_> = (0..3).map(|_| desk.submit(0, 4)).collect();
    desk.load();
    let step = desk.step();
    assert_eq!(step.members.len(), 3);
    desk.clock.advance(30);
    assert_eq!(desk.scheduler.finish(step, Err(failure())), []);
    let late = desk.submit(0, 4);
    for bad in [false, true, false] {
        let step = desk.step();
        assert_eq!(step.members.len(), 1);
        desk.clock.advance(10);
        let result = if bad { Err(failure()) } else { outcomes(&step) };
        desk.scheduler.finish(step, result);
        desk.check();
    }
    let replies: Vec<_> = tickets.iter_mut().map(|t| t.try_recv().unwrap()).collect();
    let devices: Vec<_> = replies
        .iter()
        .map(|r| r.as_ref().ok().map(|d| d.device.get()))
        .collect();
    assert_eq!(devices, [Some(20), None, Some(20)]);
    assert_eq!(desk.check().failed.device.get(), 20);
    assert_eq!(desk.step().members.len(), 1, "the one that came later");
    drop(late);
}

#[test]
fn an_expert_that_always_fails_is_put_aside() {
    let desk = desk(8, 1, 100, &[10]);
    let tickets: Vec<_> = (0..4).map(|_| desk.submit(0, 4)).collect();
    desk.load();
    let evicted: Vec<usize> = (0..3)
        .map(|_| desk.scheduler.finish(desk.step(), Err(failure())).len())
        .collect();
    assert_eq!(evicted, [0, 0, 1]);
    let told: Vec<_> = tickets
        .into_iter()
        .map(|mut t| t.try_recv().unwrap().unwrap_err())
        .collect();
    assert_eq!(told[2], Failure::Expert);
    assert!(matches!(told[3], Failure::Unavailable { .. }));
    assert!(!desk.check().experts[0].loaded);
}

#[test]
fn a_wrong_number_of_answers_is_a_failure() {
    let desk = desk(8, 1, 100, &[10]);
    let mut ticket = desk.submit(0, 4);
    desk.load();
    desk.scheduler.finish(desk.step(), Ok(Vec::new()));
    assert_eq!(ticket.try_recv().unwrap().unwrap_err(), Failure::Expert);
}

#[test]
fn a_stopped_desk_finishes_what_waits() {
    let desk = desk(8, 4, 100, &[10]);
    let _ticket = desk.submit(0, 4);
    desk.load();
    desk.scheduler.stop();
    let refused = desk.scheduler.submit(Slot::new(0), input(4), None);
    assert!(matches!(refused, Err(Refusal::Stopping)));
    let step = desk.step();
    let result = outcomes(&step);
    desk.scheduler.finish(step, result);
    assert!(matches!(desk.work(), Work::Stop));
}
