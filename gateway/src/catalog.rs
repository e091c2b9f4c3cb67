//! The experts the gateway offers: cards of its pools and remotes of its configuration, with prices.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use expert_card::{CardError, ExpertCard};
use ledger::{Host, Meter, Price as LedgerPrice, RateBook, RateSubject};
use plugin_package::Kind;
use router::{Candidate, Capabilities, Price};
use units::{ExpertId, Nanos, Pico, PoolId, ProviderId, TenantId, Timestamp, Tokens};

use crate::api::WORKFLOW;
use crate::auth::Principal;
use crate::config::{Config, RemoteConfig};
use crate::plugins::{Installed, Live, PROVIDER};

/// Calls of one plugin at once, all tenants together.
const CALLS_AT_ONCE: u32 = 256;

/// Why the experts of a configuration cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A package's card is missing or wrong.
    #[error("{dir}: {why}", dir = dir.display())]
    Card {
        /// The package's folder.
        dir: PathBuf,
        /// What is wrong.
        why: CardError,
    },
    /// Two experts share an id.
    #[error("the expert {0} is configured twice")]
    Twice(ExpertId),
    /// A remote's id is no provider name.
    #[error("the remote {0} cannot name a provider")]
    Provider(ExpertId),
    /// The policy names a generalist that is not there.
    #[error("policy.generalist: nobody offers the expert {0}")]
    Generalist(ExpertId),
}

/// One expert on offer.
#[derive(Debug, Clone)]
pub struct ExpertEntry {
    /// Its id: what goes into `model`.
    pub id: ExpertId,
    /// The field it knows.
    pub domain: String,
    /// It answers what no expert knows.
    pub generalist: bool,
    /// Who provides it, for `GET /v1/models`.
    pub owner: String,
    /// Who charges for it.
    pub host: Host,
    /// The tasks of its card; empty for remotes, which take any.
    pub tasks: Vec<String>,
    /// Longest prompt in tokens; `None` where longer ones are cut.
    pub context_tokens: Option<Tokens>,
    /// It calls tools.
    pub tools: bool,
    /// Claimed quality, where the gate knows none.
    pub prior_quality: Option<f32>,
    /// Usual length of an answer in tokens.
    pub typical_output: Option<Tokens>,
    /// Usual time to an answer.
    pub typical_latency: Option<Nanos>,
    /// Most requests at a time; `None` where workers say so themselves.
    pub concurrency: Option<u32>,
    /// The tenants that have installed it; `None`: it is everybody's.
    pub only_for: Option<Arc<BTreeSet<TenantId>>>,
    /// A workflow: asked by its name only.
    pub workflow: bool,
}

impl ExpertEntry {
    /// Does the tenant know of it?
    pub fn is_offered_to(&self, tenant: &TenantId) -> bool {
        self.only_for
            .as_ref()
            .is_none_or(|only| only.contains(tenant))
    }

    /// May the principal ask it? What a tenant has installed need not be among the experts it is allowed.
    pub fn is_usable_by(&self, principal: &Principal) -> bool {
        match &self.only_for {
            None => principal.may_use(&self.id),
            Some(only) => only.contains(&principal.tenant) && principal.may_use_plugin(&self.id),
        }
    }

    /// What goes into `model`.
    pub fn model(&self) -> String {
        let name = self.id.as_str();
        match (self.workflow, name.split_once('.')) {
            (true, Some((namespace, name))) => format!("{WORKFLOW}{namespace}/{name}"),
            _ => name.to_owned(),
        }
    }

    /// A plugin and the tenants that have it.
    fn plugin(id: &ExpertId, tenants: BTreeSet<TenantId>, installed: &Installed) -> Option<Self> {
        let facts = &installed.manifest.expert;
        let accepted = installed
            .calibration
            .iter()
            .filter(|one| one.accepted)
            .count();
        let seen = installed.calibration.len();
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand examples")]
        let measured = (seen > 0).then(|| (accepted as f32 + 1.0) / (seen as f32 + 2.0));
        Some(Self {
            id: id.clone(),
            domain: facts.domain.clone().unwrap_or_else(|| "general".to_owned()),
            generalist: false,
            owner: installed.manifest.name.namespace().to_owned(),
            host: Host::Provider(ProviderId::new(PROVIDER).ok()?),
            tasks: facts.tasks.clone(),
            context_tokens: facts
                .context_tokens
                .map(|tokens| Tokens::new(tokens.into())),
            tools: false,
            prior_quality: measured.or(facts.quality),
            typical_output: None,
            typical_latency: Some(Nanos::new(1_000_000)),
            concurrency: Some(CALLS_AT_ONCE),
            only_for: Some(Arc::new(tenants)),
            workflow: installed.manifest.kind == Kind::Workflow,
        })
    }

    /// Does its card have the task? Remotes take any.
    pub fn has_task(&self, task: &str) -> bool {
        self.tasks.is_empty() || self.tasks.iter().any(|own| own == task)
    }

    /// The candidate for a decision, with prices of this instant and without its load.
    pub fn candidate(&self, price: Price) -> Candidate<'_> {
        Candidate {
            generalist: self.generalist,
            price,
            context_tokens: self.context_tokens,
            capabilities: Capabilities {
                tools: self.tools,
                json: true,
            },
            typical_latency: self.typical_latency,
            typical_output: self.typical_output,
            prior_quality: self.prior_quality,
            ..Candidate::new(&self.id, &self.domain)
        }
    }
}

/// All experts on offer, in the order of their ids.
#[derive(Debug, Clone)]
pub struct Catalog {
    experts: Vec<ExpertEntry>,
    by_id: HashMap<ExpertId, usize>,
}

