//! Any interleaving of admitting, settling, dropping and the passing of months against a plain model of the rules.

use proptest::prelude::*;

use super::*;

const TENANTS: [&str; 2] = ["a", "b"];
const KEYS: [&str; 2] = ["k", "l"];
const TENANT_CAP: i128 = 1_000;
const KEY_CAP: i128 = 400;
const TENANT_AT_ONCE: usize = 6;
const KEY_AT_ONCE: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    Admit {
        tenant: usize,
        key: usize,
        cost: i128,
    },
    /// Ends one of the open permits: with nothing, with the reservation, or with so many percent of it.
    Drop {
        which: usize,
    },
    Keep {
        which: usize,
    },
    Settle {
        which: usize,
        percent: i128,
    },
    NextMonth,
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0_usize..64;
    prop_oneof![
        6 => (0_usize..2, 0_usize..2, 0_i128..450)
            .prop_map(|(tenant, key, cost)| Step::Admit { tenant, key, cost }),
        1 => which.clone().prop_map(|which| Step::Drop { which }),
        1 => which.clone().prop_map(|which| Step::Keep { which }),
        3 => (which, 0_i128..150).prop_map(|(which, percent)| Step::Settle { which, percent }),
        1 => Just(Step::NextMonth),
        1 => Just(Step::Sweep),
    ]
}

/// A request under way, in the model.
#[derive(Debug, Clone, Copy)]
struct Open {
    tenant: usize,
    key: usize,
    cost: i128,
    month: usize,
}

/// Everything that ever happened; each figure is summed up anew from it.
#[derive(Debug, Default)]
struct Model {
    open: Vec<Open>,
    spent: Vec<(Open, i128)>,
    month: usize,
}

impl Model {
    fn spent(&self, of: impl Fn(&Open) -> bool) -> i128 {
        let now = self
            .spent
            .iter()
            .filter(|(open, _)| open.month == self.month && of(open));
        now.map(|(_, cost)| cost).sum()
    }

    fn reserved(&self, of: impl Fn(&Open) -> bool) -> i128 {
        let now = self
            .open
            .iter()
            .filter(|open| open.month == self.month && of(open));
        now.map(|open| open.cost).sum()
    }

    fn running(&self, of: impl Fn(&Open) -> bool) -> usize {
        self.open.iter().filter(|open| of(open)).count()
    }

    fn lets_in(&self, tenant: usize, key: usize, cost: i128) -> bool {
        let whole = |open: &Open| open.tenant == tenant;
        let own = |open: &Open| open.tenant == tenant && open.key == key;
        let fits = |spent: i128, reserved: i128, cap| spent < cap && spent + reserved + cost <= cap;
        fits(self.spent(whole), self.reserved(whole), TENANT_CAP)
            && fits(self.spent(own), self.reserved(own), KEY_CAP)
            && self.running(whole) < TENANT_AT_ONCE
            && self.running(own) < KEY_AT_ONCE
    }
}

fn now(month: usize) -> Timestamp {
    let first = Month::of(at(0));
    (0..month).fold(first, |month, _| month.next()).start()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_agrees_with_the_rules(steps in prop::collection::vec(step(), 1..120)) {
        let cap = |pico, at_once| Limits {
            concurrency: NonZeroU32::new(at_once),
            ..budget(pico)
        };
        let of_key = cap(KEY_CAP, u32::try_from(KEY_AT_ONCE).unwrap());
        let of_tenant = cap(TENANT_CAP, u32::try_from(TENANT_AT_ONCE).unwrap());
        let admission =
            Admission::new(TENANTS.map(|name| (tenant(name), of_tenant)).into());
        let mut model = Model::default();
        let mut permits: Vec<Permit> = Vec::new();

        for step in steps {
            let end = |which: usize, permits: &mut Vec<Permit>, model: &mut Model| {
                let index = (!permits.is_empty()).then(|| which % permits.len())?;
                Some((permits.swap_remove(index), model.open.swap_remove(index)))
            };
            match step {
                Step::Admit { tenant, key, cost } => {
                    let who = principal(TENANTS[tenant], KEYS[key], Some(of_key));
                    let got = admission.admit(&who, &ask(1, cost), now(model.month));
                    let expected = model.lets_in(tenant, key, cost);
                    prop_assert_eq!(got.is_ok(), expected, "{:?}", got);
                    if let Ok(permit) = got {
                        permits.push(permit);
                        model.open.push(Open { tenant, key, cost, month: model.month });
                    }
                }
                Step::Drop { which } => drop(end(which, &mut permits, &mut model)),
                Step::Keep { which } => {
                    if let Some((permit, open)) = end(which, &mut permits, &mut model) {
                        permit.settle(None, None);
                        model.spent.push((open, open.cost));
                    }
                }
                Step::Settle { which, percent } => {
                    if let Some((permit, open)) = end(which, &mut permits, &mut model) {
                        let cost = open.cost * percent / 100;
                        permit.settle(None, Some(Pico::new(cost)));
                        model.spent.push((open, cost));
                    }
                }
                Step::NextMonth => model.month += 1,
                Step::Sweep => admission.sweep(now(model.month)),
            }
            for (index, name) in TENANTS.into_iter().enumerate() {
                let whole = |open: &Open| open.tenant == index;
                let view = admission.budget(&tenant(name), None, now(model.month));
                let seen = view.map_or((0, 0), |view| (view.spent.get(), view.reserved.get()));
                prop_assert_eq!(seen, (model.spent(whole), model.reserved(whole)));
            }
        }
    }

    /// What a refusal says of the time is true to the nanosecond.
    #[test]
    fn the_wait_of_a_refusal_is_exact(
        per_minute in 1_u32..500,
        tokens_per_minute in 1_u64..100_000,
        key_per_minute in 1_u32..500,
        asks in prop::collection::vec((0_u64..50_000, 0_i64..2_000_000_000), 1..60),
    ) {
        let both = Limits {
            tokens_per_minute: NonZeroU64::new(tokens_per_minute),
            ..requests(per_minute)
        };
        let admission = of_tenant(both);
        let who = principal("a", "k", Some(requests(key_per_minute)));
        let mut now = at(0);
        for (tokens, ns) in asks {
            now = now.saturating_add(Nanos::new(ns.unsigned_abs()));
            let wanted = ask(tokens.min(tokens_per_minute), 0);
            match admission.admit(&who, &wanted, now) {
                Ok(permit) => permit.settle(None, None),
                Err(Refusal {
                    reason: Reason::Requests { retry_after, .. } | Reason::Tokens { retry_after, .. },
                    ..
                }) => {
                    let just_before = now.saturating_add(Nanos::new(retry_after.get() - 1));
                    prop_assert!(admission.admit(&who, &wanted, just_before).is_err());
                    now = now.saturating_add(retry_after);
                    let let_in = admission.admit(&who, &wanted, now);
                    prop_assert!(let_in.is_ok(), "{:?}", let_in);
                    let_in.unwrap().settle(None, None);
                }
                Err(other) => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
