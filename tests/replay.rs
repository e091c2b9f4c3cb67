//! Some seconds of the replay that `bench replay` makes an hour of: clients leave, upstreams refuse, and the ledger's tokens are
//! those that the upstreams counted.

use std::process::Command;

use serde_json::Value;
use tests::binaries::program;
use tests::root;

#[test]
fn tokens_of_the_ledger_are_those_of_the_upstreams_whatever_goes_wrong() {
    let out = Command::new(program("bench"))
        .args(["replay", "--seconds", "8", "--rate", "150", "--aborts", "0.2"])
        .arg("--moegate-bin")
        .arg(program("moegate"))
        .current_dir(root())
        .output()
        .expect("bench runs");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let why = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{said}\n{why}");
    let found: Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!(found["equal"], true, "{said}");
    assert_eq!(found["upstream"], found["ledger"], "{said}");
    let count = |name: &str| found[name].as_u64().expect("a count");
    assert_eq!(count("requests"), 1_200);
    assert!(count("booked_attempts") > count("booked_requests"), "{said}");
    assert!(count("refused") > 20, "{said}");
    let left = found["outcomes"]["left"].as_u64().unwrap_or(0);
    assert!((150..350).contains(&left), "{said}");
}
