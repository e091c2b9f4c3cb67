//! What finance takes away: the charges of the ledger in FOCUS's form, by the command line.

use serde_json::{Value, json};
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System};

const TENANTS: &str =
    "[[tenants]]\nid = \"a\"\nname = \"A\"\n[[tenants]]\nid = \"b\"\nname = \"B\"\n";

fn start(mock: &Mock) -> System {
    System::start(&Setup {
        config: format!("{}{TENANTS}", mock.remote("mock")),
        server: String::new(),
        environment: Vec::new(),
    })
}

fn hello() -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]})
}

/// First column of each row of an export: what it bills, in pico.
fn billed(csv: &str) -> Vec<i128> {
    let rows = csv.lines().skip(1);
    rows.map(|row| {
        row.split(',')
            .next()
            .unwrap()
            .parse::<units::Pico>()
            .unwrap()
            .get()
    })
    .collect()
}

#[test]
fn charges_are_exported_for_everybody_or_for_one_tenant() {
    let mock = Mock::start(&[]);
    let mut system = start(&mock);
    let (a, b) = (system.key("a", &[]), system.key("b", &[]));
    for key in [&a, &a, &b] {
        assert_eq!(http::chat(system.address(), key, &hello()).status, 200);
    }
    assert!(system.terminate().success(), "{}", system.log());
    let out = system.dir().join("focus.csv");
    let export = |more: &[&str]| {
        let mut words = vec![
            "ledger",
            "export-focus",
            "--from",
            "2020-01-01",
            "--to",
            "2100-01-01",
            "--out",
        ];
        words.push(out.to_str().unwrap());
        words.extend(more);
        let said = system.told(&words);
        (said, std::fs::read_to_string(&out).unwrap())
    };
    let (said, all) = export(&[]);
    assert!(all.starts_with("BilledCost,BillingAccountId,"), "{all}");
    let posted: i128 = tests::books::Books::open(&system).cost().get();
    assert!(posted > 0, "{said}");
    assert_eq!(billed(&all).iter().sum::<i128>(), posted, "{said}");
    assert!(
        all.contains("a,a,Tenant") && all.contains("b,b,Tenant"),
        "{all}"
    );
    let (_, own) = export(&["--tenant", "a"]);
    assert!(
        own.contains("a,a,Tenant") && !own.contains("b,b,Tenant"),
        "{own}"
    );
    assert!(billed(&own).iter().sum::<i128>() < posted);
    let (_, none) = export(&["--tenant", "nobody"]);
    assert_eq!(none.lines().count(), 1, "{none}");
    let wrong = system.refused(&[
        "ledger",
        "export-focus",
        "--from",
        "2026-02-01",
        "--to",
        "2026-02-01",
        "--out",
        "x.csv",
    ]);
    assert!(wrong.contains("--to 2026-02-01"), "{wrong}");
    let wrong = system.refused(&[
        "ledger",
        "export-focus",
        "--from",
        "2026-13-01",
        "--to",
        "2027-01-01",
        "--out",
        "x",
    ]);
    assert!(wrong.contains("2026-13-01"), "{wrong}");
}
