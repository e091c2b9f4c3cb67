//! From a request to a decision: the scenario, the candidates as they stand now, the gate's choice.

use std::cell::RefCell;
use std::collections::BTreeSet;

use http::HeaderValue;
use ledger::{Host, ScenarioSource, Tags};
use openai_api::{ApiError, ChatRequest, ErrorKind, ResponseFormat, Role as ChatRole};
use router::{
    Capacity, Captured, DecideError, Decision, Draw, Ranked, RequestView, Role, Scratch, Turn,
    decide,
};
use units::{ExpertId, Pico, ScenarioId, Tokens};

use crate::api::{AUTO, RequestContext, WORKFLOW, failure};
use crate::app::App;
use crate::auth::Principal;
use crate::capture::{LiveChoice, Note};
use crate::catalog::{Catalog, ExpertEntry};
use crate::tenants::Tenant;

/// Where a request goes, and what it may use at most.
#[derive(Debug)]
pub struct Route {
    /// The gate's decision.
    pub decision: Decision,
    /// The scenario it counts for.
    pub scenario: ScenarioId,
    /// How the scenario was found.
    pub source: ScenarioSource,
    /// The scenario's task, a hint for experts whose card has it.
    pub task: Option<HeaderValue>,
    /// The experts to try, the chosen one first.
    pub order: Vec<ExpertId>,
    /// Tokens to reserve.
    pub tokens: u64,
    /// Money to reserve.
    pub cost: Pico,
    /// By what else its cost is told apart.
    pub tags: Option<Tags>,
    /// What the gate read, of tenants that agree that it is kept.
    pub features: Option<Box<Captured>>,
}

/// Who may be asked, and for what, where that is not for the request to say: a plugin's question.
#[derive(Debug, Default)]
pub struct Choosing<'a> {
    /// The experts that may be asked; `None` is everyone that the principal may use.
    pub only: Option<&'a BTreeSet<ExpertId>>,
    /// What it counts for.
    pub scenario: Option<(ScenarioId, ScenarioSource)>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch::new()) };
}

impl Route {
    /// Decides.
    ///
    /// # Errors
    /// An unknown or forbidden model, an unknown scenario, or no expert that can answer.
    pub fn choose(app: &App, principal: &Principal, chat: &ChatRequest) -> Result<Self, ApiError> {
        Self::choose_among(app, principal, chat, &Choosing::default())
    }

    /// Decides among some.
    ///
    /// # Errors
    /// As [`Route::choose`].
    pub fn choose_among(
        app: &App,
        principal: &Principal,
        chat: &ChatRequest,
        choosing: &Choosing<'_>,
    ) -> Result<Self, ApiError> {
        let started = app.clock.monotonic();
        let tenant = app
            .tenants
            .get(&principal.tenant)
            .ok_or_else(failure::internal)?;
        let declared = match &choosing.scenario {
            Some((scenario, _)) => Some(scenario.clone()),
            None => declared_scenario(tenant, chat)?,
        };
        let bound = declared.as_ref().filter(|_| choosing.scenario.is_none());
        let bound = bound.and_then(|scenario| tenant.rule(scenario).workflow.as_deref());
        let pinned = match bound.filter(|_| chat.model == AUTO) {
            Some(workflow) => Some(workflow_of(app, principal, workflow)?),
            None => pinned(app, principal, &chat.model, choosing)?,
        };
        let tags = app.tagging.tags(tenant, principal, chat, app.clock.now())?;
        let texts = Texts::of(chat);
        let view = RequestView {
            tenant: &principal.tenant,
            system: texts.system.as_deref(),
            turns: &texts.turns(),
            scenario: declared.as_ref(),
            scenarios: &tenant.scenarios,
            pinned: pinned.as_ref(),
            input_tokens: None,
            max_output_tokens: chat.output_bound().map(Tokens::new),
            has_tools: chat.extra.contains_key("tools"),
            wants_json: chat
                .response_format
                .as_ref()
                .is_some_and(|f| *f != ResponseFormat::Text),
        };
        let mut route = SCRATCH.with_borrow_mut(|scratch| {
            app.decide(
                &view,
                &Asking {
                    tenant,
                    principal,
                    choosing,
                    task: chat.metadata("task"),
                },
                scratch,
            )
        })?;
        let spent = app.clock.monotonic().saturating_sub(started);
        app.metrics
            .decision
            .observe(spent.to_duration().as_secs_f64());
        route.tags = tags;
        Ok(route)
    }
}

/// What a decision is made for.
struct Asking<'a> {
    tenant: &'a Tenant,
    principal: &'a Principal,
    choosing: &'a Choosing<'a>,
    task: Option<&'a str>,
}

