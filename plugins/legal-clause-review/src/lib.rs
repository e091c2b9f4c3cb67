//! Reviews a contract clause by clause: each clause is named by the legal expert, in parallel; for the kinds that matter
//! the tenant's playbook is searched; the findings cite what they rest on. Each step is recorded: a review that is
//! tried again does not ask again.

pub mod split;

use experts_sdk::{Chat, Error, ask, context, infer, output, retrieve, steps};
use serde::{Deserialize, Serialize};

use crate::split::{Clause, split};

/// Questions that are asked at once.
const BATCH: usize = 16;
/// Clauses of one contract.
const MOST: usize = 64;

/// What a review is asked for.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// The contract's text.
    pub contract: String,
}

/// The tenant's settings.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Settings {
    /// Kinds of clauses that a person must see.
    watch: Vec<String>,
    /// Kinds that a contract must have.
    require: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            watch: own(&[
                "uncapped liability",
                "cap on liability",
                "non-compete",
                "exclusivity",
                "change of control",
                "anti-assignment",
                "liquidated damages",
                "most favored nation",
                "irrevocable or perpetual license",
                "unlimited/all-you-can-eat-license",
                "ip ownership assignment",
                "source code escrow",
                "covenant not to sue",
                "termination for convenience",
                "volume restriction",
                "minimum commitment",
            ]),
            require: own(&["governing law"]),
        }
    }
}

/// A clause with what it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Named {
    /// Its number in the contract, or its place.
    pub number: String,
    /// Its first words.
    pub opening: String,
    /// What kind it is, in the expert's words; absent where the expert gave no answer.
    pub kind: Option<String>,
    /// Why there is no kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A passage of the playbook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Citation {
    /// The document.
    pub document: String,
    /// The passage.
    pub passage: String,
}

/// Something a person must see.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finding {
    /// `watch`: a clause of a kind on the list; `missing`: one that must be there; `unclear`: no kind was found.
    pub finding: String,
    /// The clause; absent where it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// Its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What the playbook says.
    pub citations: Vec<Citation>,
}

/// The review.
#[derive(Debug, Serialize)]
pub struct Output {
    /// Every clause.
    pub clauses: Vec<Named>,
    /// What a person must see.
    pub findings: Vec<Finding>,
    /// Could the playbook be searched?
    pub playbook: bool,
}

/// What the gateway calls.
#[experts_sdk::workflow]
pub fn run(input: Input) -> Result<Output, Error> {
    let settings: Settings = experts_sdk::config()?;
    let clauses = split(&input.contract);
    if clauses.is_empty() || clauses.len() > MOST {
        let why = format!(
            "a contract has 1 to {MOST} clauses; this text has {}",
            clauses.len()
        );
        return Err(experts_sdk::error("invalid", &why));
    }
    output::emit(&format!("{} clauses\n", clauses.len()))?;
    let named = name(&clauses)?;
    let (findings, playbook) = find(&named, &settings)?;
    output::emit(&format!("{} findings\n", findings.len()))?;
    Ok(Output {
        clauses: named,
        findings,
        playbook,
    })
}

/// Asks what each clause is, a batch at a time.
fn name(clauses: &[Clause]) -> Result<Vec<Named>, Error> {
    let mut named = Vec::new();
    for (at, batch) in clauses.chunks(BATCH).enumerate() {
        let answers: Vec<Named> = steps::once(&format!("name {at}"), || Ok(ask_about(batch)))?;
        named.extend(answers);
        output::emit(&format!("named {} of {}\n", named.len(), clauses.len()))?;
    }
    Ok(named)
}

fn question(clause: &Clause) -> Chat {
    let mut question = ask(None, &clause.text);
    question.extra = r#"{"task":"cuad-clauses"}"#.to_owned();
    question
}

fn ask_about(batch: &[Clause]) -> Vec<Named> {
    let asks: Vec<_> = batch
        .iter()
        .map(|clause| (Some("legal".to_owned()), question(clause)))
        .collect();
    let answers = infer::call_all(&asks);
    let one = |(clause, answer): (&Clause, Result<experts_sdk::Reply, Error>)| {
        let (kind, trouble) = match answer {
            Ok(reply) => (Some(label(&reply.message.content)), None),
            Err(why) => (None, Some(why.code)),
        };
        Named {
            number: clause.number.clone(),
            opening: clause.text.chars().take(80).collect(),
            kind,
            trouble,
        }
    };
    batch.iter().zip(answers).map(one).collect()
}

/// The label of an answer: a distilled expert gives it as JSON, a model that writes gives it as its text.
fn label(answer: &str) -> String {
    #[derive(Deserialize)]
    struct Labelled {
        label: String,
    }
    let answer = answer.trim();
    serde_json::from_str::<Labelled>(answer).map_or_else(|_| answer.to_owned(), |own| own.label)
}

fn listed(kinds: &[String], kind: &str) -> bool {
    kinds.iter().any(|listed| listed.eq_ignore_ascii_case(kind))
}

