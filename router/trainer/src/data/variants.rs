//! Texts near known ones, for teachers to speak about: a student sees what its teachers make of words it would otherwise
//! meet in few places. Their meaning may have changed, which is why nobody but a teacher says what they are.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Seed of the variants: the same texts always have the same ones, so that what was said about them can be kept.
const SEED: u64 = 20_261_126;
/// Of each hundred words, this many are left out, as many change places with the next, and twice as many become a word of
/// another text.
const SHARE: f64 = 0.07;

/// So many variants of each text, those that came out as the text itself left out.
pub(super) fn of(texts: &[&str], each: usize) -> Vec<String> {
    if each == 0 {
        return Vec::new();
    }
    let random = &mut StdRng::seed_from_u64(SEED);
    let words: Vec<&str> = texts.iter().flat_map(|text| text.split(' ')).collect();
    let mut variants = Vec::with_capacity(texts.len() * each);
    for text in texts {
        for _ in 0..each {
            let variant = variant(text, &words, random);
            if variant != **text && !variant.trim().is_empty() {
                variants.push(variant);
            }
        }
    }
    variants
}

fn variant(text: &str, all: &[&str], random: &mut StdRng) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    let mut at = 0;
    while at < words.len() {
        let draw: f64 = random.random();
        if draw < SHARE {
            words.remove(at);
            continue;
        }
        if draw < 2.0 * SHARE && at + 1 < words.len() {
            words.swap(at, at + 1);
        } else if draw < 4.0 * SHARE
            && let Some((word, other)) = words.get_mut(at).zip(all.choose(random))
        {
            *word = other;
        }
        at += 1;
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_near_their_texts_and_always_the_same() {
        let texts = [
            "my card was swallowed by the machine in front of the bank",
            "how do i reset the pin of my card",
        ];
        let found = of(&texts, 40);
        assert_eq!(found, of(&texts, 40));
        assert!(found.len() > 70, "{}", found.len());
        let known: Vec<&str> = texts.iter().flat_map(|text| text.split(' ')).collect();
        let mut kept = 0;
        for variant in &found {
            assert!(!texts.contains(&variant.as_str()));
            assert!(variant.split(' ').all(|word| known.contains(&word)));
            let own = texts.iter().map(|text| {
                let words: Vec<&str> = text.split(' ').collect();
                variant
                    .split(' ')
                    .filter(|word| words.contains(word))
                    .count()
            });
            kept += own.max().unwrap_or(0);
        }
        let words: usize = found.iter().map(|text| text.split(' ').count()).sum();
        assert!(kept * 10 > words * 8, "{kept} of {words}");
        assert!(of(&texts, 0).is_empty() && of(&[], 3).is_empty());
    }
}
