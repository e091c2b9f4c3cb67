//! Random lives of a batch on a real, tiny network: whoever comes, goes, waits or is put off, each answer is the one it
//! would be alone, and pages, time and counts come out even.

use std::sync::Arc;

use decoder::{Decoder, KvCache, Sampling, Stored, fixture};
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::*;
use crate::writing::job::{Event, Last, Prompt};

struct House {
    _folder: tempfile::TempDir,
    decoder: Decoder,
    cache: KvCache,
    text: Text,
}

fn house(pages: usize) -> House {
    let folder = tempfile::tempdir().unwrap();
    fixture::write(folder.path(), 7).unwrap();
    let decoder = Decoder::load(folder.path(), 1, Stored::AsIs).unwrap();
    House {
        text: Text::read(folder.path(), decoder.config()).unwrap(),
        cache: KvCache::new(decoder.config(), pages),
        decoder,
        _folder: folder,
    }
}

fn prompt(tokens: &[u32], most: usize, tenant: &str) -> Prompt {
    Prompt {
        tokens: tokens.to_vec(),
        sampling: Sampling::GREEDY,
        stops: Vec::new(),
        most,
        tenant: tenant.into(),
    }
}

fn job(prompt: Prompt) -> (WriteJob, mpsc::Receiver<Event>) {
    let (events, told) = mpsc::channel(prompt.most + 2);
    let job = WriteJob {
        prompt_tokens: prompt.tokens.len(),
        prompt,
        arrived: Nanos::ZERO,
        deadline: None,
        events,
    };
    (job, told)
}

fn batch(house: &House, sequences: usize, step_tokens: usize) -> Batch {
    let limits = WriteLimits {
        sequences,
        step_tokens,
    };
    let context = fixture::CONTEXT.min(house.cache.pages() * PAGE);
    Batch::new(house.text.clone(), limits, context, house.cache.pages())
}

/// One step; what closed, and the step's time where there was one.
fn step(house: &mut House, batch: &mut Batch, took: u64) -> (Vec<Closing>, u64) {
    let planned = batch.plan(Nanos::ZERO);
    if planned {
        let logits = house
            .decoder
            .step(&mut house.cache, &batch.parts())
            .unwrap();
        batch.draw(logits);
        batch.book(Nanos::new(took));
    }
    (batch.report().closed, if planned { took } else { 0 })
}

/// Text and counts of an answer that nobody else is written with.
fn alone(house: &mut House, prompt: Prompt) -> (String, u64) {
    let mut batch = batch(house, 1, 64);
    let (job, mut told) = job(prompt);
    batch.admit(job);
    while !batch.is_empty() {
        let (closed, _) = step(house, &mut batch, 1);
        if let [closing] = &closed[..] {
            let Last::Whole { tokens, .. } = closing.last else {
                panic!("{closing:?}")
            };
            return (heard(&mut told), tokens);
        }
    }
    panic!("it never ended")
}

fn heard(told: &mut mpsc::Receiver<Event>) -> String {
    let mut text = String::new();
    while let Ok(event) = told.try_recv() {
        if let Event::Piece { text: piece, .. } = event {
            text.push_str(&piece);
        }
    }
    text
}

#[test]
fn a_prompt_that_begins_alike_is_read_once_by_its_tenant() {
    let mut house = house(64);
    let mut batch = batch(&house, 4, 64);
    let tokens: Vec<u32> = (0..50).collect();
    for (tenant, cached) in [("a", 0), ("b", 0), ("a", 48), ("b", 48)] {
        let (job, mut told) = job(prompt(&tokens, 5, tenant));
        batch.admit(job);
        let closed = loop {
            let (mut closed, _) = step(&mut house, &mut batch, 1);
            if let Some(closing) = closed.pop() {
                break closing;
            }
        };
        let Last::Whole {
            read,
            cached: found,
            ..
        } = closed.last
        else {
            panic!("{closed:?}")
        };
        assert_eq!((read, found), (50 - cached, cached), "{tenant}");
        assert!(!heard(&mut told).is_empty());
    }
    // Longer ones find what the shorter ones had.
    let longer: Vec<u32> = (0..90).collect();
    let expected = alone(&mut house, prompt(&longer, 8, "c"));
    let (job, mut told) = job(prompt(&longer, 8, "a"));
    batch.admit(job);
    while !batch.is_empty() {
        step(&mut house, &mut batch, 1);
    }
    assert_eq!(heard(&mut told), expected.0);
}

