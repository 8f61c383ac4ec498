//! Who may sign in, for programs.

use axum::{Json, extract::State, http::StatusCode};
use kit::{
    extract::{self, Path},
    http::RequestId,
    problem::ProblemBody,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    error::Error,
    people::{self, NewPerson, Person},
    session::{Admins, Caller},
    staff::Role,
    store,
};

#[derive(Serialize, ToSchema)]
pub struct PersonList {
    people: Vec<Person>,
}

/// Everybody who may sign in, or might
#[utoipa::path(get, path = "/v1/admin/people", tag = "admin", security(("admin_session" = [])),
    responses((status = 200, body = PersonList), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody, description = "`role-missing`")))]
pub async fn list(State(app): State<App>, _: Caller<Admins>) -> Result<Json<PersonList>, Error> {
    Ok(Json(PersonList { people: store::people::all(&app.pool).await? }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Newcomer {
    email: String,
    /// 1 to 120 characters.
    name: String,
    role: Role,
}

#[derive(Serialize, ToSchema)]
pub struct OneTime {
    person: Uuid,
    /// Shown this once. It must be replaced at the first sign-in.
    one_time_password: String,
}

/// Add somebody
#[utoipa::path(post, path = "/v1/admin/people", tag = "admin", security(("admin_session" = [])), request_body = Newcomer,
    responses((status = 201, body = OneTime), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "`email-taken`"), (status = 422, body = ProblemBody)))]
pub async fn add(
    State(app): State<App>,
    caller: Caller<Admins>,
    request: RequestId,
    extract::Json(new): extract::Json<Newcomer>,
) -> Result<(StatusCode, Json<OneTime>), Error> {
    let wish = NewPerson { email: &new.email, name: &new.name, role: new.role };
    let (person, one_time_password) = people::add(&app, &caller.staff, &wish, &request).await?;
    Ok((StatusCode::CREATED, Json(OneTime { person, one_time_password })))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    /// Whoever is disabled is signed out at once.
    disabled: bool,
}

/// Let somebody sign in or not
#[utoipa::path(patch, path = "/v1/admin/people/{person}", tag = "admin", security(("admin_session" = [])),
    params(("person" = Uuid, Path)), request_body = PersonChange,
    responses((status = 204), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`person-unknown`"),
        (status = 409, body = ProblemBody, description = "`admin-needed`")))]
pub async fn change(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(person): Path<Uuid>,
    request: RequestId,
    extract::Json(change): extract::Json<PersonChange>,
) -> Result<StatusCode, Error> {
    people::set_disabled(&app, &caller.staff, person, change.disabled, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give somebody a new one-time password
///
/// Ends their sessions.
#[utoipa::path(post, path = "/v1/admin/people/{person}/password", tag = "admin", security(("admin_session" = [])),
    params(("person" = Uuid, Path)),
    responses((status = 201, body = OneTime), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`person-unknown`")))]
pub async fn reset(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(person): Path<Uuid>,
    request: RequestId,
) -> Result<(StatusCode, Json<OneTime>), Error> {
    let one_time_password = people::reset_password(&app, &caller.staff, person, &request).await?;
    Ok((StatusCode::CREATED, Json(OneTime { person, one_time_password })))
}
