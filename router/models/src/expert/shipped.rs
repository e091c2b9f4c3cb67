//! The experts under `deploy/experts`: they load, keep their limits and know what they are there for.

use std::path::{Path, PathBuf};

use expert_card::{ExpertCard, StoredType};
use tch::Device;

use crate::{Classification, ClassifierExpert};

/// The most a shipped folder may weigh, in bytes.
const MOST_BYTES: u64 = 20_000_000;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy/experts")
        .join(name)
}

fn load(name: &str) -> ClassifierExpert {
    ClassifierExpert::load(&folder(name), Device::Cpu).unwrap()
}

/// At least four of five texts must get their label without rejection: the experts are good, not perfect. Texts are
/// written for this test and are in no data set.
#[track_caller]
fn check(expert: &ClassifierExpert, task: &str, cases: &[(&str, &str)]) {
    let (_, card) = expert.card().task(task).unwrap();
    let encode = |text| expert.tokenizer().encode(text, Some(task)).unwrap();
    let batch: Vec<_> = cases.iter().map(|(text, _)| encode(text)).collect();
    let mut right = 0;
    for ((text, label), found) in cases.iter().zip(expert.classify(&batch).unwrap()) {
        let best = &card.labels[found.ranked[0].0].name;
        if best == label && !found.rejected {
            right += 1;
        } else {
            println!(
                "{text}: {best}, rejected {}, {:?}",
                found.rejected,
                &found.ranked[..3]
            );
        }
    }
    assert!(5 * right >= 4 * cases.len(), "{right} of {}", cases.len());
}

#[test]
fn folders_keep_their_limits() {
    for name in ["finance", "legal", "medical", "general"] {
        let bytes: u64 = std::fs::read_dir(folder(name))
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(bytes <= MOST_BYTES, "{name}: {bytes} bytes");
        let card = ExpertCard::read(&folder(name)).unwrap();
        assert_eq!((card.id.as_str(), card.domain.as_str()), (name, name));
        let architecture = card.architecture.unwrap();
        assert_eq!(
            (architecture.layers, architecture.dtype),
            (3, StoredType::F16)
        );
        let provenance = card.provenance.unwrap();
        assert!(provenance.data.iter().all(|d| d.rows > 0));
        assert!(provenance.data.iter().any(|d| d.rows > 1_000));
    }
}

#[test]
fn cards_show_the_quality_that_is_asked_for() {
    for (name, task, least) in [
        ("finance", "banking77", 0.925),
        ("finance", "headlines", 0.90),
        ("legal", "cuad-clauses", 0.80),
        ("legal", "unfair-tos", 0.93),
        ("medical", "medical-abstracts", 0.62),
        ("general", "clinc150", 0.955),
    ] {
        let card = ExpertCard::read(&folder(name)).unwrap();
        let quality = card.task(task).unwrap().1.quality.as_ref().unwrap();
        assert_eq!(quality.split, "dev");
        assert!(quality.accuracy >= least, "{task}: {quality:?}");
        assert!(quality.ece < 0.1, "{task}: {quality:?}");
    }
}

#[test]
fn finance_knows_bank_questions_and_gold_headlines() {
    let expert = load("finance");
    check(
        &expert,
        "banking77",
        &[
            (
                "Somebody stole my wallet and my card was in it, please block it",
                "lost_or_stolen_card",
            ),
            (
                "I forgot the passcode for the app and cannot log in",
                "passcode_forgotten",
            ),
            ("The cash machine kept my card", "card_swallowed"),
            ("How do I close my account for good?", "terminate_account"),
            (
                "Why was I charged twice for the same dinner?",
                "transaction_charged_twice",
            ),
        ],
    );
    check(
        &expert,
        "headlines",
        &[
            ("Gold prices rise 2% as the dollar weakens", "up"),
            ("Gold falls sharply after strong jobs data", "down"),
        ],
    );
}

