//! Rooms, for programs: watching and steering them.

use axum::{Json, extract::State, response::IntoResponse};
use kit::{
    extract::{self, Path, Query},
    http::RequestId,
    problem::ProblemBody,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use waitroom::contract::{Changed, Phase, RoomChange};

use crate::{
    App,
    error::Error,
    live::{self, RoomFigures},
    preview::effects,
    rooms,
    session::{Anyone, Caller},
};

#[derive(Serialize, ToSchema)]
pub struct RoomList {
    rooms: Vec<RoomFigures>,
}

/// All rooms that are not closed, with their figures
///
/// Measured once a second.
#[utoipa::path(get, path = "/v1/admin/rooms", tag = "admin", security(("admin_session" = [])),
    responses((status = 200, body = RoomList), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub async fn list(State(app): State<App>, _: Caller<Anyone>) -> Json<RoomList> {
    Json(RoomList { rooms: app.live.rooms().to_vec() })
}

/// The figures of all rooms as they change
///
/// Server-sent events: `event: rooms`, once a second, whose data is a JSON array of what `GET /v1/admin/rooms/{room}` answers.
#[utoipa::path(get, path = "/v1/admin/rooms/stream", tag = "admin", security(("admin_session" = [])),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody)))]
pub async fn stream(State(app): State<App>, _: Caller<Anyone>) -> impl IntoResponse {
    live::stream(&app)
}

/// One room with its figures
#[utoipa::path(get, path = "/v1/admin/rooms/{room}", tag = "admin", security(("admin_session" = [])),
    params(("room" = String, Path)),
    responses((status = 200, body = RoomFigures), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`room-unknown`")))]
pub async fn one(
    State(app): State<App>,
    _: Caller<Anyone>,
    Path(room): Path<String>,
) -> Result<Json<RoomFigures>, Error> {
    Ok(Json(live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?))
}

/// What to change; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Change {
    #[param(inline)]
    phase: Option<Phase>,
    /// Fans let in per second, 0 to 10,000.
    rate_per_sec: Option<f64>,
    /// Sessions in checkout at once, 0 to 1,000,000.
    max_active: Option<i32>,
    /// 1 to 86,400.
    claim_window_secs: Option<i32>,
    /// Shown to everybody who waits, 500 characters at most.
    message: Option<String>,
}

impl From<Change> for RoomChange {
    fn from(change: Change) -> Self {
        Self {
            phase: change.phase,
            rate_per_sec: change.rate_per_sec,
            max_active: change.max_active,
            claim_window_secs: change.claim_window_secs,
            message: change.message,
        }
    }
}

/// Steer a room
///
/// Effective at every instance within a second. Phases go `draft → scheduled → pre_queue → open ⇄ paused → closed`.
#[utoipa::path(patch, path = "/v1/admin/rooms/{room}", tag = "admin", security(("admin_session" = [])),
    params(("room" = String, Path)), request_body = Change,
    responses((status = 200, body = Changed), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`room-unknown`"),
        (status = 409, body = ProblemBody, description = "`phase-cannot-follow`"), (status = 422, body = ProblemBody)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller<Anyone>,
    Path(room): Path<String>,
    request: RequestId,
    extract::Json(change): extract::Json<Change>,
) -> Result<Json<Changed>, Error> {
    Ok(Json(rooms::change(&app, &caller.staff, &room, &change.into(), None, &request).await?))
}

#[derive(Serialize, ToSchema)]
pub struct Preview {
    /// What the change does to those who wait, a sentence or more for each thing that changes.
    effects: Vec<String>,
    /// The room as it is now.
    now: RoomFigures,
}

/// What a change would do to those who wait
///
/// Changes nothing.
#[utoipa::path(get, path = "/v1/admin/rooms/{room}/preview", tag = "admin", security(("admin_session" = [])),
    params(("room" = String, Path), Change),
    responses((status = 200, body = Preview), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody, description = "`room-unknown`")))]
pub async fn preview(
    State(app): State<App>,
    _: Caller<Anyone>,
    Path(room): Path<String>,
    Query(change): Query<Change>,
) -> Result<Json<Preview>, Error> {
    let now = live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?;
    Ok(Json(Preview { effects: effects(&now.room, &now.flow, &change.into()), now }))
}
