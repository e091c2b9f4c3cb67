//! From a text to pieces that can be found and quoted.

#[cfg(test)]
mod tests;

/// Words of a chunk, about.
const WORDS: usize = 200;
/// Words of a chunk that stand at the end of the one before, at most.
const OVERLAP: usize = 40;
/// Bytes of a word; a longer one counts as several.
const WORD_BYTES: usize = 256;

type Span = (usize, usize);

/// Cuts `text` into chunks of about 200 words along its paragraphs. Each begins with the last paragraph of the one before
/// if that is short, and a paragraph that is too long is cut with 40 words in common. No chunk has more than 240 words.
pub(crate) fn chunks(text: &str) -> Vec<&str> {
    let mut parts: Vec<Vec<Span>> = Vec::new();
    for paragraph in paragraphs(text) {
        if paragraph.len() <= WORDS {
            parts.push(paragraph);
        } else {
            parts.extend(long(&paragraph));
        }
    }
    let mut spans: Vec<Span> = Vec::new();
    let (mut from, mut to, mut count) = (None, 0, 0);
    let mut last: Option<(usize, usize)> = None;
    for part in &parts {
        let (Some(first), Some(end)) = (part.first(), part.last()) else {
            continue;
        };
        if let Some(begun) = from.filter(|_| count + part.len() > WORDS) {
            spans.push((begun, to));
            let kept = last.filter(|(_, words)| *words <= OVERLAP && count > *words);
            from = kept.map(|(start, _)| start);
            count = kept.map_or(0, |(_, words)| words);
        }
        from = from.or(Some(first.0));
        to = end.1;
        count += part.len();
        last = Some((first.0, part.len()));
    }
    spans.extend(from.map(|begun| (begun, to)));
    spans
        .into_iter()
        .filter_map(|(from, to)| text.get(from..to))
        .collect()
}

/// Pieces of a paragraph that is too long.
fn long(words: &[Span]) -> Vec<Vec<Span>> {
    let mut pieces = Vec::new();
    let mut rest = words;
    while rest.len() > WORDS {
        let (piece, _) = rest.split_at(WORDS);
        pieces.push(piece.to_vec());
        rest = rest.get(WORDS - OVERLAP..).unwrap_or_default();
    }
    pieces.push(rest.to_vec());
    pieces
}

/// The words of each paragraph; an empty line parts paragraphs.
fn paragraphs(text: &str) -> Vec<Vec<Span>> {
    let mut all = vec![Vec::new()];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            all.push(Vec::new());
        } else if let Some(words) = all.last_mut() {
            add_words(line, start, words);
        }
        start += line.len();
    }
    all.retain(|words| !words.is_empty());
    all
}

fn add_words(line: &str, start: usize, words: &mut Vec<Span>) {
    let mut begun: Option<usize> = None;
    for (at, c) in line.char_indices() {
        let at = start + at;
        let too_long = begun.is_some_and(|from| at + c.len_utf8() - from > WORD_BYTES);
        if c.is_whitespace() || too_long {
            words.extend(begun.take().map(|from| (from, at)));
        }
        if !c.is_whitespace() {
            begun = begun.or(Some(at));
        }
    }
    words.extend(begun.map(|from| (from, start + line.len())));
}
