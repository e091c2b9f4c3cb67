//! Noisy copies of a text, so that the gate learns to read them: typing errors, other words and order, lost case, a
//! system message before it.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// System messages that say nothing about the domain.
const SYSTEMS: [&str; 5] = [
    "You are a helpful assistant.",
    "Answer briefly and politely. Reply in JSON.",
    "You are a classifier. Choose the best label and return it.",
    "Be concise. If you are not sure, say so.",
    "You work for our company and help its staff and its customers.",
];

/// A text with about one typing error in each of `share` of its words: a letter swapped, dropped, doubled or replaced.
pub fn typos(text: &str, share: f64, rng: &mut StdRng) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            out.push(' ');
        }
        let letters: Vec<char> = word.chars().collect();
        if letters.len() < 3 || !rng.random_bool(share) {
            out.push_str(word);
            continue;
        }
        let place = rng.random_range(0..letters.len() - 1);
        let kind = rng.random_range(0..4);
        for (index, letter) in letters.iter().enumerate() {
            match (kind, index == place, index == place + 1) {
                (0, true, _) => out.extend(letters.get(place + 1)),
                (0, _, true) => out.extend(letters.get(place)),
                (1, true, _) => {}
                (2, true, _) => out.extend([*letter, *letter]),
                (3, true, _) => out.push(char::from(rng.random_range(b'a'..=b'z'))),
                _ => out.push(*letter),
            }
        }
    }
    out
}

/// Words that may stand for each other; a word of one line is replaced by another of it.
const ALIKE: [&[&str]; 16] = [
    &["show", "display", "list", "give"],
    &["help", "assist", "support"],
    &["big", "large", "great"],
    &["small", "little", "minor"],
    &["begin", "start", "commence"],
    &["end", "finish", "stop"],
    &["need", "require", "want"],
    &["get", "obtain", "receive"],
    &["make", "create", "produce"],
    &["find", "locate", "discover"],
    &["why", "how come"],
    &["what", "which"],
    &["must", "shall", "has to"],
    &["because", "since", "as"],
    &["about", "regarding", "concerning"],
    &["correct", "right", "true"],
];

/// A text said a little differently: of each eight words about one is left out, replaced by one that is alike, or changes
/// places with its neighbour. Short texts stay as they are.
pub fn paraphrase(text: &str, rng: &mut StdRng) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    if words.len() < 6 {
        return text.to_owned();
    }
    let mut at = 0;
    while at + 1 < words.len() {
        if rng.random_bool(0.125) {
            match rng.random_range(0..3) {
                0 => {
                    words.remove(at);
                }
                1 => words.swap(at, at + 1),
                _ => {
                    let alike = ALIKE.iter().find(|line| line.contains(&words[at]));
                    if let Some(other) = alike.and_then(|line| line.choose(rng)) {
                        words[at] = other;
                    }
                }
            }
        }
        at += 1;
    }
    words.join(" ")
}

/// A copy for one pass: some with typing errors, some said a little differently, some cut short, and of short ones most in a style that is drawn anew.
/// Data sets differ in case and end marks, which says nothing about the domain: the gate must not learn that.
pub fn copy(text: &str, rng: &mut StdRng) -> String {
    let mut copy = match rng.random_range(0..10) {
        0..3 => typos(text, 0.15, rng),
        3..5 => paraphrase(text, rng),
        _ => text.to_owned(),
    };
    if copy.len() > 300 && rng.random_bool(0.4) {
        let letters = copy.chars().count();
        let keep = rng.random_range(letters / 5..=letters);
        copy = copy.chars().take(keep).collect();
    }
    restyle(&copy, rng)
}

/// The same words with other case and marks.
fn restyle(text: &str, rng: &mut StdRng) -> String {
    let bare = || text.trim_end_matches(['.', '?', '!', ' ']);
    let mark = |rng: &mut StdRng| ["", ".", "?", "!"].choose(rng).copied().unwrap_or("");
    match rng.random_range(0..10) {
        0..3 => bare().to_lowercase(),
        3..5 => format!("{}{}", capital(&bare().to_lowercase()), mark(rng)),
        5..7 => format!("{}{}", capital(bare()), mark(rng)),
        7 if text.len() < 200 => text.to_uppercase(),
        _ => text.to_owned(),
    }
}

/// The text with its first letter as a capital.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// A system message for some copies.
pub fn system(rng: &mut StdRng) -> Option<&'static str> {
    if rng.random_bool(0.3) {
        SYSTEMS.choose(rng).copied()
    } else {
        None
    }
}