#[test]
fn a_step_takes_no_more_tokens_than_it_may() {
    let mut house = house(64);
    let mut batch = batch(&house, 8, 20);
    let mut told = Vec::new();
    for n in 0..4 {
        let tokens: Vec<u32> = (n..n + 45).collect();
        let (job, events) = job(prompt(&tokens, 30, "a"));
        batch.admit(job);
        told.push(events);
    }
    let mut steps = 0;
    while !batch.is_empty() {
        if batch.plan(Nanos::ZERO) {
            let parts = batch.parts();
            let tokens: usize = parts.iter().map(|part| part.tokens.len()).sum();
            assert!(tokens <= 20, "{tokens}");
            let logits = house.decoder.step(&mut house.cache, &parts).unwrap();
            batch.draw(logits);
        }
        drop(batch.report());
        steps += 1;
        assert!(steps < 500);
    }
}

#[derive(Debug, Clone)]
struct Life {
    tokens: Vec<u32>,
    most: usize,
    tenant: usize,
    comes: usize,
    /// It goes away after so many steps.
    goes: Option<usize>,
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let tokens = (0_u32..4, 1_usize..90).prop_map(|(from, count)| {
        // Many begin alike.
        (0..count)
            .map(|i| from / 2 + u32::try_from(i).unwrap() % 200)
            .collect()
    });
    let life = (
        tokens,
        1_usize..25,
        0_usize..3,
        0_usize..30,
        prop::option::weighted(0.2, 0_usize..40),
    );
    let life = life.prop_map(|(tokens, most, tenant, comes, goes)| Life {
        tokens,
        most,
        tenant,
        comes,
        goes,
    });
    prop::collection::vec(life, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_answer_is_the_one_it_would_be_alone(
        lives in lives(), sequences in 1_usize..6, step_tokens in 1_usize..70, pages in 9_usize..30,
    ) {
        let mut house = house(pages);
        let mut batch = batch(&house, sequences, step_tokens);
        let tenants: [Arc<str>; 3] = ["a".into(), "b".into(), "c".into()];
        let mut told: Vec<Option<mpsc::Receiver<Event>>> = lives.iter().map(|_| None).collect();
        let mut texts = vec![String::new(); lives.len()];
        let (mut spent, mut closed, mut passed) = (0_u64, Vec::new(), 0_u64);
        for now in 0.. {
            for (n, life) in lives.iter().enumerate() {
                if life.comes == now {
                    let (job, events) = job(prompt(&life.tokens, life.most, &tenants[life.tenant]));
                    batch.admit(job);
                    told[n] = Some(events);
                }
                if life.goes.is_some_and(|goes| life.comes + goes == now) {
                    told[n] = None;
                }
            }
            let (gone, took) = step(&mut house, &mut batch, 1_000 + u64::try_from(now).unwrap() % 7);
            passed += took;
            for (text, told) in texts.iter_mut().zip(&mut told) {
                if let Some(told) = told {
                    text.push_str(&heard(told));
                }
            }
            closed.extend(gone);
            if now > 70 && batch.is_empty() {
                break;
            }
            prop_assert!(now < 20_000, "it never ends");
        }
        // Everybody left, all pages are back, and the shares are the time, to the nanosecond.
        prop_assert_eq!(closed.len(), lives.len());
        prop_assert_eq!(batch.pages.available(), batch.pages.count());
        for closing in &closed {
            spent += closing.spent.get();
        }
        prop_assert_eq!(spent, passed);
        let whole = closed.iter().filter(|c| matches!(c.last, Last::Whole { .. })).count();
        let stayed = lives.iter().zip(&told).filter(|(_, told)| told.is_some()).count();
        prop_assert!(whole >= stayed);
        for ((life, text), told) in lives.iter().zip(&texts).zip(&told) {
            if told.is_some() {
                let (expected, _) = alone(&mut house, prompt(&life.tokens, life.most, "nobody"));
                prop_assert_eq!(text, &expected);
            }
        }
    }
}
