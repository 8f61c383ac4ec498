//! The waiting room's API.

use admission::contract::LaneHead;
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use kit::{
    extract::{Bearer, Path},
    http::RequestId,
    problem::ProblemBody,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    claim::claim,
    error::Error,
    head::head_log::Standing,
    http::pages::queue,
    line::agent::Joining,
    place::{PlaceClaims, ahead, is_admitted, wait},
    room::{live::Room, phase::Phase},
};

/// The state of a room, the same for everybody.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HeadDocument {
    pub room: String,
    pub show: String,
    pub phase: Phase,
    pub lanes: Vec<LaneHead>,
    /// How many have joined and were not let in yet, over all lanes.
    pub waiting: i64,
    /// How many were let in so far.
    pub admitted: i64,
    /// How many are let in per second, at most.
    pub rate_per_sec: f64,
    /// How many were let in per second over the last half minute; null where it is too early to
    /// say.
    pub pace_per_sec: Option<f64>,
    /// How long a fan may take to come in when it is their turn.
    pub claim_window_secs: i32,
    /// What the operator tells everybody who waits.
    pub message: String,
    pub as_of: DateTime<Utc>,
    /// Ask again after so many milliseconds; later is fine the further back you stand.
    pub poll_after_ms: u32,
}

/// A place in the line.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TicketBody {
    /// The sealed place ticket. Whoever holds it holds the place.
    pub ticket: String,
    pub room: String,
    pub lane: i32,
    pub offset: i64,
    /// Number in the whole line, from 1.
    pub place: i64,
    /// How many are ahead.
    pub ahead: i64,
    pub joined_at: DateTime<Utc>,
}

/// Where a place stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceState {
    Waiting,
    YourTurn,
    WindowMissed,
}

/// A place's standing now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PlaceBody {
    pub room: String,
    pub state: PlaceState,
    pub place: i64,
    pub ahead: i64,
    pub phase: Phase,
    /// Shortest and longest likely wait in seconds; null where it cannot be said (paused, or nobody
    /// is let in).
    pub wait_secs_min: Option<u64>,
    pub wait_secs_max: Option<u64>,
    pub joined_at: DateTime<Utc>,
    /// Until when the pass may be claimed, once it is your turn.
    pub claim_until: Option<DateTime<Utc>>,
    pub poll_after_ms: u32,
}

/// An admission pass.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PassBody {
    /// PASETO v4.public; verify it with the keys under /.well-known/paseto-keys.
    pub pass: String,
    pub show: String,
    pub expires_at: DateTime<Utc>,
}

/// Join the line
///
/// Answers when the place was acknowledged by Kafka, and only then. A reseller's shop joins for its
/// fans with its API key, scope `orders:write`, and is counted by key then.
#[utoipa::path(post, path = "/v1/rooms/{room}/places", tag = "waitroom", security((), ("api_key" = [])), responses(
    (status = 201, body = TicketBody, headers(("location" = String, description = "where to ask \
        for the place"))),
    (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "api-key-unknown"),
    (status = 403, body = ProblemBody, content_type = "application/problem+json",
        description = "scope-missing, or room-foreign: the room is for a show that the key's \
            reseller does not sell"),
    (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "room-unknown"),
    (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "room-not-open"),
    (status = 410, body = ProblemBody, content_type = "application/problem+json", description = "room-closed, show-withdrawn"),
    (status = 503, body = ProblemBody, content_type = "application/problem+json",
        description = "room-busy, join-not-acknowledged or try-again-soon: no place was given, try \
            again after Retry-After"),
))]
async fn join(
    State(app): State<App>,
    Path(room): Path<String>,
    joining: Joining,
    request: RequestId,
) -> Result<Response, Error> {
    let room = app.rooms.get(&room)?;
    joining.at(&room, &app.pool).await?;
    let joined = app.joiner.join(&room, &request).await?;
    let body = TicketBody {
        room: room.name.clone(),
        lane: joined.claims.lane,
        offset: joined.claims.offset,
        place: joined.claims.number(i64::from(room.info().lanes)),
        ahead: joined.claims.ahead_at_join,
        joined_at: joined_at(&joined.claims),
        ticket: joined.ticket,
    };
    let location = format!("/v1/rooms/{}/place", room.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(body)).into_response())
}

/// Where the line stands
///
/// The same for everybody and cacheable for a second.
#[utoipa::path(get, path = "/v1/rooms/{room}/head", tag = "waitroom", responses(
    (status = 200, body = HeadDocument),
    (status = 304, description = "the line did not move"),
    (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "room-unknown"),
    (status = 503, body = ProblemBody, content_type = "application/problem+json",
        description = "try-again-soon: this instance has just started and does not know yet where \
            the line stands"),
))]
async fn head(
    State(app): State<App>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let document = app.rooms.get(&room)?.document();
    Ok(document.body.answer(&headers, "public, max-age=1"))
}

