//! Hundreds of tasks on several threads against one budget.

use std::sync::atomic::AtomicI64;

use super::*;

const TASKS: u64 = 400;
const REQUESTS_EACH: u64 = 50;
const LARGEST: i128 = 1_000;
const CAP: i128 = 2_000_000;

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

#[derive(Debug, Default)]
struct Tally {
    settled: AtomicI64,
    admitted: AtomicI64,
    refused: AtomicI64,
}

async fn one_task(admission: Arc<Admission>, tally: Arc<Tally>, seed: u64) {
    let mut dice = Dice(seed);
    let who = principal("a", &format!("k{}", dice.roll(5)), Some(concurrency(1_000)));
    for _ in 0..REQUESTS_EACH {
        let amount = i128::from(dice.roll(1_000)) + 1;
        let permit = match admission.admit(&who, &ask(10, amount), at(0)) {
            Ok(permit) => permit,
            Err(refusal) => {
                assert!(matches!(
                    refusal.reason,
                    Reason::BudgetReserved | Reason::BudgetExhausted
                ));
                tally.refused.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                continue;
            }
        };
        tally.admitted.fetch_add(1, Ordering::Relaxed);
        let view = admission.budget(&tenant("a"), None, at(0)).unwrap();
        assert!(view.spent.get() + view.reserved.get() <= CAP, "{view:?}");
        for _ in 0..dice.roll(4) {
            tokio::task::yield_now().await;
        }
        let booked = match dice.roll(4) {
            0 => {
                drop(permit);
                0
            }
            1 => {
                permit.settle(None, None);
                amount
            }
            _ => {
                let actual = i128::from(dice.roll(u64::try_from(amount).unwrap() + 1));
                permit.settle(Some(10), Some(Pico::new(actual)));
                actual
            }
        };
        tally
            .settled
            .fetch_add(i64::try_from(booked).unwrap(), Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hundreds_of_tasks_never_spend_more_than_the_cap() {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).unwrap();
    let seed = u64::from_le_bytes(bytes);
    println!("seed {seed}");

    let admission = Arc::new(of_tenant(budget(CAP)));
    let tally = Arc::new(Tally::default());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..TASKS {
        let (admission, tally) = (Arc::clone(&admission), Arc::clone(&tally));
        tasks.spawn(one_task(admission, tally, seed.wrapping_add(n)));
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }

    let view = admission.budget(&tenant("a"), None, at(0)).unwrap();
    let settled = i128::from(tally.settled.load(Ordering::Relaxed));
    assert_eq!(view.reserved, Pico::ZERO, "every reservation ended, once");
    assert_eq!(
        view.spent.get(),
        settled,
        "what was settled is what is spent"
    );
    assert!(settled <= CAP);
    // The crowd asked for far more than the cap: the test met the limit, and the budget was really used.
    assert!(tally.refused.load(Ordering::Relaxed) > 0);
    assert!(settled > CAP - LARGEST, "{settled} of {CAP} used");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hundreds_of_tasks_never_run_more_than_allowed_at_once() {
    const AT_ONCE: i64 = 7;
    let admission = Arc::new(of_tenant(concurrency(7)));
    let running = Arc::new(AtomicI64::new(0));
    let let_in = Arc::new(AtomicI64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..TASKS {
        let admission = Arc::clone(&admission);
        let (running, let_in) = (Arc::clone(&running), Arc::clone(&let_in));
        tasks.spawn(async move {
            let who = principal("a", &format!("k{n}"), None);
            for turn in 0..REQUESTS_EACH {
                if let Ok(permit) = admission.admit(&who, &ask(0, 0), at(0)) {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    assert!(now <= AT_ONCE, "{now} at once");
                    let_in.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    if turn % 2 == 0 {
                        permit.settle(None, None)
                    } else {
                        drop(permit)
                    }
                }
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert!(let_in.load(Ordering::Relaxed) > AT_ONCE);
    let who = principal("a", "after", None);
    let all: Vec<Permit> = (0..AT_ONCE)
        .map(|_| admission.admit(&who, &ask(0, 0), at(0)).unwrap())
        .collect();
    assert!(admission.admit(&who, &ask(0, 0), at(0)).is_err());
    drop(all);
}