/// What a person must see, with what the playbook says about it.
fn find(named: &[Named], settings: &Settings) -> Result<(Vec<Finding>, bool), Error> {
    let mut findings = Vec::new();
    let mut playbook = true;
    for clause in named {
        let finding = match &clause.kind {
            Some(kind) if listed(&settings.watch, kind) => "watch",
            Some(_) => continue,
            None => "unclear",
        };
        let kind = clause.kind.clone();
        let citations = match kind.as_deref().filter(|_| playbook) {
            Some(kind) => cite(kind, &mut playbook)?,
            None => Vec::new(),
        };
        findings.push(Finding {
            finding: finding.to_owned(),
            clause: Some(clause.number.clone()),
            kind,
            citations,
        });
    }
    for kind in &settings.require {
        let there = named.iter().any(|clause| {
            clause
                .kind
                .as_deref()
                .is_some_and(|own| own.eq_ignore_ascii_case(kind))
        });
        if !there {
            let citations = if playbook {
                cite(kind, &mut playbook)?
            } else {
                Vec::new()
            };
            findings.push(Finding {
                finding: "missing".to_owned(),
                clause: None,
                kind: Some(kind.clone()),
                citations,
            });
        }
    }
    Ok((findings, playbook))
}

/// Passages of the playbook about a kind of clause. A playbook that cannot be searched is no reason to stop.
fn cite(kind: &str, playbook: &mut bool) -> Result<Vec<Citation>, Error> {
    let found = steps::once(&format!("cite {kind}"), || {
        match retrieve::search(kind, 2, "") {
            Ok(hits) => {
                let citation = |hit: retrieve::Hit| Citation {
                    document: hit.document,
                    passage: hit.text.chars().take(400).collect(),
                };
                Ok(Some(hits.into_iter().map(citation).collect::<Vec<_>>()))
            }
            Err(why) => {
                experts_sdk::trace::log(
                    experts_sdk::trace::Level::Warn,
                    &format!("playbook: {}", why.code),
                );
                Ok(None)
            }
        }
    })?;
    if found.is_none() {
        *playbook = false;
    }
    // The clock is asked so that a trace tells when each citation was made.
    let _at = context::now_ms();
    Ok(found.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use experts_sdk::reply;
    use experts_sdk::testing::{Host, retrieve::Hit};

    use super::*;

    const CONTRACT: &str = "1. Governing Law. This agreement is governed by the laws of Ireland.\n\n\
        2. Liability. Liability is unlimited in all cases.\n\n3. Term. Three years.\n";

    fn host() -> Host {
        Host::new()
            .answering("legal", Ok(reply("Governing Law")))
            .answering("legal", Ok(reply("Uncapped Liability")))
            .answering("legal", Err(experts_sdk::error("timeout", "late")))
    }

    fn review() -> Output {
        run(Input {
            contract: CONTRACT.to_owned(),
        })
        .unwrap()
    }

    #[test]
    fn a_label_is_read_from_json_and_from_text() {
        let distilled =
            r#"{"label":"Governing Law","probability":0.98,"answer":"The law that governs."}"#;
        assert_eq!(super::label(distilled), "Governing Law");
        assert_eq!(super::label(" Audit Rights\n"), "Audit Rights");
        assert_eq!(super::label("{\"kind\": 1}"), "{\"kind\": 1}");
    }

    #[test]
    fn what_matters_is_found_and_cited() {
        let mut host = host();
        host.documents.push(Hit {
            document: "playbook".to_owned(),
            chunk: "0".to_owned(),
            text: "Uncapped liability is never accepted.".to_owned(),
            score: 1.0,
            metadata: "{}".to_owned(),
        });
        host.install();
        let output = review();
        let kinds: Vec<_> = output
            .findings
            .iter()
            .map(|f| (f.finding.as_str(), f.clause.as_deref()))
            .collect();
        assert_eq!(kinds, [("watch", Some("2")), ("unclear", Some("3"))]);
        assert_eq!(output.findings[0].citations[0].document, "playbook");
        assert!(output.playbook);
        let done = Host::take();
        assert_eq!(done.asked.len(), 3);
        assert_eq!(done.emitted.len(), 3);
        assert!(
            done.asked
                .iter()
                .all(|(expert, ask)| expert.as_deref() == Some("legal")
                    && ask.extra.contains("cuad"))
        );
    }

    #[test]
    fn a_review_that_is_tried_again_asks_nobody_again() {
        host().install();
        let first = review();
        let mut second = Host::take();
        second.asked.clear();
        second.answers.clear();
        second.install();
        let again = review();
        assert_eq!(
            serde_json::to_string(&first).unwrap(),
            serde_json::to_string(&again).unwrap()
        );
        assert!(Host::take().asked.is_empty());
    }

    #[test]
    fn without_a_playbook_there_are_findings_without_citations() {
        let mut host = host();
        host.denied.push("retrieve");
        host.install();
        let output = review();
        assert!(!output.playbook);
        assert_eq!(output.findings.len(), 2);
    }

    #[test]
    fn what_is_required_and_not_there_is_missing() {
        let mut host = Host::new().answering("legal", Ok(reply("Term")));
        host.config = r#"{"require": ["Audit Rights"]}"#.to_owned();
        host.install();
        let output = run(Input {
            contract: "1. Term. Three years.".to_owned(),
        })
        .unwrap();
        assert_eq!(output.findings[0].finding, "missing");
        assert_eq!(output.findings[0].kind.as_deref(), Some("Audit Rights"));
    }
}
