//! From a request to a decision: the scenario, the candidates as they stand now, the gate's choice.

use std::cell::RefCell;

use http::HeaderValue;
use ledger::{Host, ScenarioSource};
use openai_api::{ApiError, ChatRequest, ErrorKind, ResponseFormat, Role as ChatRole};
use router::{
    Capacity, Captured, DecideError, Decision, Draw, Ranked, RequestView, Role, Scratch, Turn,
    decide,
};
use units::{ExpertId, Pico, ScenarioId, Tokens};

use crate::api::{AUTO, RequestContext, failure};
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
    /// What the gate read, of tenants that agree that it is kept.
    pub features: Option<Box<Captured>>,
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
        let started = app.clock.monotonic();
        let tenant = app
            .tenants
            .get(&principal.tenant)
            .ok_or_else(failure::internal)?;
        let declared = declared_scenario(tenant, chat)?;
        let pinned = pinned(app, principal, &chat.model)?;
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
        let route = SCRATCH.with_borrow_mut(|scratch| {
            app.decide(&view, tenant, principal, chat.metadata("task"), scratch)
        })?;
        let spent = app.clock.monotonic().saturating_sub(started);
        app.metrics
            .decision
            .observe(spent.to_duration().as_secs_f64());
        Ok(route)
    }
}

impl App {
    fn decide(
        &self,
        view: &RequestView<'_>,
        tenant: &Tenant,
        principal: &Principal,
        task: Option<&str>,
        scratch: &mut Scratch,
    ) -> Result<Route, ApiError> {
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
            Some(declared) => (declared.clone(), ScenarioSource::Declared),
            None if recognised => (guess.id.clone(), ScenarioSource::Recognised),
            None => (ScenarioId::unassigned(), ScenarioSource::Unassigned),
        };
        let rule = tenant.rule(&scenario);
        let usable = |expert: &&ExpertEntry| {
            principal.may_use(&expert.id) && task.is_none_or(|task| expert.has_task(task))
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
    if tenant.has(&scenario) {
        Ok(Some(scenario))
    } else {
        Err(failure::unknown_scenario())
    }
}

fn pinned(app: &App, principal: &Principal, model: &str) -> Result<Option<ExpertId>, ApiError> {
    if model == AUTO {
        return Ok(None);
    }
    let known = ExpertId::new(model)
        .ok()
        .filter(|id| app.catalog.load().get(id).is_some());
    match known {
        None => Err(failure::unknown_model(model)),
        Some(id) if !principal.may_use(&id) => Err(failure::forbidden_model(model)),
        Some(id) => Ok(Some(id)),
    }
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
