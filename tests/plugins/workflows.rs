//! Workflows: called by name or bound to a scenario, with progress, recorded steps and checked JSON.

use super::*;
use tests::publisher::path;

const CONTRACT: &str = "1. Governing Law. This agreement is governed by the laws of Ireland.\n\n2. Liability. Liability is unlimited in all cases.\n";

/// The review of contracts, whose legal expert is a mock.
fn with_review(mock: &Mock) -> System {
    let scenario = "[[tenants.scenarios]]\nid = \"contracts\"\nname = \"Contracts\"\nunit_of_work = \"a contract\"\nworkflow = \"legal-clause-review\"\n";
    let system = System::start(&Setup {
        config: format!("{RATES}{}{TENANTS}{scenario}", mock.remote("legal")),
        ..Setup::default()
    });
    let publisher = Publisher::new(&system, "moegate");
    let folder = publisher.folder(&Made {
        name: "moegate/legal-clause-review",
        version: "0.1.0",
        more: "[input.schema]\n",
        component: "legal-clause-review.wasm",
    });
    let own = tests::root().join("plugins/legal-clause-review/plugin.toml");
    std::fs::copy(own, folder.join("plugin.toml")).unwrap();
    publisher.sign(&system, &folder);
    system.told(&["plugin", "publish", path(&folder)]);
    publisher.trusted_by(&system, "b", "moegate");
    install(&system, "moegate/legal-clause-review", "0.1.0", "b");
    system
}