#[test]
fn finance_picks_its_task_by_itself() {
    let expert = load("finance");
    let encode = |text| expert.tokenizer().encode(text, None).unwrap();
    let texts = [
        "My new card has not arrived yet",
        "Gold futures end higher on weak dollar",
    ];
    let found = expert.classify(&texts.map(encode)).unwrap();
    let tasks: Vec<&str> = found
        .iter()
        .map(|c| expert.card().tasks[c.task].id.as_str())
        .collect();
    assert_eq!(tasks, ["banking77", "headlines"]);
}

#[test]
fn legal_knows_clauses() {
    check(
        &load("legal"),
        "cuad-clauses",
        &[
            (
                "This Agreement shall be governed by and construed in accordance with the laws of the State of \
                 Oregon, without regard to its conflict of laws principles.",
                "Governing Law",
            ),
            (
                "The Contractor shall keep commercial general liability insurance of at least $2,000,000 per \
                 occurrence and name the Client as an additional insured.",
                "Insurance",
            ),
            (
                "Neither party may assign this Agreement without the prior written consent of the other party.",
                "Anti-Assignment",
            ),
        ],
    );
}

/// Any number of labels may apply, none too: an answer is right where it has just the expected ones.
#[test]
fn legal_knows_unfair_terms_and_what_is_none() {
    let expert = load("legal");
    let (_, card) = expert.card().task("unfair-tos").unwrap();
    let cases: [(&str, &[&str]); 5] = [
        (
            "We may suspend or terminate your account at any time, for any reason and without notice.",
            &["Unilateral termination"],
        ),
        (
            "We reserve the right to modify these terms at any time, and the changes take effect once posted.",
            &["Unilateral change"],
        ),
        (
            "In no event shall the company be liable for any indirect, incidental or consequential damages.",
            &["Limitation of liability"],
        ),
        (
            "You can reach our support team by email or telephone on working days.",
            &[],
        ),
        (
            "The service shows the weather of the next five days for the cities you follow.",
            &[],
        ),
    ];
    let encode = |text| expert.tokenizer().encode(text, Some("unfair-tos")).unwrap();
    let batch: Vec<_> = cases.iter().map(|(text, _)| encode(text)).collect();
    let mut right = 0;
    for ((text, wanted), found) in cases.iter().zip(expert.classify(&batch).unwrap()) {
        let name = |&label: &usize| card.labels[label].name.as_str();
        let said: Vec<&str> = found.chosen.iter().map(name).collect();
        if said == *wanted {
            right += 1;
        } else {
            println!("{text}: {said:?}");
        }
    }
    assert!(right >= 4, "{right} of {}", cases.len());
}

#[test]
fn medical_knows_groups_of_conditions() {
    check(
        &load("medical"),
        "medical-abstracts",
        &[
            (
                "Survival after resection of breast carcinoma. We followed 210 women with invasive ductal carcinoma \
                 treated by mastectomy and adjuvant chemotherapy. Tumor size and nodal metastasis predicted relapse.",
                "neoplasms",
            ),
            (
                "Coronary angioplasty in acute myocardial infarction. Left ventricular ejection fraction and \
                 patency of the coronary artery were measured in 80 patients after thrombolysis.",
                "cardiovascular diseases",
            ),
        ],
    );
}

#[test]
fn general_knows_intents_and_what_is_none() {
    let expert = load("general");
    check(
        &expert,
        "clinc150",
        &[
            ("wake me up at six thirty tomorrow", "alarm"),
            ("what will the weather be like in oslo on sunday", "weather"),
            ("flip a coin for me", "flip_coin"),
            ("please translate good night into portuguese", "translate"),
            ("what pressure should my tires have", "tire_pressure"),
        ],
    );
    let outside = [
        "how many moons does jupiter have",
        "who won the chess world championship in 1972",
        "explain how photosynthesis stores energy",
        "which river is the longest in europe",
    ];
    let encode = |text| expert.tokenizer().encode(text, Some("clinc150")).unwrap();
    let found: Vec<Classification> = expert.classify(&outside.map(encode)).unwrap();
    let rejected = found.iter().filter(|c| c.rejected).count();
    assert!(rejected >= 2, "{rejected} of {} rejected", outside.len());
}
