//! Parity with `transformers` on the committed fixtures, which `fixtures/tiny_decoders.py` made.

use std::path::PathBuf;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::PAGE;

#[derive(Deserialize)]
struct Vectors {
    prompt: Vec<u32>,
    logits: Vec<Vec<f32>>,
    greedy: Vec<u32>,
}

const FAMILIES: [&str; 7] = [
    "llama",
    "llama_tied_biased",
    "llama3",
    "llama_yarn",
    "qwen2",
    "qwen3",
    "mistral",
];

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/tiny_decoders")
        .join(name)
}

fn load(name: &str) -> (Decoder, Vectors) {
    let folder = folder(name);
    let vectors = std::fs::read_to_string(folder.join("vectors.json")).unwrap();
    let decoder = Decoder::load(&folder, 2, Stored::AsIs).unwrap();
    (decoder, serde_json::from_str(&vectors).unwrap())
}

/// A cache whose pages are given out in an order of their own.
struct Room {
    cache: KvCache,
    pages: Vec<u32>,
}

impl Room {
    fn of(decoder: &Decoder, sequences: usize) -> (Self, Vec<Vec<u32>>) {
        let each = decoder.config().context.div_ceil(PAGE);
        let pages: Vec<u32> = (0..u32::try_from(sequences * each).unwrap())
            .rev()
            .collect();
        let lists =
            (0..sequences).map(|n| pages.iter().copied().skip(n).step_by(sequences).collect());
        let room = Self {
            cache: KvCache::new(decoder.config(), pages.len()),
            pages: pages.clone(),
        };
        (room, lists.collect())
    }
}

fn likeliest(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    u32::try_from(best.unwrap().0).unwrap()
}

/// The tokens that follow a prompt, which is read in parts of so many.
fn greedy(
    decoder: &mut Decoder,
    cache: &mut KvCache,
    pages: &[u32],
    prompt: &[u32],
    each: usize,
    count: usize,
) -> Vec<u32> {
    let mut start = 0;
    let mut next = 0;
    for tokens in prompt.chunks(each) {
        let part = Part {
            tokens,
            start,
            pages,
            wanted: Wanted::Last,
        };
        next = likeliest(decoder.step(cache, &[part]).unwrap());
        start += tokens.len();
    }
    let mut found = vec![next];
    while found.len() < count {
        let part = Part {
            tokens: &[next],
            start,
            pages,
            wanted: Wanted::Last,
        };
        next = likeliest(decoder.step(cache, &[part]).unwrap());
        found.push(next);
        start += 1;
    }
    found
}

#[test]
fn logits_and_greedy_tokens_equal_those_of_transformers() {
    for name in FAMILIES {
        let (mut decoder, vectors) = load(name);
        let (mut room, lists) = Room::of(&decoder, 3);
        let part = Part {
            tokens: &vectors.prompt,
            start: 0,
            pages: &lists[1],
            wanted: Wanted::All,
        };
        let found = decoder.step(&mut room.cache, &[part]).unwrap();
        let expected = vectors.logits.concat();
        assert_eq!(found.len(), expected.len(), "{name}");
        let gaps = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let gap = gaps.fold(0.0_f32, f32::max);
        assert!(gap < 1e-4, "{name}: {gap}");
        for each in [24, 7, 1] {
            let found = greedy(
                &mut decoder,
                &mut room.cache,
                &lists[0],
                &vectors.prompt,
                each,
                64,
            );
            assert_eq!(found, vectors.greedy, "{name}, {each} at a time");
        }
        assert_eq!(room.pages.len(), room.cache.pages());
    }
}

