//! Monthly budgets of tenants and keys.

use super::*;

#[test]
fn an_exhausted_budget_is_final_until_the_month_ends() {
    let admission = of_tenant(budget(100));
    let who = principal("a", "k", None);
    admission
        .admit(&who, &ask(0, 80), at(0))
        .unwrap()
        .settle(Some(0), Some(Pico::new(100)));
    let refusal = admission.admit(&who, &ask(0, 1), at(0)).unwrap_err();
    assert_eq!(refusal.reason, Reason::BudgetExhausted);
    let answer = ApiError::from(refusal);
    assert_eq!(
        (answer.status, answer.kind),
        (429, ErrorKind::InsufficientQuota)
    );
    assert_eq!(answer.code.as_deref(), Some("insufficient_quota"));
    assert_eq!(
        (answer.should_retry, answer.retry_after_ms),
        (Some(false), None)
    );
    let last_ms = at((1_796_083_200 - 1_795_435_200) * 1_000 - 1);
    assert!(admission.admit(&who, &ask(0, 1), last_ms).is_err());
    assert!(admission.admit(&who, &ask(0, 100), december()).is_ok());
}

#[test]
fn a_budget_that_is_only_reserved_may_come_back() {
    let admission = of_tenant(budget(100));
    let who = principal("a", "k", None);
    let held = admission.admit(&who, &ask(0, 80), at(0)).unwrap();
    let refusal = admission.admit(&who, &ask(0, 30), at(0)).unwrap_err();
    assert_eq!(refusal.reason, Reason::BudgetReserved);
    assert_eq!(ApiError::from(refusal).should_retry, Some(true));
    drop(held);
    assert!(admission.admit(&who, &ask(0, 30), at(0)).is_ok());
    assert_eq!(
        reason(admission.admit(&who, &ask(0, 101), at(0))),
        Reason::BudgetTooSmall
    );
}

#[test]
fn settling_books_the_actual_cost_and_unknown_cost_as_reserved() {
    let admission = of_tenant(Limits::NONE);
    let who = principal("a", "k", None);
    let view = |month| admission.budget(&tenant("a"), None, month).unwrap();
    admission
        .admit(&who, &ask(0, 50), at(0))
        .unwrap()
        .settle(None, Some(Pico::new(7)));
    assert_eq!(
        view(at(0)).spent,
        Pico::new(7),
        "booked though nothing caps it"
    );
    admission
        .admit(&who, &ask(0, 50), at(0))
        .unwrap()
        .settle(None, None);
    assert_eq!(view(at(0)).spent, Pico::new(57));
    admission
        .admit(&who, &ask(0, 50), at(0))
        .unwrap()
        .settle(None, Some(Pico::new(-1)));
    admission
        .admit(&who, &ask(0, -50), at(0))
        .unwrap()
        .settle(None, None);
    let held = admission.admit(&who, &ask(0, 50), at(0)).unwrap();
    assert_eq!(
        (view(at(0)).spent, view(at(0)).reserved),
        (Pico::new(57), Pico::new(50))
    );
    drop(held);
    assert_eq!(
        (view(at(0)).spent, view(at(0)).reserved),
        (Pico::new(57), Pico::ZERO)
    );
    assert_eq!(view(december()).spent, Pico::ZERO);
}

#[test]
fn tenants_share_nothing_even_with_one_key_name() {
    let admission = Admission::new(HashMap::from([
        (tenant("a"), requests(1)),
        (tenant("b"), requests(1)),
    ]));
    for name in ["a", "b"] {
        let who = principal(name, "k", Some(Limits { ..budget(10) }));
        admission
            .admit(&who, &ask(0, 10), at(0))
            .unwrap()
            .settle(None, None);
    }
    let spent = |name| {
        admission
            .budget(&tenant(name), Some(&key("k")), at(0))
            .unwrap()
            .spent
    };
    assert_eq!((spent("a"), spent("b")), (Pico::new(10), Pico::new(10)));
}

#[test]
fn a_restart_does_not_forget_what_was_spent() {
    let admission = of_tenant(budget(100));
    let november = Month::of(at(0));
    admission.restore(&tenant("a"), None, november, Pico::new(95));
    admission.restore(&tenant("a"), Some(&key("k")), november, Pico::new(49));
    let who = principal("a", "k", Some(budget(50)));
    let refusal = admission.admit(&who, &ask(0, 2), at(0)).unwrap_err();
    assert_eq!(
        (refusal.whose, refusal.reason),
        (Whose::Key, Reason::BudgetExhausted)
    );
    assert!(admission.admit(&who, &ask(0, 1), at(0)).is_ok());
    let other = principal("a", "other", None);
    assert_eq!(
        reason(admission.admit(&other, &ask(0, 6), at(0))),
        Reason::BudgetExhausted
    );
    assert!(admission.admit(&other, &ask(0, 5), december()).is_ok());
}

#[test]
fn new_limits_count_at_once_and_what_is_in_use_stays() {
    let admission = of_tenant(concurrency(1));
    let who = principal("a", "k", None);
    let held = admission.admit(&who, &ask(0, 30), at(0)).unwrap();
    admission.replace_limits(HashMap::from([(tenant("a"), budget(50))]));
    let second = admission.admit(&who, &ask(0, 20), at(0)).unwrap();
    assert_eq!(
        reason(admission.admit(&who, &ask(0, 1), at(0))),
        Reason::BudgetReserved
    );
    held.settle(None, None);
    second.settle(None, None);
    assert_eq!(
        reason(admission.admit(&who, &ask(0, 1), at(0))),
        Reason::BudgetExhausted
    );
}
