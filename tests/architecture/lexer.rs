//! Just enough of Rust's grammar to tell code from texts and comments, and tests from what ships.

/// A source file with its parts apart; every part keeps the line numbers of the file.
#[derive(Debug)]
pub(super) struct Lexed {
    /// The code: comments, and what stands inside quotes, turned into blanks.
    pub(super) code: String,
    /// `code` without the items behind `#[cfg(test)]`.
    pub(super) shipped: String,
    /// Each text literal of the shipped code, with the line it starts on.
    pub(super) texts: Vec<(usize, String)>,
}

impl Lexed {
    /// Splits a file.
    pub(super) fn new(source: &str) -> Self {
        let mut scan = Scan {
            rest: source,
            line: 1,
            code: String::new(),
            texts: Vec::new(),
        };
        while scan.step() {}
        let (shipped, cut) = without_tests(&scan.code);
        let mut texts = scan.texts;
        texts.retain(|(line, _)| !cut.iter().any(|range| range.contains(line)));
        Self {
            code: scan.code,
            shipped,
            texts,
        }
    }

    /// Lines of shipped code that hold this fragment, from 1.
    pub(super) fn lines_with<'a>(&'a self, fragment: &'a str) -> impl Iterator<Item = usize> + 'a {
        let lines = self.shipped.lines().enumerate();
        lines
            .filter(move |(_, line)| line.contains(fragment))
            .map(|(at, _)| at + 1)
    }
}

/// The words of a line of code: maximal runs of letters, digits and `_`.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

struct Scan<'a> {
    rest: &'a str,
    line: usize,
    code: String,
    texts: Vec<(usize, String)>,
}

impl Scan<'_> {
    /// Takes one comment, literal or character; false at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest;
        let Some(first) = rest.chars().next() else {
            return false;
        };
        if rest.starts_with("//") {
            self.blank(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.blank(block_comment(rest));
        } else if let Some((open, len, close)) = raw_text(rest).filter(|_| self.at_word_start()) {
            self.text(open, len, close);
        } else if first == '"' {
            self.text(1, plain_text(rest), 1);
        } else if let Some(len) = char_literal(rest) {
            self.blank(len);
        } else {
            self.keep(first.len_utf8());
        }
        true
    }

    fn at_word_start(&self) -> bool {
        !self
            .code
            .ends_with(|c: char| c.is_alphanumeric() || c == '_')
    }

    fn text(&mut self, open: usize, len: usize, close: usize) {
        let end = len.saturating_sub(close).max(open);
        self.texts
            .push((self.line, self.rest[open..end].to_owned()));
        self.blank(len);
    }

    fn blank(&mut self, len: usize) {
        let (taken, rest) = self.rest.split_at(len);
        for c in taken.chars() {
            self.code.push(if c == '\n' { '\n' } else { ' ' });
        }
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }

    fn keep(&mut self, len: usize) {
        let (taken, rest) = self.rest.split_at(len);
        self.code.push_str(taken);
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }
}

/// Length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Lengths of a raw text's opening, of all of it, and of its closing: `r"…"`, `r#"…"#`, `br"…"`.
fn raw_text(text: &str) -> Option<(usize, usize, usize)> {
    let prefix = ["br", "cr", "r"]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?;
    let hashes = text[prefix.len()..]
        .bytes()
        .take_while(|b| *b == b'#')
        .count();
    let open = prefix.len() + hashes + 1;
    if text.as_bytes().get(open - 1) != Some(&b'"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let len = text[open..]
        .find(&close)
        .map_or(text.len(), |at| open + at + close.len());
    Some((open, len, close.len()))
}

fn plain_text(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal; `None` for a lifetime.
fn char_literal(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let mut chars = inner.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        let (after, _) = chars.nth(1)?;
        return inner[after..].find('\'').map(|at| after + at + 2);
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(at + 2)
}

/// Blanks every item behind `#[cfg(test)]`; also says which lines went.
fn without_tests(code: &str) -> (String, Vec<std::ops::Range<usize>>) {
    let mut kept = code.to_owned();
    let mut cut = Vec::new();
    let mut from = 0;
    while let Some(found) = kept[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = item_end(&kept[start..]) + start;
        let line = |at: usize| kept[..at].matches('\n').count() + 1;
        cut.push(line(start)..line(end) + 1);
        let blank: String = kept[start..end]
            .chars()
            .map(|c| if c == '\n' { c } else { ' ' })
            .collect();
        kept.replace_range(start..end, &blank);
        from = start + blank.len();
    }
    (kept, cut)
}

/// Where the item that starts here ends: at its `;`, or at the brace that closes it.
fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn code_texts_and_comments_are_told_apart() {
    let lexed = Lexed::new(concat!(
        "fn a<'a>(x: &'a str) { /* bb /* cc */ dd */ let q = '\"'; let e = '\\''; }\n",
        "// ff \"gg\"\n",
        "let h = r#\"SELECT \"i\" FROM j\"#; let k = \"l \\\" m\"; br::n();\n",
        "#[cfg(test)]\nmod tests { const T: &str = \"o\"; fn p() { q() } }\nfn r() {}\n",
    ));
    assert!(
        lexed.code.contains("fn a<'a>(x: &'a str) {"),
        "{}",
        lexed.code
    );
    for gone in ["bb", "cc", "dd", "ff", "gg", "SELECT", "\\"] {
        assert!(!lexed.code.contains(gone), "{gone:?} in {}", lexed.code);
    }
    assert!(lexed.code.contains("br::n();"));
    assert!(lexed.code.contains("q()") && !lexed.shipped.contains("q()"));
    assert!(lexed.shipped.contains("fn r() {}"));
    let texts: Vec<_> = lexed
        .texts
        .iter()
        .map(|(line, text)| (*line, text.as_str()))
        .collect();
    assert_eq!(texts, [(3, "SELECT \"i\" FROM j"), (3, "l \\\" m")]);
    assert_eq!(lexed.lines_with("fn r").collect::<Vec<_>>(), [6]);
}
