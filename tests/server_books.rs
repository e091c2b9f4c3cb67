//! The gateway with its books on a PostgreSQL server.

use serde_json::json;
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System};

use crate::postgres::Server;

#[test]
fn books_on_postgres_are_kept_judged_and_proven() {
    let Some(server) = Server::start() else {
        return;
    };
    let mock = Mock::start(&[]);
    let mut system = System::start(&Setup {
        config: format!(
            "{}[[tenants]]\nid = \"a\"\nname = \"A\"\n",
            mock.remote("mock")
        ),
        environment: vec![("MOEGATE__STORE__URL".to_owned(), server.database())],
        ..Setup::default()
    });
    system.wait_ready();
    let key = system.key("a", &[]);
    let hello = json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]});
    for _ in 0..5 {
        let reply = http::chat(system.address(), &key, &hello);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let request = reply.json()["id"].clone();
        let judged = json!({"request_id": request, "score": 1}).to_string();
        let reply = http::post(system.address(), "/v1/feedback", &key, judged.as_bytes());
        assert!(reply.status < 300, "{}: {}", reply.status, reply.text());
    }
    assert!(system.terminate().success(), "{}", system.log());
    let proven = system.told(&["ledger", "verify"]);
    let requests = proven.lines().find(|line| line.contains("requests"));
    assert!(
        requests.is_some_and(|line| line.split_whitespace().any(|word| word == "5")),
        "{proven}"
    );
    assert!(
        system
            .told(&["key", "list", "--tenant", "a"])
            .contains("user")
    );
    let report = system.told(&["scenario", "report"]);
    assert!(report.contains('5'), "{report}");
    assert!(
        !system.dir().join("var/moegate.sqlite").exists(),
        "nothing is kept in a file"
    );
    // It finds everything again.
    system.launch();
    system.wait_ready();
    assert_eq!(http::chat(system.address(), &key, &hello).status, 200);
    assert!(system.terminate().success(), "{}", system.log());
    assert!(system.told(&["ledger", "verify"]).contains('6'));
}
