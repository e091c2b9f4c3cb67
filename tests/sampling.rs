//! Answers that are judged and verified after they were given: who is asked how often, what a failure comes to, and who pays.

use serde_json::json;
use tests::books::Books;
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System};
use tests::upstream::{Upstream, json as answer, says};

/// A tenant that may ask the mock alone, with a scenario and what is said of its checks.
fn tenant(limits: &str, checks: &str) -> String {
    format!(
        "
[[tenants]]
id = \"a\"
name = \"A\"
allowed_experts = [\"mock\"]
{limits}
[[tenants.scenarios]]
id = \"notes\"
name = \"Notes\"
unit_of_work = \"a note\"
{checks}
"
    )
}

const JUDGE: &str = "[tenants.scenarios.judge]
expert = \"judge\"
share = 1.0
rubric = \"A good answer is short.\"
";

fn start(config: String) -> System {
    let system = System::start(&Setup {
        config,
        ..Setup::default()
    });
    system.wait_ready();
    system
}

fn ask(system: &System, key: &str, streams: bool) {
    let body = json!({
        "model": "auto", "messages": [{"role": "user", "content": "write a note"}],
        "metadata": {"scenario": "notes"}, "stream": streams,
    });
    let reply = http::chat(system.address(), key, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Answers checked so far, by what came of it.
fn checked(system: &System, source: &str, result: &str) -> usize {
    let metrics = http::get(system.address(), "/metrics", None).text();
    let name = format!("moegate_answer_checks_total{{result=\"{result}\",source=\"{source}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().expect("a count"))
}

fn wait_checked(system: &System, source: &str, result: &str, count: usize) {
    system.wait(&format!("{count} {result}"), || {
        checked(system, source, result) == count
    });
}

fn finance(system: &System) -> String {
    let key = system.key("a", &["--role", "finance"]);
    http::cookie(&system.sign_in(&key), "moegate_session")
}

/// A table of the scenario's page, without its heading.
fn table(system: &System, cookie: &str, path: &str) -> Vec<String> {
    let bytes = http::request("GET", path, &[("cookie", cookie)], b"");
    let reply = http::send(system.address(), &bytes);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_judge_is_asked_both_ways_and_its_failures_are_missing() {
    let mock = Mock::start(&[]);
    let judge = Upstream::start(vec![
        says("A"),
        says("B"),
        says("B"),
        says("**A**"),
        says("A"),
        says("A"),
        says("It depends."),
        answer("400 Bad Request", &json!({"error": {"message": "no"}})),
    ]);
    let mut system = start(format!(
        "{}{}{}",
        mock.remote("mock"),
        judge.remote("judge"),
        tenant("", JUDGE)
    ));
    let key = system.key("a", &[]);
    for (result, count, streams) in [
        ("scored", 1, false),
        ("scored", 2, true),
        ("contradiction", 1, false),
        ("unclear", 1, false),
        ("failed", 1, true),
    ] {
        ask(&system, &key, streams);
        wait_checked(&system, "judge", result, count);
    }
    // Two words of each judgement, until one is missing.
    assert_eq!(judge.asked(), 8);
    let cookie = finance(&system);
    system.wait("the judgements are in the books", || {
        let rows = table(&system, &cookie, "/dashboard/scenario/notes?csv=quality");
        rows.iter().any(|row| row.starts_with("judge,2,0.5,3,"))
    });
    let agreement = table(&system, &cookie, "/dashboard/scenario/notes?csv=judge");
    assert!(agreement.is_empty(), "{agreement:?}");
    let costs = table(&system, &cookie, "/dashboard/costs?by=purpose&csv=costs");
    let judging = costs.iter().find(|row| row.contains("judge"));
    assert!(judging.is_some(), "{costs:?}");
    system.terminate();
    let proof = Books::open(&system).verify();
    assert!(proof.breaks.is_empty(), "{:?}", proof.breaks);
    // What the judge was asked belongs to these five.
    assert_eq!((proof.requests, proof.orphans), (5, 0));
}

#[test]
fn an_answer_is_compared_with_that_of_another_expert() {
    let mock = Mock::start(&[]);
    let other = Upstream::start(vec![says("a longer note, at more length")]);
    let judge = Upstream::start(vec![says("B"), says("A"), says("C"), says("C")]);
    let checks = format!("{JUDGE}against = \"other\"\n");
    let system = start(format!(
        "{}{}{}{}",
        mock.remote("mock"),
        judge.remote("judge"),
        other.remote("other"),
        tenant("", &checks)
    ));
    let key = system.key("a", &[]);
    for count in 1..=2 {
        ask(&system, &key, false);
        wait_checked(&system, "judge", "scored", count);
    }
    assert_eq!((other.asked(), judge.asked()), (2, 4));
    let metrics = http::get(system.address(), "/metrics", None).text();
    for (expert, purpose, count) in [("other", "shadow", 2), ("judge", "judge", 4)] {
        let line = format!(
            "moegate_attempts_total{{expert=\"{expert}\",purpose=\"{purpose}\",status=\"ok\"}} {count}"
        );
        assert!(metrics.contains(&line), "{line}");
    }
    let cookie = finance(&system);
    system.wait("the judgements are in the books", || {
        // Lost once and drawn once: half of them accepted at the usual score of a half.
        let rows = table(&system, &cookie, "/dashboard/scenario/notes?csv=quality");
        rows.iter().any(|row| row.starts_with("judge,2,0.5,0,"))
    });
}

#[test]
fn a_verifier_scores_and_labels_and_people_are_held_beside_the_judge() {
    let mock = Mock::start(&[]);
    let judge = Upstream::start(vec![says("A"), says("B")]);
    let verifier = Upstream::start(vec![
        says("{\"score\": 0.75, \"label\": \"cites\"}"),
        says("{\"score\": 2}"),
    ]);
    let checks = format!("{JUDGE}[tenants.scenarios.verifier]\nexpert = \"verifier\"\n");
    let system = start(format!(
        "{}{}{}{}",
        mock.remote("mock"),
        judge.remote("judge"),
        verifier.remote("verifier"),
        tenant("", &checks)
    ));
    let key = system.key("a", &[]);
    ask(&system, &key, true);
    wait_checked(&system, "verifier", "scored", 1);
    ask(&system, &key, false);
    wait_checked(&system, "verifier", "unclear", 1);
    let cookie = finance(&system);
    system.wait("the judgements are in the books", || {
        let rows = table(&system, &cookie, "/dashboard/scenario/notes?csv=quality");
        rows.iter().any(|row| row.starts_with("verifier,1,1,1,1,"))
    });
    // Both accept the first answer; of the second the verifier said nothing.
    let rows = table(&system, &cookie, "/dashboard/scenario/notes?csv=judge");
    assert!(
        rows.iter().any(|row| row.starts_with("verifier,1,1,")),
        "{rows:?}"
    );
}

#[test]
fn a_check_that_limits_refuse_is_missing_and_asks_nobody() {
    let mock = Mock::start(&[]);
    let judge = Upstream::start(vec![says("A"), says("B")]);
    let system = start(format!(
        "{}{}{}",
        mock.remote("mock"),
        judge.remote("judge"),
        tenant("limits = { requests_per_minute = 1 }", JUDGE)
    ));
    let key = system.key("a", &[]);
    ask(&system, &key, false);
    wait_checked(&system, "judge", "refused", 1);
    assert_eq!(judge.asked(), 0);
}

#[test]
fn checks_that_cannot_be_are_refused_by_name() {
    let mock = Mock::start(&[]);
    let good = start(format!("{}{}", mock.remote("mock"), tenant("", "")));
    for (from, to, said) in [
        ("share = 1.0", "share = 0.0", "judge.share: must be above 0"),
        ("share = 1.0", "share = 1.5", "judge.share: must be above 0"),
        (
            "share = 1.0",
            "share = 1.0\nagainst = \"judge\"",
            "judge.against: nobody judges their own answer",
        ),
        ("A good answer is short.", " ", "judge.rubric: must say"),
    ] {
        let text = std::fs::read_to_string(good.config()).expect("the configuration");
        let wrong = good.dir().join("wrong.toml");
        let checks = JUDGE.replace(from, to);
        std::fs::write(&wrong, format!("{text}{checks}")).expect("a file");
        let why = good.refused(&["check", "--config", wrong.to_str().expect("a path")]);
        assert!(why.contains(said), "{why}");
    }
}