fn review(system: &System, key: &str, more: &Value) -> Reply {
    let mut body = json!({"messages": [{"role": "user", "content": json!({"contract": CONTRACT}).to_string()}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    http::chat(system.address(), key, &body)
}

#[test]
fn a_workflow_is_called_by_name_or_by_its_scenario() {
    let mock = Mock::start(&[]);
    let system = with_review(&mock);
    let (a, b) = (system.key("a", &[]), system.key("b", &[]));
    wait_model(&system, &b, "workflow/moegate/legal-clause-review", true);
    for more in [
        json!({"model": "workflow/legal-clause-review"}),
        json!({"model": "workflow/moegate/legal-clause-review"}),
        json!({"model": "auto", "metadata": {"scenario": "contracts"}}),
    ] {
        let reply = review(&system, &b, &more);
        let output: Value = serde_json::from_str(&content(&reply)).unwrap();
        assert_eq!(
            output["clauses"].as_array().unwrap().len(),
            2,
            "{more}: {output}"
        );
        assert_eq!(
            reply.header("x-moegate-expert"),
            Some("moegate.legal-clause-review")
        );
    }
    let unknown = (404, "model_not_found".to_owned());
    assert_eq!(
        code(&review(
            &system,
            &a,
            &json!({"model": "workflow/legal-clause-review"})
        )),
        unknown
    );
    assert_eq!(
        code(&review(&system, &b, &json!({"model": "workflow/nothing"}))),
        unknown
    );
    // The gate never chooses a workflow by itself.
    let plain = ask(&system, &b, "auto", "Which law governs this agreement?");
    assert_eq!(plain.header("x-moegate-expert"), Some("legal"));
    for (text, param) in [
        ("not json", "messages"),
        ("{\"contract\": 5}", "messages"),
        ("{}", "messages"),
    ] {
        let reply = ask(&system, &b, "workflow/legal-clause-review", text);
        assert_eq!(
            code(&reply),
            (400, "invalid_input".to_owned()),
            "{text} {param}"
        );
    }
    let steps = system.told(&["plugin", "steps", "--tenant", "b"]);
    let first: Value = serde_json::from_str(steps.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["workflow"], &first["step"]),
        (&json!("moegate/legal-clause-review"), &json!("name 0"))
    );
}

#[test]
fn progress_is_streamed_beside_the_answer() {
    let mock = Mock::start(&[]);
    let system = with_review(&mock);
    let b = system.key("b", &[]);
    wait_model(&system, &b, "workflow/moegate/legal-clause-review", true);
    let reply = review(
        &system,
        &b,
        &json!({"model": "workflow/legal-clause-review", "stream": true}),
    );
    let (mut progress, mut answer) = (String::new(), String::new());
    for line in reply
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("data: {").map(|rest| format!("{{{rest}")))
    {
        let chunk: Value = serde_json::from_str(&line).unwrap();
        let delta = &chunk["choices"][0]["delta"];
        progress.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        answer.push_str(delta["content"].as_str().unwrap_or_default());
    }
    assert!(
        progress.starts_with("2 clauses\nnamed 2 of 2\n"),
        "{progress}"
    );
    assert_eq!(
        serde_json::from_str::<Value>(&answer).unwrap()["clauses"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_run_goes_on_from_its_last_step_after_a_crash() {
    let mock = Mock::start(&[]);
    let mut system = with_review(&mock);
    let b = system.key("b", &[]);
    wait_model(&system, &b, "workflow/moegate/legal-clause-review", true);
    let body = json!({"model": "workflow/legal-clause-review",
        "messages": [{"role": "user", "content": json!({"contract": CONTRACT}).to_string()}]})
    .to_string();
    let run = |system: &System, name: &str| {
        let authorization = format!("Bearer {b}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", name),
        ];
        http::send(
            system.address(),
            &http::request("POST", "/v1/chat/completions", &headers, body.as_bytes()),
        )
    };
    let asked = || mock.counts()["requests"].as_u64().unwrap();
    let first = content(&run(&system, "run-1"));
    let after_first = asked();
    system.kill();
    system.launch();
    wait_model(&system, &b, "workflow/moegate/legal-clause-review", true);
    assert_eq!(content(&run(&system, "run-1")), first);
    assert_eq!(asked(), after_first, "the run before has asked already");
    run(&system, "run-2");
    assert_eq!(asked(), after_first + 2, "another run asks for itself");
}

#[test]
fn a_client_that_leaves_ends_the_workflow_and_pays_for_what_was_done() {
    let mock = Mock::start(&["--delay-ms", "3000"]);
    let mut system = with_review(&mock);
    let b = system.key("b", &[]);
    wait_model(&system, &b, "workflow/moegate/legal-clause-review", true);
    let body = json!({"model": "workflow/legal-clause-review",
        "messages": [{"role": "user", "content": json!({"contract": CONTRACT}).to_string()}]});
    let stream = http::begin_chat(system.address(), &b, &body);
    system.wait("the experts are asked", || {
        mock.counts()["requests"].as_u64() == Some(2)
    });
    drop(stream);
    let running = || http::get(system.address(), "/metrics", None).text();
    system.wait("nothing runs any more", || {
        running().contains("moegate_running_requests 0")
    });
    assert!(system.terminate().success());
    let report = tests::books::Books::open(&system).verify();
    assert!(report.holds() && report.orphans == 0, "{report:?}");
    // The workflow itself and the two questions it had asked.
    assert_eq!((report.requests, report.attempts), (1, 3), "{report:?}");
}

#[test]
fn a_budget_that_ends_half_way_ends_the_questions() {
    let mock = Mock::start(&[]);
    let poor = TENANTS.replace(
        "id = \"b\"\nname = \"B\"\n",
        "id = \"b\"\nname = \"B\"\n[tenants.limits]\nmonthly_budget = \"0.0009\"\n",
    );
    let system = System::start(&Setup {
        config: format!("{RATES}{}{poor}", mock.remote("mock")),
        ..Setup::default()
    });
    let b = system.key("b", &[]);
    let _publisher = with_driver(&system, &["b"]);
    wait_model(&system, &b, "acme.driver", true);
    // Each question costs some 0.00005 and reserves more: not all sixteen fit.
    let mut told = String::new();
    for _ in 0..6 {
        let reply = act(
            &system,
            &b,
            &json!({"do": "infer-all", "count": 16, "expert": "mock", "text": "hello"}),
        );
        if reply.status != 200 {
            assert_eq!(code(&reply).1, "insufficient_quota");
            break;
        }
        told.push_str(&content(&reply));
    }
    assert!(told.contains("error budget"), "{told}");
    assert!(
        told.lines().any(|line| !line.starts_with("error")),
        "{told}"
    );
}
