use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use expert_pool::{WorkerCounters, WorkerKey, WorkerSample};
use units::{Nanos, Pico, PoolId, Timestamp};

use super::Metrics;
use super::observe::NOTHING_DONE;

fn rendered(metrics: &Metrics) -> String {
    String::from_utf8(metrics.render().unwrap()).unwrap()
}

#[test]
fn every_metric_is_rendered() {
    let metrics = Metrics::new().unwrap();
    metrics.overhead.observe(0.000_06);
    metrics.refused.with_label_values(&["invalid_json"]).inc();
    let text = rendered(&metrics);
    assert!(text.contains("moegate_gateway_overhead_seconds_bucket{le=\"0.00005\"} 0"));
    assert!(text.contains("moegate_refused_requests_total{code=\"invalid_json\"} 1"));
}

fn sample(address: &str, born: i64, busy: u64, waiting: u32) -> WorkerSample {
    WorkerSample {
        worker: WorkerKey {
            address: address.into(),
            started_unix_ms: born,
        },
        pool: PoolId::new("p").unwrap(),
        at: Timestamp::from_unix_nanos(0),
        device: "cpu".into(),
        version: "1".into(),
        counters: WorkerCounters {
            busy_ns: Nanos::new(busy),
            requests: busy / 1_000_000_000,
            ..NOTHING_DONE
        },
        waiting,
        running: 1,
        loads: Vec::new(),
    }
}

#[test]
fn device_time_is_counted_once_across_restarts_of_workers() {
    let metrics = Metrics::new().unwrap();
    let started = Timestamp::from_unix_nanos(1_000 * 1_000_000);
    let see = |samples: &[WorkerSample]| metrics.observe_workers(samples, started);
    let busy = || {
        metrics
            .device_seconds
            .with_label_values(&["p", "busy"])
            .get()
    };
    let second = 1_000_000_000;
    // Older than the gateway: what it did before is not ours. Younger: all of it is.
    see(&[
        sample("old", 1, 50 * second, 2),
        sample("new", 2_000, 3 * second, 4),
    ]);
    assert_eq!(busy(), 3.0);
    see(&[
        sample("old", 1, 51 * second, 2),
        sample("new", 2_000, 5 * second, 0),
    ]);
    assert_eq!(busy(), 6.0);
    // The same address with another life starts at nothing; the same sample twice adds nothing.
    for _ in 0..2 {
        see(&[sample("old", 3_000, 2 * second, 1)]);
    }
    assert_eq!(busy(), 8.0);
    let answered = metrics
        .worker_requests
        .with_label_values(&["p", "answered"]);
    assert_eq!(answered.get(), 8);
    let queue = |state| metrics.worker_queue.with_label_values(&["p", state]).get();
    assert_eq!((queue("waiting"), queue("running")), (1, 1));
}

#[test]
fn budgets_are_counted_at_every_height_they_have_reached() {
    use crate::admission::{Admission, Limits};
    let month = ledger::Month::of(Timestamp::from_unix_nanos(1_790_000_000_000_000_000));
    let budget = Limits {
        monthly_budget: Some(Pico::new(1_000)),
        ..Limits::NONE
    };
    let tenant = |name: &str| units::TenantId::new(name).unwrap();
    let spent = [
        ("none", 0),
        ("some", 499),
        ("half", 500),
        ("most", 800),
        ("all", 1_000),
    ];
    let mut limits: HashMap<_, _> = spent.map(|(name, _)| (tenant(name), budget)).into();
    limits.insert(tenant("unbounded"), Limits::NONE);
    let admission = Admission::new(limits);
    for (name, spent) in spent {
        admission.restore(&tenant(name), None, month, Pico::new(spent));
    }
    let metrics = Metrics::new().unwrap();
    metrics.observe_budgets(&admission.budget_use(month.start()));
    let count = |spent| metrics.budgets.with_label_values(&[spent]).get();
    assert_eq!(
        ["total", "over_50", "over_80", "over_100"].map(count),
        [5, 3, 2, 1]
    );
}

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(deploy(path)).unwrap()
}

/// Labels of every series that Prometheus will see, by its name.
fn series() -> BTreeMap<String, BTreeSet<String>> {
    let metrics = Metrics::new().unwrap();
    let mut series = BTreeMap::new();
    for metric in metrics.all() {
        for desc in metric.desc() {
            let own = desc.variable_labels.iter().cloned();
            let constant = desc
                .const_label_pairs
                .iter()
                .map(|pair| pair.name().to_owned());
            let labels: BTreeSet<String> = own.chain(constant).collect();
            for ending in ["", "_bucket", "_sum", "_count"] {
                series.insert(format!("{}{ending}", desc.fq_name), labels.clone());
            }
        }
    }
    series
}

