//! Books that an older version filled: they are brought up to date with all that is in them, and finance goes on from there.

use ledger::{IdlePolicy, LedgerEvent, OutcomeRecord, OutcomeSource, Ppm};
use ledger_store::*;
use sqlx::Connection;
use units::{Bucket, Pico};

use crate::finance::{DAY, by, holds, november, remote};
use crate::sample::*;

on_each_store!(books_from_before_finance_are_taken_over);

/// Takes away what came with finance, as if it had never been there.
async fn undo(home: &Home) {
    let version = match home {
        Home::File(_) => 3,
        Home::Database(_) => 2,
    };
    let statements = [
        "DROP INDEX lines_corrected".to_owned(),
        "ALTER TABLE lines DROP COLUMN origin".to_owned(),
        "ALTER TABLE lines DROP COLUMN corrects".to_owned(),
        "DROP TABLE periods".to_owned(),
        "DROP TABLE audit".to_owned(),
        "DROP TABLE cases".to_owned(),
        "DROP TABLE verdicts".to_owned(),
        "DROP TABLE invoices".to_owned(),
        "ALTER TABLE requests DROP COLUMN tags".to_owned(),
        "ALTER TABLE attempts DROP COLUMN tags".to_owned(),
        "ALTER TABLE lines DROP COLUMN tags".to_owned(),
        "DROP TABLE tagged_rollups".to_owned(),
        "DROP TABLE tagged_days".to_owned(),
        "DROP TABLE judged_days".to_owned(),
        "DROP TABLE paired_days".to_owned(),
        format!("DELETE FROM _sqlx_migrations WHERE version >= {version}"),
    ];
    for sql in statements {
        match home {
            Home::File(dir) => {
                let url = format!("sqlite://{}", dir.path().join("books.db").display());
                let mut link = sqlx::SqliteConnection::connect(&url).await.unwrap();
                sqlx::query(&sql).execute(&mut link).await.unwrap();
                link.close().await.unwrap();
            }
            Home::Database(url) => {
                let mut link = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::query(&sql).execute(&mut link).await.unwrap();
                link.close().await.unwrap();
            }
        }
    }
}

async fn books_from_before_finance_are_taken_over(on: &On) {
    let (home, store) = on.store(IdlePolicy::Proportional).await;
    let mut events: Vec<_> = (0..12).flat_map(|n| served(n, 30)).collect();
    events.extend(remote(20, 40, Some(1_000)));
    events.push(LedgerEvent::Outcome(outcome(0, "k", 900_000)));
    events.push(LedgerEvent::Outcome(OutcomeRecord {
        source: OutcomeSource::Judge,
        ..outcome(0, "j", 400_000)
    }));
    events.push(counters("w0", 60, 100_000_000, 2_000_000_000));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(120)).await.unwrap();
    let span = Span {
        from: Bucket::from_index(0),
        to: Bucket::of(at(3_650 * DAY)),
    };
    let before = store.costs(None, span, 96).await.unwrap();
    assert!(before.iter().map(|cell| cell.amount).sum::<Pico>() > Pico::ZERO);
    store.close().await.unwrap();
    undo(&home).await;

    let store = home.open(IdlePolicy::Proportional).await;
    assert_eq!(store.costs(None, span, 96).await.unwrap(), before);
    holds(&store).await;
    let least = Ppm::new(500_000);
    let judged = store.judgements(tenant(0), span, least).await.unwrap();
    assert_eq!(judged.len(), 2);
    let paired = store.paired(tenant(0), span, least).await.unwrap();
    assert_eq!(paired[0].only_people, 1);
    let closed = store
        .set_period(november(), PeriodState::Closed, by(9 * DAY))
        .await
        .unwrap();
    assert_eq!(
        closed.amount,
        before.iter().map(|cell| cell.amount).sum::<Pico>()
    );
    let lines = store.unit_priced(span, None, 10).await.unwrap();
    let order = Correction {
        line: lines[0].line,
        instead: Instead::Platform,
        by: by(10 * DAY),
    };
    assert_eq!(store.correct(order).await.unwrap().lines, 2);
    holds(&store).await;
}
