//! Texts as weighted word pairs: TF-IDF of 1- and 2-grams, of unit length.

use std::collections::HashMap;

/// A text's features with their weights, and their number counted from 0.
pub(super) type Sparse = Vec<(u32, f32)>;

/// The words and pairs of the texts learned from, each with how telling it is.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// From a gram's hash to its number.
    numbers: HashMap<u64, u32>,
    /// `ln((1 + texts) / (1 + texts with the gram)) + 1`, by number.
    weights: Vec<f32>,
}

impl Vocabulary {
    /// The grams of these texts.
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a [u64]>) -> Self {
        let mut numbers = HashMap::new();
        let mut texts_with: Vec<u32> = Vec::new();
        let mut count = 0u32;
        for grams in texts {
            count += 1;
            let mut seen = grams.to_vec();
            seen.sort_unstable();
            seen.dedup();
            for gram in seen {
                let fresh = texts_with.len() as u32;
                let number = *numbers.entry(gram).or_insert(fresh);
                if number == fresh {
                    texts_with.push(0);
                }
                if let Some(slot) = texts_with.get_mut(number as usize) {
                    *slot += 1;
                }
            }
        }
        let all = f64::from(count) + 1.0;
        let weight = |with: u32| ((all / (f64::from(with) + 1.0)).ln() + 1.0) as f32;
        Self {
            numbers,
            weights: texts_with.into_iter().map(weight).collect(),
        }
    }

    /// How many grams there are.
    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    /// A text's features; grams that no learned text has are left out.
    pub(super) fn features(&self, grams: &[u64]) -> Sparse {
        let mut numbers: Vec<u32> = grams
            .iter()
            .filter_map(|gram| self.numbers.get(gram).copied())
            .collect();
        numbers.sort_unstable();
        let mut features: Sparse = Vec::new();
        for number in numbers {
            match features.last_mut().filter(|(last, _)| *last == number) {
                Some((_, count)) => *count += 1.0,
                None => features.push((number, 1.0)),
            }
        }
        for (number, value) in &mut features {
            *value *= self
                .weights
                .get(*number as usize)
                .copied()
                .unwrap_or_default();
        }
        let length = features
            .iter()
            .map(|(_, value)| value * value)
            .sum::<f32>()
            .sqrt();
        if length > 0.0 {
            features.iter_mut().for_each(|(_, value)| *value /= length);
        }
        features
    }
}

/// Hashes of a text's words and pairs of neighbouring words, in lower case and with every digit a 0: how many digits a
/// number has tells more than which. A word is a run of two or more letters and digits.
pub(super) fn grams(text: &str) -> Vec<u64> {
    let text = text
        .to_lowercase()
        .replace(|c: char| c.is_ascii_digit(), "0");
    let words: Vec<u64> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().nth(1).is_some())
        .map(hash)
        .collect();
    let pairs: Vec<u64> = words
        .windows(2)
        .filter_map(|pair| match pair {
            [first, second] => Some((first.rotate_left(17) ^ second).wrapping_mul(PRIME)),
            _ => None,
        })
        .collect();
    words.into_iter().chain(pairs).collect()
}

const PRIME: u64 = 0x0000_0100_0000_01b3;

/// 64-bit FNV-1a.
fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::{Vocabulary, grams};

    #[test]
    fn rare_words_weigh_more_and_texts_have_unit_length() {
        let texts = ["Gold rises, again", "gold falls", "silver falls"].map(grams);
        assert_eq!(texts[0].len(), 5);
        assert_eq!(texts[0][0], texts[1][0]);
        let vocabulary = Vocabulary::of(texts.iter().map(Vec::as_slice));
        assert_eq!(vocabulary.len(), 9);
        let features = vocabulary.features(&texts[2]);
        let length: f32 = features.iter().map(|(_, value)| value * value).sum();
        assert!((length - 1.0).abs() < 1e-6, "{features:?}");
        let lightest = features.iter().map(|(_, value)| *value).fold(1.0, f32::min);
        // "falls" stands in two of three texts, "silver" and the pair in one.
        assert_eq!(
            features
                .iter()
                .filter(|(_, value)| *value > lightest)
                .count(),
            2
        );
        assert!(vocabulary.features(&grams("unheard of")).is_empty());
        assert_ne!(grams("up down")[2], grams("down up")[2]);
    }
}
