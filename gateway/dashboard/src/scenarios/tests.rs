use super::*;
use crate::frame::SignedIn;

fn row(scenario: &str, requests: u64, loaded: i128) -> ScenarioRow {
    ScenarioRow {
        tenant: "aurora-bank".to_owned(),
        scenario: scenario.to_owned(),
        requests,
        errors: 1,
        experts: vec![
            ExpertCell {
                name: Some("finance".to_owned()),
                requests: 39,
            },
            ExpertCell {
                name: None,
                requests: 1,
            },
        ],
        cost: CostCell {
            marginal: Pico::new(loaded / 2),
            loaded: Pico::new(loaded),
            known: requests,
            unknown: 2,
            pending: 3,
        },
        p50: Some(Nanos::new(12_300_000)),
        p99: None,
        quality: vec![QualityCell {
            source: "gold".to_owned(),
            count: 40,
            mean_ppm: 925_000,
        }],
    }
}

fn view(rows: Vec<ScenarioRow>) -> ScenariosPage {
    ScenariosPage {
        frame: Frame {
            links: Vec::new(),
            signed_in: Some(SignedIn {
                name: "aurora-bank".to_owned(),
                csrf: "token".to_owned(),
            }),
            made_at: "2026-11-23 12:00:05 UTC".to_owned(),
        },
        period: Period::Day,
        basis: Basis::Loaded,
        currency: Currency::USD,
        rows,
        platform: Some(Pico::new(5_000_000_000)),
    }
}

#[test]
fn a_row_shows_all_its_columns_with_units_and_basis() {
    let html = render_scenarios(&view(vec![row("bank-intents", 40, 40_000_000)]));
    for part in [
        "bank-intents",
        "aurora-bank",
        "finance",
        "nobody",
        "0.00000100",
        "Cost per request, USD",
        "loaded cost in USD",
        "12.3\u{202f}ms",
        "unknown",
        "0.925",
        "gold, n\u{202f}=\u{202f}40",
        "88.8\u{202f}%",
        "2 unknown",
        "3 pending",
        "1 failed",
        "0.00500 USD",
    ] {
        assert!(html.contains(part), "{part} is missing in {html}");
    }
}

#[test]
fn a_cost_nobody_knows_is_not_nothing() {
    let mut unknown = row("bank-intents", 40, 0);
    unknown.cost.known = 0;
    let html = render_scenarios(&view(vec![unknown]));
    assert!(!html.contains("0.00<") && html.contains("No cost is known yet"));
}

#[test]
fn the_page_works_without_script_and_under_its_policy() {
    let evil = "<script>alert(1)</script>";
    let html = render_scenarios(&view(vec![row(evil, 3, 9), row("b", 1, 2)]));
    for banned in [
        "<script",
        "style=",
        "onclick",
        "javascript:",
        "http://",
        "https://",
    ] {
        assert!(!html.contains(banned), "{banned}");
    }
    assert!(html.contains("&lt;script&gt;"));
    for needed in [
        "lang=\"en\"",
        "<caption",
        "scope=\"row\"",
        "role=\"img\"",
        "<desc",
        "Skip to content",
    ] {
        assert!(html.contains(needed), "{needed}");
    }
    assert!(!crate::STYLE_CSS.contains("url(") && !crate::STYLE_CSS.contains("@import"));
    for rule in [
        "prefers-color-scheme: dark",
        "@media print",
        ":focus-visible",
    ] {
        assert!(crate::STYLE_CSS.contains(rule), "{rule}");
    }
}

#[test]
fn the_chart_and_its_table_say_the_same() {
    let html = render_scenarios(&view(vec![row("cheap", 10, 10), row("dear", 10, 1_000)]));
    let chart = &html[html.find("<svg").unwrap()..html.find("</svg>").unwrap()];
    assert!(
        chart.find("dear").unwrap() < chart.find("cheap").unwrap(),
        "dearest first"
    );
    let table = &html[html.find("The figures of this chart").unwrap()..];
    for text in ["0.000000000100", "0.000000000001", "dear", "cheap"] {
        assert!(chart.contains(text) && table.contains(text), "{text}");
    }
}

#[test]
fn the_address_names_the_choice() {
    for period in Period::ALL {
        assert_eq!(Period::from_name(period.as_str()), Some(period));
    }
    for basis in Basis::ALL {
        assert_eq!(Basis::from_name(basis.as_str()), Some(basis));
    }
    assert_eq!(Basis::from_name("both"), None);
    let mut page = view(vec![row("a", 1, 2)]);
    page.basis = Basis::Marginal;
    let html = render_scenarios(&page);
    assert!(html.contains("<option value=\"marginal\" selected>"));
    assert!(!html.contains("<option value=\"loaded\" selected>"));
}

#[test]
fn an_empty_time_says_so() {
    assert!(render_scenarios(&view(Vec::new())).contains("No request has come in this time"));
}