/// The words of an expression that are names of metrics, and those that are names of labels.
fn names(expression: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c: char| !word(c));
    let metrics = words
        .filter(|w| w.starts_with("moegate_") || w.starts_with("gen_ai_"))
        .collect();
    let mut labels = BTreeSet::new();
    for by in expression.split("by (").skip(1) {
        let inside = by.split(')').next().unwrap();
        labels.extend(inside.split(',').map(str::trim).filter(|l| !l.is_empty()));
    }
    for braces in expression.split('{').skip(1) {
        let inside = braces.split('}').next().unwrap();
        for pair in inside.split(',') {
            labels.insert(pair.split(['=', '!']).next().unwrap().trim());
        }
    }
    (metrics, labels)
}

/// Every metric of an expression exists, and each of its labels is one of theirs. A misspelt one would show an empty
/// panel, or an alert that never fires.
#[track_caller]
fn check(place: &str, expression: &str, series: &BTreeMap<String, BTreeSet<String>>) {
    let (metrics, labels) = names(expression);
    let mut known: BTreeSet<&str> = ["le", "instance", "job"].into();
    let mut found = 0;
    for metric in metrics {
        // Labels of OpenTelemetry's begin like its metrics.
        if labels.contains(metric) {
            continue;
        }
        let own = series.get(metric);
        let own = own.unwrap_or_else(|| panic!("{place}: no metric {metric} in {expression}"));
        known.extend(own.iter().map(String::as_str));
        found += 1;
    }
    assert!(
        found > 0 || expression.contains("up{"),
        "{place}: {expression}"
    );
    for label in labels {
        assert!(
            known.contains(label),
            "{place}: no label {label} in {expression}"
        );
    }
}

#[test]
fn a_misspelt_metric_or_label_is_found() {
    let series = series();
    check(
        "good",
        "sum by (pool) (moegate_worker_queue{state=\"waiting\"})",
        &series,
    );
    for wrong in [
        "moegate_worker_queues",
        "sum by (pol) (moegate_worker_queue)",
        "moegate_worker_queue{status=\"waiting\"}",
    ] {
        let refused = std::panic::catch_unwind(|| check("wrong", wrong, &series));
        assert!(refused.is_err(), "{wrong}");
    }
}

#[test]
fn dashboards_show_metrics_that_exist_and_every_metric_is_shown() {
    let series = series();
    let mut shown = BTreeSet::new();
    let mut panels = 0;
    for name in ["moegate-service", "moegate-money"] {
        let text = read(&format!("grafana/{name}.json"));
        let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(dashboard["uid"], name);
        let mut ids = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {panel}");
            for target in panel["targets"].as_array().unwrap() {
                let expression = target["expr"].as_str().unwrap();
                check(name, expression, &series);
                shown.extend(names(expression).0.into_iter().map(str::to_owned));
            }
            panels += 1;
        }
    }
    assert!(panels >= 20, "{panels}");
    for metric in Metrics::new().unwrap().all() {
        let name = &metric.desc()[0].fq_name;
        let is_shown = shown.iter().any(|one| one.starts_with(name.as_str()))
            // Shown by the index itself.
            || name == "moegate_gate_drift_alarm";
        assert!(is_shown, "no panel shows {name}");
    }
}

#[test]
fn alerts_name_metrics_that_exist() {
    let (series, rules) = (series(), read("prometheus/moegate.rules.yml"));
    let mut alerts = 0;
    for alert in rules.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap();
        let (_, rest) = alert.split_once("expr:").unwrap();
        let expression = rest.split("labels: {").next().unwrap();
        let expression = expression.split("for: ").next().unwrap();
        check(name, expression, &series);
        assert!(
            alert.contains("severity: ") && alert.contains("summary: "),
            "{name}"
        );
        alerts += 1;
    }
    assert!(alerts >= 12, "{alerts}");
}

#[test]
fn prometheus_takes_the_rules_and_its_tests_of_them_pass() {
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["test", "rules", "moegate.tests.yml"],
    ] {
        let run = Command::new("promtool")
            .args(arguments)
            .current_dir(deploy("prometheus"))
            .output();
        let run = match run {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                println!("skipped: no promtool (Debian's package prometheus has it)");
                return;
            }
            other => other.unwrap(),
        };
        let said = String::from_utf8_lossy(&run.stderr).into_owned()
            + &String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{arguments:?}: {said}");
    }
}
