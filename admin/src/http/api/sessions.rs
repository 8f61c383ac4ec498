//! Signing in and out, for programs.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use identity::Origin;
use kit::extract;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App,
    error::Error,
    http::session::{Caller, Newcomers},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    #[schema(max_length = 254, example = "ada@fairgate.example")]
    email: String,
    #[schema(max_length = 200, format = "password")]
    password: String,
}

#[derive(Serialize, ToSchema)]
pub struct OpenSession {
    /// Sent as `Authorization: Bearer` in every call. Keep it secret.
    token: String,
    expires_at: DateTime<Utc>,
    /// Session in with a one-time password: replace it before anything else, at `PUT
    /// /v1/admin/password`.
    must_change_password: bool,
}

/// Sign in
///
/// After five failures in a row an address is blocked for the network they came from, for 30
/// seconds, then longer each time, up to 15 minutes. A one-time password is good once, and for 24
/// hours.
#[utoipa::path(
    post, path = "/v1/admin/sessions", tag = "admin", request_body = Credentials,
    responses(
        (status = 201, body = OpenSession),
        (status = 401, description = "`sign-in-refused`"),
        (status = 429, description = "`sign-in-blocked`: see `Retry-After`"),
    ),
)]
pub async fn open(
    State(app): State<App>,
    from: Origin,
    extract::Json(given): extract::Json<Credentials>,
) -> Result<(StatusCode, Json<OpenSession>), Error> {
    let opened = app.identity.sign_in(&given.email, &given.password, &from).await?;
    let body = OpenSession {
        token: opened.token,
        expires_at: opened.expires_at,
        must_change_password: opened.must_change_password,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Sign out
#[utoipa::path(
    delete, path = "/v1/admin/sessions/current", tag = "admin", security(("admin_session" = [])),
    responses((status = 204)),
)]
pub async fn end(
    State(app): State<App>,
    caller: Caller<Newcomers>,
    from: Origin,
) -> Result<StatusCode, Error> {
    app.identity.sign_out(&caller.person, caller.token(), &from).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The one in use. Not needed in a session that a one-time password opened.
    #[schema(max_length = 200, format = "password")]
    current: Option<String>,
    /// 12 to 200 characters.
    #[schema(min_length = 12, max_length = 200, format = "password")]
    password: String,
}

/// Choose a password of one's own
///
/// Ends all other sessions of the caller.
#[utoipa::path(
    put, path = "/v1/admin/password", tag = "admin", security(("admin_session" = [])),
    request_body = NewPassword,
    responses((status = 204)),
)]
pub async fn change_password(
    State(app): State<App>,
    caller: Caller<Newcomers>,
    from: Origin,
    extract::Json(given): extract::Json<NewPassword>,
) -> Result<StatusCode, Error> {
    let words = (given.current.as_deref().unwrap_or_default(), given.password.as_str());
    app.identity.change_password(&caller.person, caller.token(), words, &from).await?;
    Ok(StatusCode::NO_CONTENT)
}
