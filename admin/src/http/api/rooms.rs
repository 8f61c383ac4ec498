//! Rooms, for programs: watching and steering them.

use admission::contract::{Entropy, EntropySource, LineMethod, PaceMode};
use axum::{Json, extract::State, response::IntoResponse};
use kit::{
    extract::{self, Path, Query},
    http::RequestId,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use waitroom::contract::{Changed, DrandEntry, EntropyEntry, Phase, RoomChange, changed};

use crate::{
    App,
    error::Error,
    http::session::{Anyone, Caller},
    room::{
        alarm::RoomAlarm,
        figures::RoomFigures,
        history::Picture,
        live,
        preview::effects,
        sales::{Sales, sales},
        settings,
    },
};

/// Closed rooms in one answer; each is measured for it.
const CLOSED_PAGE: usize = 50;

#[derive(Serialize, ToSchema)]
pub struct RoomList {
    rooms: Vec<RoomFigures>,
    /// Give it as `after` for the next page; absent on the last one.
    next: Option<String>,
}

#[derive(Deserialize, IntoParams)]
pub struct ListParams {
    /// Only rooms in this phase; absent: all that are not closed.
    #[param(inline)]
    phase: Option<Phase>,
    /// Only rooms whose names come after this one.
    after: Option<String>,
}

/// Rooms with their figures
///
/// All that are not closed, measured once a second. With `phase=closed` those that were closed
/// within a day, 50 at a time.
#[utoipa::path(
    get, path = "/v1/admin/rooms", tag = "admin", security(("admin_session" = [])),
    params(ListParams),
    responses((status = 200, body = RoomList)),
)]
pub async fn list(
    State(app): State<App>,
    _: Caller<Anyone>,
    Query(params): Query<ListParams>,
) -> Result<Json<RoomList>, Error> {
    let is_after = |room: &str| params.after.as_deref().is_none_or(|after| room > after);
    if params.phase == Some(Phase::Closed) {
        let mut closed = waitroom::contract::rooms(&app.pool).await?;
        closed.retain(|room| room.phase == Phase::Closed && is_after(&room.room));
        closed.sort_by(|one, other| one.room.cmp(&other.room));
        closed.truncate(CLOSED_PAGE);
        let next = (closed.len() == CLOSED_PAGE)
            .then(|| closed.last().map(|room| room.room.to_string()))
            .flatten();
        let mut rooms = Vec::new();
        for room in closed {
            rooms.push(live::measured(&app, room).await?);
        }
        return Ok(Json(RoomList { rooms, next }));
    }
    let fits = |known: &&RoomFigures| {
        params.phase.is_none_or(|phase| phase == known.room.phase) && is_after(&known.room.room)
    };
    Ok(Json(RoomList {
        rooms: app.live.rooms().iter().filter(fits).cloned().collect(),
        next: None,
    }))
}

/// The figures of all rooms as they change
///
/// Server-sent events: `event: rooms`, once a second, whose data is a JSON array of what `GET
/// /v1/admin/rooms/{room}` answers. Ends with the session.
#[utoipa::path(
    get, path = "/v1/admin/rooms/stream", tag = "admin", security(("admin_session" = [])),
    responses((status = 200, content_type = "text/event-stream", body = String)),
)]
pub async fn stream(
    State(app): State<App>,
    caller: Caller<Anyone>,
) -> Result<impl IntoResponse, Error> {
    live::stream(&app, caller.token())
}

/// One room with its figures
#[utoipa::path(
    get, path = "/v1/admin/rooms/{room}", tag = "admin", security(("admin_session" = [])),
    params(("room" = String, Path)),
    responses((status = 200, body = RoomFigures), (status = 404, description = "`room-unknown`")),
)]
pub async fn one(
    State(app): State<App>,
    _: Caller<Anyone>,
    Path(room): Path<String>,
) -> Result<Json<RoomFigures>, Error> {
    Ok(Json(live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?))
}

/// What a room's show has sold for
///
/// After refunds, and at most 15 seconds old.
#[utoipa::path(
    get, path = "/v1/admin/rooms/{room}/sales", tag = "admin", security(("admin_session" = [])),
    params(("room" = String, Path)),
    responses((status = 200, body = Sales), (status = 404, description = "`room-unknown`")),
)]
pub async fn sold(
    State(app): State<App>,
    _: Caller<Anyone>,
    Path(room): Path<String>,
) -> Result<Json<Sales>, Error> {
    let state = waitroom::contract::room(&app.pool, &room).await?.ok_or(Error::RoomUnknown)?;
    Ok(Json((*sales(&app, &state.show).await?).clone()))
}

