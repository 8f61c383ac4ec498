//! Shows, for programs: which there are, and marking them as high-traffic.

use axum::{Json, extract::State, http::StatusCode};
use catalog::contract::{ShowEntry, ShowId};
use kit::{
    extract::{self, Path, Query},
    http::RequestId,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    error::Error,
    high_traffic::{
        Marked, RoomSpec,
        mark::{self, Standing, standing},
        preview::{Effect, Setting},
    },
    http::{
        address::show_id,
        session::{Admins, Anyone, Caller},
    },
    room::figures::RoomFigures,
    withdrawal,
};

const PAGE: i64 = 100;

#[derive(Deserialize, IntoParams)]
pub struct From {
    /// The last show of the page before.
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ShowList {
    shows: Vec<ShowEntry>,
    /// Give it as `after` for the next page; absent on the last one.
    next: Option<ShowId>,
}

/// All shows, drafts too
#[utoipa::path(
    get, path = "/v1/admin/shows", tag = "admin", security(("admin_session" = [])),
    params(From),
    responses((status = 200, body = ShowList)),
)]
pub async fn list(
    State(app): State<App>,
    _: Caller<Anyone>,
    Query(from): Query<From>,
) -> Result<Json<ShowList>, Error> {
    let shows = catalog::contract::all_shows(&app.pool, from.after.as_deref(), PAGE).await?;
    let next =
        (shows.len() as i64 == PAGE).then(|| shows.last().map(|show| show.show.clone())).flatten();
    Ok(Json(ShowList { shows, next }))
}

/// Mark a show as high-traffic
///
/// Makes its room with its lanes, or changes the settings of the room it has; lanes that are there
/// stay.
#[utoipa::path(
    put, path = "/v1/admin/shows/{show}/high-traffic", tag = "admin",
    security(("admin_session" = [])),
    params(("show" = String, Path)),
    request_body = RoomSpec,
    responses(
        (status = 200, body = Marked),
        (status = 404, description = "`show-unknown`"),
        (status = 409, description = "`room-name-taken`"),
        (status = 410, description = "`show-withdrawn`"),
    ),
)]
pub async fn mark(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(show): Path<String>,
    request: RequestId,
    extract::Json(spec): extract::Json<RoomSpec>,
) -> Result<Json<Marked>, Error> {
    Ok(Json(mark::mark(&app, &caller.person, &show_id(&show)?, (&spec, None), &request).await?))
}

/// Take a show's mark away
///
/// The room stays, and whoever is in its line keeps their place.
#[utoipa::path(
    delete, path = "/v1/admin/shows/{show}/high-traffic", tag = "admin",
    security(("admin_session" = [])),
    params(("show" = String, Path)),
    responses((status = 204), (status = 404, description = "`show-unknown`")),
)]
pub async fn unmark(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(show): Path<String>,
    request: RequestId,
) -> Result<StatusCode, Error> {
    mark::unmark(&app, &caller.person, &show_id(&show)?, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize, ToSchema)]
pub struct MarkingPreview {
    /// What it does, a sentence or more for each thing. Empty where nothing would change.
    effects: Vec<String>,
    /// Setting by setting, in words.
    settings: Vec<Setting>,
    /// Whether the show is marked now.
    marked: bool,
    /// The show's room as it is now; absent where it has none.
    now: Option<RoomFigures>,
}

impl MarkingPreview {
    fn new(effect: Effect, standing: Standing) -> Json<Self> {
        let Effect { words, settings } = effect;
        Json(Self { effects: words, settings, marked: standing.marked, now: standing.room })
    }
}

/// What marking a show would do
///
/// Changes nothing.
#[utoipa::path(
    get, path = "/v1/admin/shows/{show}/high-traffic/preview", tag = "admin",
    security(("admin_session" = [])),
    params(("show" = String, Path), RoomSpec),
    responses(
        (status = 200, body = MarkingPreview),
        (status = 404, description = "`show-unknown`"),
        (status = 409, description = "`room-name-taken`"),
        (status = 410, description = "`show-withdrawn`"),
    ),
)]
pub async fn preview_mark(
    State(app): State<App>,
    _: Caller<Admins>,
    Path(show): Path<String>,
    Query(spec): Query<RoomSpec>,
) -> Result<Json<MarkingPreview>, Error> {
    let standing = standing(&app, &show_id(&show)?).await?;
    Ok(MarkingPreview::new(standing.marking(&app, &spec).await?, standing))
}

/// What taking the mark away would do
///
/// Changes nothing.
#[utoipa::path(
    get, path = "/v1/admin/shows/{show}/high-traffic/removal-preview", tag = "admin",
    security(("admin_session" = [])),
    params(("show" = String, Path)),
    responses(
        (status = 200, body = MarkingPreview),
        (status = 404, description = "`show-unknown`"),
    ),
)]
pub async fn preview_unmark(
    State(app): State<App>,
    _: Caller<Admins>,
    Path(show): Path<String>,
) -> Result<Json<MarkingPreview>, Error> {
    let standing = standing(&app, &show_id(&show)?).await?;
    Ok(MarkingPreview::new(standing.unmarking(), standing))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawing {
    /// 1 to 500 characters, for the log.
    #[schema(min_length = 1, max_length = 500, example = "The hall has lost its roof.")]
    reason: String,
}

/// Withdraw a show for good
///
/// Within a second nothing of it is sold, it is listed nowhere, its page says that it was
/// withdrawn, and its room closes. Orders stay as they are: those that were placed can be paid, and
/// tickets stay valid. A show that was withdrawn before stays so.
#[utoipa::path(
    put, path = "/v1/admin/shows/{show}/withdrawal", tag = "admin",
    security(("admin_session" = [])),
    params(("show" = String, Path)),
    request_body = Withdrawing,
    responses(
        (status = 204),
        (status = 404, description = "`show-unknown`"),
        (status = 409, description = "`show-not-published`"),
    ),
)]
pub async fn withdraw(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(show): Path<String>,
    request: RequestId,
    extract::Json(requested): extract::Json<Withdrawing>,
) -> Result<StatusCode, Error> {
    withdrawal::withdraw(&app, &caller.person, &show_id(&show)?, &requested.reason, &request)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
