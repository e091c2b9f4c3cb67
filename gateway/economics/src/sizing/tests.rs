use super::*;
use crate::curve::Curve;
use crate::draws::splitmix;

fn pilots(curve: Curve) -> Vec<Pilot> {
    let labels = [50.0, 100.0, 200.0, 400.0, 800.0];
    labels
        .iter()
        .map(|labels| Pilot {
            labels: *labels,
            accuracy: curve.accuracy(*labels),
            cases: Some(5_000),
        })
        .collect()
}

fn sizing(accuracy: f64) -> Sizing {
    Sizing {
        accuracy,
        pilots: pilots(Curve {
            a: 0.95,
            b: 1.5,
            c: 0.5,
        }),
        labels: 500.0,
        cost_per_label: 0.5,
        model: None,
    }
}

#[test]
fn labels_are_those_of_the_curve_and_cost_what_is_missing() {
    // 0.95 - 1.5 / sqrt(n) = 0.9 at n = 900.
    let found = sizing(0.9).ask(&mut splitmix(3)).unwrap();
    let LabelsNeeded::Known {
        needed,
        band,
        missing,
        cost,
    } = found.labels
    else {
        panic!("{found:?}");
    };
    assert!((needed / 900.0 - 1.0).abs() < 0.15, "{needed}");
    let band = band.unwrap();
    assert!(band.low < needed && needed < band.high, "{band:?} {needed}");
    assert!((missing - (needed.ceil() - 500.0)).abs() < 1e-9);
    assert!((cost - 0.5 * missing).abs() < 1e-9);
}

#[test]
fn what_cannot_be_reached_is_said_and_not_bought() {
    let found = sizing(0.99).ask(&mut splitmix(3)).unwrap();
    let ends = matches!(
        found.labels,
        LabelsNeeded::Ceiling(_) | LabelsNeeded::Beyond(_)
    );
    assert!(ends, "{found:?}");
    let mut few = sizing(0.9);
    few.pilots.truncate(3);
    assert!(few.ask(&mut splitmix(3)).is_err());
    let mut odd = sizing(0.9);
    odd.accuracy = 1.5;
    assert!(odd.ask(&mut splitmix(3)).is_err());
}

/// The published law (Besiroglu et al. 2024, the refit of Hoffmann et al. 2022), asked for its own vectors.
#[test]
fn a_model_is_sized_by_the_law_of_its_runs_and_hosted_by_the_roofline() {
    let law = Law {
        e: 1.8172,
        a: 477.84,
        b: 2_143.86,
        alpha: 0.3473,
        beta: 0.3672,
    };
    let mut runs = Vec::new();
    for params in [1e8, 3e8, 1e9, 3e9] {
        for tokens in [2e9, 6e9, 2e10, 6e10] {
            runs.push(Trained {
                params,
                tokens,
                loss: law.loss(params, tokens),
            });
        }
    }
    let ask = |loss, tokens| {
        let model = ModelSizing {
            loss,
            tokens,
            runs: runs.clone(),
            device: Some(Device {
                memory_gb: 141.0,
                bandwidth_gb_s: 4_800.0,
                per_hour: 3.49,
                streams: 1.0,
                utilisation: 0.5,
                bytes_per_param: 2.0,
                tokens_per_task: 300.0,
            }),
        };
        model.ask(&mut splitmix(5)).unwrap()
    };
    let ModelSized::Params { params, hosted, .. } = ask(2.4, 20e9) else {
        panic!("a size");
    };
    assert!((params / 3.61e9 - 1.0).abs() < 0.05, "{params}");
    let hosted = hosted.unwrap();
    assert!(hosted.fits && (hosted.weights_gb - params * 2e-9).abs() < 1e-9);
    let rate = 4_800.0 / hosted.weights_gb;
    assert!((hosted.tokens_per_second - rate).abs() < 1e-6);
    let cost = 300.0 / (rate * 0.5) / 3_600.0 * 3.49;
    assert!((hosted.cost_per_task - cost).abs() < 1e-12);
    assert!(matches!(ask(2.6, 2e9), ModelSized::NeedsTokens(_)));
    assert!(matches!(ask(1.7, 20e9), ModelSized::Floor(_)));
    // Half a trillion parameters are far beyond ten times the largest run.
    assert!(matches!(ask(2.2, 20e9), ModelSized::Beyond(_)));
}
