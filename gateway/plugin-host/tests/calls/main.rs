//! Calls of real guests under their limits: each attack ends in its named error and leaves nothing behind.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says on the terminal why it was skipped"
)]

mod fixtures;
mod guests;
mod services;

use std::time::{Duration, Instant};

use guests::{Guest, ask, tenant};
use plugin_host::{CallError, Limit, Limits, Services};
use serde_json::json;
use services::Stage;

fn limits() -> Limits {
    Limits {
        cpu: Duration::from_millis(200),
        wall: Duration::from_secs(5),
        ..Limits::PARTNER
    }
}

/// What an attack ends in, and how long it took.
async fn attack(
    command: serde_json::Value,
    limits: Limits,
) -> (Result<String, CallError>, Duration) {
    let guest = Guest::driver().await;
    let stage = Stage::default();
    let began = Instant::now();
    let asked = ask(&command.to_string());
    let answer = guest
        .plugin
        .answer(&tenant("a"), asked, limits, stage.services());
    let result = answer.await.map(|reply| reply.message.content);
    (result, began.elapsed())
}

async fn ends_in(command: serde_json::Value, limits: Limits, wanted: &str) {
    let (result, took) = attack(command.clone(), limits).await;
    let code = match &result {
        Ok(_) => "ok",
        Err(CallError::Refused { code, .. }) => code,
        Err(why) => why.code(),
    };
    eprintln!("{command}: {code} after {took:?}");
    assert_eq!(code, wanted, "{command}: {result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_without_end_is_ended() {
    ends_in(json!({"do": "loop"}), limits(), "plugin_cpu_limit").await;
    ends_in(
        json!({"do": "fill", "bytes": 8 << 20}),
        limits(),
        "plugin_cpu_limit",
    )
    .await;
    ends_in(json!({"do": "grow"}), limits(), "plugin_cpu_limit").await;
    let waiting = Limits {
        wall: Duration::from_millis(300),
        ..limits()
    };
    ends_in(
        json!({"do": "infer", "expert": "never", "text": "hello"}),
        waiting,
        "plugin_deadline",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_stack_have_an_end() {
    ends_in(json!({"do": "memory"}), limits(), "plugin_memory_limit").await;
    let (result, _) = attack(json!({"do": "stack"}), limits()).await;
    // Rust's own stack lies in linear memory and ends there first.
    let over = matches!(
        &result,
        Err(CallError::Limit(Limit::Stack) | CallError::Trap(_))
    );
    assert!(over, "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_the_host_are_counted() {
    let of = |of: &str, count: u32| json!({"do": "calls", "count": count, "of": of});
    ends_in(of("clock", 501), limits(), "plugin_host_call_limit").await;
    ends_in(of("clock", 500), limits(), "ok").await;
    ends_in(of("kv", 101), limits(), "plugin_host_call_limit").await;
    ends_in(of("http", 17), limits(), "plugin_host_call_limit").await;
    ends_in(of("infer", 17), limits(), "plugin_host_call_limit").await;
    let many = json!({"do": "infer-all", "count": 17, "expert": "echo", "text": "hello"});
    ends_in(many, limits(), "plugin_host_call_limit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_handles_are_bounded() {
    ends_in(
        json!({"do": "log", "bytes": 8 << 20}),
        limits(),
        "plugin_size_limit",
    )
    .await;
    ends_in(
        json!({"do": "answer", "bytes": 8 << 20}),
        limits(),
        "plugin_size_limit",
    )
    .await;
    ends_in(
        json!({"do": "answer", "bytes": 60_000_000}),
        Limits {
            memory_bytes: 256 << 20,
            ..limits()
        },
        "plugin_size_limit",
    )
    .await;
    ends_in(
        json!({"do": "handles", "count": 65}),
        limits(),
        "plugin_handle_limit",
    )
    .await;
    ends_in(
        json!({"do": "emit", "count": 11, "bytes": 100_000}),
        limits(),
        "limit",
    )
    .await;
    let guest = Guest::driver().await;
    let large = ask(&"x".repeat((1 << 20) + 1));
    let answer = guest
        .plugin
        .answer(&tenant("a"), large, limits(), Services::default())
        .await;
    assert_eq!(answer.unwrap_err(), CallError::Limit(Limit::Bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_denied() {
    let guest = Guest::driver().await;
    for command in [
        json!({"do": "infer", "expert": "echo", "text": "hello"}),
        json!({"do": "kv-get", "key": "k"}),
        json!({"do": "http", "url": "https://example.com/"}),
        json!({"do": "retrieve", "query": "q", "filter": ""}),
        json!({"do": "secret", "name": "s", "by": "answer"}),
        json!({"do": "tool", "name": "t", "arguments": "{}"}),
        json!({"do": "emit", "count": 1, "bytes": 1}),
    ] {
        let asked = ask(&command.to_string());
        let answer = guest
            .plugin
            .answer(&tenant("a"), asked, limits(), Services::default())
            .await;
        let denied = matches!(&answer, Err(CallError::Refused { code, .. }) if code == "denied");
        assert!(denied, "{command}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_says_its_words_to_the_author_only() {
    let guest = Guest::driver().await;
    let asked = ask(&json!({"do": "panic", "words": "the sky fell"}).to_string());
    let mut answer = guest
        .plugin
        .answer(&tenant("a"), asked, limits(), Services::default());
    let why = (&mut answer).await.unwrap_err();
    assert!(matches!(why, CallError::Trap(_)), "{why}");
    assert!(!why.to_string().contains("sky"), "{why}");
    let log = answer.report().log;
    assert!(
        log.iter().any(|line| line.message.contains("the sky fell")),
        "{log:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_log_is_marked_once() {
    let guest = Guest::driver().await;
    let asked = ask(&json!({"do": "lines", "count": 300}).to_string());
    let mut answer = guest
        .plugin
        .answer(&tenant("a"), asked, limits(), Services::default());
    (&mut answer).await.unwrap();
    let report = answer.report();
    assert_eq!(report.log.len(), 201, "200 lines and the mark");
    assert_eq!(report.host_calls, 300);
    assert_eq!(report.limits, limits());
    assert!(
        report.cpu_ns > 10_000 && report.cpu_ns < 200_000_000,
        "{}",
        report.cpu_ns
    );
    assert!(report.memory_peak > 65_536, "{}", report.memory_peak);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_asked_and_their_order_is_kept() {
    let guest = Guest::driver().await;
    let stage = Stage::default();
    let said = async |command: serde_json::Value| {
        let asked = ask(&command.to_string());
        let answer = guest
            .plugin
            .answer(&tenant("a"), asked, limits(), stage.services());
        answer.await.unwrap().message.content
    };
    assert_eq!(
        said(json!({"do": "infer", "expert": "echo", "text": "hello"})).await,
        "echo: hello"
    );
    let all = said(json!({"do": "infer-all", "count": 12, "expert": "echo", "text": "n"})).await;
    let wanted: Vec<String> = (0..12).map(|at| format!("echo: n {at}")).collect();
    assert_eq!(all, wanted.join("\n"));
    assert!(stage.most_at_once() <= 8, "{}", stage.most_at_once());
    assert_eq!(
        said(json!({"do": "kv-set", "key": "k", "value": "v"})).await,
        "set"
    );
    assert_eq!(said(json!({"do": "kv-get", "key": "k"})).await, "v");
    assert_eq!(
        said(json!({"do": "relay", "expert": "echo", "text": "a b c"})).await,
        "echo: a b c"
    );
    assert_eq!(stage.emitted(), ["echo: ", "a ", "b ", "c"]);
    let seen = said(json!({"do": "context"})).await;
    assert!(
        seen.contains("\"now_ms\":42") && seen.contains("\"request\":\"r1\""),
        "{seen}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_stops_and_leaves_its_figures() {
    let guest = Guest::driver().await;
    let asked = ask(&json!({"do": "loop"}).to_string());
    let free = guest.host.free();
    let answer = guest.plugin.answer(
        &tenant("a"),
        asked,
        Limits {
            cpu: Duration::from_secs(60),
            ..limits()
        },
        Services::default(),
    );
    let meters = answer.meters();
    while meters.cpu_ns() < 20_000_000 {
        tokio::task::yield_now().await;
    }
    drop(answer);
    while guest.host.free() < free {
        tokio::task::yield_now().await;
    }
    let spent = meters.cpu_ns();
    assert!(spent >= 20_000_000, "{spent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_one_plugin_is_turned_away() {
    let guest = Guest::driver().await;
    let busy = Limits {
        cpu: Duration::from_secs(60),
        wall: Duration::from_secs(60),
        ..limits()
    };
    let waiting = json!({"do": "infer", "expert": "never", "text": "hello"}).to_string();
    let stage = Stage::default();
    let crowd: Vec<_> = (0..32)
        .map(|_| {
            guest
                .plugin
                .answer(&tenant("a"), ask(&waiting), busy, stage.services())
        })
        .collect();
    while stage.waiting() < 32 {
        tokio::task::yield_now().await;
    }
    let late = guest
        .plugin
        .answer(&tenant("a"), ask(&waiting), busy, stage.services())
        .await;
    assert_eq!(late.unwrap_err(), CallError::Busy("this plugin"));
    drop(crowd);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_of_the_server_is_not_late_while_guests_spin() {
    let guest = Guest::driver().await;
    let spin = Limits {
        cpu: Duration::from_millis(400),
        ..limits()
    };
    let asked = json!({"do": "loop"}).to_string();
    // Other tests take the same cores, so one late tick says nothing of the guests. Guests that held up the server's
    // threads would do so in every round.
    let mut rounds = Vec::new();
    while rounds.len() < 10 && rounds.iter().all(|most| *most > Duration::from_millis(5)) {
        let spinning: Vec<_> = (0..4)
            .map(|_| {
                guest
                    .plugin
                    .answer(&tenant("a"), ask(&asked), spin, Services::default())
            })
            .collect();
        let mut late = Vec::new();
        for _ in 0..200 {
            let due = Instant::now() + Duration::from_millis(1);
            tokio::time::sleep_until(due.into()).await;
            late.push(due.elapsed());
        }
        late.sort();
        eprintln!(
            "late: median {:?}, p95 {:?}, most {:?}",
            late[100], late[190], late[199]
        );
        assert!(late[100] < Duration::from_millis(5), "{:?}", late[100]);
        rounds.push(late[199]);
        for one in spinning {
            assert_eq!(one.await.unwrap_err(), CallError::Limit(Limit::Cpu));
        }
    }
    let least = rounds.iter().min().unwrap();
    assert!(*least <= Duration::from_millis(5), "{rounds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_attacks_leave_nothing_behind() {
    let guest = Guest::driver().await;
    let stage = Stage::default();
    let attacks = [
        json!({"do": "panic", "words": "again"}),
        json!({"do": "calls", "count": 501, "of": "clock"}),
        json!({"do": "memory"}),
        json!({"do": "answer", "bytes": 8 << 20}),
        json!({"do": "handles", "count": 65}),
        json!({"do": "refuse", "code": "no", "message": "no"}),
        json!({"do": "kv-get", "key": "k"}),
        json!({"do": "infer", "expert": "echo", "text": "hello"}),
    ];
    let mut before = (0, 0);
    for round in 0..1_000_usize {
        let command = attacks[round % attacks.len()].to_string();
        let _ended = guest
            .plugin
            .answer(&tenant("a"), ask(&command), limits(), stage.services())
            .await;
        if round == 199 {
            before = (guests::resident_kib(), guests::open_files());
        }
    }
    let after = (guests::resident_kib(), guests::open_files());
    eprintln!(
        "resident KiB and open files after 200 and after 1,000 attacks: {before:?} {after:?}"
    );
    assert!(after.0 <= before.0 + 8 * 1024, "{before:?} {after:?}");
    assert_eq!(after.1, before.1);
}

/// A jump table inside a jump table: work that grows with the square of its bytes. The process is ended by its bound of CPU
/// time, and the host goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_compiles_for_ever_is_ended() {
    let depth = 20_000;
    let table = (0..depth)
        .map(|n| n.to_string())
        .collect::<Vec<_>>()
        .join(" ");
    let (open, close) = ("(block ".repeat(depth), ")".repeat(depth));
    let function = format!("(func (param i32) {open} (br_table {table} 0 (local.get 0)) {close})");
    let copies = function.repeat(40);
    let bomb = wat::parse_str(format!("(component (core module {copies}))")).unwrap();
    let limits = plugin_host::CompileLimits {
        cpu: Duration::from_secs(1),
        ..plugin_host::CompileLimits::default()
    };
    let compiler = plugin_host::Compiler::new(&guests::compiler_path(), limits);
    let began = Instant::now();
    let compiled = compiler.compile(&bomb, plugin_host::Metering::Time).await;
    let refused = compiled.map(|code| code.len());
    eprintln!(
        "{} bytes: {refused:?} after {:?}",
        bomb.len(),
        began.elapsed()
    );
    assert!(
        matches!(refused, Err(plugin_host::CompileError::Bounds { .. })),
        "{refused:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(20));
}