impl Catalog {
    /// Reads the cards of every pool and the remotes.
    ///
    /// # Errors
    /// A card is missing or wrong, or an id is used twice.
    pub fn read(config: &Config) -> Result<Self, CatalogError> {
        let mut experts = Vec::new();
        for pool in &config.pools {
            for dir in &pool.experts {
                experts.push(hosted(dir, &pool.id)?);
            }
        }
        for remote in &config.remotes {
            experts.push(remote_entry(remote)?);
        }
        experts.sort_by(|a, b| a.id.cmp(&b.id));
        appoint(&mut experts, config.policy.generalist.as_ref())?;
        let mut by_id = HashMap::new();
        for (at, expert) in experts.iter().enumerate() {
            if by_id.insert(expert.id.clone(), at).is_some() {
                return Err(CatalogError::Twice(expert.id.clone()));
            }
        }
        Ok(Self { experts, by_id })
    }

    /// The same with the plugins that are installed now. One whose id an expert has already is left out.
    #[must_use]
    pub fn with_plugins(&self, live: &Live) -> Self {
        let own = self
            .experts
            .iter()
            .filter(|expert| expert.only_for.is_none());
        let mut experts: Vec<ExpertEntry> = own.cloned().collect();
        for (id, (tenants, installed)) in live.experts() {
            if experts.iter().any(|expert| expert.id == id) {
                tracing::error!(plugin = %id, "an expert has this name already");
                continue;
            }
            experts.extend(ExpertEntry::plugin(&id, tenants, &installed));
        }
        experts.sort_by(|a, b| a.id.cmp(&b.id));
        let by_id = experts
            .iter()
            .enumerate()
            .map(|(at, e)| (e.id.clone(), at))
            .collect();
        Self { experts, by_id }
    }

    /// Every expert.
    pub fn experts(&self) -> &[ExpertEntry] {
        &self.experts
    }

    /// One expert.
    pub fn get(&self, id: &ExpertId) -> Option<&ExpertEntry> {
        self.experts.get(*self.by_id.get(id)?)
    }
}

/// The one generalist that the policy names; those of the domain `general` where it names none.
fn appoint(experts: &mut [ExpertEntry], named: Option<&ExpertId>) -> Result<(), CatalogError> {
    for expert in &mut *experts {
        expert.generalist = match named {
            Some(id) => expert.id == *id,
            None => expert.domain == "general",
        };
    }
    match named {
        Some(id) if !experts.iter().any(|expert| expert.generalist) => {
            Err(CatalogError::Generalist(id.clone()))
        }
        _ => Ok(()),
    }
}

fn hosted(dir: &Path, pool: &PoolId) -> Result<ExpertEntry, CatalogError> {
    let card = ExpertCard::read(dir).map_err(|why| CatalogError::Card {
        dir: dir.to_owned(),
        why,
    })?;
    let prior = Candidate::from_card(&card).prior_quality;
    Ok(ExpertEntry {
        host: Host::Pool(pool.clone()),
        owner: "moegate".to_owned(),
        tasks: card.tasks.iter().map(|task| task.id.clone()).collect(),
        // An encoder reads the head of a longer text.
        context_tokens: None,
        tools: false,
        prior_quality: prior,
        typical_output: None,
        typical_latency: None,
        concurrency: None,
        only_for: None,
        workflow: false,
        generalist: false,
        id: card.id,
        domain: card.domain,
    })
}

fn remote_entry(remote: &RemoteConfig) -> Result<ExpertEntry, CatalogError> {
    let provider = ProviderId::new(remote.id.as_str())
        .map_err(|_| CatalogError::Provider(remote.id.clone()))?;
    Ok(ExpertEntry {
        id: remote.id.clone(),
        generalist: false,
        domain: remote.domain.clone(),
        owner: "remote".to_owned(),
        host: Host::Provider(provider),
        tasks: Vec::new(),
        context_tokens: Some(Tokens::new(remote.context_tokens.into())),
        tools: true,
        prior_quality: Some(remote.quality),
        typical_output: Some(Tokens::new(remote.output_tokens.into())),
        typical_latency: Some(Nanos::new(
            u64::from(remote.latency_ms).saturating_mul(1_000_000),
        )),
        concurrency: Some(remote.concurrency),
        only_for: None,
        workflow: false,
    })
}

/// What an expert's work costs at an instant, for predictions. Meters without a price count as free
/// here; the ledger books them as unknown.
pub fn price_at(host: &Host, book: &RateBook, when: Timestamp) -> Price {
    let rate =
        |subject: &RateSubject, meter: Meter| book.at(subject, meter, when).map(|(_, r)| r.price);
    match host {
        Host::Pool(pool) => {
            let subject = RateSubject::Pool(pool.clone());
            let second = Nanos::new(1_000_000_000);
            let per_second = rate(&subject, Meter::DeviceBusy)
                .and_then(|price| price.of_time(second).ok())
                .unwrap_or(Pico::ZERO);
            Price {
                per_device_second: per_second,
                ..Price::default()
            }
        }
        Host::Provider(provider) => {
            let subject = RateSubject::Provider(provider.clone());
            let token = |price: LedgerPrice| price.of(1).unwrap_or(Pico::ZERO);
            let of = |meter: Meter| rate(&subject, meter).map_or(Pico::ZERO, token);
            Price {
                per_input_token: of(Meter::InputUncached),
                per_output_token: of(Meter::OutputText),
                ..Price::default()
            }
        }
    }
}
