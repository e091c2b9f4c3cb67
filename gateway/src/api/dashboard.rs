//! The dashboard behind its sign-in: an API key or token with the role finance or admin becomes a
//! session cookie, and every page shows that tenant's rows and no others.

mod cookie;
mod form;
mod pages;
mod time;
mod view;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use dashboard::{
    CONTENT_POLICY, ErrorPage, ICON_PATH, ICON_SVG, SCENARIOS_PATH, SIGN_IN_PATH, SIGN_OUT_PATH,
    STYLE_CSS, STYLE_PATH, SignInPage, render_error, render_scenarios, render_sign_in,
};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY as CSP, CONTENT_TYPE, LOCATION,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::auth::{Principal, Role};
use crate::sessions::{Session, secret};
use cookie::Cookies;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(SCENARIOS_PATH, get(scenarios))
        .route("/dashboard/", get(scenarios))
        .route(SIGN_IN_PATH, get(sign_in_form).post(sign_in))
        .route(SIGN_OUT_PATH, post(sign_out))
        .route(STYLE_PATH, get(style))
        .route(ICON_PATH, get(icon))
        .merge(pages::routes())
}

#[derive(Deserialize)]
struct SignIn {
    csrf: String,
    key: String,
}

#[derive(Deserialize)]
struct SignOut {
    csrf: String,
}

/// What the address of the scenarios page says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    period: Option<String>,
    basis: Option<String>,
}

async fn scenarios(
    State(app): State<Arc<App>>,
    wish: Result<Query<Wish>, QueryRejection>,
    headers: HeaderMap,
) -> Response<Body> {
    let Some((_, session)) = session(&app, &headers) else {
        return redirect(SIGN_IN_PATH);
    };
    // An address that makes no sense shows what an address without wishes does.
    let wish = wish.map_or_else(|_| Wish::default(), |Query(wish)| wish);
    match view::scenarios(&app, &session, &wish).await {
        Ok(page) => html(StatusCode::OK, render_scenarios(&page)),
        Err(why) => {
            tracing::warn!(%why, "the store does not answer a page");
            let advice =
                "Nothing is lost: requests are kept in the journal. Try again in a moment.";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            notice(
                &app,
                Some(&session),
                status,
                "The books are not reachable",
                advice,
            )
        }
    }
}

/// A page that says what went wrong.
fn notice(
    app: &App,
    session: Option<&Session>,
    status: StatusCode,
    title: &str,
    advice: &str,
) -> Response<Body> {
    let page = ErrorPage {
        frame: view::frame(app, session, ""),
        status: status.as_u16(),
        title: title.to_owned(),
        advice: advice.to_owned(),
        request_id: None,
    };
    html(status, render_error(&page))
}

async fn sign_in_form(State(app): State<Arc<App>>) -> Response<Body> {
    blank(&app, StatusCode::OK, None)
}

/// The form with a fresh token, once in the page and once in a cookie.
fn blank(app: &App, status: StatusCode, problem: Option<&str>) -> Response<Body> {
    let csrf = secret();
    let page = SignInPage {
        frame: view::frame(app, None, ""),
        csrf: csrf.clone(),
        problem: problem.map(str::to_owned),
    };
    let mut response = html(status, render_sign_in(&page));
    set_cookie(
        &mut response,
        &Cookies::form(&csrf, app.config.server.tls.is_some()),
    );
    response
}

async fn sign_in(State(app): State<Arc<App>>, request: Request<Body>) -> Response<Body> {
    let (headers, sent) = match form::read::<SignIn>(&app, request).await {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    let expected = Cookies::of(&headers).form_token();
    if !expected.is_some_and(|token| same(&token, &sent.csrf)) {
        let problem = "The form was too old. Please try again.";
        return blank(&app, StatusCode::FORBIDDEN, Some(problem));
    }
    let Ok(bearer) = HeaderValue::from_str(&format!("Bearer {}", sent.key.trim())) else {
        return blank(
            &app,
            StatusCode::UNAUTHORIZED,
            Some("This is no key or token."),
        );
    };
    let headers: HeaderMap = [(AUTHORIZATION, bearer)].into_iter().collect();
    let Ok((principal, proof)) = app.auth.sign_in(&headers, app.clock.now()) else {
        return blank(
            &app,
            StatusCode::UNAUTHORIZED,
            Some("This key or token is not valid."),
        );
    };
    if !may_read(&principal) {
        let problem = "This key lacks the role finance or admin.";
        return blank(&app, StatusCode::FORBIDDEN, Some(problem));
    }
    let cookie = app.sessions.open(principal.tenant, proof);
    let mut response = redirect(SCENARIOS_PATH);
    set_cookie(
        &mut response,
        &Cookies::session(&cookie, app.config.server.tls.is_some()),
    );
    response
}

async fn sign_out(State(app): State<Arc<App>>, request: Request<Body>) -> Response<Body> {
    let (headers, sent) = match form::read::<SignOut>(&app, request).await {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    if let Some((cookie, session)) = session(&app, &headers)
        && same(&session.csrf, &sent.csrf)
    {
        app.sessions.close(&cookie);
    }
    let mut response = redirect(SIGN_IN_PATH);
    set_cookie(
        &mut response,
        &Cookies::gone(app.config.server.tls.is_some()),
    );
    response
}

async fn style() -> Response<Body> {
    asset(STYLE_CSS, "text/css; charset=utf-8")
}

async fn icon() -> Response<Body> {
    asset(ICON_SVG, "image/svg+xml")
}

fn asset(text: &'static str, kind: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    response
}

fn may_read(principal: &Principal) -> bool {
    [Role::Finance, Role::Admin]
        .into_iter()
        .any(|role| principal.roles.contains(role))
}

/// Who looks at a page, if they may.
fn visitor(app: &App, headers: &HeaderMap) -> Option<(Session, Principal)> {
    let (_, session, principal) = found(app, headers)?;
    Some((session, principal))
}

/// The session of a request, and its cookie.
fn session(app: &App, headers: &HeaderMap) -> Option<(String, Session)> {
    let (cookie, session, _) = found(app, headers)?;
    Some((cookie, session))
}

/// The session of a request with its cookie and whose it is. A key that was withdrawn, or lost its role, since then ends it.
fn found(app: &App, headers: &HeaderMap) -> Option<(String, Session, Principal)> {
    let cookie = Cookies::of(headers).session_token()?;
    let session = app.sessions.get(&cookie)?;
    let still = app.auth.again(&session.proof, app.clock.now());
    if let Some(principal) = still.ok().filter(may_read) {
        return Some((cookie, session, principal));
    }
    app.sessions.close(&cookie);
    None
}

fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

fn html(status: StatusCode, page: String) -> Response<Body> {
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(CSP, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn redirect(to: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response
        .headers_mut()
        .insert(LOCATION, HeaderValue::from_static(to));
    response
}

fn set_cookie(response: &mut Response<Body>, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}
