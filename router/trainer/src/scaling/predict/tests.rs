//! What a law answers, and where it stops.

use economics::scaling::{Bootstrap, Fit, Form, Law, flops};
use economics::{Reach, Span};

use super::{Answer, Args, answer};
use crate::scaling::law_file::{GroupLaw, Intervals};

/// Besiroglu et al. 2024, with the reach of their data and a few laws around it.
fn law() -> GroupLaw {
    let law = Law {
        e: 1.8172,
        a: 477.84,
        b: 2143.86,
        alpha: 0.3473,
        beta: 0.3672,
    };
    let span = |low, high| Span { low, high };
    let reach = Reach {
        params: span(5e7, 1.6e10),
        tokens: span(5e8, 2e11),
        flops: span(flops(5e7, 5e8), flops(1e9, 2e11)),
    };
    let around = |i: i32| Law {
        e: law.e + 1e-3 * f64::from(i),
        ..law
    };
    let bootstrap = Bootstrap {
        laws: (-20..=20).map(around).collect(),
        failed: 0,
    };
    GroupLaw {
        group: "all".to_owned(),
        runs: 240,
        fit: Fit {
            law,
            form: Form::Free,
            objective: 0.001,
            reach,
        },
        intervals: Intervals::of(&bootstrap),
        check: None,
        test: None,
        bootstrap,
    }
}

fn ask(
    loss: Option<f64>,
    params: Option<f64>,
    flops: Option<f64>,
    tokens: Option<f64>,
) -> anyhow::Result<Answer> {
    let args = Args {
        law: "law.json".into(),
        group: None,
        loss,
        params,
        flops,
        tokens,
    };
    answer(&law(), &args)
}

#[track_caller]
fn number(answer: &Answer, key: &str, expected: f64) {
    let found = answer.json[key].as_f64().unwrap();
    assert!(
        (found / expected - 1.0).abs() < 5e-3,
        "{key}: {found} is not {expected}"
    );
}

#[test]
fn a_size_for_a_loss_and_the_data_there_is() {
    let found = ask(Some(2.6), None, None, Some(20e9)).unwrap();
    number(&found, "params", 5.93e8);
    let ends: Vec<f64> = found.json["params_95"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect();
    assert!(ends[0] < 5.93e8 && 5.93e8 < ends[1], "{ends:?}");
    assert_eq!(found.json["reachable"], true);
}

#[test]
fn too_little_data_is_an_answer_that_says_how_much_is_needed() {
    let found = ask(Some(2.6), None, None, Some(2e9)).unwrap();
    assert_eq!(found.json["reachable"], false);
    assert!(
        found
            .words
            .contains("not reachable with this data: you need"),
        "{}",
        found.words
    );
    let needed = found.json["needs_tokens"].as_f64().unwrap();
    let again = ask(None, Some(1.6e11), None, Some(needed));
    // The largest model on these tokens reaches the loss, but its work may be beyond reach.
    if let Ok(again) = again {
        number(&again, "loss", 2.6);
    }
    let most = found.json["needs_tokens_any_size"].as_f64().unwrap();
    assert!(2e9 < most && most < needed, "{most} {needed}");
    let floor = ask(Some(1.8), None, None, Some(2e10)).unwrap();
    assert!(
        floor.words.contains("1.8172 remains") && floor.json["reachable"] == false,
        "{}",
        floor.words
    );
    // Reachable in principle, but with more data than the law speaks of.
    let far = ask(Some(1.83), None, None, Some(2e10)).unwrap();
    assert!(
        far.words.contains("more than this law speaks of"),
        "{}",
        far.words
    );
}

#[test]
fn the_loss_of_a_size_and_the_best_use_of_work() {
    let found = ask(None, Some(1e9), None, Some(20e9)).unwrap();
    number(&found, "loss", law().fit.law.loss(1e9, 20e9));
    let best = ask(None, None, Some(1e21), None).unwrap();
    let (params, tokens) = (
        best.json["params"].as_f64().unwrap(),
        best.json["tokens"].as_f64().unwrap(),
    );
    assert!((flops(params, tokens) / 1e21 - 1.0).abs() < 1e-9);
    let loss = best.json["loss"].as_f64().unwrap();
    let back = ask(Some(loss), None, None, None).unwrap();
    number(&back, "flops", 1e21);
    number(&back, "params", params);
}

#[test]
fn beyond_ten_times_is_refused_with_the_limit() {
    for (question, part) in [
        ((Some(2.2), None, None, Some(20e9)), "params 1.3"),
        (
            (None, Some(1.61e11), None, Some(1e9)),
            "the limit is 1.6000e11",
        ),
        ((None, Some(1e6), None, Some(1e9)), "the limit is 5.0000e6"),
        ((None, Some(1e9), None, Some(2.1e12)), "tokens 2.1000e12"),
        ((None, Some(1e11), None, Some(1e12)), "flops 6.0000e23"),
        ((None, None, Some(1e23), None), "flops 1.0000e23"),
        ((Some(1.83), None, None, None), "beyond ten times"),
        ((Some(2.6), None, None, Some(1e7)), "tokens 1.0000e7"),
    ] {
        let (loss, params, flops, tokens) = question;
        let error = ask(loss, params, flops, tokens)
            .map(|a| a.words)
            .expect_err(part);
        let error = format!("{error:#}");
        assert!(
            error.contains(part) && error.contains("the limit is"),
            "{error}"
        );
    }
}
