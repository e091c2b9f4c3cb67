use proptest::prelude::*;
use units::Timestamp;

use super::*;

fn month() -> Month {
    Month::of(Timestamp::from_unix_seconds(1_795_392_000))
}

fn book(cap: i128) -> BudgetBook {
    BudgetBook::new(Some(Pico::new(cap)), month(), Pico::ZERO)
}

#[test]
fn a_reservation_over_the_rest_is_refused() {
    let mut book = book(100);
    let first = book.reserve(month(), Pico::new(60)).unwrap();
    let refused = book.reserve(month(), Pico::new(41));
    assert_eq!(
        refused,
        Err(BudgetError::Exhausted {
            cap: Pico::new(100),
            left: Pico::new(40)
        })
    );
    book.settle(first, Pico::new(10)).unwrap();
    let all = book.reserve(month(), Pico::new(90)).unwrap();
    assert_eq!(book.left(), Some(Pico::ZERO));
    book.release(all);
    assert_eq!((book.spent(), book.reserved()), (Pico::new(10), Pico::ZERO));
}

#[test]
fn a_new_month_owes_nothing_to_the_old_one() {
    let mut book = book(100);
    let old = book.reserve(month(), Pico::new(80)).unwrap();
    let new = book.reserve(month().next(), Pico::new(100)).unwrap();
    book.settle(old, Pico::new(80)).unwrap();
    assert_eq!(
        (book.spent(), book.reserved()),
        (Pico::ZERO, Pico::new(100))
    );
    book.settle(new, Pico::new(7)).unwrap();
    assert_eq!(book.spent(), Pico::new(7));
    // A clock that stands a little behind does not bring the old month back.
    let late = book.reserve(month(), Pico::new(1)).unwrap();
    assert_eq!(late.month(), month().next());
    book.release(late);
}

#[test]
fn amounts_below_nothing_are_refused_and_hold_nothing() {
    let mut book = book(100);
    assert_eq!(
        book.reserve(month(), Pico::new(-1)),
        Err(BudgetError::Amount)
    );
    let held = book.reserve(month(), Pico::new(5)).unwrap();
    assert_eq!(book.settle(held, Pico::new(-1)), Err(BudgetError::Amount));
    assert_eq!((book.spent(), book.reserved()), (Pico::ZERO, Pico::ZERO));
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(i128),
    Settle(usize, i128),
    Release(usize),
    NextMonth,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_i128..50).prop_map(Step::Reserve),
        4 => (any::<usize>(), 0_i128..=100).prop_map(|(at, part)| Step::Settle(at, part)),
        2 => any::<usize>().prop_map(Step::Release),
        1 => Just(Step::NextMonth),
    ]
}

proptest! {
    // I10: settled + released = reserved, and a model that adds up every open reservation agrees.
    #[test]
    fn the_book_equals_its_model(steps in prop::collection::vec(step(), 1..200)) {
        let cap = Pico::new(200);
        let mut now = month();
        let mut book = BudgetBook::new(Some(cap), now, Pico::ZERO);
        let mut open: Vec<Reservation> = Vec::new();
        let (mut held, mut settled, mut released) = (0_i128, 0_i128, 0_i128);
        let mut spent = Pico::ZERO;
        for step in steps {
            match step {
                Step::Reserve(amount) => {
                    if let Ok(reservation) = book.reserve(now, Pico::new(amount)) {
                        held += amount;
                        open.push(reservation);
                        prop_assert!(book.spent().get() + book.reserved().get() <= cap.get());
                    }
                }
                Step::Settle(at, part) if !open.is_empty() => {
                    let reservation = open.swap_remove(at % open.len());
                    // At most what was held back: the caller reserves the worst case.
                    let amount = reservation.amount();
                    let cost = Pico::new(amount.get() * part / 100);
                    settled += amount.get();
                    if reservation.month() == now {
                        spent = spent.checked_add(cost).unwrap();
                    }
                    book.settle(reservation, cost).unwrap();
                }
                Step::Release(at) if !open.is_empty() => {
                    let reservation = open.swap_remove(at % open.len());
                    released += reservation.amount().get();
                    book.release(reservation);
                }
                Step::NextMonth => {
                    now = now.next();
                    spent = Pico::ZERO;
                    let probe = book.reserve(now, Pico::ZERO).unwrap();
                    book.release(probe);
                }
                Step::Settle(..) | Step::Release(_) => {}
            }
            let expected: Pico = open.iter().filter(|r| r.month() == now).map(Reservation::amount).sum();
            prop_assert_eq!(book.reserved(), expected);
            prop_assert_eq!(book.spent(), spent);
            prop_assert!(book.spent() <= cap, "never over the cap while costs stay within reservations");
        }
        let rest: i128 = open.iter().map(|r| r.amount().get()).sum();
        prop_assert_eq!(settled + released + rest, held);
    }
}