#[test]
fn a_changed_weight_is_seen() {
    let folder = folder("qwen3");
    let copy = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(folder.join(file), copy.path().join(file)).unwrap();
    }
    let path = copy.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 4 * 500;
    bytes[at..at + 4].copy_from_slice(&3.0_f32.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let (_, vectors) = load("qwen3");
    let mut changed = Decoder::load(copy.path(), 1, Stored::AsIs).unwrap();
    let (mut room, lists) = Room::of(&changed, 1);
    let part = Part {
        tokens: &vectors.prompt,
        start: 0,
        pages: &lists[0],
        wanted: Wanted::All,
    };
    let found = changed.step(&mut room.cache, &[part]).unwrap();
    let expected = vectors.logits.concat();
    let gaps = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    assert!(gaps.fold(0.0_f32, f32::max) > 1e-3);
}

#[test]
fn integers_are_close() {
    let (mut exact, vectors) = load("llama");
    let mut small = Decoder::load(&folder("llama"), 1, Stored::Int8).unwrap();
    assert!(small.bytes() < exact.bytes());
    let logits = |decoder: &mut Decoder| {
        let (mut room, lists) = Room::of(decoder, 1);
        let part = Part {
            tokens: &vectors.prompt,
            start: 0,
            pages: &lists[0],
            wanted: Wanted::All,
        };
        decoder.step(&mut room.cache, &[part]).unwrap().to_vec()
    };
    let (exact, small) = (logits(&mut exact), logits(&mut small));
    let mean = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let gap = mean(&mut exact.iter().zip(&small).map(|(a, b)| a - b));
    assert!(gap < 0.05 * mean(&mut exact.iter().copied()), "{gap}");
}

#[test]
fn what_a_step_lacks_is_an_error_and_changes_nothing() {
    let (mut decoder, _) = load("llama");
    let (mut room, lists) = Room::of(&decoder, 1);
    let part = Part {
        tokens: &[1, 2, 3],
        start: 0,
        pages: &lists[0],
        wanted: Wanted::Last,
    };
    let short = Part { pages: &[], ..part };
    let strange = Part {
        pages: &[99_999],
        ..part
    };
    let unknown = Part {
        tokens: &[96],
        ..part
    };
    let late = Part { start: 126, ..part };
    for wrong in [short, strange, unknown, late] {
        assert!(matches!(
            decoder.step(&mut room.cache, &[part, wrong]),
            Err(DecoderError::Input(_))
        ));
    }
    assert_eq!(decoder.step(&mut room.cache, &[]).unwrap(), &[] as &[f32]);
    assert_eq!(decoder.step(&mut room.cache, &[part]).unwrap().len(), 96);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// However sequences are cut and put together, each one's logits are those of it alone, bit by bit.
    #[test]
    fn company_changes_no_bit(
        family in 0_usize..7,
        sequences in prop::collection::vec(prop::collection::vec(0_u32..96, 1..60), 1..6),
        cuts in prop::collection::vec(1_usize..20, 1..40),
    ) {
        let (mut decoder, _) = load(FAMILIES[family]);
        let (mut room, lists) = Room::of(&decoder, sequences.len());
        let mut alone = Vec::new();
        for tokens in &sequences {
            let part = Part { tokens, start: 0, pages: &lists[0], wanted: Wanted::All };
            alone.push(decoder.step(&mut room.cache, &[part]).unwrap().to_vec());
        }
        let mut read = vec![0; sequences.len()];
        let mut found = vec![Vec::new(); sequences.len()];
        let mut cuts = cuts.iter().cycle();
        while read.iter().zip(&sequences).any(|(read, all)| *read < all.len()) {
            let mut parts = Vec::new();
            for ((tokens, read), pages) in sequences.iter().zip(&read).zip(&lists) {
                let count = (*cuts.next().unwrap()).min(tokens.len() - read);
                parts.push(Part { tokens: &tokens[*read..read + count], start: *read, pages, wanted: Wanted::All });
            }
            let mut logits = decoder.step(&mut room.cache, &parts).unwrap();
            for (n, part) in parts.iter().enumerate() {
                let (own, rest) = logits.split_at(part.tokens.len() * 96);
                found[n].extend_from_slice(own);
                read[n] += part.tokens.len();
                logits = rest;
            }
        }
        prop_assert_eq!(found, alone);
    }
}
