//! The pages that are made of figures, tables and charts: each as HTML, and each of its tables as CSV.

mod audit;
mod budgets;
mod costs;
mod operator;
mod portfolio;
mod rates;
mod readiness;
mod reconciliation;
mod requests;
mod scenario;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use dashboard::{Sheet, render_sheet};
use futures_util::future::BoxFuture;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use ledger_store::{Author, Note, StoreError};
use serde::Deserialize;

use super::visit::Visit;
use super::{form, html, notice, redirect, same, visitor};
use crate::app::App;
use crate::business::{self, BusinessError};
use crate::sessions::Session;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// It is about nothing, or nothing of this tenant.
    #[error("{0} is not found")]
    NotFound(&'static str),
    /// It is the operator's.
    #[error("this page is the operator's")]
    Forbidden,
    /// A case does not hold.
    #[error(transparent)]
    Business(#[from] BusinessError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Made<'a> = BoxFuture<'a, Result<Sheet, PageError>>;
/// Makes a page; the text is the last part of its address.
type Make = for<'a> fn(&'a Visit, &'a str) -> Made<'a>;

/// Pages without a name in their address.
const PAGES: [(&str, Make); 9] = [
    ("/dashboard/portfolio", |visit, _| {
        Box::pin(portfolio::sheet(visit))
    }),
    ("/dashboard/costs", |visit, _| Box::pin(costs::sheet(visit))),
    ("/dashboard/budgets", |visit, _| {
        Box::pin(budgets::sheet(visit))
    }),
    ("/dashboard/requests", |visit, _| {
        Box::pin(requests::list(visit))
    }),
    ("/dashboard/readiness", |visit, _| {
        Box::pin(readiness::sheet(visit))
    }),
    ("/dashboard/reconciliation", |visit, _| {
        Box::pin(reconciliation::sheet(visit))
    }),
    ("/dashboard/rates", |visit, _| Box::pin(rates::sheet(visit))),
    ("/dashboard/audit", |visit, _| Box::pin(audit::sheet(visit))),
    ("/dashboard/operator", |visit, _| {
        Box::pin(operator::sheet(visit))
    }),
];

pub(super) fn routes() -> Router<Arc<App>> {
    let plain = PAGES
        .into_iter()
        .fold(Router::new(), |router, (path, make)| {
            let answer = move |State(app): State<Arc<App>>,
                               wishes: Query<HashMap<String, String>>,
                               headers: HeaderMap| async move {
                answer(app, headers, wishes.0, path, make, String::new()).await
            };
            router.route(path, get(answer))
        });
    plain
        .route("/dashboard/scenario/{name}", get(scenario))
        .route("/dashboard/scenario/{name}/verdict", post(record))
        .route("/dashboard/request/{name}", get(request))
}

async fn scenario(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(wishes): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response<Body> {
    let make: Make = |visit, name| Box::pin(scenario::sheet(visit, name));
    answer(app, headers, wishes, "/dashboard/portfolio", make, name).await
}

async fn request(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(wishes): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response<Body> {
    let make: Make = |visit, name| Box::pin(requests::one(visit, name));
    answer(app, headers, wishes, "/dashboard/requests", make, name).await
}

async fn answer(
    app: Arc<App>,
    headers: HeaderMap,
    wishes: HashMap<String, String>,
    path: &'static str,
    make: Make,
    name: String,
) -> Response<Body> {
    let Some((session, principal)) = visitor(&app, &headers) else {
        return redirect(dashboard::SIGN_IN_PATH);
    };
    let visit = Visit::new(&app, session.clone(), principal, wishes, path);
    match make(&visit, &name).await {
        Err(why) => failed(&app, &session, &why),
        Ok(sheet) => match visit.wish("csv") {
            None => html(StatusCode::OK, render_sheet(&sheet)),
            Some(table) => file(&app, &visit, &sheet, table).await,
        },
    }
}

fn failed(app: &App, session: &Session, why: &PageError) -> Response<Body> {
    let (status, title, advice) = match why {
        PageError::NotFound(_) => (
            StatusCode::NOT_FOUND,
            "There is nothing here",
            "It does not exist, or it is not your tenant's.",
        ),
        PageError::Forbidden => (
            StatusCode::FORBIDDEN,
            "This page is the operator's",
            "Ask those who run the gateway.",
        ),
        PageError::Business(BusinessError::Store(_)) | PageError::Store(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The books are not reachable",
            "Nothing is lost: requests are kept in the journal. Try again in a moment.",
        ),
        PageError::Business(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "A case does not hold",
            "Put it again with `moegate scenario case put`, which says what is wrong.",
        ),
    };
    if status.is_server_error() {
        tracing::warn!(%why, "a page cannot be made");
    }
    notice(app, Some(session), status, title, advice)
}

/// A table of the page as a file. Who took it is in the audit log.
async fn file(app: &Arc<App>, visit: &Visit, sheet: &Sheet, id: &str) -> Response<Body> {
    let Some(table) = sheet.table(id) else {
        return html(StatusCode::NOT_FOUND, render_sheet(sheet));
    };
    let note = Note {
        tenant: Some(visit.tenant().clone()),
        by: Author {
            actor: visit.actor(),
            at: visit.now,
            reason: String::new(),
        },
        action: "export.csv".to_owned(),
        object: format!("{}, table {id}", sheet.address),
        before: None,
        after: Some(format!("{} rows", table.rows.len())),
    };
    if let Err(why) = app.recorder.store().note(note).await {
        tracing::warn!(%why, "an export is not in the audit log");
    }
    let mut response = Response::new(Body::from(table.csv()));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"moegate-{id}.csv\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}

#[derive(Deserialize)]
struct Reason {
    csrf: String,
    reason: String,
}

/// Records the verdict on a scenario as it stands.
async fn record(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    sent: Request<Body>,
) -> Response<Body> {
    let (headers, sent) = match form::read::<Reason>(&app, sent).await {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    let Some((session, principal)) = visitor(&app, &headers) else {
        return redirect(dashboard::SIGN_IN_PATH);
    };
    if !same(&session.csrf, &sent.csrf) {
        let advice = "Please go back, load the page again and try again.";
        return notice(
            &app,
            Some(&session),
            StatusCode::FORBIDDEN,
            "The form was too old",
            advice,
        );
    }
    let visit = Visit::new(
        &app,
        session.clone(),
        principal,
        HashMap::new(),
        "/dashboard/portfolio",
    );
    let reason: String = sent.reason.trim().chars().take(500).collect();
    if !visit.may_write() || reason.is_empty() {
        let advice = "Say why the verdict is recorded now.";
        return notice(
            &app,
            Some(&session),
            StatusCode::BAD_REQUEST,
            "A reason is missing",
            advice,
        );
    }
    let by = Author {
        actor: visit.actor(),
        at: visit.now,
        reason,
    };
    let done = async {
        let standing = scenario::standing(&visit, &name).await?;
        let store = app.recorder.store();
        business::record(store.as_ref(), &standing, by).await?;
        Ok::<_, PageError>(standing.scenario)
    };
    match done.await {
        Ok(scenario) => redirect_to(&format!("/dashboard/scenario/{scenario}")),
        Err(why) => failed(&app, &session, &why),
    }
}

/// Back to a page after a form: a scenario's id is plain letters.
fn redirect_to(path: &str) -> Response<Body> {
    let mut response = redirect(dashboard::SCENARIOS_PATH);
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(http::header::LOCATION, path);
    }
    response
}
