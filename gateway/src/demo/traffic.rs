//! The demo's sample traffic: prompts of three tenants with the labels that are right.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use units::{ScenarioId, TenantId};

/// One line of the traffic file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// A name for messages.
    pub id: String,
    /// Whose request it is.
    pub tenant: TenantId,
    /// The scenario it belongs to.
    pub scenario: ScenarioId,
    /// Whether the client says so; otherwise the gate has to recognise it.
    #[serde(default = "yes")]
    pub declared: bool,
    /// The task of the expert's card that is meant.
    pub task: String,
    /// The label that is right.
    pub gold: String,
    /// `en`, `de` or `zh`.
    pub lang: String,
    /// `plain`, `ambiguous` or `out_of_scope`.
    pub kind: String,
    /// Whether the answer is streamed.
    #[serde(default)]
    pub stream: bool,
    /// Whom the client asks: `auto` leaves it to the gate.
    #[serde(default = "auto")]
    pub model: String,
    /// Where the label stands in the answer's JSON, a JSON pointer.
    #[serde(default = "label")]
    pub answer: String,
    /// What is asked.
    pub prompt: String,
}

fn auto() -> String {
    "auto".to_owned()
}

fn label() -> String {
    "/label".to_owned()
}

fn yes() -> bool {
    true
}

/// Reads a traffic file, one JSON object a line.
///
/// # Errors
/// The file is missing, or a line is no sample; the message names file and line.
pub fn read(file: &Path) -> anyhow::Result<Vec<Sample>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            serde_json::from_str(line)
                .with_context(|| format!("{}: line {}", file.display(), at.saturating_add(1)))
        })
        .collect()
}

/// Who asks, for the page of costs.
const TEAMS: [&str; 3] = ["front office", "back office", "service desk"];

impl Sample {
    /// The request's body. The user's text alone is asked: experts read the last message.
    pub fn body(&self) -> serde_json::Value {
        let mut body = serde_json::json!({
            "model": self.model,
            "messages": [{"role": "user", "content": self.prompt}],
        });
        if self.declared {
            let team = self
                .id
                .bytes()
                .fold(0_usize, |sum, byte| sum.wrapping_add(byte.into()));
            let team = TEAMS.get(team % TEAMS.len()).copied().unwrap_or_default();
            body["metadata"] = serde_json::json!({"scenario": self.scenario, "team": team});
        }
        if self.stream {
            body["stream"] = true.into();
            body["stream_options"] = serde_json::json!({"include_usage": true});
        }
        body
    }

    /// Is an answer with this label right? Out of scope is right where it was meant.
    pub fn accepts(&self, label: &str) -> bool {
        let out = |text: &str| matches!(text, "oos" | "out_of_scope");
        label == self.gold || (out(label) && out(&self.gold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("traffic.jsonl");
        let good = r#"{"id":"a","tenant":"t","scenario":"s","task":"x","gold":"oos","lang":"en","kind":"plain","prompt":"p"}"#;
        std::fs::write(&file, format!("{good}\n\n{{}}\n")).unwrap();
        let said = format!("{:#}", read(&file).unwrap_err());
        assert!(
            said.contains("line 3") && said.contains("traffic.jsonl"),
            "{said}"
        );
        std::fs::write(&file, good).unwrap();
        let samples = read(&file).unwrap();
        assert!(samples[0].declared && samples[0].accepts("out_of_scope"));
        assert!(!samples[0].accepts("label"));
    }
}
