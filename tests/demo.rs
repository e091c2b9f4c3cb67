//! The demo as a newcomer runs it, on a free port and in a folder of its own.

use std::process::Command;

#[test]
fn the_demo_holds_every_check() {
    let dir = tempfile::tempdir().unwrap();
    let out = Command::new(tests::binaries::program("moegate"))
        .args(["demo", "--once", "--listen", "127.0.0.1:0", "--store"])
        .arg(dir.path().join("var"))
        .current_dir(tests::root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    let log = String::from_utf8_lossy(&out.stderr);
    println!("{said}");
    assert!(out.status.success(), "{said}\n{log}");
    assert!(said.contains("every check held"), "{said}");
    // A8: no prompt or answer text in logs, ledger, journal or metrics. What workflows recorded is their tenant's own.
    let traffic = std::fs::read_to_string(tests::root().join("deploy/demo/traffic.jsonl")).unwrap();
    let prompts: Vec<String> = traffic
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["prompt"].as_str().unwrap().chars().take(24).collect())
        .collect();
    let mut files = vec![dir.path().join("var")];
    let mut bytes = out.stderr.clone();
    while let Some(path) = files.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("plugins") {
            continue;
        }
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
        } else {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    assert!(bytes.len() > 10_000, "the books were looked at");
    for prompt in &prompts {
        let found = bytes
            .windows(prompt.len())
            .any(|window| window == prompt.as_bytes());
        assert!(!found, "text of a prompt was kept: {prompt}");
    }
}
