//! Reads the text of an invoice and checks what can be checked without asking anybody: the sums, the VAT, the check
//! digits of VAT ids and bank accounts. Amounts are whole cents; nothing is rounded silently.

pub mod amount;
pub mod iban;
pub mod parse;
pub mod vat_id;

use experts_sdk::{Chat, Error, Reply, error, last_user_text, reply_json};
use serde::Serialize;

use crate::amount::Cents;
use crate::parse::{Invoice, parse};

/// What is wrong with an invoice, or right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// A stable name.
    pub check: &'static str,
    /// `ok`, `wrong` or `missing`.
    pub result: &'static str,
    /// The figures behind it.
    pub detail: String,
}

/// The whole answer.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `pass` where nothing is wrong and nothing needed is missing, else `review`.
    pub verdict: &'static str,
    /// What was read.
    pub invoice: Invoice,
    /// What was checked.
    pub findings: Vec<Finding>,
}

/// What the gateway calls.
#[experts_sdk::expert]
pub fn answer(ask: Chat) -> Result<Reply, Error> {
    let text = last_user_text(&ask);
    if text.len() > 200_000 {
        return Err(error("invalid", "an invoice has at most 200,000 bytes"));
    }
    let invoice = parse(text);
    if invoice.lines.is_empty() && invoice.total.is_none() && invoice.ibans.is_empty() {
        return Err(error(
            "invalid",
            "this text has no lines, no total and no bank account: it is no invoice",
        ));
    }
    reply_json(&review(invoice))
}

fn finding(check: &'static str, right: bool, detail: String) -> Finding {
    Finding {
        check,
        result: if right { "ok" } else { "wrong" },
        detail,
    }
}

fn missing(check: &'static str, what: &str) -> Finding {
    Finding {
        check,
        result: "missing",
        detail: what.to_owned(),
    }
}

/// Checks an invoice.
pub fn review(invoice: Invoice) -> Report {
    let mut findings = Vec::new();
    for line in &invoice.lines {
        if let (Some(count), Some(each)) = (line.count_thousandths, line.each) {
            let product = each.times_thousandths(count);
            // A line that is rounded to the cent may be off by half a cent either way.
            let right = product.is_some_and(|product| (product.0 - line.amount.0).abs() <= 1);
            let shown =
                product.map_or_else(|| "too large".to_owned(), |product| product.to_string());
            findings.push(finding(
                "line",
                right,
                format!("{}: {shown} against {}", line.text, line.amount),
            ));
        }
    }
    let sum = invoice
        .lines
        .iter()
        .try_fold(Cents(0), |all, line| all.plus(line.amount));
    match (sum, invoice.net) {
        (Some(sum), Some(net)) if !invoice.lines.is_empty() => {
            findings.push(finding(
                "net",
                sum == net,
                format!("lines give {sum}, the invoice says {net}"),
            ));
        }
        (_, None) if invoice.total.is_none() => {
            findings.push(missing("net", "neither a net sum nor a total"))
        }
        _ => {}
    }
    if let (Some(net), Some(rate), Some(vat)) = (invoice.net, invoice.vat_basis_points, invoice.vat)
    {
        let wanted = net.share(rate);
        let right = wanted.is_some_and(|wanted| (wanted.0 - vat.0).abs() <= 1);
        let shown = wanted.map_or_else(|| "too large".to_owned(), |wanted| wanted.to_string());
        findings.push(finding(
            "vat",
            right,
            format!(
                "{} % of {net} is {shown}, the invoice says {vat}",
                percent(rate)
            ),
        ));
    }
    match (
        invoice.net.and_then(|net| net.plus(invoice.vat?)),
        invoice.total,
    ) {
        (Some(sum), Some(total)) => {
            findings.push(finding(
                "total",
                sum == total,
                format!("net and VAT give {sum}, the invoice says {total}"),
            ));
        }
        (_, None) => findings.push(missing("total", "no total")),
        (None, Some(_)) => {}
    }
    if invoice.vat_ids.is_empty() {
        findings.push(missing("vat-id", "no VAT id"));
    }
    for id in &invoice.vat_ids {
        let checked = vat_id::check(id);
        findings.push(finding(
            "vat-id",
            checked.is_ok(),
            format!("{id}: {}", checked.err().unwrap_or("check digit holds")),
        ));
    }
    for account in &invoice.ibans {
        let checked = iban::check(account);
        findings.push(finding(
            "iban",
            checked.is_ok(),
            format!(
                "{account}: {}",
                checked.err().unwrap_or("check digits hold")
            ),
        ));
    }
    if invoice.number.is_none() {
        findings.push(missing("number", "no invoice number"));
    }
    let good = findings.iter().all(|finding| finding.result == "ok");
    Report {
        verdict: if good { "pass" } else { "review" },
        invoice,
        findings,
    }
}

