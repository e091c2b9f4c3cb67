//! Thresholds of budgets: each is told once, on record with who was told, also by the gateway that starts next.

use serde_json::json;
use tests::http;
use tests::system::{Setup, System};
use tests::upstream::{Upstream, completion, json as answer};

/// An answer costs half of the budget.
fn config(upstream: &Upstream, alerts: &str) -> String {
    let tenant = |id: &str| {
        format!(
            "[[tenants]]
id = \"{id}\"
name = \"{id}\"
budget_contacts = [\"cfo@{id}.example\"]
limits = {{ monthly_budget = \"0.01\" }}
"
        )
    };
    format!(
        "{alerts}{}{}{}",
        upstream.remote("dear"),
        tenant("a"),
        tenant("b")
    )
}

fn ask(system: &System, key: &str) {
    let body = json!({"model": "dear", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1});
    let reply = http::chat(system.address(), key, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// The cookie of a tenant's finance user.
fn finance(system: &System, tenant: &str) -> String {
    let key = system.key(tenant, &["--role", "finance"]);
    http::cookie(&system.sign_in(&key), "moegate_session")
}

/// The alert log of a tenant, latest first.
fn log(system: &System, cookie: &str) -> Vec<String> {
    let path = "/dashboard/budgets?csv=alerts";
    let request = http::request("GET", path, &[("cookie", cookie)], b"");
    let reply = http::send(system.address(), &request);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().lines().skip(1).map(str::to_owned).collect()
}

fn half() -> Upstream {
    let usage = json!({"prompt_tokens": 5_000, "completion_tokens": 0, "total_tokens": 5_000});
    Upstream::start(vec![completion(&usage)])
}

#[test]
fn a_threshold_is_told_once_whoever_runs() {
    let (dear, manager) = (half(), Upstream::start(vec![answer("200 OK", &json!({}))]));
    let url = format!(
        "[alerts]\nurl = \"http://{}/api/v2/alerts\"\n",
        manager.address()
    );
    let mut system = System::start(&Setup {
        config: config(&dear, &url),
        ..Setup::default()
    });
    system.wait_ready();
    let (a, b) = (system.key("a", &[]), system.key("b", &[]));
    let finance_of_a = finance(&system, "a");
    ask(&system, &a);
    system.wait("half is told", || log(&system, &finance_of_a).len() == 1);
    ask(&system, &a);
    system.wait("all is told", || log(&system, &finance_of_a).len() == 3);
    let told = log(&system, &finance_of_a);
    for (row, percent) in told.iter().zip([100, 80, 50]) {
        assert!(row.contains(&format!(", {percent} %")), "{row}");
        assert!(
            row.contains("told by the Alertmanager: cfo@a.example"),
            "{row}"
        );
    }
    assert_eq!(manager.asked(), 3);
    assert!(log(&system, &finance(&system, "b")).is_empty());
    system.terminate();
    system.launch();
    system.wait_ready();
    // A session does not outlive its gateway.
    let (of_a, of_b) = (finance(&system, "a"), finance(&system, "b"));
    // Whatever it had to tell of the first tenant, it would tell before this.
    ask(&system, &b);
    system.wait("half of b is told", || log(&system, &of_b).len() == 1);
    assert_eq!((manager.asked(), log(&system, &of_a).len()), (4, 3));
}

#[test]
fn who_was_not_told_is_on_record_too() {
    let (dear, manager) = (
        half(),
        Upstream::start(vec![answer("503 Service Unavailable", &json!({}))]),
    );
    let url = format!(
        "[alerts]\nurl = \"http://{}/api/v2/alerts\"\n",
        manager.address()
    );
    for (alerts, said) in [
        (url.as_str(), "nobody was told: the Alertmanager says 503"),
        ("", "nobody was told: the configuration names no alerts.url"),
    ] {
        let system = System::start(&Setup {
            config: config(&dear, alerts),
            ..Setup::default()
        });
        system.wait_ready();
        let own = finance(&system, "a");
        ask(&system, &system.key("a", &[]));
        system.wait("half is on record", || log(&system, &own).len() == 1);
        let told = log(&system, &own);
        assert!(told[0].contains(said), "{told:?}");
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    let dear = half();
    let system = System::start(&Setup {
        config: config(&dear, ""),
        ..Setup::default()
    });
    for url in ["ftp://a/b", "https://a/b", "/path", ""] {
        let file = system.dir().join("wrong.toml");
        let own = std::fs::read_to_string(system.config()).expect("the configuration");
        std::fs::write(&file, format!("{own}[alerts]\nurl = \"{url}\"\n")).expect("a file");
        let why = system.refused(&["check", "--config", file.to_str().expect("a path")]);
        assert!(why.contains("alerts.url: must be an http://"), "{why}");
    }
}
