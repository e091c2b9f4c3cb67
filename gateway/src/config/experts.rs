//! Pools of workers and remote experts, with what they cost.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ledger::IdlePolicy;
use serde::{Deserialize, Deserializer};
use units::{Currency, ExpertId, Pico, PoolId, TenantId};

/// Workers that share a cost rate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// The pool's name in the ledger.
    pub id: PoolId,
    /// What an hour of one provisioned device costs, by date.
    pub rates: Vec<RateRow>,
    /// Who carries its idle time.
    #[serde(default)]
    pub idle: IdleName,
    /// With `idle = "reserved"`: guaranteed capacity by tenant, in any unit.
    #[serde(default)]
    pub reserved: BTreeMap<TenantId, u64>,
    /// Folders of the expert packages the pool hosts: their cards are read, children load them.
    #[serde(default)]
    pub experts: Vec<PathBuf>,
    /// Workers at fixed addresses.
    #[serde(default)]
    pub workers: Vec<WorkerAddress>,
    /// Workers found by DNS: every address of the name is one.
    #[serde(default)]
    pub dns: Vec<WorkerDns>,
    /// Workers the gateway starts itself.
    #[serde(default)]
    pub children: Option<ChildWorkers>,
}

/// Who carries the idle time of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdleName {
    /// The platform.
    #[default]
    Separate,
    /// Those who used the pool, in proportion to their device time.
    Proportional,
    /// Those who used the pool, all alike.
    Even,
    /// Those to whom capacity is guaranteed, in proportion to `reserved`.
    Reserved,
}

impl PoolConfig {
    /// The policy of its idle time, for the ledger.
    pub fn idle_policy(&self) -> IdlePolicy {
        match self.idle {
            IdleName::Separate => IdlePolicy::Separate,
            IdleName::Proportional => IdlePolicy::Proportional,
            IdleName::Even => IdlePolicy::Even,
            IdleName::Reserved => IdlePolicy::Reserved(self.reserved.clone()),
        }
    }
}

/// A worker at a fixed address.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerAddress {
    /// `host:port`.
    pub address: String,
}

/// Workers found by DNS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerDns {
    /// Host name.
    pub name: String,
    /// Port.
    pub port: u16,
    /// How often the name is looked up, in milliseconds.
    #[serde(default = "dns_interval")]
    pub interval_ms: u64,
}

fn dns_interval() -> u64 {
    10_000
}

/// Worker processes that the gateway starts, watches and stops.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildWorkers {
    /// The program; absent means `moegate-worker` beside this one.
    #[serde(default)]
    pub program: Option<PathBuf>,
    /// How many processes.
    #[serde(default = "one")]
    pub count: u32,
    /// `auto`, `cpu` or `cuda:N`.
    #[serde(default = "auto_device")]
    pub device: String,
    /// Threads of the device; absent leaves the worker's default.
    #[serde(default)]
    pub threads: Option<u32>,
    /// Memory for weights in MiB; absent leaves the worker's default.
    #[serde(default)]
    pub memory_mb: Option<u64>,
}

fn one() -> u32 {
    1
}

fn auto_device() -> String {
    "auto".to_owned()
}

/// A price per hour from a date on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateRow {
    /// First instant of the rate, RFC 3339.
    pub effective_from: String,
    /// Currency units per device-hour, a decimal text such as `"3.49"`.
    #[serde(deserialize_with = "amount")]
    pub per_hour: Pico,
    /// The currency.
    #[serde(default = "usd")]
    pub currency: Currency,
    /// Where the figure comes from.
    pub source: String,
}

