//! Plays the samples as users would, a few at a time, and tells the gateway how good each answer was.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use units::TenantId;

use super::{Answered, Client, Sample};
use crate::cli::Table;

/// Users at a time.
const USERS: usize = 4;

/// One sample with its answer.
#[derive(Debug, Clone)]
pub struct Played {
    /// What was asked.
    pub sample: Sample,
    /// What came back.
    pub answered: Answered,
    /// The label of the answer, where it has one.
    pub label: Option<String>,
    /// Was the label right?
    pub right: bool,
    /// Status of the feedback.
    pub feedback: Option<StatusCode>,
}

/// Plays every sample with its tenant's key.
///
/// # Errors
/// A sample's tenant has no key, or the gateway's connection breaks.
pub async fn play(
    client: &Client,
    keys: &BTreeMap<TenantId, String>,
    samples: Vec<Sample>,
) -> anyhow::Result<Vec<Played>> {
    let queue = Arc::new(parking_lot::Mutex::new(samples.into_iter()));
    let mut users = JoinSet::new();
    for _ in 0..USERS {
        let (client, keys, queue) = (client.clone(), keys.clone(), Arc::clone(&queue));
        users.spawn(async move {
            let mut played = Vec::new();
            loop {
                let next = queue.lock().next();
                let Some(sample) = next else {
                    return anyhow::Ok(played);
                };
                let key = keys
                    .get(&sample.tenant)
                    .with_context(|| format!("{}: no tenant {}", sample.id, sample.tenant))?;
                played.push(one(&client, key, sample).await?);
            }
        });
    }
    let mut all = Vec::new();
    while let Some(user) = users.join_next().await {
        all.extend(user??);
    }
    Ok(all)
}

async fn one(client: &Client, key: &str, sample: Sample) -> anyhow::Result<Played> {
    let answered = client.chat(key, &sample.body()).await?;
    let content = serde_json::from_str::<Value>(&answered.text).unwrap_or_default();
    let label = content.pointer(&sample.answer).and_then(Value::as_str);
    let label = label.map(str::to_owned);
    let right = label.as_deref().is_some_and(|label| sample.accepts(label));
    let feedback = if answered.status == StatusCode::OK {
        let body = json!({
            "request_id": answered.id,
            "score": if right { 1.0 } else { 0.0 },
            "source": "gold",
            "label": sample.gold.chars().take(64).collect::<String>(),
        });
        let sent = client
            .send(Method::POST, "/v1/feedback", Some(key), Some(&body))
            .await?;
        Some(sent.0.status)
    } else {
        None
    };
    Ok(Played {
        sample,
        answered,
        label,
        right,
        feedback,
    })
}

/// Share of right answers by language and kind of prompt.
pub(super) fn by_language(played: &[Played]) -> Table {
    let mut groups: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for one in played {
        let group = groups
            .entry((&one.sample.lang, &one.sample.kind))
            .or_default();
        group.0 = group.0.saturating_add(1);
        group.1 = group.1.saturating_add(usize::from(one.right));
    }
    let mut table = Table::new(&["language", "prompts", ">asked", ">right"]);
    for ((language, kind), (asked, right)) in groups {
        table.row(vec![
            language.to_owned(),
            kind.to_owned(),
            asked.to_string(),
            right.to_string(),
        ]);
    }
    table
}
