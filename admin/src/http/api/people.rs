//! Who may sign in, for programs.

use axum::{Json, extract::State, http::StatusCode};
use identity::Origin;
use kit::{
    extract::{self, Path, Query},
    paging::Page,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    error::Error,
    http::session::{Admins, Caller},
    staff::{
        Person, Role, StaffId,
        manage::{self, NewPerson},
    },
    store,
};

/// Names the field as the body does.
fn of_field(error: Error) -> Error {
    match error {
        Error::Field { field, detail } if field == "current" => {
            Error::field("current_password", detail)
        }
        error => error,
    }
}

#[derive(Deserialize, IntoParams)]
pub struct ListParams {
    /// Only people whose addresses come after this one.
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct PersonList {
    people: Vec<Person>,
    /// Give it as `after` for the next page; absent on the last one.
    next: Option<String>,
}

/// Everybody who may sign in, or might
///
/// By address, 100 at a time.
#[utoipa::path(
    get, path = "/v1/admin/people", tag = "admin", security(("admin_session" = [])),
    params(ListParams),
    responses((status = 200, body = PersonList)),
)]
pub async fn list(
    State(app): State<App>,
    _: Caller<Admins>,
    Query(params): Query<ListParams>,
) -> Result<Json<PersonList>, Error> {
    let Page { items: people, next } =
        store::people::list(&app.pool, params.after.as_deref()).await?;
    Ok(Json(PersonList { people, next }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Newcomer {
    #[schema(min_length = 3, max_length = 254, format = "email", example = "ada@fairgate.example")]
    email: String,
    /// 1 to 120 characters.
    #[schema(min_length = 1, max_length = 120, example = "Ada Lovelace")]
    name: String,
    role: Role,
    /// The caller's own password: a session that somebody else finds open does not do this.
    #[serde(default)]
    #[schema(max_length = 200, format = "password")]
    current_password: String,
}

#[derive(Serialize, ToSchema)]
pub struct OneTime {
    person: StaffId,
    /// Shown this once. It is good for one sign-in within 24 hours, at which it must be replaced.
    one_time_password: String,
}

/// Add somebody
///
/// Asks for the caller's own password; wrong ones count as failed sign-ins.
#[utoipa::path(
    post, path = "/v1/admin/people", tag = "admin", security(("admin_session" = [])),
    request_body = Newcomer,
    responses((status = 201, body = OneTime), (status = 409, description = "`email-taken`")),
)]
pub async fn add(
    State(app): State<App>,
    caller: Caller<Admins>,
    from: Origin,
    extract::Json(new): extract::Json<Newcomer>,
) -> Result<(StatusCode, Json<OneTime>), Error> {
    let added = NewPerson { email: &new.email, name: &new.name, role: new.role };
    let (person, one_time_password) =
        manage::add(&app, &caller.person, &added, &new.current_password, &from)
            .await
            .map_err(of_field)?;
    Ok((StatusCode::CREATED, Json(OneTime { person, one_time_password })))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    /// Whoever is disabled is signed out at once.
    disabled: bool,
    /// The caller's own password, to let somebody in. Not needed to disable somebody.
    #[serde(default)]
    #[schema(max_length = 200, format = "password")]
    current_password: String,
}

/// Let somebody sign in or not
#[utoipa::path(
    patch, path = "/v1/admin/people/{person}", tag = "admin", security(("admin_session" = [])),
    params(("person" = Uuid, Path)),
    request_body = PersonChange,
    responses(
        (status = 204),
        (status = 404, description = "`person-unknown`"),
        (status = 409, description = "`admin-needed`"),
    ),
)]
pub async fn change(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(person): Path<StaffId>,
    from: Origin,
    extract::Json(change): extract::Json<PersonChange>,
) -> Result<StatusCode, Error> {
    manage::set_disabled(
        &app,
        &caller.person,
        person,
        change.disabled,
        &change.current_password,
        &from,
    )
    .await
    .map_err(of_field)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// The caller's own password: a session that somebody else finds open does not do this.
    #[serde(default)]
    #[schema(max_length = 200, format = "password")]
    current_password: String,
}

/// Give somebody a new one-time password
///
/// Asks for the caller's own password; wrong ones count as failed sign-ins. Ends their sessions;
/// they read who did it when they choose their own. One's own password is changed with `PUT
/// /v1/admin/password`.
#[utoipa::path(
    post, path = "/v1/admin/people/{person}/password", tag = "admin",
    security(("admin_session" = [])),
    params(("person" = Uuid, Path)),
    request_body = Reset,
    responses(
        (status = 201, body = OneTime),
        (status = 404, description = "`person-unknown`"),
        (status = 409, description = "`password-is-own`, `person-disabled`"),
    ),
)]
pub async fn reset(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(person): Path<StaffId>,
    from: Origin,
    extract::Json(given): extract::Json<Reset>,
) -> Result<(StatusCode, Json<OneTime>), Error> {
    let current = &given.current_password;
    let (_, one_time_password) =
        manage::reset_password(&app, &caller.person, person, current, &from)
            .await
            .map_err(of_field)?;
    Ok((StatusCode::CREATED, Json(OneTime { person, one_time_password })))
}
