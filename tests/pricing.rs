//! Price lists: tiers, other currencies, and what moves the past when a list was wrong.

use serde_json::json;
use tests::books::Books;
use tests::http;
use tests::system::{Setup, System};
use tests::upstream::{Upstream, completion};

const TENANT: &str = "[[tenants]]\nid = \"a\"\nname = \"A\"\n";

/// An upstream that says that every request had so many tokens in, and 100 out.
fn upstream(input: u64) -> Upstream {
    let usage = json!({
        "prompt_tokens": input, "completion_tokens": 100, "total_tokens": input + 100,
    });
    Upstream::start(vec![completion(&usage)])
}

fn start(config: String) -> System {
    let system = System::start(&Setup {
        config,
        ..Setup::default()
    });
    system.wait_ready();
    system
}

/// What an answer says it cost, in millionths.
fn cost(system: &System, key: &str, model: &str) -> String {
    let body = json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
    let reply = http::chat(system.address(), key, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let cost = reply.header("x-moegate-cost").expect("a cost");
    cost.trim_end_matches('0').to_owned()
}

#[test]
fn long_prompts_cost_what_their_tier_says() {
    let (short, long) = (upstream(1_000), upstream(1_001));
    let tier = "[[remotes.prices.tiers]]\nabove_input_tokens = 1000\ninput = \"10.00\"\n";
    let system = start(format!(
        "{}{tier}{}{tier}{TENANT}",
        short.remote("short"),
        long.remote("long")
    ));
    let key = system.key("a", &[]);
    // 1,000 at 1 and 100 at 2 a million; 1,001 at 10 and 100 at 2.
    assert_eq!(cost(&system, &key, "short"), "0.0012");
    assert_eq!(cost(&system, &key, "long"), "0.01021");
}

#[test]
fn a_list_in_another_currency_is_booked_in_that_of_the_books() {
    let far = upstream(1_000);
    let euros = far
        .remote("far")
        .replace("input =", "currency = \"EUR\"\ninput =");
    let fx = "[[fx]]\nfrom = \"EUR\"\nto = \"USD\"\nrate = \"1.10\"\n\
              effective_from = \"2026-01-01T00:00:00Z\"\nsource = \"bank\"\n";
    let system = System::start(&Setup {
        config: format!("{euros}{fx}{TENANT}"),
        environment: vec![("MOEGATE__STORE__CURRENCY".to_owned(), "USD".to_owned())],
        ..Setup::default()
    });
    system.wait_ready();
    let key = system.key("a", &[]);
    assert_eq!(cost(&system, &key, "far"), "0.00132");
    let finance = system.key("a", &["--role", "finance"]);
    let cookie = http::cookie(&system.sign_in(&finance), "moegate_session");
    let request = http::request("GET", "/dashboard/rates", &[("cookie", &cookie)], b"");
    let page = http::send(system.address(), &request).text().to_owned();
    assert!(page.contains("1 EUR = 1.100000000000 USD, bank"), "{page}");
    // Without the exchange rate nobody knows what it costs, and nothing starts.
    let own = std::fs::read_to_string(system.config()).expect("the configuration");
    let wrong = system.dir().join("wrong.toml");
    std::fs::write(&wrong, own.replace(fx, "")).expect("a file");
    let why = system.refused(&["check", "--config", wrong.to_str().expect("a path")]);
    assert!(why.contains("EUR has no exchange rate to USD"), "{why}");
}

#[test]
fn a_wrong_list_is_made_good_visibly_and_once() {
    let wrong = upstream(1_000);
    let mut system = start(format!("{}{TENANT}", wrong.remote("wrong")));
    let key = system.key("a", &[]);
    for _ in 0..3 {
        assert_eq!(cost(&system, &key, "wrong"), "0.0012");
    }
    system.terminate();
    let before = Books::open(&system).cost();
    assert_eq!(before, "0.0036".parse().expect("an amount"));
    let config = std::fs::read_to_string(system.config()).expect("the configuration");
    let mended = config.replace("input = \"1.00\"", "input = \"0.50\"");
    assert_ne!(config, mended);
    std::fs::write(system.config(), mended).expect("the configuration");
    let run = |more: &[&str]| {
        let span = ["ledger", "rerate", "--from", "2026-01-01", "--to", "2100-01-01"];
        let why = ["--reason", "the contract says 0.50", "--by", "cfo"];
        system.told(&[&span[..], &why[..], more].concat())
    };
    let dry = run(&["--dry-run"]);
    assert!(dry.contains("nothing was changed"), "{dry}");
    assert_eq!(Books::open(&system).cost(), before);
    let done = run(&[]);
    // Six lines, of which the three of the input are another amount.
    let row = done.lines().find(|line| line.starts_with("wrong"));
    let cells: Vec<&str> = row.expect("a row").split_whitespace().collect();
    assert_eq!(cells[1..4], ["6", "3", "0"], "{done}");
    let books = Books::open(&system);
    assert_eq!(books.cost(), "0.0021".parse().expect("an amount"));
    assert!(books.verify().holds(), "{:?}", books.verify().breaks);
    let again = run(&[]);
    let row = again.lines().find(|line| line.starts_with("wrong"));
    let cells: Vec<&str> = row.expect("a row").split_whitespace().collect();
    assert_eq!(cells[1..4], ["3", "0", "0"], "{again}");
    assert_eq!(Books::open(&system).cost(), books.cost());
    let audit = system.told(&["ledger", "audit"]);
    for said in ["ledger.rerate", "line.correct", "cli:cfo", "the contract says 0.50"] {
        assert!(audit.contains(said), "{said}: {audit}");
    }
}

#[test]
fn price_lists_that_cannot_be_are_refused_by_name() {
    let acme = upstream(1);
    let good = start(format!("{}{TENANT}", acme.remote("acme")));
    let own = std::fs::read_to_string(good.config()).expect("the configuration");
    let again = "[[remotes.prices]]\neffective_from = \"2026-01-01T00:00:00Z\"\n\
                 source = \"b\"\ninput = \"1\"\noutput = \"1\"\n[[tenants]]\nid = \"a\"";
    let tier = "output = \"2.00\"\n[[remotes.prices.tiers]]\nabove_input_tokens = 5\n\
                [[remotes.prices.tiers]]\nabove_input_tokens = 5\n";
    for (from, to, said) in [
        ("\"1.00\"", "\"-1.00\"", "must not be negative"),
        ("\"1.00\"", "\"1,00\"", "is not an amount"),
        ("\"1.00\"", "1.0", "input"),
        ("[[tenants]]\nid = \"a\"", again, "start at the same instant"),
        ("2026-01-01T00:00:00Z", "yesterday", "RFC 3339"),
        ("source =", "currency = \"XYZ\"\nsource =", "is not a currency"),
        ("source =", "currency = \"usd\"\nsource =", "is not a currency"),
        ("output = \"2.00\"\n", tier, "two are above 5 tokens"),
    ] {
        let wrong = own.replacen(from, to, 1);
        assert_ne!(wrong, own, "{from}");
        let file = good.dir().join("wrong.toml");
        std::fs::write(&file, wrong).expect("a file");
        let why = good.refused(&["check", "--config", file.to_str().expect("a path")]);
        assert!(why.contains(said), "{to}: {why}");
    }
}
