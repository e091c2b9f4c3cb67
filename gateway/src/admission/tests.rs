use std::num::{NonZeroU32, NonZeroU64};

use openai_api::{ApiError, ErrorKind};
use units::Nanos;

use super::*;
use crate::auth::{CredentialKind, Roles};

mod budgets;
mod crowd;
mod forgetting;
mod model;

/// 2026-11-23T12:00:00Z and so many milliseconds.
fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_nanos((1_795_435_200_000 + ms) * 1_000_000)
}

fn december() -> Timestamp {
    Timestamp::from_unix_seconds(1_796_083_200)
}

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn key(name: &str) -> KeyId {
    KeyId::new(name).unwrap()
}

fn principal(tenant_name: &str, key_name: &str, limits: Option<Limits>) -> Principal {
    Principal {
        tenant: tenant(tenant_name),
        subject: key(key_name),
        kind: CredentialKind::ApiKey,
        roles: Roles::USER,
        allowed_experts: None,
        key_experts: None,
        limits,
        tags: None,
    }
}

fn requests(limit: u32) -> Limits {
    Limits {
        requests_per_minute: NonZeroU32::new(limit),
        ..Limits::NONE
    }
}

fn tokens(limit: u64) -> Limits {
    Limits {
        tokens_per_minute: NonZeroU64::new(limit),
        ..Limits::NONE
    }
}

fn concurrency(limit: u32) -> Limits {
    Limits {
        concurrency: NonZeroU32::new(limit),
        ..Limits::NONE
    }
}

fn budget(pico: i128) -> Limits {
    Limits {
        monthly_budget: Some(Pico::new(pico)),
        ..Limits::NONE
    }
}

fn ask(tokens: u64, cost: i128) -> AdmitAsk {
    AdmitAsk {
        tokens,
        cost: Pico::new(cost),
    }
}

fn of_tenant(limits: Limits) -> Admission {
    Admission::new(HashMap::from([(tenant("a"), limits)]))
}

fn reason(result: Result<Permit, Refusal>) -> Reason {
    result.map(drop).unwrap_err().reason
}

#[test]
fn requests_per_minute_count_however_they_end() {
    let admission = of_tenant(requests(2));
    let who = principal("a", "k", None);
    drop(admission.admit(&who, &ask(0, 0), at(0)).unwrap());
    admission
        .admit(&who, &ask(0, 0), at(0))
        .unwrap()
        .settle(None, None);
    let refusal = admission.admit(&who, &ask(0, 0), at(0)).unwrap_err();
    let retry_after = Nanos::new(30_000_000_000);
    assert_eq!(
        refusal.reason,
        Reason::Requests {
            limit: 2,
            retry_after
        }
    );
    assert_eq!(refusal.rate.requests.unwrap().remaining, 0);
    assert!(admission.admit(&who, &ask(0, 0), at(29_999)).is_err());
    assert!(admission.admit(&who, &ask(0, 0), at(30_000)).is_ok());
}

#[test]
fn the_error_of_a_rate_limit_says_exactly_when_to_come_back() {
    let admission = of_tenant(requests(7));
    let who = principal("a", "k", None);
    for _ in 0..7 {
        admission
            .admit(&who, &ask(0, 0), at(0))
            .unwrap()
            .settle(None, None);
    }
    let refusal = admission.admit(&who, &ask(0, 0), at(1_000)).unwrap_err();
    let answer = ApiError::from(refusal);
    assert_eq!(
        (answer.status, answer.kind),
        (429, ErrorKind::RateLimitError)
    );
    // 60 s / 7 less 1 s, rounded up to the millisecond.
    assert_eq!(answer.retry_after_ms, Some(7_572));
    assert_eq!(answer.should_retry, Some(true));
    assert!(
        admission
            .admit(&who, &ask(0, 0), at(1_000 + 7_571))
            .is_err()
    );
    assert!(admission.admit(&who, &ask(0, 0), at(1_000 + 7_572)).is_ok());
}

#[test]
fn tokens_are_reserved_settled_and_released() {
    let admission = of_tenant(tokens(1_000));
    let who = principal("a", "k", None);
    let left = || {
        let permit = admission.admit(&who, &ask(0, 0), at(0)).unwrap();
        permit.rate().tokens.unwrap().remaining
    };
    let held = admission.admit(&who, &ask(600, 0), at(0)).unwrap();
    assert_eq!(held.rate().tokens.unwrap().remaining, 400);
    let short = reason(admission.admit(&who, &ask(401, 0), at(0)));
    assert_eq!(
        short,
        Reason::Tokens {
            limit: 1_000,
            retry_after: Nanos::new(60_000_000)
        }
    );
    held.settle(Some(100), None);
    assert_eq!(left(), 900);
    drop(admission.admit(&who, &ask(900, 0), at(0)).unwrap());
    assert_eq!(left(), 900, "a failed request gives all back");
    admission
        .admit(&who, &ask(100, 0), at(0))
        .unwrap()
        .settle(None, None);
    assert_eq!(left(), 800, "unknown use counts as all that was reserved");
    admission
        .admit(&who, &ask(100, 0), at(0))
        .unwrap()
        .settle(Some(1_100), None);
    // Use beyond the reservation is owed: even a request for nothing waits.
    let refusal = admission.admit(&who, &ask(0, 0), at(0)).unwrap_err();
    let retry_after = Nanos::new(18_000_000_000);
    assert_eq!(
        refusal.reason,
        Reason::Tokens {
            limit: 1_000,
            retry_after
        }
    );
    assert_eq!(refusal.rate.tokens.unwrap().remaining, 0);
}