fn percent(basis_points: i64) -> String {
    let (whole, rest) = (basis_points / 100, basis_points % 100);
    if rest == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{rest:02}")
    }
}

#[cfg(test)]
mod tests {
    use experts_sdk::ask;
    use serde_json::Value;

    use super::*;

    const ENGLISH: &str = "ACME Ltd\nInvoice No. 2026-0117\nVAT ID: DE136695976\n\
        10 x Paper A4 @ 4.50 = 45.00\n3 x Toner black @ 89.90 = 269.70\nConsulting 1,250.00\n\
        Net total: 1,564.70\nVAT 19%: 297.29\nTotal: 1,861.99\nIBAN: DE89 3704 0044 0532 0130 00\n";
    const GERMAN: &str = "Muster GmbH\nRechnungsnummer: R-4711\nUSt-IdNr.: ATU13585627\n\
        2,5 x Beratung @ 120,00 = 300,00\nNettobetrag 300,00 EUR\nUSt. 20 % 60,00 EUR\nGesamtbetrag 360,00 EUR\n\
        IBAN AT61 1904 3002 3457 3201\n";

    fn report(text: &str) -> Value {
        let reply = answer(ask(None, text)).unwrap();
        serde_json::from_str(&reply.message.content).unwrap()
    }

    fn wrong(text: &str) -> Vec<String> {
        let report = report(text);
        let findings = report["findings"].as_array().unwrap().iter();
        findings
            .filter(|f| f["result"] != "ok")
            .map(|f| format!("{} {}", f["check"], f["result"]))
            .collect()
    }

    #[test]
    fn good_invoices_pass_in_two_languages() {
        for text in [ENGLISH, GERMAN] {
            let report = report(text);
            assert_eq!(report["verdict"], "pass", "{report:#}");
            assert!(
                report["findings"].as_array().unwrap().len() >= 6,
                "{report:#}"
            );
        }
        assert_eq!(report(ENGLISH)["invoice"]["total"], "1861.99");
        assert_eq!(report(GERMAN)["invoice"]["lines"][0]["count"], "2.5");
    }

    #[test]
    fn each_mistake_is_found_and_named() {
        assert_eq!(
            wrong(&ENGLISH.replace("1,861.99", "1,861.00")),
            ["\"total\" \"wrong\""]
        );
        assert_eq!(
            wrong(&ENGLISH.replace("297.29", "297.19")),
            ["\"vat\" \"wrong\"", "\"total\" \"wrong\""]
        );
        assert_eq!(
            wrong(&ENGLISH.replace("= 45.00", "= 54.00")),
            ["\"line\" \"wrong\"", "\"net\" \"wrong\""]
        );
        assert_eq!(
            wrong(&ENGLISH.replace("DE136695976", "DE136695977")),
            ["\"vat-id\" \"wrong\""]
        );
        assert_eq!(
            wrong(&ENGLISH.replace("0130 00", "0130 01")),
            ["\"iban\" \"wrong\""]
        );
        assert_eq!(
            wrong(&GERMAN.replace("Rechnungsnummer: R-4711\n", "")),
            ["\"number\" \"missing\""]
        );
    }

    #[test]
    fn what_is_no_invoice_is_refused() {
        let why = answer(ask(None, "What is the weather like?")).unwrap_err();
        assert_eq!(why.code, "invalid");
    }
}
