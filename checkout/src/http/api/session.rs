//! `/v1/checkout/sessions`

use admission::contract::RoomName;
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use kit::{
    extract::{self, Answer, Bearer, IdempotencyKey},
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    App, Error,
    session::{self, Session, end, open},
};

pub fn entering() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(open))
}

pub fn leaving() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(end))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSession {
    /// The admission pass.
    #[schema(min_length = 1, max_length = 4096, example = "v4.public.eyJ…")]
    pass: String,
}

#[derive(Serialize, ToSchema)]
struct OpenSession {
    /// Shown as `Authorization: Bearer` in every call that buys. Keep it secret.
    session_token: String,
    session: Uuid,
    #[schema(value_type = String)]
    show: ShowId,
    #[schema(value_type = String)]
    room: RoomName,
    expires_at: DateTime<Utc>,
}

/// Redeems an admission pass for a checkout session, once. A caller who sends an Idempotency-Key
/// may repeat the call with the same key and gets the same session.
///
/// A session without a hold or an order ends when it makes no call for two minutes; an order that
/// is paid or runs out ends it at once.
///
/// A pass is good until its `exp`, and for an hour beyond where its place's time to come in stood
/// still: while checkout was full or away.
#[utoipa::path(
    post, path = "/v1/checkout/sessions", tag = "checkout",
    params(("idempotency-key" = Option<String>, Header, description = "Makes the call repeatable")),
    request_body = NewSession,
    responses(
        (status = 201, body = OpenSession),
        (status = 401, description = "`pass-forged`, `pass-expired`, `pass-foreign`, …"),
        (status = 404, description = "`sale-closed`"),
        (
            status = 409,
            description = "`pass-used`, `show-begun`; `sale-stopped`, where the pass stays good",
        ),
        (status = 410, description = "`show-withdrawn`"),
        (
            status = 503,
            description = "`checkout-full`: ask again after `Retry-After`. Where the place has a \
                grant its turn is kept, and its time to come in stands still",
        ),
    ),
)]
async fn open(
    State(app): State<App>,
    key: Result<IdempotencyKey, Problem>,
    headers: HeaderMap,
    extract::Json(new): extract::Json<NewSession>,
) -> Answer<(StatusCode, Json<OpenSession>)> {
    let key = if headers.contains_key("idempotency-key") { Some(key?.0) } else { None };
    let opened = open::open(&app, &new.pass, key.as_deref()).await?;
    let session = opened.session;
    let body = OpenSession {
        session_token: opened.token,
        session: session.session.uuid(),
        show: session.show,
        room: session.room,
        expires_at: session.expires_at,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Ends the session and gives its slot to the next fan. Holds go back; orders stay.
#[utoipa::path(
    delete, path = "/v1/checkout/sessions/current", tag = "checkout", security(("session" = [])),
    responses((status = 204)),
)]
async fn end(State(app): State<App>, bearer: Bearer) -> Answer<StatusCode> {
    let session = any_time(&app, &bearer)?;
    end::end(&app, session.session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller's session at any time, for looking at its orders.
fn any_time(app: &App, bearer: &Bearer) -> Answer<Session> {
    let token = bearer.0.as_deref().ok_or(Error::SessionMissing)?;
    Ok(session::open_token_at_any_time(app, token)?)
}
