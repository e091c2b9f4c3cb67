//! `/health` touches nothing; `/ready` asks what a request would need; `/metrics` is for Prometheus.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::app::App;

/// The process lives.
pub(super) async fn health() -> Response<Body> {
    plain(StatusCode::OK, &json!({"status": "ok"}))
}

/// Gate, pool and journal could serve a request now.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response<Body> {
    let experts = app.ready_experts();
    let store = app.recorder.store_answers();
    let journal = app.recorder.takes_records();
    // A store that is away makes nobody wait: the journal holds what it will get.
    let ready = journal && experts.iter().any(|(_, alive)| *alive > 0);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let experts: serde_json::Map<String, serde_json::Value> = experts
        .into_iter()
        .map(|(id, alive)| (id.to_string(), alive.into()))
        .collect();
    plain(
        status,
        &json!({
            "status": if ready { "ready" } else { "not_ready" },
            "gate": app.gates.live().version(),
            "config": app.config_version,
            "journal": journal,
            "journal_backlog_bytes": app.recorder.lag_bytes(),
            "store": store,
            "replicas": experts,
        }),
    )
}

/// The metrics in Prometheus' text form.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    app.observe_gauges();
    match app.metrics.render() {
        Ok(text) => {
            let mut response = Response::new(Body::from(text));
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(why) => {
            tracing::error!(%why, "metrics cannot be rendered");
            plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                &json!({"status": "failed"}),
            )
        }
    }
}

fn plain(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
