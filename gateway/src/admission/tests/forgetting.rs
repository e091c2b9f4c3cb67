//! What the sweep may forget.

use super::*;

#[test]
fn the_sweep_forgets_only_what_says_nothing() {
    let admission = of_tenant(Limits::NONE);
    for name in ["idle", "spent", "running"] {
        let limits = Limits {
            requests_per_minute: NonZeroU32::new(60),
            ..budget(100)
        };
        let permit = admission
            .admit(&principal("a", name, Some(limits)), &ask(0, 10), at(0))
            .unwrap();
        match name {
            "idle" => drop(permit),
            "spent" => permit.settle(None, None),
            _ => std::mem::forget(permit),
        }
    }
    assert_eq!(admission.scopes(), 4);
    admission.sweep(at(0));
    assert_eq!(
        admission.scopes(),
        4,
        "the idle key's bucket is not full yet"
    );
    admission.sweep(at(1_000));
    assert_eq!(admission.scopes(), 3);
    assert!(
        admission
            .budget(&tenant("a"), Some(&key("idle")), at(1_000))
            .is_none()
    );
    admission.sweep(december());
    assert_eq!(
        admission.scopes(),
        2,
        "the tenant and the key whose request never ended"
    );
}

#[test]
fn memory_is_bounded_by_who_called_lately() {
    let admission = of_tenant(Limits::NONE);
    for n in 0..20_000_i64 {
        let who = principal("a", &format!("jwt-{n}"), Some(requests(60)));
        // One new subject each 10 ms; its bucket is full again after one second.
        admission
            .admit(&who, &ask(0, 0), at(n * 10))
            .unwrap()
            .settle(None, None);
        assert!(
            admission.scopes() <= SWEEP_FROM + 2,
            "{}",
            admission.scopes()
        );
    }
}

#[test]
fn the_sweep_keeps_what_a_request_has_just_looked_up() {
    let admission = of_tenant(Limits::NONE);
    let looked_up = admission.key_scope(&tenant("a"), &key("k"), at(0));
    admission.sweep(at(0));
    let again = admission.key_scope(&tenant("a"), &key("k"), at(0));
    assert!(
        Arc::ptr_eq(&looked_up, &again),
        "two states of one key would let in twice as much"
    );
    drop((looked_up, again));
    admission.sweep(at(0));
    assert_eq!(admission.scopes(), 0);
}