/// My place
///
/// Worked out from the place ticket and the heads alone.
#[utoipa::path(get, path = "/v1/rooms/{room}/place", tag = "waitroom", security(("place_ticket" = [])), responses(
    (status = 200, body = PlaceBody),
    (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "place-ticket-…"),
    (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "place-ticket-foreign"),
    (status = 503, body = ProblemBody, content_type = "application/problem+json",
        description = "try-again-soon: this instance has just started and does not know yet where \
            the line stands"),
))]
async fn place(
    State(app): State<App>,
    Path(room): Path<String>,
    Bearer(ticket): Bearer,
) -> Result<Response, Error> {
    let room = app.rooms.get(&room)?;
    let claims = app.open_ticket(&room, ticket.as_deref())?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(standing(&room, &claims, Utc::now())))
        .into_response())
}

/// My pass
///
/// Asking again within the claim window gives the same pass.
#[utoipa::path(post, path = "/v1/rooms/{room}/pass", tag = "waitroom", security(("place_ticket" = [])), responses(
    (status = 200, body = PassBody),
    (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "place-ticket-…"),
    (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "place-ticket-foreign"),
    (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "not-your-turn, sale-stopped"),
    (status = 410, body = ProblemBody, content_type = "application/problem+json",
        description = "claim-window-missed, show-withdrawn"),
    (status = 503, body = ProblemBody, content_type = "application/problem+json",
        description = "try-again-soon: this instance has just started and does not know yet where \
            the line stands"),
))]
async fn pass(
    State(app): State<App>,
    Path(room): Path<String>,
    Bearer(ticket): Bearer,
) -> Result<Response, Error> {
    let room = app.rooms.get(&room)?;
    let claims = app.open_ticket(&room, ticket.as_deref())?;
    let claimed = claim(&room, &app.pass_keys, &claims, Utc::now())?;
    let body = PassBody { pass: claimed.pass, show: claimed.show, expires_at: claimed.expires_at };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// When the broker took a join.
pub fn joined_at(claims: &PlaceClaims) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(claims.joined_ms).unwrap_or_default()
}

/// Where a place stands, for the API and the page alike.
pub fn standing(room: &Room, claims: &PlaceClaims, now: DateTime<Utc>) -> PlaceBody {
    let info = room.info();
    let (heads, standing, pace) = room.with_log(|log| {
        (log.heads(), log.standing(claims.lane, claims.offset), log.pace_per_sec(now))
    });
    let ahead = if is_admitted(claims.lane, claims.offset, &heads) {
        0
    } else {
        ahead(claims.lane, claims.offset, &heads)
    };
    let (state, claim_until) = match standing {
        Standing::Waiting => (PlaceState::Waiting, None),
        Standing::Admitted(admitted) if admitted.claim_until > now => {
            (PlaceState::YourTurn, Some(admitted.claim_until))
        }
        Standing::Admitted(admitted) => (PlaceState::WindowMissed, Some(admitted.claim_until)),
        Standing::LongPast => (PlaceState::WindowMissed, None),
    };
    let range = (info.phase == Phase::Open && state == PlaceState::Waiting)
        .then(|| wait::range(ahead, pace, info.rate_per_sec))
        .flatten();
    PlaceBody {
        room: room.name.clone(),
        state,
        place: claims.number(i64::from(info.lanes)),
        ahead,
        phase: info.phase,
        wait_secs_min: range.map(|range| range.low_secs),
        wait_secs_max: range.map(|range| range.high_secs),
        joined_at: joined_at(claims),
        claim_until,
        poll_after_ms: poll_after_ms(ahead, info.rate_per_sec),
    }
}

/// Further back, the place changes more slowly in what it means for the fan, so asking less often
/// loses nothing.
fn poll_after_ms(ahead: i64, rate_per_sec: f64) -> u32 {
    let secs = ahead as f64 / rate_per_sec.max(0.1);
    (secs * 1000.0 / 20.0).clamp(1000.0, 15_000.0) as u32
}

/// API and pages of the waiting room. The parts differ in how often one client may call them.
pub struct Routers {
    pub joining: OpenApiRouter,
    pub waiting: OpenApiRouter,
}

/// Routes with their state applied.
pub fn router(app: App) -> Routers {
    let joining =
        OpenApiRouter::new().routes(routes!(join)).merge(queue::joining()).with_state(app.clone());
    let waiting = OpenApiRouter::new()
        .routes(routes!(head))
        .routes(routes!(place))
        .routes(routes!(pass))
        .merge(queue::waiting())
        .with_state(app);
    Routers { joining, waiting }
}