#[derive(Serialize, ToSchema)]
pub struct AlarmList {
    /// The weightiest first.
    alarms: Vec<RoomAlarm>,
}

/// What an operator should look at
///
/// The alarms of all rooms, looked at once a second. They are in the rooms' own figures, too, and
/// in the metric `fairgate_alarm`.
#[utoipa::path(
    get, path = "/v1/admin/alarms", tag = "admin", security(("admin_session" = [])),
    responses((status = 200, body = AlarmList)),
)]
pub async fn alarms(State(app): State<App>, _: Caller<Anyone>) -> Json<AlarmList> {
    Json(AlarmList { alarms: app.live.alarms() })
}

/// The last ten minutes of a room
///
/// One value for ten seconds, oldest first, of what this instance has seen of a room that is not
/// closed. Empty after a restart.
#[utoipa::path(
    get, path = "/v1/admin/rooms/{room}/history", tag = "admin", security(("admin_session" = [])),
    params(("room" = String, Path)),
    responses((status = 200, body = Picture), (status = 404, description = "`room-unknown`")),
)]
pub async fn history(
    State(app): State<App>,
    _: Caller<Anyone>,
    Path(room): Path<String>,
) -> Result<Json<Picture>, Error> {
    waitroom::contract::room(&app.pool, &room).await?.ok_or(Error::RoomUnknown)?;
    Ok(Json(app.seen.picture(&room)))
}

/// What to change; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Change {
    #[param(inline)]
    phase: Option<Phase>,
    /// How those who come before the opening are ordered; until fans can join.
    #[param(inline)]
    method: Option<LineMethod>,
    /// What is mixed into the draw after entries closed; until fans can join. Another one is
    /// committed to anew.
    #[param(inline)]
    entropy_source: Option<EntropySource>,
    /// Fans let in per second, 0 to 10,000. A room that passes everybody through has no rate.
    #[schema(minimum = 0, maximum = 10_000, example = 25.0)]
    #[param(minimum = 0, maximum = 10_000, example = 25.0)]
    rate_per_sec: Option<f64>,
    /// Sessions in checkout at once, 0 to 1,000,000.
    #[schema(minimum = 0, maximum = 1_000_000, example = 500)]
    #[param(minimum = 0, maximum = 1_000_000, example = 500)]
    max_active: Option<i32>,
    /// 1 to 86,400.
    #[schema(minimum = 1, maximum = 86_400, example = 120)]
    #[param(minimum = 1, maximum = 86_400, example = 120)]
    claim_window_secs: Option<i32>,
    /// Whether the pace follows checkout.
    #[param(inline)]
    pace_mode: Option<PaceMode>,
    /// Fans let in per second at least, while the pace follows checkout, 0 to 10,000.
    #[schema(minimum = 0, maximum = 10_000, example = 1.0)]
    #[param(minimum = 0, maximum = 10_000, example = 1.0)]
    floor_per_sec: Option<f64>,
    /// How slow one order in a hundred may be, in milliseconds, 100 to 60,000.
    #[schema(minimum = 100, maximum = 60_000, example = 1000)]
    #[param(minimum = 100, maximum = 60_000, example = 1000)]
    order_ms_target: Option<i32>,
    /// Shown to everybody who waits, 500 characters at most.
    #[schema(max_length = 500, example = "We go on at noon.")]
    #[param(max_length = 500)]
    message: Option<String>,
    /// Whether it goes to sleep by itself where nobody has waited for a while: whoever comes then
    /// goes straight in. One that sleeps and is not to wakes once it is open.
    sleeps: Option<bool>,
    /// It wakes where more fans a second come, for a few seconds; 0 to 10,000.
    #[schema(minimum = 0, maximum = 10_000, example = 5.0)]
    #[param(minimum = 0, maximum = 10_000, example = 5.0)]
    wake_per_sec: Option<f64>,
    /// It wakes where so many are in checkout or on their way there; 0 to 1,000,000.
    #[schema(minimum = 0, maximum = 1_000_000, example = 250)]
    #[param(minimum = 0, maximum = 1_000_000, example = 250)]
    wake_active: Option<i32>,
    /// Wakes it by hand, within a second.
    #[serde(default)]
    wake: bool,
}

