//! From the text of an invoice, English or German, to its figures.

use serde::{Serialize, Serializer};

use crate::amount::{Cents, cents, decimal};

/// One position.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What is sold.
    pub text: String,
    /// How many, in thousandths; `None` where only the amount is told.
    #[serde(rename = "count", serialize_with = "thousandths")]
    pub count_thousandths: Option<i64>,
    /// The price of each.
    pub each: Option<Cents>,
    /// The amount of the line.
    pub amount: Cents,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Invoice {
    /// Its number.
    pub number: Option<String>,
    /// Its positions.
    pub lines: Vec<Line>,
    /// The sum before VAT.
    pub net: Option<Cents>,
    /// The VAT rate, hundredths of a percent.
    pub vat_basis_points: Option<i64>,
    /// The VAT.
    pub vat: Option<Cents>,
    /// The sum to pay.
    pub total: Option<Cents>,
    /// VAT ids.
    pub vat_ids: Vec<String>,
    /// Bank accounts.
    pub ibans: Vec<String>,
}

fn thousandths<S: Serializer>(count: &Option<i64>, s: S) -> Result<S::Ok, S::Error> {
    match count {
        None => s.serialize_none(),
        Some(count) => {
            let text = format!("{}.{:03}", count / 1_000, (count % 1_000).abs());
            s.serialize_str(text.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

/// Reads an invoice. What is not understood is left out.
pub fn parse(text: &str) -> Invoice {
    let mut invoice = Invoice::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        read(line, &mut invoice);
    }
    invoice
}

fn read(line: &str, invoice: &mut Invoice) {
    let lower = line.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if let Some(at) = lower.find("iban") {
        let account: String = line
            .get(at + 4..)
            .unwrap_or_default()
            .trim_start_matches([':', ' '])
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == ' ')
            .collect();
        if account.trim().len() >= 10 {
            invoice.ibans.push(account.trim().to_owned());
        }
        return;
    }
    if has(&[
        "vat id", "vat-id", "vat no", "vat reg", "ust-id", "ust.-id", "uid:", "uid-nr",
    ]) {
        invoice.vat_ids.extend(vat_id(line));
        return;
    }
    if has(&[
        "invoice no",
        "invoice number",
        "invoice #",
        "rechnungsnummer",
        "rechnungs-nr",
        "rechnung nr",
    ]) {
        let number = line
            .split([':', ' ', '#'])
            .rev()
            .find(|word| word.chars().any(|c| c.is_ascii_digit()));
        invoice.number = number.map(str::to_owned);
        return;
    }
    let amount = last_amount(line);
    if has(&[
        "net total",
        "net amount",
        "subtotal",
        "nettobetrag",
        "netto",
        "zwischensumme",
    ]) {
        invoice.net = invoice.net.or(amount);
    } else if has(&["vat", "ust", "mwst", "mehrwertsteuer", "umsatzsteuer"]) && lower.contains('%')
    {
        let rate = lower.split('%').next().unwrap_or_default();
        let rate = rate
            .trim_end()
            .rsplit(|c: char| c.is_whitespace() || c == '(')
            .next()
            .unwrap_or_default();
        invoice.vat_basis_points = decimal(rate, 2);
        invoice.vat = amount;
    } else if has(&[
        "total",
        "amount due",
        "gesamtbetrag",
        "rechnungsbetrag",
        "zu zahlen",
        "brutto",
    ]) {
        invoice.total = amount.or(invoice.total);
    } else if let Some(line) = position(line, amount) {
        invoice.lines.push(line);
    }
}

/// `ATU13585627`, `DE 136 695 976`: two capital letters and what belongs to them.
fn vat_id(line: &str) -> Option<String> {
    let after = line.rsplit(':').next()?.trim();
    let bare: String = after
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect();
    let country = bare.get(..2)?.bytes().all(|b| b.is_ascii_uppercase());
    (country && bare.len() >= 8).then_some(bare)
}

/// The amount at the end of a line.
fn last_amount(line: &str) -> Option<Cents> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut end = words.len();
    if let Some(last) = words
        .last()
        .filter(|word| matches!(**word, "EUR" | "USD" | "GBP" | "CHF" | "€" | "$" | "£"))
    {
        let _currency = last;
        end -= 1;
    }
    cents(words.get(end.checked_sub(1)?)?)
}

/// `10 x Paper A4 @ 4.50 = 45.00`, or words with an amount at the end.
fn position(line: &str, amount: Option<Cents>) -> Option<Line> {
    let amount = amount?;
    if let Some((count, rest)) = line.split_once([' ', '\t']) {
        let rest = rest.trim();
        let after = rest
            .strip_prefix("x ")
            .or_else(|| rest.strip_prefix("× "))
            .or_else(|| rest.strip_prefix("* "));
        if let (Some(count), Some(after)) = (decimal(count, 3), after) {
            let (text, price) = after.split_once('@')?;
            let each = price.split('=').next().and_then(cents);
            return Some(Line {
                text: text.trim().to_owned(),
                count_thousandths: Some(count),
                each,
                amount,
            });
        }
    }
    let text: String = line.rsplit_once(char::is_whitespace)?.0.trim().to_owned();
    // A date or a phone number at the end of a line of words is no price: those have two places.
    let priced = line.split_whitespace().any(|word| {
        word.len() > 3
            && word.as_bytes()[word.len().saturating_sub(3)..]
                .first()
                .is_some_and(|b| matches!(b, b'.' | b','))
    });
    (priced && text.chars().any(char::is_alphabetic)).then_some(Line {
        text,
        count_thousandths: None,
        each: None,
        amount,
    })
}