/// An expert behind any OpenAI-compatible API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteConfig {
    /// The expert's id here.
    pub id: ExpertId,
    /// Its domain, `general` where it has none.
    #[serde(default = "general")]
    pub domain: String,
    /// Address up to and including `/v1`.
    pub base_url: String,
    /// The model's name there.
    pub upstream_model: String,
    /// Environment variable that holds the API key.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// Longest prompt in tokens.
    #[serde(default = "context")]
    pub context_tokens: u32,
    /// Expected share of acceptable answers, where the gate knows none.
    #[serde(default = "half")]
    pub quality: f32,
    /// Expected tokens of an answer, where the gate knows none.
    #[serde(default = "answer_tokens")]
    pub output_tokens: u32,
    /// Expected time to the whole answer in milliseconds, where the gate knows none.
    #[serde(default = "answer_ms")]
    pub latency_ms: u32,
    /// Most requests at a time.
    #[serde(default = "remote_concurrency")]
    pub concurrency: u32,
    /// Prices by date; none means that the cost is unknown.
    #[serde(default)]
    pub prices: Vec<PriceRow>,
}

fn general() -> String {
    "general".to_owned()
}

fn context() -> u32 {
    128_000
}

fn half() -> f32 {
    0.5
}

fn answer_tokens() -> u32 {
    256
}

fn answer_ms() -> u32 {
    1_500
}

fn remote_concurrency() -> u32 {
    1_024
}

/// Token prices from a date on, in currency units per million tokens, as decimal texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRow {
    /// First instant of the prices, RFC 3339.
    pub effective_from: String,
    /// The currency.
    #[serde(default = "usd")]
    pub currency: Currency,
    /// Where the figures come from.
    pub source: String,
    /// Computed input tokens.
    #[serde(deserialize_with = "amount")]
    pub input: Pico,
    /// Input tokens read from a cache; absent means the price of `input`.
    #[serde(default, deserialize_with = "optional_amount")]
    pub cache_read: Option<Pico>,
    /// Input tokens written to a cache; absent means the price of `input`.
    #[serde(default, deserialize_with = "optional_amount")]
    pub cache_write: Option<Pico>,
    /// Output tokens.
    #[serde(deserialize_with = "amount")]
    pub output: Pico,
    /// Reasoning tokens; absent means the price of `output`.
    #[serde(default, deserialize_with = "optional_amount")]
    pub reasoning: Option<Pico>,
    /// Other prices for attempts with many input tokens.
    #[serde(default)]
    pub tiers: Vec<TierRow>,
}

/// Prices of attempts with more input tokens than a bound. What is absent costs what it does below.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRow {
    /// For attempts with more input tokens than this, those from a cache included.
    pub above_input_tokens: u64,
    /// Computed input tokens.
    #[serde(default, deserialize_with = "optional_amount")]
    pub input: Option<Pico>,
    /// Input tokens read from a cache.
    #[serde(default, deserialize_with = "optional_amount")]
    pub cache_read: Option<Pico>,
    /// Input tokens written to a cache.
    #[serde(default, deserialize_with = "optional_amount")]
    pub cache_write: Option<Pico>,
    /// Output tokens.
    #[serde(default, deserialize_with = "optional_amount")]
    pub output: Option<Pico>,
    /// Reasoning tokens; absent means the tier's `output`.
    #[serde(default, deserialize_with = "optional_amount")]
    pub reasoning: Option<Pico>,
}

/// What a unit of one currency is worth in another from a date on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeRow {
    /// The currency of price lists.
    pub from: Currency,
    /// The currency of the books.
    pub to: Currency,
    /// What a unit of it is worth, a decimal text such as `"1.0832"`.
    #[serde(deserialize_with = "amount")]
    pub rate: Pico,
    /// First instant, RFC 3339.
    pub effective_from: String,
    /// Where the figure comes from.
    pub source: String,
}

fn usd() -> Currency {
    Currency::USD
}

/// Amounts in configuration are decimal texts: `"0.000002"`.
pub(super) fn amount<'de, D: Deserializer<'de>>(d: D) -> Result<Pico, D::Error> {
    let amount: Pico = String::deserialize(d)?
        .parse()
        .map_err(serde::de::Error::custom)?;
    if amount.is_negative() {
        return Err(serde::de::Error::custom("an amount must not be negative"));
    }
    Ok(amount)
}

/// Like [`amount`], for amounts that may be absent.
pub(super) fn optional_amount<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Pico>, D::Error> {
    amount(d).map(Some)
}