impl From<Change> for RoomChange {
    fn from(change: Change) -> Self {
        Self {
            phase: change.phase,
            method: change.method,
            entropy_source: change.entropy_source,
            rate_per_sec: change.rate_per_sec,
            max_active: change.max_active,
            claim_window_secs: change.claim_window_secs,
            message: change.message,
            pace_mode: change.pace_mode,
            floor_per_sec: change.floor_per_sec,
            order_ms_target: change.order_ms_target,
            sleeps: change.sleeps,
            wake_per_sec: change.wake_per_sec,
            wake_active: change.wake_active,
            wake: change.wake,
        }
    }
}

/// Steer a room
///
/// Effective at every instance within a second. Phases go `draft → scheduled → pre_queue →
/// drawing → open ⇄ paused → closed`; a room that draws opens by way of its draw.
#[utoipa::path(
    patch, path = "/v1/admin/rooms/{room}", tag = "admin", security(("admin_session" = [])),
    params(("room" = String, Path)),
    request_body = Change,
    responses(
        (status = 200, body = Changed),
        (status = 404, description = "`room-unknown`"),
        (status = 409, description = "`phase-cannot-follow`"),
    ),
)]
pub async fn change(
    State(app): State<App>,
    caller: Caller<Anyone>,
    Path(room): Path<String>,
    request: RequestId,
    extract::Json(change): extract::Json<Change>,
) -> Result<Json<Changed>, Error> {
    Ok(Json(settings::change(&app, &caller.person, &room, &change.into(), None, &request).await?))
}

/// What a draw waits for: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntropyBody {
    /// Where `operator` was announced: 1 to 1,024 bytes of UTF-8 without NUL, mixed in as they are.
    #[schema(min_length = 1, max_length = 1024, example = "4 2 6 6 1 3 5")]
    text: Option<String>,
    /// Where `drand` was announced: the first round that was published after entries closed.
    drand: Option<DrandEntry>,
}

impl TryFrom<EntropyBody> for EntropyEntry {
    type Error = Error;

    fn try_from(body: EntropyBody) -> Result<Self, Error> {
        match (body.text, body.drand) {
            (Some(text), None) => Ok(Self::Text(text)),
            (None, Some(round)) => Ok(Self::Drand(round)),
            _ => Err(Error::field("text", "Give either `text` or `drand`.")),
        }
    }
}

/// Enter what a draw waits for
///
/// After entries closed, once: a text that was agreed on before witnesses where `operator` was
/// announced, the first round published after the freeze where `drand` was. It is mixed in as it
/// is, the draw is made at once, and the room opens. The same once more changes nothing.
#[utoipa::path(
    post, path = "/v1/admin/rooms/{room}/entropy", tag = "admin",
    security(("admin_session" = [])),
    params(("room" = String, Path)),
    request_body = EntropyBody,
    responses(
        (status = 200, description = "what is mixed in", body = Entropy),
        (status = 404, description = "`room-unknown`"),
        (
            status = 409,
            description = "`room-does-not-draw`, `entries-open`, `entropy-not-announced`: another \
                source was; `entropy-fixed`: something else is mixed in",
        ),
        (status = 410, description = "`room-closed`: before its draw was made"),
    ),
)]
pub async fn enter_entropy(
    State(app): State<App>,
    caller: Caller<Anyone>,
    Path(room): Path<String>,
    request: RequestId,
    extract::Json(body): extract::Json<EntropyBody>,
) -> Result<Json<Entropy>, Error> {
    let entry = body.try_into()?;
    Ok(Json(settings::enter_entropy(&app, &caller.person, &room, &entry, &request).await?))
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
/// Changes nothing, and is refused where the change would be.
#[utoipa::path(
    get, path = "/v1/admin/rooms/{room}/preview", tag = "admin", security(("admin_session" = [])),
    params(("room" = String, Path), Change),
    responses(
        (status = 200, body = Preview),
        (status = 404, description = "`room-unknown`"),
        (status = 409, description = "`phase-cannot-follow`"),
    ),
)]
pub async fn preview(
    State(app): State<App>,
    _: Caller<Anyone>,
    Path(room): Path<String>,
    Query(change): Query<Change>,
) -> Result<Json<Preview>, Error> {
    let now = live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?;
    let change = change.into();
    changed(&now.room, &change)?;
    let time_zone = settings::time_zone(&app, &now.room.show).await?;
    Ok(Json(Preview { effects: effects(&now.room, &now.measures(), &change, &time_zone), now }))
}
