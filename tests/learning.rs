//! The loop from outside: requests are judged, a gate is retrained, watched in the shadow, promoted for what it has shown,
//! swapped in under load and rolled back; and what is kept of a request belongs to its tenant.

mod feedback;
mod swapping;

use serde_json::Value;
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System};

/// Tenant `a` agrees that features are kept, and explores; tenant `b` does neither.
const TENANTS: &str = "
[policy]
out_of_distribution_above = 1.0
abstain_below = 0.0
[[tenants]]
id = \"a\"
name = \"A\"
exploration = 0.2
explore_within = 1.0
capture = { days = 30 }
[[tenants.scenarios]]
id = \"sorting\"
name = \"Sorting\"
unit_of_work = \"a message sorted\"
[[tenants]]
id = \"b\"
name = \"B\"
";

/// A gateway with two remotes that the shipped gate does not know.
fn start(mock: &Mock) -> System {
    let config = format!("{}{}{TENANTS}", mock.remote("alpha"), mock.remote("beta"));
    let system = System::start(&Setup {
        config,
        environment: vec![("MOEGATE__GATE__DRIFT_WINDOW".to_owned(), "50".to_owned())],
        ..Setup::default()
    });
    system.wait_ready();
    system
}

/// The gate that decides, as `/ready` names it.
fn live(system: &System) -> String {
    let ready = http::get(system.address(), "/ready", None).json();
    ready["gate"].as_str().unwrap_or_default().to_owned()
}

/// The versions as `moegate gate list` tells them.
fn list(system: &System) -> Value {
    let said = system.told(&["gate", "list", "--history", "--format", "json"]);
    serde_json::from_str(&said).unwrap()
}

/// What a command says that is refused.
fn refused(system: &System, arguments: &[&str]) -> String {
    let out = system.command(arguments);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(
        !out.status.success(),
        "moegate {arguments:?} succeeds: {said}"
    );
    said
}

/// A counter or gauge of `/metrics`; `None` where there is none.
fn metric(system: &System, name: &str) -> Option<f64> {
    let text = http::get(system.address(), "/metrics", None).text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")))?;
    line.rsplit_once(' ')?.1.parse().ok()
}
