//! What every request pays before it is read: authentication on the cached path, admission and settlement.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::num::{NonZeroU32, NonZeroU64};

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue};
use moegate::admission::{Admission, AdmitAsk, Limits};
use moegate::auth::{ApiKey, AuthConfig, Authenticator, KeyRecord, TenantAccess, new_key_id};
use units::{Pico, TenantId, Timestamp};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_435_200);
const KEYS: usize = 1_000;

fn never_full() -> Limits {
    Limits {
        requests_per_minute: NonZeroU32::new(u32::MAX),
        tokens_per_minute: NonZeroU64::new(u64::MAX),
        concurrency: NonZeroU32::new(u32::MAX),
        monthly_budget: Some(Pico::from_units(1_000_000_000)),
    }
}

fn benches(c: &mut Criterion) {
    let tenant = TenantId::new("aurora-bank").expect("a name");
    let tenants = HashMap::from([(tenant.clone(), TenantAccess::default())]);
    let auth = Authenticator::new(&AuthConfig::default(), tenants).expect("no issuers");
    let stored: Vec<(ApiKey, KeyRecord)> = (0..KEYS)
        .map(|_| {
            let key = ApiKey::generate(&tenant).expect("random bytes");
            let id = new_key_id().expect("random bytes");
            let limits = Some(never_full());
            (
                key,
                KeyRecord {
                    limits,
                    ..KeyRecord::new(id, tenant.clone(), NOW)
                },
            )
        })
        .collect();
    auth.replace_keys(
        stored
            .iter()
            .map(|(key, record)| (key.hash(), record.clone()))
            .collect(),
    );
    let headers: Vec<HeaderMap> = stored
        .iter()
        .map(|(key, _)| {
            let value = format!("Bearer {}", key.expose());
            let value = HeaderValue::try_from(value).expect("a header value");
            HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])
        })
        .collect();

    let mut next = 0;
    c.bench_function("authenticate, cached, 1000 keys", |b| {
        b.iter(|| {
            next = (next + 1) % KEYS;
            auth.authenticate(black_box(&headers[next]), NOW)
                .expect("a good key")
        });
    });

    let principal = auth.authenticate(&headers[0], NOW).expect("a good key");
    let admission = Admission::new(HashMap::from([(tenant, never_full())]));
    let ask = AdmitAsk {
        tokens: 500,
        cost: Pico::new(1_000_000),
    };
    c.bench_function("admit and settle, every limit, tenant and key", |b| {
        b.iter(|| {
            let permit = admission
                .admit(&principal, black_box(&ask), NOW)
                .expect("never full");
            permit.settle(Some(0), Some(Pico::ZERO));
        });
    });
}

criterion_group!(all, benches);
criterion_main!(all);
