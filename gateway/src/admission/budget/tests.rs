use super::*;

/// 2026-11-23T12:00:00Z and an instant in December.
const NOVEMBER: Timestamp = Timestamp::from_unix_seconds(1_795_435_200);
const DECEMBER: Timestamp = Timestamp::from_unix_seconds(1_796_083_200);

fn pico(n: i128) -> Pico {
    Pico::new(n)
}

#[test]
fn refusals_say_whether_waiting_helps() {
    let mut budget = Budget::new(NOVEMBER);
    assert_eq!(
        budget.check(pico(100), pico(101), NOVEMBER),
        Err(NoBudget::TooDear)
    );
    assert_eq!(budget.check(pico(100), pico(100), NOVEMBER), Ok(()));
    let held = budget.reserve(pico(60), NOVEMBER).unwrap();
    assert_eq!(budget.check(pico(100), pico(40), NOVEMBER), Ok(()));
    assert_eq!(
        budget.check(pico(100), pico(41), NOVEMBER),
        Err(NoBudget::Reserved)
    );
    budget.settle(held, pico(60));
    assert_eq!(
        budget.check(pico(100), pico(41), NOVEMBER),
        Err(NoBudget::Exhausted)
    );
    assert_eq!(
        budget.check(pico(60), pico(0), NOVEMBER),
        Err(NoBudget::Exhausted)
    );
    assert_eq!(
        budget.check(pico(0), pico(0), DECEMBER),
        Err(NoBudget::Exhausted)
    );
}

#[test]
fn a_free_request_needs_no_budget_but_an_unspent_one() {
    let mut budget = Budget::new(NOVEMBER);
    assert_eq!(budget.check(pico(10), pico(0), NOVEMBER), Ok(()));
    budget.restore(Month::of(NOVEMBER), pico(11));
    assert_eq!(
        budget.check(pico(10), pico(0), NOVEMBER),
        Err(NoBudget::Exhausted)
    );
}

#[test]
fn a_month_pays_for_what_it_reserved() {
    let mut budget = Budget::new(NOVEMBER);
    let late = budget.reserve(pico(60), NOVEMBER).unwrap();
    assert_eq!(budget.view(DECEMBER).reserved, pico(0));
    assert_eq!(budget.check(pico(100), pico(100), DECEMBER), Ok(()));
    let held = budget.reserve(pico(70), DECEMBER).unwrap();
    budget.settle(late, pico(60));
    let view = budget.view(DECEMBER);
    assert_eq!((view.spent, view.reserved), (pico(0), pico(70)));
    // A thread whose clock reading is a little older does not open November again.
    assert_eq!(
        budget.check(pico(100), pico(31), NOVEMBER),
        Err(NoBudget::Reserved)
    );
    budget.release(held);
    assert_eq!(budget.view(NOVEMBER).month, Month::of(DECEMBER));
}

#[test]
fn restoring_takes_the_larger_figure_of_the_right_month() {
    let mut budget = Budget::new(NOVEMBER);
    let held = budget.reserve(pico(5), NOVEMBER).unwrap();
    budget.restore(Month::of(NOVEMBER), pico(40));
    budget.restore(Month::of(NOVEMBER), pico(30));
    budget.restore(Month::of(NOVEMBER), pico(-9));
    let view = budget.view(NOVEMBER);
    assert_eq!((view.spent, view.reserved), (pico(40), pico(5)));
    budget.release(held);
    budget.restore(Month::of(DECEMBER), pico(7));
    assert_eq!(budget.view(DECEMBER).spent, pico(7));
    budget.restore(Month::of(NOVEMBER), pico(99));
    assert_eq!(budget.view(DECEMBER).spent, pico(7));
}

#[test]
fn absurd_amounts_do_not_panic() {
    let mut budget = Budget::new(NOVEMBER);
    let most = pico(i128::MAX);
    assert_eq!(budget.check(most, most, NOVEMBER), Ok(()));
    let held = budget.reserve(most, NOVEMBER).unwrap();
    assert!(budget.reserve(pico(1), NOVEMBER).is_none());
    assert_eq!(
        budget.check(most, pico(1), NOVEMBER),
        Err(NoBudget::Reserved)
    );
    budget.settle(held, most);
    assert_eq!(budget.view(NOVEMBER).spent, most);
}
