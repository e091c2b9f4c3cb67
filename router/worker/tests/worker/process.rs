//! The binary as a parent process uses it.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::client::{chat, connect, read};
use crate::house::{Shelf, ask};

async fn start(shelf: &Shelf, more: &[&str]) -> (Child, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moegate-worker"));
    command.arg("serve").arg("--expert").args(shelf.folders());
    command.args([
        "--device",
        "cpu",
        "--listen",
        "127.0.0.1:0",
        "--threads",
        "1",
    ]);
    let command = command.args(more).kill_on_drop(true);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the worker starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("stdout");
    BufReader::new(stdout)
        .read_line(&mut line)
        .await
        .expect("a line");
    let line: Value = serde_json::from_str(&line).expect("a line of JSON");
    let address = line["listening"].as_str().expect("an address").parse();
    (child, address.expect("an address"))
}

async fn ends_well(mut child: Child) {
    let minute = Duration::from_secs(60);
    let ended = tokio::time::timeout(minute, child.wait()).await;
    let status = ended.expect("an end within a minute").expect("a status");
    assert!(status.success(), "{status}");
}

fn terminate(child: &Child) {
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .expect("a pid");
    kill(Pid::from_raw(pid), Signal::SIGTERM).expect("a signal");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_announces_its_port_and_ends_with_its_parent() {
    let shelf = Shelf::of(&["tiny"]);
    let (mut child, address) = start(&shelf, &["--exit-with-parent"]).await;
    chat(address, &ask("tiny", "colour", "sky")).await.ok();
    drop(child.stdin.take());
    ends_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_stdin_is_nothing_to_a_worker_that_stands_alone() {
    let shelf = Shelf::of(&["tiny"]);
    let (mut child, address) = start(&shelf, &[]).await;
    drop(child.stdin.take());
    for _ in 0..20 {
        chat(address, &ask("tiny", "colour", "sky")).await.ok();
    }
    terminate(&child);
    ends_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_what_has_begun_finish() {
    let shelf = Shelf::of(&["tiny"]);
    let (child, address) = start(&shelf, &[]).await;
    let body = ask("tiny", "colour", "sky").to_string();
    let mut begun = connect(address).await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: worker\r\nexpect: 100-continue\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    begun.write_all(head.as_bytes()).await.unwrap();
    // The worker asks for the body: the request has begun.
    let mut go_on = [0; 25];
    begun.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let idle = connect(address).await;
    terminate(&child);
    let minute = Duration::from_secs(60);
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(minute, refused)
        .await
        .expect("no new connections");
    begun.write_all(body.as_bytes()).await.unwrap();
    let answer = read(begun).await.ok();
    assert_eq!(answer["model"], "tiny");
    ends_well(child).await;
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_start_says_why_and_fails() {
    let shelf = Shelf::of(&["tiny"]);
    for (device, why) in [("cuda:99", "cuda:99"), ("tpu", "cuda:N")] {
        let output = Command::new(env!("CARGO_BIN_EXE_moegate-worker"))
            .args(["serve", "--device", device, "--expert"])
            .args(shelf.folders())
            .output()
            .await
            .unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why), "{said}");
    }
}
