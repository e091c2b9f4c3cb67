//! A contract's text, cut into clauses.

/// One clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Its number in the contract; its place where it has none.
    pub number: String,
    /// Its text.
    pub text: String,
}

/// `1.`, `2.3`, `IV.`, `(a)`, `Article 5`, `§ 7`: the number at the start of a line, and what follows it.
fn numbered(line: &str) -> Option<(String, &str)> {
    let word = |prefix: &str| {
        let starts = line
            .get(..prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        starts.then(|| line[prefix.len()..].trim_start())
    };
    let rest = ["article ", "section ", "clause ", "§"]
        .iter()
        .find_map(|prefix| word(prefix));
    let body = rest.unwrap_or(line);
    let end = body.find(|c: char| c.is_whitespace()).unwrap_or(body.len());
    let (head, tail) = body.split_at(end);
    let bare = head.trim_matches(['.', ')', '(', ':']);
    let digits = !bare.is_empty()
        && bare.split('.').all(|part| {
            !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit())
        });
    let roman = !bare.is_empty()
        && bare.len() <= 5
        && head.ends_with('.')
        && bare.bytes().all(|b| b"IVXL".contains(&b));
    let marked = rest.is_some() || head.ends_with(['.', ')']) || bare.contains('.');
    ((digits && marked) || roman).then(|| (bare.to_owned(), tail.trim()))
}

/// Cuts a text at numbered lines; where it has none, at empty lines.
pub fn split(text: &str) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = Vec::new();
    for line in text.lines().map(str::trim) {
        match (numbered(line), clauses.last_mut()) {
            (Some((number, rest)), _) => clauses.push(Clause {
                number,
                text: rest.to_owned(),
            }),
            (None, Some(clause)) if !line.is_empty() => {
                clause.text.push(' ');
                clause.text.push_str(line);
            }
            _ => {}
        }
    }
    if clauses.is_empty() {
        let paragraphs = text
            .split("\n\n")
            .map(str::trim)
            .filter(|text| !text.is_empty());
        clauses = paragraphs
            .enumerate()
            .map(|(at, text)| Clause {
                number: (at + 1).to_string(),
                text: text.to_owned(),
            })
            .collect();
    }
    clauses.retain(|clause| clause.text.split_whitespace().count() >= 2);
    clauses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<String> {
        split(text)
            .into_iter()
            .map(|clause| clause.number)
            .collect()
    }

    #[test]
    fn numbered_clauses_are_cut_at_their_numbers() {
        assert_eq!(
            numbers(
                "Preamble text\n1. One clause.\nstill one\n2.1 Two one.\nArticle 3 Three words.\n§ 4 Four words\nIV. Roman one"
            ),
            ["1", "2.1", "3", "4", "IV"]
        );
        let clauses = split("1. First\nline two\n\nline three\n2. Second one");
        assert_eq!(clauses[0].text, "First line two line three");
    }

    #[test]
    fn years_and_amounts_at_the_start_of_a_line_are_no_numbers() {
        assert_eq!(
            numbers("1. The agreement begins in\n2026 and ends in\n12 months of\n1,000 EUR each"),
            ["1"]
        );
    }

    #[test]
    fn without_numbers_paragraphs_are_clauses() {
        assert_eq!(
            numbers("The first paragraph.\nMore of it.\n\nThe second one."),
            ["1", "2"]
        );
        assert!(split("").is_empty() && split("\n\n \n").is_empty());
    }
}
