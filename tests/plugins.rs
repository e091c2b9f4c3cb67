//! Plugins in a running gateway: what partners publish and tenants install, and what an attacker tries.

mod attacks;
mod languages;
mod lifecycle;
mod outside;
mod registries;
mod workflows;

use serde_json::{Value, json};
use tests::http::{self, Reply};
use tests::mock::Mock;
use tests::publisher::{ALL, Made, Publisher, install};
use tests::system::{Setup, System};

const RATES: &str = "[plugins]\n[[plugins.rates]]\neffective_from = \"2026-01-01T00:00:00Z\"\nper_hour = \"0.05\"\nsource = \"the test\"\n";
const TENANTS: &str = "[[tenants]]\nid = \"a\"\nname = \"A\"\nallowed_experts = [\"mock\"]\n[[tenants]]\nid = \"b\"\nname = \"B\"\n";

/// A gateway with two tenants, and a mock as their only expert.
fn start(mock: &Mock) -> System {
    System::start(&Setup {
        config: format!("{RATES}{}{TENANTS}", mock.remote("mock")),
        ..Setup::default()
    })
}

fn driver<'a>(version: &'a str) -> Made<'a> {
    Made {
        name: "acme/driver",
        version,
        more: ALL,
        component: "hostile-driver.wasm",
    }
}

/// The driver, installed for tenants.
fn with_driver(system: &System, tenants: &[&str]) -> Publisher {
    let publisher = Publisher::new(system, "acme-1");
    publisher.publish(system, &driver("1.0.0"));
    for tenant in tenants {
        publisher.trusted_by(system, tenant, "acme");
        install(system, "acme/driver", "1.0.0", tenant);
    }
    publisher
}

fn ask(system: &System, key: &str, model: &str, text: &str) -> Reply {
    let body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
    http::chat(system.address(), key, &body)
}

/// Lets the driver do something.
fn act(system: &System, key: &str, what: &Value) -> Reply {
    ask(system, key, "acme.driver", &what.to_string())
}

fn content(reply: &Reply) -> String {
    let text = reply.json()["choices"][0]["message"]["content"]
        .as_str()
        .map(str::to_owned);
    text.unwrap_or_else(|| panic!("no answer: {} {}", reply.status, reply.text()))
}

fn code(reply: &Reply) -> (u16, String) {
    let error = reply.json()["error"]["code"]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    (reply.status, error)
}

/// Waits until a model is there, or gone.
fn wait_model(system: &System, key: &str, model: &str, there: bool) {
    system.wait(&format!("{model}: {there}"), || {
        let list = http::get(system.address(), "/v1/models", Some(key)).text();
        list.contains(&format!("\"{model}\"")) == there
    });
}
