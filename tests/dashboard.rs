//! The dashboard as finance people use it: every page shows one tenant's figures, its files say what it says, and what they
//! record is kept with who and why.

mod commands;

use serde_json::{Value, json};
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System};

/// Pages that every finance user may open.
const PAGES: [&str; 9] = [
    "/dashboard",
    "/dashboard/portfolio",
    "/dashboard/costs",
    "/dashboard/budgets",
    "/dashboard/requests",
    "/dashboard/readiness",
    "/dashboard/reconciliation",
    "/dashboard/rates",
    "/dashboard/audit",
];

const TENANTS: &str = "
[[tenants]]
id = \"a\"
name = \"Alpha\"
[[tenants]]
id = \"b\"
name = \"Beta\"
time_zone = \"Europe/Berlin\"
limits = { monthly_budget = \"0.50\" }
[[tenants.scenarios]]
id = \"secret-plan\"
name = \"Secret plan\"
unit_of_work = \"a plan\"
[[tenants]]
id = \"platform\"
name = \"Platform\"
operator = true
";

struct Books {
    system: System,
    _mock: Mock,
    /// A finance user's cookie of each tenant.
    a: String,
    b: String,
    operator: String,
    /// A request of b.
    request: String,
}

fn cookie(system: &System, tenant: &str, role: &str) -> String {
    let key = system.key(tenant, &["--role", role]);
    let signed = system.sign_in(&key);
    assert_eq!(signed.status, 303, "{}", signed.text());
    http::cookie(&signed, "moegate_session")
}

impl Books {
    /// Requests of tenant b, judged, with a case, and nothing of the others.
    fn filled() -> Self {
        let mock = Mock::start(&[]);
        let system = System::start(&Setup {
            config: format!("{}{TENANTS}", mock.remote("mock")),
            ..Setup::default()
        });
        system.wait_ready();
        let key = system.key("b", &["--role", "user", "--role", "reviewer"]);
        let ask = json!({
            "model": "auto", "messages": [{"role": "user", "content": "hello"}],
            "metadata": {"scenario": "secret-plan"},
        });
        let mut request = String::new();
        for n in 0..6 {
            let reply = http::chat(system.address(), &key, &ask);
            assert_eq!(reply.status, 200, "{}", reply.text());
            request = reply.header("x-request-id").unwrap().to_owned();
            let said = json!({"request_id": request, "score": f64::from(n % 2), "source": "gold", "label": "l"});
            system.wait("the judgement is taken", || {
                http::post(
                    system.address(),
                    "/v1/feedback",
                    &key,
                    said.to_string().as_bytes(),
                )
                .status
                    == 200
            });
        }
        let case = system.dir().join("case.toml");
        std::fs::copy(tests::root().join("deploy/examples/case.toml"), &case).unwrap();
        system.told(&[
            "scenario",
            "case",
            "put",
            "--tenant",
            "b",
            "--scenario",
            "secret-plan",
            "--file",
            case.to_str().unwrap(),
            "--reason",
            "secret first estimate",
            "--by",
            "secret-person",
        ]);
        let books = Self {
            a: cookie(&system, "a", "finance"),
            b: cookie(&system, "b", "finance"),
            operator: cookie(&system, "platform", "admin"),
            request,
            system,
            _mock: mock,
        };
        books.system.wait("the requests are in the books", || {
            let page = books.page(&books.b, "/dashboard/requests").text();
            page.matches("/dashboard/request/").count() == 6
        });
        books.system.wait("the judgements are in the books", || {
            books
                .page(&books.b, "/dashboard/scenario/secret-plan")
                .text()
                .contains("used for the verdict")
        });
        books
    }

    fn page(&self, cookie: &str, path: &str) -> http::Reply {
        http::send(
            self.system.address(),
            &http::request("GET", path, &[("cookie", cookie)], b""),
        )
    }

    /// Posts the form of b's scenario page.
    fn record(&self, cookie: &str, csrf: &str, reason: &str) -> http::Reply {
        let body = format!("csrf={csrf}&reason={reason}");
        let headers = [
            ("cookie", cookie),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let path = "/dashboard/scenario/secret-plan/verdict";
        http::send(
            self.system.address(),
            &http::request("POST", path, &headers, body.as_bytes()),
        )
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text
        .split_once(from)
        .unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split_once(to).unwrap().0
}

#[test]
fn every_page_shows_one_tenant_and_no_other() {
    let books = Books::filled();
    let own = [
        "/dashboard/scenario/secret-plan".to_owned(),
        format!("/dashboard/request/{}", books.request),
    ];
    for path in PAGES.map(str::to_owned).iter().chain(&own) {
        let page = books.page(&books.b, path);
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        let policy = page.header("content-security-policy");
        assert!(
            policy.is_some_and(|policy| policy.contains("default-src 'none'")),
            "{path}"
        );
        assert!(
            page.text().contains("Beta") && !page.text().contains("style="),
            "{path}"
        );
    }
    for path in [
        "/dashboard/portfolio",
        "/dashboard/costs",
        "/dashboard/readiness",
        "/dashboard/audit",
    ] {
        assert!(
            books.page(&books.b, path).text().contains("secret-plan"),
            "{path}"
        );
    }
    for path in PAGES.map(str::to_owned).iter().chain(&own) {
        let page = books.page(&books.a, path);
        assert!(
            !page.text().contains("ecret") && !page.text().contains(&books.request),
            "{path}: {}",
            page.text()
        );
        let expected = if own.contains(path) { 404 } else { 200 };
        assert_eq!(page.status, expected, "{path}");
        // Nobody without a session sees anything.
        let stranger = http::get(books.system.address(), path, None);
        assert_eq!(
            (stranger.status, stranger.header("location")),
            (303, Some("/dashboard/sign-in")),
            "{path}"
        );
    }
    // What is wished for is no way around.
    for wish in [
        "costs?scenario=secret-plan",
        "requests?scenario=secret-plan&expert=mock",
        "audit?before=99",
        "costs?csv=costs&scenario=secret-plan",
    ] {
        let page = books.page(&books.a, &format!("/dashboard/{wish}"));
        let shown = page
            .text()
            .replace("scenario=secret-plan", "")
            .replace("value=\"secret-plan\"", "");
        assert!(
            !shown.contains("hello") && !shown.contains(&books.request),
            "{wish}: {shown}"
        );
    }
}

#[test]
fn pages_of_the_operator_are_the_operators() {
    let books = Books::filled();
    let page = books.page(&books.operator, "/dashboard/operator");
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("mock") && page.text().contains("secret-plan"));
    for other in [&books.a, &books.b] {
        let page = books.page(other, "/dashboard/operator");
        assert_eq!(page.status, 403);
        assert!(!page.text().contains("mock"), "{}", page.text());
        assert!(
            !books
                .page(other, "/dashboard/portfolio")
                .text()
                .contains("/dashboard/operator")
        );
    }
    // A finance user of the operator's tenant reads its figures, not the machine room.
    let finance = cookie(&books.system, "platform", "finance");
    assert_eq!(books.page(&finance, "/dashboard/operator").status, 403);
    let all = books.page(&books.operator, "/dashboard/audit");
    assert!(
        all.text().contains("secret-person"),
        "the operator's audit log is everybody's"
    );
}

#[test]
fn a_verdict_is_recorded_once_with_who_and_why() {
    let books = Books::filled();
    let path = "/dashboard/scenario/secret-plan";
    let page = books.page(&books.b, path);
    for said in [
        "Record the verdict",
        "watch",
        "paralegal",
        "What moves the net present value",
        "Policy",
    ] {
        assert!(page.text().contains(said), "{said}: {}", page.text());
    }
    let csrf = between(
        &page.text(),
        "verdict\"><input type=\"hidden\" name=\"csrf\" value=\"",
        "\"",
    )
    .to_owned();
    assert_eq!(books.record(&books.b, "wrong", "quarter").status, 403);
    assert_eq!(books.record(&books.b, &csrf, "%20").status, 400);
    assert_eq!(books.record(&books.a, &csrf, "quarter").status, 403);
    assert!(books.page(&books.b, path).text().contains("None yet."));
    for _ in 0..2 {
        let done = books.record(&books.b, &csrf, "quarter+%3Cb%3E");
        assert_eq!(
            (done.status, done.header("location")),
            (303, Some(path)),
            "{}",
            done.text()
        );
    }
    let page = books.page(&books.b, path).text();
    assert!(
        page.contains("quarter &lt;b&gt;") && !page.contains("None yet."),
        "{page}"
    );
    let audit = books.page(&books.b, "/dashboard/audit?csv=audit");
    assert_eq!(
        audit.text().matches("verdict.record").count(),
        1,
        "{}",
        audit.text()
    );
    let json = books
        .system
        .told(&["scenario", "verdict", "--tenant", "b", "--format", "json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let one = &report["scenarios"][0];
    assert_eq!(
        (one["id"].as_str(), one["verdict"].as_str()),
        (Some("secret-plan"), Some("watch")),
        "{json}"
    );
    assert_eq!(
        one["quality"],
        json!({"source": "gold", "cases": 6, "accepted": 3})
    );
    assert_eq!(one["recorded"]["number"], 1, "{json}");
}

#[test]
fn a_file_says_what_its_page_says() {
    let books = Books::filled();
    let page = books.page(&books.b, "/dashboard/costs?by=meter").text();
    let file = books.page(&books.b, "/dashboard/costs?by=meter&csv=costs");
    assert_eq!(
        file.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    assert!(
        file.header("content-disposition")
            .unwrap()
            .contains("moegate-costs.csv")
    );
    let text = file.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines.len() >= 3 && lines[0].starts_with("Meter,Cost,"),
        "{lines:?}"
    );
    let mut sum = 0_i128;
    for line in &lines[1..] {
        let cells: Vec<&str> = line.split(',').collect();
        assert!(page.contains(&format!(">{}<", cells[0])), "{line}");
        sum += cells[1].replace('.', "").parse::<i128>().unwrap();
    }
    // The same as the ledger's own report.
    let report = books
        .system
        .told(&["scenario", "report", "--tenant", "b", "--format", "json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        report["scenarios"][0]["cost"]["loaded"]
            .as_i64()
            .map(i128::from),
        Some(sum)
    );
    let by_day = books.page(&books.b, "/dashboard/costs?by=meter&csv=costs-by-day");
    let text = by_day.text();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    let all: i128 = rows
        .iter()
        .flat_map(|row| row.split(',').skip(1))
        .map(|cell| cell.replace('.', "").parse::<i128>().unwrap())
        .sum();
    assert_eq!(
        (rows.len(), all),
        (30, sum),
        "thirty days sum up to the same"
    );
    assert_eq!(
        books.page(&books.b, "/dashboard/costs?csv=none").status,
        404
    );
    let audit = books.page(&books.b, "/dashboard/audit?csv=audit").text();
    assert!(audit.contains("export.csv"), "{audit}");
}
