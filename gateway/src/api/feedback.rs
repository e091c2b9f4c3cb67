//! `POST /v1/feedback`: how good an answer was. Late, repeated and corrected feedback is welcome.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use ledger::{LedgerEvent, OutcomeRecord, OutcomeSource, Ppm};
use openai_api::{ApiError, ErrorKind};
use serde::Deserialize;
use serde_json::json;
use units::RequestId;

use super::context::ANSWER_PREFIX;
use super::{RequestContext, body, failure, respond};
use crate::admission::AdmitAsk;
use crate::app::App;
use crate::auth::Role;
use crate::request::NoAnswer;

/// Longest comment in characters. Its text is not kept.
const LONGEST_COMMENT: usize = 4_096;
const LONGEST_LABEL: usize = 64;
const LONGEST_KEY: usize = 128;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feedback {
    /// The id of an answer (`chatcmpl-…`), or the request id inside it.
    request_id: String,
    /// 0 (useless) to 1 (perfect).
    score: f64,
    /// Who judged: `user` where it is not said. The others (`gold`, `judge`, `verifier`) need the role `reviewer`.
    #[serde(default)]
    source: Option<String>,
    /// A short class name.
    #[serde(default)]
    label: Option<String>,
    /// Free text; only its length is recorded.
    #[serde(default)]
    comment: Option<String>,
    /// The same key twice is one judgement; a new key for the same request and source corrects it.
    #[serde(default)]
    idempotency_key: Option<String>,
}

/// Takes one judgement.
pub(super) async fn take(State(app): State<Arc<App>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let context = app.context(&parts.headers);
    let taken: Result<OutcomeRecord, NoAnswer> = async {
        let principal = app.authenticate(&parts.headers, &context)?;
        if !principal.roles.contains(Role::Reviewer) {
            principal.must_be(Role::User)?;
        }
        body::expect_json(&parts.headers)?;
        let bounds = body::Bounds {
            bytes: 64 << 10,
            time: app.config.server.body_timeout(),
        };
        let raw = body::read(&parts.headers, body, bounds).await?;
        let feedback: Feedback = serde_json::from_slice(&raw).map_err(|why| invalid(None, &why))?;
        let record = feedback.check(&app, &context, &principal.tenant)?;
        // Money is decided on these scores: what passes for more than a user's opinion comes from who may say it.
        principal.must_be(match record.source {
            OutcomeSource::User => Role::User,
            OutcomeSource::Gold | OutcomeSource::Judge | OutcomeSource::Verifier => Role::Reviewer,
        })?;
        // Every judgement is a request like any other, of no tokens and no money.
        let _running = app
            .admission
            .admit(&principal, &AdmitAsk::NOTHING, app.clock.now())
            .map_err(|refusal| Box::new(app.refusal(&context, &refusal)))?;
        if !app.knows_request(&principal.tenant, record.request).await? {
            return Err(failure::unknown_request().into());
        }
        Ok(record)
    }
    .await;
    match taken {
        Ok(record) => {
            let answer = json!({
                "object": "feedback",
                "request_id": record.request,
                "idempotency_key": record.idempotency_key,
            });
            app.metrics
                .outcomes
                .with_label_values(&[record.source.as_str()])
                .inc();
            if app.recorder.record(&[LedgerEvent::Outcome(record)]) {
                respond::ok(&context, &answer)
            } else {
                app.refuse(&context, &failure::not_recorded())
            }
        }
        Err(NoAnswer::Response(response)) => *response,
        Err(NoAnswer::Error(error)) => app.refuse(&context, &error),
    }
}

fn invalid(param: Option<&str>, why: &dyn std::fmt::Display) -> ApiError {
    let error = ApiError::new(
        400,
        ErrorKind::InvalidRequestError,
        "invalid_feedback",
        why.to_string(),
    );
    match param {
        Some(param) => error.with_param(param),
        None => error,
    }
}

impl Feedback {
    fn check(
        self,
        app: &App,
        context: &RequestContext,
        tenant: &units::TenantId,
    ) -> Result<OutcomeRecord, ApiError> {
        let text = self
            .request_id
            .strip_prefix(ANSWER_PREFIX)
            .unwrap_or(&self.request_id);
        let request: RequestId = text
            .parse()
            .map_err(|why| invalid(Some("request_id"), &why))?;
        if !(0.0..=1.0).contains(&self.score) {
            return Err(invalid(Some("score"), &"must be between 0 and 1"));
        }
        let source = match self.source.as_deref() {
            None => OutcomeSource::User,
            Some(name) => name
                .parse::<OutcomeSource>()
                .map_err(|why| invalid(Some("source"), &why))?,
        };
        let too_long = |text: &Option<String>, most: usize| {
            text.as_ref().is_some_and(|t| t.chars().count() > most)
        };
        if too_long(&self.label, LONGEST_LABEL) {
            return Err(invalid(Some("label"), &"holds more than 64 characters"));
        }
        if too_long(&self.comment, LONGEST_COMMENT) {
            return Err(invalid(Some("comment"), &"holds more than 4096 characters"));
        }
        if self
            .idempotency_key
            .as_ref()
            .is_some_and(|k| k.is_empty() || k.len() > LONGEST_KEY)
        {
            return Err(invalid(
                Some("idempotency_key"),
                &"must hold 1 to 128 bytes",
            ));
        }
        let comment_chars = self.comment.map_or(0, |text| text.chars().count());
        let key = self
            .idempotency_key
            .unwrap_or_else(|| app.ids.next().to_string());
        Ok(OutcomeRecord {
            request,
            tenant: tenant.clone(),
            score: Some(ppm(self.score)),
            source,
            label: self.label.map(Arc::from),
            comment_chars: u32::try_from(comment_chars).unwrap_or(u32::MAX),
            idempotency_key: Arc::from(key),
            at: context.started,
        })
    }
}

fn ppm(score: f64) -> Ppm {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to lie between 0 and 1"
    )]
    let parts = (score * 1e6).round() as u32;
    Ppm::new(parts)
}
