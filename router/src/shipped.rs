//! The shipped gate, loaded from deploy/gate: it routes prompts of each domain as a person would. The prompts are written
//! for this test; none is from a data set or from the demo's traffic.

use std::path::Path;

use units::ExpertId;

use crate::sample::{draw, tenant, user, view};
use crate::{Candidate, Decision, Gate, Policy, Reason, Scratch, decide, explain};

fn shipped() -> Gate {
    Gate::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/gate")).unwrap()
}

fn route(gate: &Gate, text: &str) -> Decision {
    let (tenant, turns) = (tenant(), user(text));
    let experts = &gate.manifest().experts;
    let candidates: Vec<_> = experts
        .iter()
        .map(|e| Candidate::new(&e.id, &e.domain))
        .collect();
    let mut scratch = Scratch::new();
    let reading = gate.read(&view(&tenant, &turns), &mut scratch);
    decide(&reading, &candidates, &Policy::default(), &draw(0.0)).unwrap()
}

const PROMPTS: [(&str, &str); 16] = [
    (
        "finance",
        "My card was swallowed by the cash machine, how do I get it back?",
    ),
    ("finance", "The top-up I made yesterday is still pending"),
    ("finance", "why was i charged a fee for a bank transfer"),
    ("finance", "Gold slips to two-week low as dollar firms"),
    (
        "finance",
        "April gold futures settle $8 higher at $1,310 an ounce",
    ),
    (
        "legal",
        "This Agreement shall be governed by the laws of the State of New York.",
    ),
    (
        "legal",
        "Neither party may assign its rights hereunder without the prior written consent of the other party.",
    ),
    (
        "legal",
        "In no event shall either party's aggregate liability exceed the fees paid in the preceding twelve months.",
    ),
    (
        "legal",
        "Licensor grants Licensee a non-exclusive, non-transferable license to use the Software.",
    ),
    (
        "medical",
        "Forty patients with chronic heart failure were randomised to receive enalapril or placebo; exercise tolerance improved.",
    ),
    (
        "medical",
        "Ultrastructural study of a malignant tumor of the pancreas in a 63-year-old woman with metastases to the liver.",
    ),
    ("medical", "What are the symptoms of multiple sclerosis?"),
    ("general", "set a timer for twelve minutes"),
    (
        "general",
        "what's the weather going to be like in Oslo on sunday",
    ),
    ("general", "please play some jazz in the kitchen"),
    ("general", "do i need a visa to travel to india"),
];

#[test]
fn prompts_of_each_domain_go_to_their_expert() {
    let gate = shipped();
    for (domain, text) in PROMPTS {
        let decision = route(&gate, text);
        let chosen = gate
            .manifest()
            .experts
            .iter()
            .find(|e| e.id == decision.chosen);
        assert_eq!(
            chosen.map(|e| e.domain.as_str()),
            Some(domain),
            "{text}: {decision:?}"
        );
        assert_eq!(&*decision.domain.name, domain, "{text}");
    }
}

#[test]
fn what_no_expert_knows_goes_to_the_generalist() {
    let gate = shipped();
    let mut abstained = 0;
    for text in [
        "Who discovered the ruins of Troy?",
        "How do I stop my tomato plants from wilting?",
        "Prove that the square root of two is irrational.",
        "Write a sonnet about a train that never arrives.",
    ] {
        let decision = route(&gate, text);
        assert_eq!(decision.chosen.as_str(), "general", "{text}: {decision:?}");
        abstained += u8::from(decision.reason == Reason::AbstainToGeneralist);
    }
    assert!(abstained >= 2, "{abstained} of 4");
}

#[test]
fn its_figures_are_there_and_its_package_is_small() {
    let gate = shipped();
    let metrics = &gate.manifest().metrics;
    let figure = |name: &str| {
        metrics
            .get(name)
            .and_then(serde_json::Value::as_f64)
            .unwrap()
    };
    assert!(figure("domain_accuracy") >= 0.97);
    assert!(figure("scenario_accuracy") >= 0.95);
    assert!(figure("ood_auroc") >= 0.95);
    assert!(figure("quality_ece") <= 0.03);
    assert_eq!(gate.manifest().training.data_sha256.len(), 64);
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/gate/gate.safetensors");
    assert!(std::fs::metadata(weights).unwrap().len() < 4_000_000);
}

#[test]
fn typing_errors_and_case_change_nothing() {
    let gate = shipped();
    for (text, noisy) in [
        (
            "The top-up I made yesterday is still pending",
            "the topup i made yesteday is stil pendng",
        ),
        (
            "set a timer for twelve minutes",
            "SET A TIMR FOR TWELVE MINUTS",
        ),
    ] {
        assert_eq!(
            route(&gate, text).chosen,
            route(&gate, noisy).chosen,
            "{noisy}"
        );
    }
}

#[test]
fn an_explanation_names_words_and_the_choice() {
    let (gate, tenant) = (shipped(), tenant());
    let turns = user("why was my card payment declined");
    let ids: Vec<ExpertId> = gate
        .manifest()
        .experts
        .iter()
        .map(|e| e.id.clone())
        .collect();
    let candidates: Vec<_> = ids
        .iter()
        .map(|id| Candidate::new(id, id.as_str()))
        .collect();
    let view = view(&tenant, &turns);
    let found = explain(&gate, &view, &candidates, &Policy::default(), &draw(0.0)).unwrap();
    assert_eq!(found.decision.chosen.as_str(), "finance");
    assert!(
        found
            .features
            .iter()
            .any(|feature| feature.text.contains("card")),
        "{found}"
    );
    let text = found.to_string();
    for part in ["finance", "quality", "card", "chosen", "propensity"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let mut scratch = Scratch::new();
    let reading = gate.read(&view, &mut scratch);
    let plain = decide(&reading, &candidates, &Policy::default(), &draw(0.0)).unwrap();
    assert_eq!(plain, found.decision);
}
