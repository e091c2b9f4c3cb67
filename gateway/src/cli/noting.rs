//! What commands leave in the audit log: whoever may call, and whatever runs or decides, is finance people's business too.

use ledger_store::{Author, Finance, Note};
use units::{Clock, TenantId};

use crate::app::open_store;
use crate::clock::SystemClock;
use crate::config::Config;

/// What a command has done.
#[derive(Debug, Clone, Default)]
pub(super) struct Done {
    /// Whose business it is; `None` is the platform's.
    pub(super) tenant: Option<TenantId>,
    /// Such as `plugin.install`.
    pub(super) action: &'static str,
    /// With what.
    pub(super) object: String,
    /// What stood there before.
    pub(super) before: Option<String>,
    /// What stands there now.
    pub(super) after: Option<String>,
    /// Why, where the command was told.
    pub(super) reason: String,
}

/// The user of this machine.
pub(super) fn user() -> String {
    let user = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    user().unwrap_or_else(|_| "unknown".to_owned())
}

/// Writes it down.
///
/// # Errors
/// The store does not answer: it is done, and not on record.
pub(super) async fn note(store: &dyn Finance, done: Done) -> anyhow::Result<()> {
    let by = Author {
        actor: format!("cli:{}", user()),
        at: SystemClock::new().now(),
        reason: done.reason,
    };
    let note = Note {
        tenant: done.tenant,
        by,
        action: done.action.to_owned(),
        object: done.object,
        before: done.before,
        after: done.after,
    };
    store.note(note).await?;
    Ok(())
}

/// Opens the store and writes it down.
///
/// # Errors
/// The store cannot be opened: it is done, and not on record.
pub(super) async fn note_in(config: &Config, done: Done) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    note(store.as_ref(), done).await
}
