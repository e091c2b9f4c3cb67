//! Tags from keys and metadata, through the books, to the pages and exports of the people who pay.

use serde_json::{Value, json};
use tests::books::Books;
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System};

const TENANTS: &str = "
[[tenants]]
id = \"a\"
name = \"Alpha\"
tags = [\"team\", \"project\"]
[[tenants]]
id = \"b\"
name = \"Beta\"
";

fn ask(system: &System, key: &str, metadata: &Value) -> http::Reply {
    let body = json!({
        "model": "auto", "messages": [{"role": "user", "content": "hello"}], "metadata": metadata,
    });
    http::chat(system.address(), key, &body)
}

fn page(system: &System, cookie: &str, path: &str) -> String {
    let bytes = http::request("GET", path, &[("cookie", cookie)], b"");
    let reply = http::send(system.address(), &bytes);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text()
}

/// Name and lines of each row of the explorer's table.
fn lines(system: &System, cookie: &str, query: &str) -> Vec<(String, u64)> {
    let path = format!("/dashboard/costs?csv=costs&{query}");
    let text = page(system, cookie, &path);
    let rows = text.lines().skip(1).map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        (cells[0].to_owned(), cells[4].parse().unwrap_or(0))
    });
    let mut rows: Vec<_> = rows.filter(|(name, _)| name != "All").collect();
    rows.sort();
    rows
}

#[test]
fn costs_are_told_apart_by_team_and_project() {
    let mock = Mock::start(&[]);
    let mut system = System::start(&Setup {
        config: format!("{}{TENANTS}", mock.remote("mock")),
        ..Setup::default()
    });
    system.wait_ready();
    let plain = system.key("a", &[]);
    let fixed = system.key("a", &["--name", "r", "--tag", "team=research"]);
    let other = system.key("b", &[]);
    let told = system.told(&["key", "list", "--tenant", "a"]);
    assert!(told.contains("team=research"), "{told}");
    for (key, metadata) in [
        (&plain, json!({"team": "sales", "project": "Zürich 1"})),
        (&plain, json!({"team": "sales", "unheard": "x;y"})),
        (&plain, json!({})),
        // A key's own tags are not for the request to change.
        (&fixed, json!({"team": "sales", "project": "x"})),
        (&fixed, json!({})),
        // Not configured, so not kept.
        (&other, json!({"team": "sales"})),
    ] {
        let reply = ask(&system, key, &metadata);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    for bad in ["", "a;b", "=cmd()", "<script>"] {
        let reply = ask(&system, &plain, &json!({"team": bad}));
        assert_eq!(reply.status, 400, "{bad:?}");
        let error = &reply.json()["error"];
        assert_eq!(error["code"], "bad_tag");
        assert_eq!(error["param"], "metadata.team");
    }
    for bad in ["team", "Team=x", "team=a;b", "team="] {
        let refused = system.refused(&["key", "create", "--tenant", "a", "--tag", bad]);
        assert!(refused.contains("tag"), "{refused}");
    }
    let sign_in = |tenant: &str| {
        let key = system.key(tenant, &["--role", "finance"]);
        http::cookie(&system.sign_in(&key), "moegate_session")
    };
    let (a, b) = (sign_in("a"), sign_in("b"));
    let named = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
        rows.iter()
            .map(|(name, n)| ((*name).to_owned(), *n))
            .collect()
    };
    // The mock charges for input and output: two lines a request.
    let teams = named(&[("not tagged", 2), ("research", 4), ("sales", 4)]);
    system.wait("the requests are in the books", || {
        lines(&system, &a, "by=tag-team") == teams
    });
    let projects = named(&[("Zürich 1", 2), ("not tagged", 6), ("x", 2)]);
    assert_eq!(lines(&system, &a, "by=tag-project"), projects);
    let sales = "by=tag-project&tag=team%3Dsales";
    assert_eq!(
        lines(&system, &a, sales),
        named(&[("Zürich 1", 2), ("not tagged", 2)])
    );
    assert_eq!(lines(&system, &a, "by=expert"), named(&[("mock", 10)]));
    assert_eq!(
        lines(&system, &a, "by=expert&tag=team%3Dresearch"),
        named(&[("mock", 4)])
    );
    assert_eq!(
        lines(&system, &b, "by=tag-team"),
        lines(&system, &b, "by=scenario")
    );
    let shown = page(&system, &b, "/dashboard/costs?by=tag-team");
    assert!(!shown.contains("sales") && !shown.contains("Tag team"));

    let listed = page(
        &system,
        &a,
        "/dashboard/requests?csv=requests&tag=team%3Dsales",
    );
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(listed.contains("project Zürich 1, team sales"), "{listed}");
    assert_eq!(
        page(
            &system,
            &b,
            "/dashboard/requests?csv=requests&tag=team%3Dsales"
        )
        .lines()
        .count(),
        1
    );
    system.terminate();
    let proof = Books::open(&system).verify();
    assert!(proof.breaks.is_empty(), "{:?}", proof.breaks);
    let out = system.dir().join("focus.csv");
    system.told(&[
        "ledger",
        "export-focus",
        "--from",
        "2020-01-01",
        "--to",
        "2099-01-01",
        "--format",
        "csv",
        "--out",
        out.to_str().expect("a path"),
    ]);
    let text = std::fs::read_to_string(out).expect("the export");
    assert!(text.contains(r#"""team"":""research"""#), "{text}");
}

#[test]
fn a_tenants_keys_of_tags_are_checked() {
    for bad in [
        "[\"Team\"]",
        "[\"scenario\"]",
        "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]",
    ] {
        let system = tempfile::tempdir().expect("a folder");
        let file = system.path().join("moegate.toml");
        let gate = tests::root().join("deploy/gate");
        let text = format!(
            "[gate]\ndir = {gate:?}\n[[tenants]]\nid = \"a\"\nname = \"A\"\ntags = {bad}\n"
        );
        std::fs::write(&file, text).expect("the file");
        let output = std::process::Command::new(tests::binaries::program("moegate"))
            .args(["check", "--config"])
            .arg(&file)
            .output()
            .expect("moegate");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains("tenants[0].tags"),
            "{said}"
        );
    }
}
