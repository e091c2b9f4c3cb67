use super::*;

fn draws(sampling: &Sampling, logits: &[f32], count: u32) -> Vec<u32> {
    let seeds = 0..count;
    let each = seeds.map(|seed| {
        let sampling = Sampling {
            seed: seed.into(),
            ..sampling.clone()
        };
        Sampler::new(sampling, &[])
            .draw(logits, None)
            .unwrap()
            .token
    });
    each.collect()
}

#[test]
fn the_likeliest_and_the_first_of_equals() {
    assert_eq!(draws(&Sampling::GREEDY, &[1.0, 3.0, 3.0, 2.0], 1), [1]);
    let mut sampler = Sampler::new(Sampling::GREEDY, &[]);
    assert_eq!(sampler.draw(&[1.0, f32::NAN], None), Err(NotFinite));
    assert_eq!(sampler.draw(&[f32::NEG_INFINITY; 3], None), Err(NotFinite));
    let only = |token: u32| token == 2;
    assert_eq!(
        sampler.draw(&[5.0, 4.0, 1.0], Some(&only)).unwrap().token,
        2
    );
    assert_eq!(sampler.draw(&[5.0], Some(&only)), Err(NotFinite));
}

#[test]
fn draws_follow_the_probabilities() {
    let logits: Vec<f32> = [0.5_f32, 0.3, 0.15, 0.05].iter().map(|p| p.ln()).collect();
    let free = Sampling {
        temperature: 1.0,
        ..Sampling::GREEDY
    };
    let share = |drawn: &[u32], token: u32| {
        drawn.iter().filter(|t| **t == token).count() as f64 / drawn.len() as f64
    };
    let drawn = draws(&free, &logits, 20_000);
    for (token, p) in (0..).zip([0.5, 0.3, 0.15, 0.05]) {
        assert!((share(&drawn, token) - p).abs() < 0.02, "{token}");
    }
    let cases = [
        (
            Sampling {
                top_k: 2,
                ..free.clone()
            },
            vec![0.625, 0.375, 0.0, 0.0],
        ),
        (
            Sampling {
                top_p: 0.8,
                ..free.clone()
            },
            vec![0.625, 0.375, 0.0, 0.0],
        ),
        (
            Sampling {
                top_p: 0.81,
                ..free.clone()
            },
            vec![0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0.0],
        ),
        (
            Sampling {
                min_p: 0.25,
                ..free.clone()
            },
            vec![0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0.0],
        ),
        (
            Sampling {
                temperature: 0.5,
                ..free.clone()
            },
            vec![0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365],
        ),
        (
            Sampling {
                bias: vec![(0, -100.0)],
                ..free
            },
            vec![0.0, 0.6, 0.3, 0.1],
        ),
    ];
    for (sampling, expected) in cases {
        let drawn = draws(&sampling, &logits, 20_000);
        for (token, p) in (0..).zip(expected) {
            assert!(
                (share(&drawn, token) - p).abs() < 0.02,
                "{sampling:?} {token}"
            );
        }
    }
}

#[test]
fn penalties_count_what_was_read_and_written() {
    let logits = [2.0, 1.9, 1.0, -1.0];
    let written = |sampling: Sampling, prompt: &[u32], count: usize| -> Vec<u32> {
        let mut sampler = Sampler::new(sampling, prompt);
        (0..count)
            .map(|_| sampler.draw(&logits, None).unwrap().token)
            .collect()
    };
    let presence = Sampling {
        presence_penalty: 0.5,
        ..Sampling::GREEDY
    };
    assert_eq!(written(presence, &[0], 4), [0, 1, 0, 0]);
    let frequency = Sampling {
        frequency_penalty: 0.4,
        ..Sampling::GREEDY
    };
    assert_eq!(written(frequency, &[], 5), [0, 1, 0, 1, 0]);
    let repetition = Sampling {
        repetition_penalty: 2.0,
        ..Sampling::GREEDY
    };
    assert_eq!(written(repetition, &[0], 2), [1, 0]);
}

#[test]
fn one_seed_draws_one_answer_and_logprobs_are_the_networks() {
    let sampling = Sampling {
        temperature: 1.3,
        top_p: 0.9,
        seed: 7,
        logprobs: Some(2),
        ..Sampling::GREEDY
    };
    let logits: Vec<f32> = (0..500).map(|i| ((i * 37) % 101) as f32 / 20.0).collect();
    let run = || {
        let mut sampler = Sampler::new(sampling.clone(), &[]);
        (0..20)
            .map(|_| sampler.draw(&logits, None).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
    let sum: f32 = logits.iter().map(|l| l.exp()).sum();
    for drawn in run() {
        let own = logits[drawn.token as usize] - sum.ln();
        assert!((drawn.logprob.unwrap() - own).abs() < 1e-4);
        assert_eq!(drawn.top.len(), 2);
        assert!(drawn.top[0].1 >= drawn.top[1].1 && drawn.top[0].1 >= own - 1e-4);
    }
}