impl App {
    fn decide(
        &self,
        view: &RequestView<'_>,
        asking: &Asking<'_>,
        scratch: &mut Scratch,
    ) -> Result<Route, ApiError> {
        let Asking {
            tenant,
            principal,
            choosing,
            task,
        } = *asking;
        let gate = self.gates.live();
        let catalog = self.catalog.load();
        let mut features = self
            .capture
            .takes(view.tenant)
            .then(Box::<Captured>::default);
        let reading = match &mut features {
            Some(features) => gate.read_noting(view, scratch, features),
            None => gate.read(view, scratch),
        };
        let guess = reading.scenario();
        let recognised =
            guess.probability >= self.config.gate.scenario_threshold && tenant.has(&guess.id);
        let (scenario, source) = match view.scenario {
            Some(declared) => {
                let told = choosing.scenario.as_ref().map(|(_, source)| *source);
                (declared.clone(), told.unwrap_or(ScenarioSource::Declared))
            }
            None if recognised => (guess.id.clone(), ScenarioSource::Recognised),
            None => (ScenarioId::unassigned(), ScenarioSource::Unassigned),
        };
        let rule = tenant.rule(&scenario);
        let usable = |expert: &&ExpertEntry| {
            // A workflow is asked by its name only.
            let named = view.pinned.is_some_and(|pinned| *pinned == expert.id);
            let may = match choosing.only {
                Some(only) => only.contains(&expert.id),
                None => expert.is_usable_by(principal),
            };
            may && (named || (!expert.workflow && task.is_none_or(|task| expert.has_task(task))))
        };
        let candidates: Vec<_> = catalog
            .experts()
            .iter()
            .filter(usable)
            .map(|expert| self.standing(expert))
            .collect();
        if candidates.is_empty() {
            return Err(task.map_or_else(failure::no_candidate, |_| failure::unknown_task()));
        }
        let draw = Draw {
            id: self.ids.decision(),
            random: rand::random::<f64>(),
        };
        let decision =
            decide(&reading, &candidates, &rule.policy, &draw).map_err(|why| refused(&why))?;
        let score = decision.chosen_row().map_or(0.0, |row| row.quality);
        self.drift
            .note(score, reading.bytes_log(), &decision.chosen);
        let order: Vec<ExpertId> = decision
            .order()
            .take(self.config.policy.max_experts)
            .cloned()
            .collect();
        let most = decision
            .candidates
            .iter()
            .filter(|row| order.contains(&row.expert))
            .map(|row| self.most(&catalog, row, view.max_output_tokens));
        let (cost, output) = most.fold((Pico::ZERO, Tokens::ZERO), |(cost, output), row| {
            (cost.max(row.0), output.max(row.1))
        });
        let task = rule
            .task
            .as_deref()
            .and_then(|task| HeaderValue::from_str(task).ok());
        Ok(Route {
            tokens: view.input_tokens().saturating_add(output).get(),
            cost,
            scenario,
            source,
            task,
            order,
            decision,
            tags: None,
            features,
        })
    }

    /// The most that a try may cost and write. A hosted expert writes what is predicted; a remote may go on to
    /// the bound that the client sets, whatever is predicted.
    fn most(&self, catalog: &Catalog, row: &Ranked, bound: Option<Tokens>) -> (Pico, Tokens) {
        let host = catalog.get(&row.expert).map(|expert| &expert.host);
        let remote = matches!(host, Some(Host::Provider(_)));
        let output = bound
            .filter(|_| remote)
            .unwrap_or(row.output)
            .max(row.output);
        let more = i128::from(output.get().saturating_sub(row.output.get()));
        let each = self.prices.of(&row.expert).per_output_token;
        let more = each.checked_mul(more);
        let cost = more.and_then(|more| row.cost.checked_add(more));
        (cost.unwrap_or(row.cost), output)
    }

    /// Hands what the gate read to those who keep it. Waits for nothing.
    pub(super) fn note(
        &self,
        principal: &Principal,
        context: &RequestContext,
        route: &Route,
        features: Box<Captured>,
    ) {
        let watched = self.gates.shadow().is_some();
        self.capture.offer(Note {
            tenant: principal.tenant.clone(),
            decision: route.decision.id,
            at: context.started,
            scenario: route.scenario.clone(),
            features,
            live: watched.then(|| LiveChoice::of(&route.decision)),
        });
    }