#[test]
fn a_request_larger_than_the_limit_is_not_told_to_wait() {
    let admission = of_tenant(tokens(1_000));
    let refusal = admission
        .admit(&principal("a", "k", None), &ask(1_001, 0), at(0))
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::TooManyTokens { limit: 1_000 });
    let answer = ApiError::from(refusal);
    assert_eq!(
        (answer.status, answer.should_retry, answer.retry_after_ms),
        (429, Some(false), None)
    );
}

#[test]
fn concurrency_is_held_as_long_as_the_permit() {
    let admission = of_tenant(concurrency(2));
    let who = principal("a", "k", None);
    let first = admission.admit(&who, &ask(0, 0), at(0)).unwrap();
    let second = admission.admit(&who, &ask(0, 0), at(0)).unwrap();
    let refusal = admission.admit(&who, &ask(0, 0), at(0)).unwrap_err();
    assert_eq!(refusal.reason, Reason::Concurrency { limit: 2 });
    let answer = ApiError::from(refusal);
    assert_eq!((answer.status, answer.should_retry), (429, Some(true)));
    assert!(answer.retry_after_ms.unwrap() < 1_000);
    drop(first);
    let third = admission.admit(&who, &ask(0, 0), at(0)).unwrap();
    second.settle(None, None);
    third.settle(None, None);
    let both = [
        admission.admit(&who, &ask(0, 0), at(0)).unwrap(),
        admission.admit(&who, &ask(0, 0), at(0)).unwrap(),
    ];
    assert!(admission.admit(&who, &ask(0, 0), at(0)).is_err());
    drop(both);
}

#[test]
fn a_panic_while_a_permit_lives_releases_it() {
    let admission = of_tenant(Limits {
        concurrency: NonZeroU32::new(1),
        ..budget(100)
    });
    let who = principal("a", "k", None);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _permit = admission.admit(&who, &ask(0, 100), at(0)).unwrap();
        panic!("as a bug would");
    }));
    assert!(caught.is_err());
    assert!(admission.admit(&who, &ask(0, 100), at(0)).is_ok());
}

#[test]
fn a_key_has_limits_of_its_own_beside_its_tenants() {
    let admission = of_tenant(requests(3));
    let limited = principal("a", "small", Some(requests(1)));
    let free = principal("a", "free", None);
    admission
        .admit(&limited, &ask(0, 0), at(0))
        .unwrap()
        .settle(None, None);
    let refusal = admission.admit(&limited, &ask(0, 0), at(0)).unwrap_err();
    assert_eq!(
        (refusal.whose, refusal.rate.requests.unwrap().limit),
        (Whose::Key, 1)
    );
    for _ in 0..2 {
        admission
            .admit(&free, &ask(0, 0), at(0))
            .unwrap()
            .settle(None, None);
    }
    let refusal = admission.admit(&free, &ask(0, 0), at(0)).unwrap_err();
    assert_eq!(
        refusal.whose,
        Whose::Tenant,
        "the refused request of the key took nothing"
    );
}

#[test]
fn a_refusal_takes_nothing_anywhere() {
    let admission = of_tenant(Limits {
        requests_per_minute: NonZeroU32::new(10),
        tokens_per_minute: NonZeroU64::new(1_000),
        concurrency: NonZeroU32::new(10),
        monthly_budget: Some(Pico::new(1_000)),
    });
    let who = principal("a", "k", Some(concurrency(1)));
    let held = admission.admit(&who, &ask(100, 100), at(0)).unwrap();
    for _ in 0..50 {
        let refusal = admission.admit(&who, &ask(100, 100), at(0)).unwrap_err();
        assert_eq!(refusal.reason, Reason::Concurrency { limit: 1 });
        assert_eq!(refusal.rate.requests.unwrap().remaining, 9);
        assert_eq!(refusal.rate.tokens.unwrap().remaining, 900);
    }
    assert_eq!(
        admission
            .budget(&tenant("a"), None, at(0))
            .unwrap()
            .reserved,
        Pico::new(100)
    );
    held.settle(None, None);
    assert_eq!(
        admission.budget(&tenant("a"), None, at(0)).unwrap().spent,
        Pico::new(100)
    );
}

#[test]
fn who_asks_for_nothing_needs_no_budget_and_counts_as_a_request() {
    let admission = of_tenant(Limits {
        monthly_budget: Some(Pico::ZERO),
        ..requests(1)
    });
    let who = principal("a", "k", None);
    drop(admission.admit(&who, &AdmitAsk::NOTHING, at(0)).unwrap());
    let told = reason(admission.admit(&who, &AdmitAsk::NOTHING, at(0)));
    assert!(
        matches!(told, Reason::Requests { limit: 1, .. }),
        "{told:?}"
    );
}

#[test]
fn the_gravest_reason_is_told() {
    let admission = of_tenant(Limits {
        monthly_budget: Some(Pico::ZERO),
        ..requests(1)
    });
    let who = principal("a", "k", Some(requests(1)));
    assert_eq!(
        reason(admission.admit(&who, &ask(1, 0), at(0))),
        Reason::BudgetExhausted
    );
    let admission = of_tenant(Limits {
        concurrency: NonZeroU32::new(1),
        ..requests(60)
    });
    let who = principal("a", "k", Some(requests(1)));
    let _held = admission.admit(&who, &ask(0, 0), at(0)).unwrap();
    let retry_after = Nanos::new(60_000_000_000);
    let told = reason(admission.admit(&who, &ask(0, 0), at(0)));
    assert_eq!(
        told,
        Reason::Requests {
            limit: 1,
            retry_after
        }
    );
}
