//! What has to hold after the demo's traffic. `--once` fails where one does not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use http::{Method, StatusCode};
use ledger_store::{ScenarioSummary, VerifyReport};
use serde_json::{Value, json};
use units::TenantId;

use super::learning::Learned;
use super::{Client, Played};
use crate::app::App;

/// Least share of right answers over all prompts, out-of-scope and foreign ones included. Far below what
/// the experts reach, far above what a gate that sends requests to the wrong expert would.
const LEAST_RIGHT: f64 = 0.55;
/// Fewest requests and scenarios of a traffic file that shows anything.
const LEAST_REQUESTS: usize = 240;
const LEAST_SCENARIOS: usize = 6;

/// One check and whether it held.
#[derive(Debug, Clone)]
pub struct Check {
    /// What has to hold.
    pub name: String,
    /// Did it?
    pub held: bool,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.held { "ok  " } else { "FAIL" };
        write!(f, "{mark}  {} ({})", self.name, self.seen)
    }
}

fn check(name: &str, held: bool, seen: impl fmt::Display) -> Check {
    Check {
        name: name.to_owned(),
        held,
        seen: seen.to_string(),
    }
}

fn share(part: usize, whole: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of a few hundred")]
    let share = part as f64 / whole.max(1) as f64;
    share
}

pub(super) async fn all(
    app: &Arc<App>,
    client: &Client,
    keys: &BTreeMap<TenantId, String>,
    played: &[Played],
    before: u64,
    rows: &[ScenarioSummary],
    books: &VerifyReport,
) -> anyhow::Result<Vec<Check>> {
    let mut checks = of_answers(app, played);
    checks.extend(of_books(played, before, rows, books));
    checks.extend(of_surface(client, keys).await?);
    Ok(checks)
}

fn of_answers(app: &App, played: &[Played]) -> Vec<Check> {
    let count = |holds: fn(&Played) -> bool| played.iter().filter(|p| holds(p)).count();
    let all = played.len();
    let answered = count(|p| p.answered.status == StatusCode::OK);
    let decided = count(|p| p.answered.decision.is_some());
    let judged = count(|p| p.feedback == Some(StatusCode::OK));
    let labelled = count(|p| p.label.is_some());
    let right = count(|p| p.right);
    let scenarios: BTreeSet<_> = played.iter().map(|p| &p.sample.scenario).collect();
    let used: BTreeSet<&str> = played
        .iter()
        .filter_map(|p| p.answered.expert.as_deref())
        .collect();
    // Plugins that others installed are not the demo's to ask.
    let plugins = super::plugins::names(app);
    let offered = app
        .catalog
        .load()
        .experts()
        .iter()
        .filter(|expert| !plugins.contains(&expert.id) || used.contains(expert.id.as_str()))
        .count();
    vec![
        check("enough requests", all >= LEAST_REQUESTS, all),
        check(
            "enough scenarios",
            scenarios.len() >= LEAST_SCENARIOS,
            scenarios.len(),
        ),
        check(
            "every request is answered",
            answered == all,
            format_args!("{answered} of {all}"),
        ),
        check(
            "every answer has a decision",
            decided == all,
            format_args!("{decided} of {all}"),
        ),
        check(
            "every answer has a label",
            labelled == all,
            format_args!("{labelled} of {all}"),
        ),
        check(
            "every feedback is taken",
            judged == all,
            format_args!("{judged} of {all}"),
        ),
        check(
            "every expert is used",
            used.len() == offered,
            used.into_iter().collect::<Vec<_>>().join(", "),
        ),
        check(
            "answers are right",
            share(right, all) >= LEAST_RIGHT,
            format_args!("{right} of {all}, least {LEAST_RIGHT}"),
        ),
    ]
}

fn of_books(
    played: &[Played],
    before: u64,
    rows: &[ScenarioSummary],
    books: &VerifyReport,
) -> Vec<Check> {
    let new = books.requests.saturating_sub(before);
    let asked = u64::try_from(played.len()).unwrap_or(u64::MAX);
    let known: u64 = rows.iter().map(|row| row.cost.known).sum();
    let open: u64 = rows
        .iter()
        .map(|row| row.cost.unknown.saturating_add(row.cost.pending))
        .sum();
    vec![
        check(
            "every request is in the ledger once",
            new == asked,
            format_args!("{new} of {asked}"),
        ),
        check(
            "the books hold",
            books.holds(),
            books.breaks.first().map_or("proven", |b| b),
        ),
        check(
            "every cost is known",
            open == 0,
            format_args!("{known} known, {open} not"),
        ),
        check(
            "work cost something",
            books.pool_used.get() > 0,
            books.pool_used,
        ),
    ]
}

/// A candidate was made and asked; what it is worth is told, not required.
pub(super) fn of_learning(learned: &Learned) -> Check {
    let shadowed = learned.shadowed.decisions;
    check(
        "a retrained gate was asked in the shadow",
        shadowed > 0 && learned.verdict.cases > 0,
        format_args!(
            "version {}, {shadowed} decisions, judged on {} requests",
            learned.version, learned.verdict.cases
        ),
    )
}

async fn of_surface(
    client: &Client,
    keys: &BTreeMap<TenantId, String>,
) -> anyhow::Result<Vec<Check>> {
    let key = keys.values().next().map(String::as_str);
    let hello = json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]});
    let status = |path: &'static str, key: Option<&'static str>| async move {
        anyhow::Ok(client.send(Method::GET, path, key, None).await?.0.status)
    };
    let mut checks = Vec::new();
    for path in ["/health", "/ready", "/metrics"] {
        let seen = status(path, None).await?;
        checks.push(check(path, seen == StatusCode::OK, seen));
    }
    let (head, body) = client.send(Method::GET, "/v1/models", key, None).await?;
    let listed = serde_json::from_slice::<Value>(&body)?["data"]
        .as_array()
        .map_or(0, Vec::len);
    let held = head.status == StatusCode::OK && listed > 1;
    checks.push(check("models are listed", held, listed));
    let forged = client.chat("mg_nobody_0", &hello).await?.status;
    checks.push(check(
        "a forged key is refused",
        forged == StatusCode::UNAUTHORIZED,
        forged,
    ));
    let mut wrong = hello;
    wrong["model"] = "nobody".into();
    let unknown = client.chat(key.unwrap_or_default(), &wrong).await?.status;
    checks.push(check(
        "an unknown model is refused",
        unknown == StatusCode::NOT_FOUND,
        unknown,
    ));
    Ok(checks)
}
