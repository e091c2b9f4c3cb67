use proptest::prelude::*;

use super::*;

fn at(ns: i64) -> Timestamp {
    Timestamp::from_unix_nanos(1_795_435_200_000_000_000 + ns)
}

fn later(at: Timestamp, ns: u64) -> Timestamp {
    at.saturating_add(Nanos::new(ns))
}

#[test]
fn a_full_minute_may_come_at_once_and_then_one_per_interval() {
    let mut bucket = Bucket::default();
    for _ in 0..60 {
        assert_eq!(bucket.check(60, 1, at(0)), Ok(()));
        bucket.take(60, 1, at(0));
    }
    assert_eq!(
        bucket.check(60, 1, at(0)),
        Err(Short::For(Nanos::new(1_000_000_000)))
    );
    assert_eq!(
        bucket.check(60, 1, at(999_999_999)),
        Err(Short::For(Nanos::new(1)))
    );
    assert_eq!(bucket.check(60, 1, at(1_000_000_000)), Ok(()));
    assert_eq!(
        bucket.check(60, 2, at(1_000_000_000)),
        Err(Short::For(Nanos::new(1_000_000_000)))
    );
}

#[test]
fn a_third_of_a_nanosecond_is_not_lost() {
    // 7 per minute: one every 8 571 428 571.43 ns.
    let mut bucket = Bucket::default();
    bucket.take(7, 7, at(0));
    assert_eq!(
        bucket.check(7, 1, at(0)),
        Err(Short::For(Nanos::new(8_571_428_572)))
    );
    // In as many steps as one likes, seven tokens take exactly a minute.
    for step in 1..=999 {
        bucket.take(7, 0, at(step * 60_000_000));
    }
    assert_eq!(
        bucket.check(7, 7, at(59_999_999_999)),
        Err(Short::For(Nanos::new(1)))
    );
    assert_eq!(bucket.check(7, 7, at(60_000_000_000)), Ok(()));
}

#[test]
fn more_than_a_minute_holds_is_never_there() {
    let mut bucket = Bucket::default();
    assert_eq!(bucket.check(10, 11, at(0)), Err(Short::Always));
    assert_eq!(bucket.check(10, 10, at(0)), Ok(()));
}

#[test]
fn a_correction_gives_back_or_takes_on() {
    let mut bucket = Bucket::default();
    bucket.take(100, 60, at(0));
    bucket.correct(60, 10);
    assert_eq!(bucket.window(100, at(0)).remaining, 90);
    bucket.correct(0, 150);
    let window = bucket.window(100, at(0));
    assert_eq!(
        (window.remaining, window.reset),
        (0, Nanos::new(96_000_000_000))
    );
    assert_eq!(
        bucket.check(100, 1, at(0)),
        Err(Short::For(Nanos::new(36_600_000_000)))
    );
    bucket.correct(1_000, 0);
    assert_eq!(
        bucket.window(100, at(0)).remaining,
        100,
        "what overflows is lost"
    );
}

#[test]
fn threads_that_pass_each_other_gain_nothing_and_a_clock_set_back_stops_nobody() {
    let mut bucket = Bucket::default();
    bucket.take(60, 60, at(5_000_000_000));
    bucket.take(60, 0, at(4_999_999_000));
    assert_eq!(
        bucket.check(60, 1, at(5_999_999_999)),
        Err(Short::For(Nanos::new(1)))
    );
    // An hour back: the next token is one second after the new time, not an hour.
    let hour = 3_600_000_000_000;
    bucket.take(60, 0, at(-hour));
    assert_eq!(bucket.check(60, 1, at(1_000_000_000 - hour)), Ok(()));
}

#[test]
fn a_request_that_was_long_in_coming_does_not_refill_twice() {
    let mut bucket = Bucket::default();
    bucket.take(60, 60, at(0));
    for slow in [30, 29, 10, 1, 0] {
        // Its body took until now; it asks with the time it began at.
        bucket.take(60, 0, at(slow * 1_000_000_000));
        bucket.take(60, 0, at(30_000_000_000));
    }
    assert_eq!(bucket.window(60, at(30_000_000_000)).remaining, 30);
}

#[test]
fn the_largest_limit_does_not_overflow() {
    let mut bucket = Bucket::default();
    bucket.take(u64::MAX, u64::MAX, at(0));
    assert_eq!(
        bucket.window(u64::MAX, at(0)).reset,
        Nanos::new(60_000_000_000)
    );
    bucket.correct(0, u64::MAX);
    assert_eq!(
        bucket
            .window(u64::MAX, Timestamp::from_unix_nanos(i64::MAX))
            .remaining,
        u64::MAX
    );
}

proptest! {
    /// The wait is exact: enough, and not a nanosecond more than enough.
    #[test]
    fn the_wait_is_exact(limit in 1_u64..1_000_000, taken in 0_u64..2_000_000, ask in 1_u64..1_000_000, ns in 0_u64..60_000_000_000) {
        let ask = ask.min(limit);
        let mut bucket = Bucket::default();
        bucket.take(limit, taken, at(0));
        let now = later(at(0), ns);
        if let Err(Short::For(wait)) = bucket.check(limit, ask, now) {
            prop_assert!(wait > Nanos::ZERO);
            let mut early = bucket;
            prop_assert!(early.check(limit, ask, later(now, wait.get() - 1)).is_err());
            prop_assert_eq!(bucket.check(limit, ask, later(now, wait.get())), Ok(()));
        }
    }

    /// Over any run, what is given is at most a full bucket and the refill of the time that passed, even when requests
    /// ask with times that are minutes old.
    #[test]
    fn never_more_than_full_plus_refill(
        limit in 1_u64..5_000,
        steps in prop::collection::vec(
            (0_u64..3_000_000_000, prop_oneof![2 => Just(0_i64), 1 => 0_i64..800_000_000_000], 1_u64..800),
            1..200,
        ),
    ) {
        let mut bucket = Bucket::default();
        let (mut given, mut passed) = (0_u128, 0_u64);
        bucket.take(limit, 0, at(0));
        for (ns, late, ask) in steps {
            passed += ns;
            let now = at(i64::try_from(passed).unwrap() - late);
            if bucket.check(limit, ask, now).is_ok() {
                bucket.take(limit, ask, now);
                given += u128::from(ask);
            }
            let most = u128::from(limit) * (60_000_000_000 + u128::from(passed)) / 60_000_000_000;
            prop_assert!(given <= most, "{given} given, {most} allowed");
        }
    }
}
