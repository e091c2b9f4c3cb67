//! `moegate key create|list|revoke`: API keys. A key is shown once; the store keeps its hash.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU32, NonZeroU64};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use ledger::Tags;
use ledger_store::{ApiKey as StoredKey, Finance, KeyStore};
use units::{Clock, ExpertId, KeyId, Pico, TenantId, Timestamp};

use super::noting::{self, Done};
use super::{ConfigArgs, Table, runtime, say};
use crate::admission::Limits;
use crate::app::open_store;
use crate::auth::{ApiKey, Role, Roles, new_key_id};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::stored_keys::KeySettings;

#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key and show it once.
    Create(CreateArgs),
    /// List a tenant's keys, withdrawn ones too.
    List {
        /// Whose keys.
        #[arg(long)]
        tenant: TenantId,
    },
    /// Withdraw a key; a running gateway refuses it within two seconds.
    Revoke {
        /// Whose key.
        #[arg(long)]
        tenant: TenantId,
        /// Its public name, as `list` shows it.
        id: KeyId,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Whose key.
    #[arg(long)]
    tenant: TenantId,
    /// A name for people.
    #[arg(long)]
    name: Option<String>,
    /// `user`, `reviewer`, `partner`, `finance` or `admin`; may be given several times. `user` where none is given.
    #[arg(long = "role")]
    roles: Vec<Role>,
    /// An expert it may use; may be given several times. All of the tenant's where none is given.
    #[arg(long = "expert")]
    experts: Vec<ExpertId>,
    /// A tag of every request made with it, such as `team=research`; may be given several times.
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    /// First instant it is no longer good, RFC 3339.
    #[arg(long)]
    expires: Option<jiff::Timestamp>,
    /// Requests per minute.
    #[arg(long)]
    requests_per_minute: Option<NonZeroU32>,
    /// Tokens per minute.
    #[arg(long)]
    tokens_per_minute: Option<NonZeroU64>,
    /// Requests at the same time.
    #[arg(long)]
    concurrency: Option<NonZeroU32>,
    /// Money per calendar month, such as 250.00.
    #[arg(long)]
    monthly_budget: Option<Pico>,
}

pub(super) fn run(args: &KeyArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    runtime(Some(1))?.block_on(async {
        let store = open_store(&config).await?;
        match &args.command {
            KeyCommand::Create(args) => {
                let key = create(store.as_ref(), &config, args).await?;
                let roles: Vec<String> = args.roles.iter().map(ToString::to_string).collect();
                let name = args.name.as_deref().unwrap_or("a key without a name");
                let what = (name.to_owned(), roles.join(", "));
                noted(store.as_ref(), &args.tenant, "key.create", what).await?;
                say(key);
            }
            KeyCommand::List { tenant } => say(list(store.as_ref(), tenant).await?),
            KeyCommand::Revoke { tenant, id } => {
                let now = SystemClock::new().now();
                store.revoke_key(tenant.clone(), id.clone(), now).await?;
                let what = (id.to_string(), "withdrawn".to_owned());
                noted(store.as_ref(), tenant, "key.revoke", what).await?;
                say(format_args!("{id} is withdrawn"));
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Who may call is finance people's business, too.
async fn noted(
    store: &dyn Finance,
    tenant: &TenantId,
    action: &'static str,
    (object, after): (String, String),
) -> anyhow::Result<()> {
    let done = Done {
        tenant: Some(tenant.clone()),
        action,
        object,
        after: Some(after),
        ..Done::default()
    };
    noting::note(store, done).await
}

async fn create(
    store: &dyn KeyStore,
    config: &Config,
    args: &CreateArgs,
) -> anyhow::Result<String> {
    let known = config.tenants.iter().any(|tenant| tenant.id == args.tenant);
    anyhow::ensure!(known, "the configuration has no tenant {}", args.tenant);
    let limits = Limits {
        requests_per_minute: args.requests_per_minute,
        tokens_per_minute: args.tokens_per_minute,
        concurrency: args.concurrency,
        monthly_budget: args.monthly_budget,
    };
    let roles: Roles = args.roles.iter().copied().collect();
    let experts: BTreeSet<ExpertId> = args.experts.iter().cloned().collect();
    let settings = KeySettings {
        name: args.name.clone(),
        roles: if args.roles.is_empty() {
            Roles::USER
        } else {
            roles
        },
        allowed_experts: (!experts.is_empty()).then_some(experts),
        limits: (!limits.is_none()).then_some(limits),
        tags: tags(&args.tags)?,
    };
    let expires = args
        .expires
        .map(|at| Timestamp::from_unix_seconds(at.as_second()));
    make(store, &args.tenant, &settings, expires)
        .await
        .map(|key| key.expose().to_owned())
}

/// Checked tags.
fn tags(given: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pairs = given.iter().map(|pair| {
        let pair = pair.split_once('=');
        pair.context("a tag is written KEY=VALUE")
    });
    let pairs: Vec<(&str, &str)> = pairs.collect::<anyhow::Result<_>>()?;
    let tags = Tags::new(pairs)?;
    let pairs = tags.iter().flat_map(Tags::pairs);
    Ok(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

/// Makes a key and stores its hash. The key is in what is returned and nowhere else.
///
/// # Errors
/// No random bytes, or the store does not take it.
pub async fn make(
    store: &dyn KeyStore,
    tenant: &TenantId,
    settings: &KeySettings,
    expires: Option<Timestamp>,
) -> anyhow::Result<ApiKey> {
    let key = ApiKey::generate(tenant)?;
    let stored = StoredKey {
        id: new_key_id()?,
        tenant: tenant.clone(),
        hash: *key.hash().as_bytes(),
        settings: settings.to_json()?,
        created: SystemClock::new().now(),
        expires,
        revoked: None,
    };
    store
        .create_key(stored)
        .await
        .context("the key is not stored")?;
    Ok(key)
}

async fn list(store: &dyn KeyStore, tenant: &TenantId) -> anyhow::Result<Table> {
    let mut table = Table::new(&[
        "key",
        "name",
        "roles",
        "experts",
        "tags",
        "created",
        "expires",
        "withdrawn",
    ]);
    let date = |at: Timestamp| {
        jiff::Timestamp::from_second(at.unix_seconds())
            .map(|t| t.to_string())
            .unwrap_or_default()
    };
    for key in store.list_keys(tenant.clone()).await? {
        let settings = KeySettings::of(&key)?;
        let experts = settings.allowed_experts.map_or("all".to_owned(), |set| {
            set.iter()
                .map(ExpertId::as_str)
                .collect::<Vec<_>>()
                .join(",")
        });
        let tags = settings.tags.iter().map(|(k, v)| format!("{k}={v}"));
        let tags: Vec<String> = tags.collect();
        table.row(vec![
            key.id.to_string(),
            settings.name.unwrap_or_default(),
            settings.roles.to_string(),
            experts,
            tags.join(" "),
            date(key.created),
            key.expires.map(date).unwrap_or_default(),
            key.revoked.map(date).unwrap_or_default(),
        ]);
    }
    Ok(table)
}
