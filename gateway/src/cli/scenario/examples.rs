//! `moegate scenario report --examples`: questions with known answers, judged as a tenant's own scenarios are.

use anyhow::Context;
use economics::case::{Assessment, Case};
use economics::scenario::Factor;
use economics::verdict::{Condition, Policy, Verdict};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use serde::Deserialize;
use serde_json::json;

use super::super::Table;

/// The cases that are shipped, with the sources of their numbers.
const EXAMPLES: &str = include_str!("../../../../deploy/examples/scenarios.toml");
/// Seed of the draws, so that the same numbers always get the same report.
const SEED: u64 = 20_261_126;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// A case with what it comes to.
#[derive(Debug)]
pub(super) struct Example {
    case: Case,
    found: Assessment,
}

/// Judges every example.
pub(super) fn all(policy: &Policy) -> anyhow::Result<Vec<Example>> {
    let file: File = toml::from_str(EXAMPLES).context("the shipped examples")?;
    let judged = file.case.into_iter().map(|case| {
        let mut random = StdRng::seed_from_u64(SEED);
        let found = case
            .assess(policy, None, &mut || random.next_u64())
            .with_context(|| case.id.clone())?;
        Ok(Example { case, found })
    });
    judged.collect()
}

/// The machine's form.
pub(super) fn as_json(examples: &[Example], policy: &Policy) -> serde_json::Value {
    let one = |example: &Example| {
        let (case, found) = (&example.case, &example.found);
        json!({
            "id": case.id,
            "verdict": found.judgement.verdict,
            "binding": found.judgement.binding,
            "cases_needed": found.judgement.cases_needed,
            "question": case.question,
            "sources": case.sources,
            "currency": "USD",
            "forecast": found.forecast,
            "monthly_benefit": found.monthly_benefit,
            "npv": found.npv,
            "break_even_volume": found.break_even_volume,
            "quality": {
                "ours": case.quality.ours, "baseline": case.quality.baseline, "cases": case.quality.cases,
                "difference": found.quality,
            },
            "readiness": case.readiness,
            "known_cost": case.known_cost,
            "tornado": found.tornado,
            "flips": found.flips,
        })
    };
    json!({
        "seed": SEED,
        "policy": policy,
        "scenarios": examples.iter().map(one).collect::<Vec<_>>(),
    })
}

/// One row per example.
pub(super) fn shown(examples: &[Example]) -> Table {
    let mut table = Table::new(&[
        "scenario",
        "verdict",
        "because of",
        ">P(NPV > 0)",
        ">a month",
        ">NPV",
        ">quality",
        "what would turn the value",
    ]);
    for Example { case, found } in examples {
        let binding = found.judgement.binding.iter().copied().map(reason);
        let binding: Vec<&str> = binding.collect();
        let quality = case.quality.ours - case.quality.baseline;
        table.row(vec![
            case.id.clone(),
            verdict(found.judgement.verdict).to_owned(),
            if binding.is_empty() {
                "all conditions hold".to_owned()
            } else {
                binding.join(", ")
            },
            format!("{:.2}", found.forecast.positive),
            format!("{:.2}", found.monthly_benefit),
            format!("{:.2}", found.npv),
            format!("{quality:+.3}"),
            turns(found),
        ]);
    }
    table
}

/// The factors that turn the value of a case, but for those that only say again what it costs today.
fn turns(found: &Assessment) -> String {
    let told = [Factor::Volume, Factor::LossPerError, Factor::Investment];
    let flips = found
        .flips
        .iter()
        .filter(|flip| told.contains(&flip.factor));
    let flips = flips.map(|flip| format!("{} {}", flip.factor.name(), short(flip.at)));
    flips.collect::<Vec<_>>().join(", ")
}

/// An amount with three significant digits.
fn short(amount: f64) -> String {
    if amount >= 100.0 {
        return format!("{amount:.0}");
    }
    let size = amount.abs().max(1e-9).log10().floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "held between 0 and 9"
    )]
    let digits = (2.0 - size).clamp(0.0, 9.0) as usize;
    format!("{amount:.digits$}")
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Invest => "invest",
        Verdict::Watch => "watch",
        Verdict::Stop => "stop",
    }
}

fn reason(condition: Condition) -> &'static str {
    match condition {
        Condition::Value => "value",
        Condition::Quality => "quality",
        Condition::Cases => "too few cases",
        Condition::Readiness(_) => "readiness",
        Condition::KnownCost => "unknown cost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'e>(examples: &'e [Example], id: &str) -> &'e Example {
        examples.iter().find(|e| e.case.id == id).unwrap()
    }

    #[test]
    fn known_answers_come_out() {
        let examples = all(&Policy::default()).unwrap();
        let answer = |id| {
            let judgement = &find(&examples, id).found.judgement;
            (judgement.verdict, judgement.binding.clone())
        };
        assert_eq!(
            answer("headlines-vs-gpt-4-turbo"),
            (Verdict::Invest, vec![])
        );
        assert_eq!(
            answer("headlines-vs-gpt-4o-mini"),
            (Verdict::Stop, vec![Condition::Value])
        );
        for id in ["pubmedqa-small-student", "casehold-small-student"] {
            assert_eq!(
                answer(id),
                (Verdict::Stop, vec![Condition::Quality]),
                "{id}"
            );
        }
    }

    #[test]
    fn the_price_of_an_error_turns_the_cheap_rival() {
        let examples = all(&Policy::default()).unwrap();
        let example = find(&examples, "headlines-vs-gpt-4o-mini");
        let flips = &example.found.flips;
        let flip = flips.iter().find(|f| f.factor == Factor::LossPerError);
        let value = flip.unwrap().at;
        // About $50 less what is saved, over 4.72 points of 240,000 tasks.
        assert!((0.003..0.006).contains(&value), "{value}");
        let mut priced = example.case.clone();
        priced.money.scenario.loss_per_error = value * 3.0;
        let mut random = StdRng::seed_from_u64(SEED);
        let found = priced.assess(&Policy::default(), None, &mut || random.next_u64());
        assert_eq!(found.unwrap().judgement.verdict, Verdict::Invest);
    }

    #[test]
    fn the_report_is_whole_and_always_the_same() {
        let policy = Policy::default();
        let once = as_json(&all(&policy).unwrap(), &policy);
        assert_eq!(once, as_json(&all(&policy).unwrap(), &policy));
        let scenarios = once["scenarios"].as_array().unwrap();
        assert_eq!(scenarios.len(), 4);
        for scenario in scenarios {
            assert!(!scenario["sources"].as_array().unwrap().is_empty());
            assert!(scenario["verdict"].is_string() && scenario["forecast"].is_object());
        }
        let table = shown(&all(&policy).unwrap()).to_string();
        assert!(table.contains("loss_per_error"), "{table}");
    }
}