    /// An expert as it stands now: with its price and its load.
    fn standing<'a>(&self, expert: &'a ExpertEntry) -> router::Candidate<'a> {
        let load = self.pool.load(&expert.id);
        let carried = load.outstanding.saturating_add(load.elsewhere);
        let full = expert
            .concurrency
            .is_some_and(|most| load.outstanding >= most)
            || load.capacity.is_some_and(|room| carried >= room);
        let capacity = match (load.available, full) {
            (0, _) => Capacity::Down,
            (_, true) => Capacity::Full,
            (_, false) => Capacity::Open,
        };
        let base = expert.candidate(self.prices.of(&expert.id));
        router::Candidate {
            capacity,
            load_price: self.prices.load_price(&expert.id, &load),
            typical_latency: load.latency.or(base.typical_latency),
            ..base
        }
    }
}

fn declared_scenario(tenant: &Tenant, chat: &ChatRequest) -> Result<Option<ScenarioId>, ApiError> {
    let Some(text) = chat.metadata("scenario") else {
        return Ok(None);
    };
    let scenario = ScenarioId::new(text).map_err(|_| failure::unknown_scenario())?;
    let known = tenant.has(&scenario).then_some(Some(scenario));
    known.ok_or_else(failure::unknown_scenario)
}

fn pinned(
    app: &App,
    principal: &Principal,
    model: &str,
    choosing: &Choosing<'_>,
) -> Result<Option<ExpertId>, ApiError> {
    if model == AUTO {
        return Ok(None);
    }
    if let Some(name) = model.strip_prefix(WORKFLOW) {
        return workflow_of(app, principal, name).map(Some);
    }
    let catalog = app.catalog.load();
    let id = ExpertId::new(model).ok();
    let Some(expert) = id.as_ref().and_then(|id| catalog.get(id)) else {
        return Err(failure::unknown_model(model));
    };
    // Nobody learns what others have installed.
    if !expert.is_offered_to(&principal.tenant) {
        return Err(failure::unknown_model(model));
    }
    let may = match choosing.only {
        Some(only) => only.contains(&expert.id),
        None => expert.is_usable_by(principal),
    };
    if may {
        return Ok(id);
    }
    Err(failure::forbidden_model(model))
}

/// The workflow of that name: `name`, or `namespace/name`.
fn workflow_of(app: &App, principal: &Principal, name: &str) -> Result<ExpertId, ApiError> {
    let unknown = || failure::unknown_model(&format!("{WORKFLOW}{name}"));
    let live = app.plugins.live();
    let id = match name.parse::<plugin_package::PluginName>() {
        Ok(whole) => ExpertId::new(&whole.as_expert()).ok(),
        Err(_) => live.workflow(&principal.tenant, name),
    };
    let id = id
        .filter(|id| live.get(&principal.tenant, id).is_some())
        .ok_or_else(unknown)?;
    if principal.may_use_plugin(&id) {
        return Ok(id);
    }
    Err(failure::forbidden_model(&format!("{WORKFLOW}{name}")))
}

fn refused(error: &DecideError) -> ApiError {
    let invalid =
        |code| ApiError::new(400, ErrorKind::InvalidRequestError, code, error.to_string());
    match error {
        DecideError::Unknown { expert } => failure::unknown_model(expert.as_str()),
        DecideError::Forbidden => failure::no_candidate(),
        DecideError::Incapable { .. } => invalid("unsupported_capability"),
        DecideError::ContextTooLong { .. } => {
            invalid("context_length_exceeded").with_param("messages")
        }
        DecideError::TooDear => invalid("cost_limit_exceeded"),
        DecideError::Unavailable => failure::no_expert(1_000),
        DecideError::NoCapacity => failure::no_expert(250),
    }
}

/// The texts of a conversation, joined where a message has several parts.
struct Texts<'a> {
    system: Option<String>,
    parts: Vec<(Role, openai_api::UserText<'a>)>,
}

impl<'a> Texts<'a> {
    fn of(chat: &'a ChatRequest) -> Self {
        let mut system: Option<String> = None;
        let mut parts = Vec::with_capacity(chat.messages.len());
        for message in &chat.messages {
            let Some(text) = message.content.as_ref().map(openai_api::Content::text) else {
                continue;
            };
            let role = match message.role {
                ChatRole::Developer | ChatRole::System => {
                    let whole = system.get_or_insert_default();
                    if !whole.is_empty() {
                        whole.push('\n');
                    }
                    whole.push_str(&text);
                    continue;
                }
                ChatRole::User => Role::User,
                ChatRole::Assistant => Role::Assistant,
                ChatRole::Tool | ChatRole::Function => Role::Tool,
            };
            parts.push((role, text));
        }
        Self { system, parts }
    }

    fn turns(&self) -> Vec<Turn<'_>> {
        self.parts
            .iter()
            .map(|(role, text)| Turn { role: *role, text })
            .collect()
    }
}
