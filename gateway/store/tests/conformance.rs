//! What every store and the journal promise, tried on the real parts.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

/// Runs each case on SQLite, as a test of its own, and all of them on one PostgreSQL, each in its own database.
macro_rules! on_each_store {
    ($($case:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&crate::sample::On::Files).await;
                }
            )+
        }

        #[tokio::test]
        async fn on_postgres() {
            let Some(server) = crate::server::Server::start() else { return };
            let on = crate::sample::On::Server(server);
            $(
                println!("{}", stringify!($case));
                Box::pin($case(&on)).await;
            )+
        }
    };
}

#[path = "conformance/books.rs"]
mod books;
#[path = "conformance/captures.rs"]
mod captures;
#[path = "conformance/corrections.rs"]
mod corrections;
#[path = "conformance/crash.rs"]
mod crash;
#[path = "conformance/finance.rs"]
mod finance;
#[path = "conformance/invariants.rs"]
mod invariants;
#[path = "conformance/journal.rs"]
mod journal;
#[path = "conformance/judged.rs"]
mod judged;
#[path = "conformance/keys.rs"]
mod keys;
#[path = "conformance/older.rs"]
mod older;
#[path = "conformance/plugins.rs"]
mod plugins;
#[path = "conformance/postgres.rs"]
mod postgres;
#[path = "conformance/replay.rs"]
mod replay;
#[path = "conformance/reports.rs"]
mod reports;
#[path = "conformance/sample.rs"]
mod sample;
#[path = "conformance/server.rs"]
mod server;
#[path = "conformance/tags.rs"]
mod tags;
