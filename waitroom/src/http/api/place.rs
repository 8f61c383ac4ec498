//! What the holder of a place may do: look, claim, leave, take it to another device.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use kit::extract::{self, Bearer, Path, Query};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::App,
    claim::{Claimed, claim, resume},
    error::Error,
    http::api::ticket::TicketBody,
    place::{
        PlaceClaims,
        standing::{PlaceBody, PlaceState, standing},
    },
    room::live::Room,
};

const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];
/// Nobody is kept waiting for an answer longer.
const WAIT_MS_MAX: u32 = 2_000;

/// An admission pass.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PassBody {
    /// PASETO v4.public; verify it with the keys under /.well-known/paseto-keys.
    pub pass: String,
    pub show: ShowId,
    pub expires_at: DateTime<Utc>,
}

impl From<Claimed> for PassBody {
    fn from(Claimed { pass, show, expires_at }: Claimed) -> Self {
        Self { pass, show, expires_at }
    }
}

/// A link that takes a place to another device.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LinkBody {
    /// Works once. Whoever uses it holds the place.
    pub link: String,
    /// The same as an address to open there.
    pub address: String,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct OpenLinkParams {
    /// Longer ones are no links.
    #[schema(max_length = 1024)]
    link: String,
    /// Who takes the place, made up for this link alone: the same one may use it again, where the
    /// first answer never came.
    taker: Option<Uuid>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LookParams {
    /// Whoever is next may have the answer wait so many milliseconds, 2,000 at most, for their
    /// turn.
    #[param(maximum = 2000)]
    #[serde(default, deserialize_with = "at_most")]
    wait_ms: Option<u32>,
}

fn at_most<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let wait_ms = u32::deserialize(deserializer)?;
    if wait_ms > WAIT_MS_MAX {
        return Err(serde::de::Error::custom("wait_ms is 2000 at most"));
    }
    Ok(Some(wait_ms))
}

/// My place
///
/// Worked out from the place ticket and the heads alone.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/place", tag = "waitroom", security(("place_ticket" = [])),
    params(LookParams),
    responses(
        (status = 200, body = PlaceBody),
        (status = 403, description = "`place-ticket-foreign`"),
        (
            status = 503,
            description = "`try-again-soon`: this instance has just started, or has heard nothing \
                for too long, and does not know where the line stands",
        ),
    ),
)]
async fn place(
    State(app): State<App>,
    Path(room): Path<String>,
    Query(look): Query<LookParams>,
    Bearer(ticket): Bearer,
) -> Result<Response, Error> {
    let (room, claims) = app.place(&room, ticket.as_deref()).await?;
    let wait = Duration::from_millis(look.wait_ms.unwrap_or(0).into());
    let body = standing_soon(&room, &claims, wait).await;
    if room.is_stale() && !claims.place.is_direct() {
        return Err(Error::Stale);
    }
    Ok((NO_STORE, Json(body)).into_response())
}

/// Where a place stands; waits a moment where it is about to be its turn.
async fn standing_soon(room: &Room, claims: &PlaceClaims, wait: Duration) -> PlaceBody {
    if wait.is_zero() {
        return standing(room, claims, Utc::now());
    }
    let deadline = Instant::now() + wait;
    let mut moves = room.follow_moves();
    loop {
        let body = standing(room, claims, Utc::now());
        // Of those who will not be let in by then none is kept.
        let is_soon = body.wait_secs_min.is_some_and(|secs| secs * 1_000 <= WAIT_MS_MAX.into());
        if body.state != PlaceState::Waiting
            || !is_soon
            || timeout_at(deadline, moves.changed()).await.is_err()
        {
            return body;
        }
    }
}

/// My pass
///
/// Asking again within the claim window gives the same pass; where the window became longer because
/// checkout took nobody in, one that is good for longer.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/pass", tag = "waitroom", security(("place_ticket" = [])),
    responses(
        (status = 200, body = PassBody),
        (status = 403, description = "`place-ticket-foreign`"),
        (status = 409, description = "`not-your-turn`, `sale-stopped`"),
        (
            status = 410,
            description = "`claim-window-missed`, `place-left`, `show-withdrawn`; `room-closed`: \
                the show has begun",
        ),
        (
            status = 503,
            description = "`try-again-soon`: this instance has just started, or has heard nothing \
                for too long, and does not know where the line stands",
        ),
    ),
)]
async fn pass(
    State(app): State<App>,
    Path(room): Path<String>,
    Bearer(ticket): Bearer,
) -> Result<Response, Error> {
    let (room, claims) = app.place(&room, ticket.as_deref()).await?;
    let claimed = claim(&room, &app.pass_keys, &claims, Utc::now())?;
    Ok((NO_STORE, Json(PassBody::from(claimed))).into_response())
}

/// My second turn
///
/// For whoever missed the first one, for ten minutes, once. It is let in beside the line as soon as
/// the gate can: of all who are let in, one in twenty is such a one at most. Asking again gives the
/// same pass.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/place/resume", tag = "waitroom",
    security(("place_ticket" = [])),
    responses(
        (status = 200, body = PassBody),
        (status = 403, description = "`place-ticket-foreign`"),
        (status = 409, description = "`not-your-turn`, `sale-stopped`, `resume-not-now`"),
        (
            status = 410,
            description = "`claim-window-missed`, `place-left`, `show-withdrawn`; `room-closed`: \
                the show has begun",
        ),
        (
            status = 503,
            description = "`try-again-soon`: this instance has just started, or has heard nothing \
                for too long, and does not know where the line stands",
        ),
    ),
)]
async fn second_turn(
    State(app): State<App>,
    Path(room): Path<String>,
    Bearer(ticket): Bearer,
) -> Result<Response, Error> {
    let (room, claims) = app.place(&room, ticket.as_deref()).await?;
    let claimed = resume(&room, &app.pass_keys, &app.gate, &claims, Utc::now()).await?;
    Ok((NO_STORE, Json(PassBody::from(claimed))).into_response())
}

/// Leave the line
///
/// For good: the place is given up, and a slot that was kept for it is free at once. Doing it again
/// changes nothing.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/place", tag = "waitroom", security(("place_ticket" = [])),
    responses(
        (status = 204),
        (status = 403, description = "`place-ticket-foreign`"),
        (
            status = 503,
            description = "`try-again-soon`: whether it was given up is not known; ask again",
        ),
    ),
)]
async fn leave(
    State(app): State<App>,
    Path(room): Path<String>,
    Bearer(ticket): Bearer,
) -> Result<StatusCode, Error> {
    let (room, claims) = app.place(&room, ticket.as_deref()).await?;
    app.leave(&room, &claims.place).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A link to my place
///
/// For another device: it works once, for ten minutes. The place stays here, too.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/place/link", tag = "waitroom",
    security(("place_ticket" = [])),
    responses(
        (status = 201, body = LinkBody),
        (status = 403, description = "`place-ticket-foreign`"),
    ),
)]
async fn link(
    State(app): State<App>,
    Path(room): Path<String>,
    Bearer(ticket): Bearer,
) -> Result<Response, Error> {
    let (room, claims) = app.place(&room, ticket.as_deref()).await?;
    let (made, address) = app.make_link(&room, &claims)?;
    let body = LinkBody { link: made.link, address, expires_at: made.expires_at };
    Ok((StatusCode::CREATED, NO_STORE, Json(body)).into_response())
}

/// Take a place over by a link
///
/// The link is used up by it, for all but the same `taker`.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/place/from-link", tag = "waitroom",
    request_body = OpenLinkParams,
    responses(
        (status = 200, body = TicketBody),
        (status = 403, description = "`place-ticket-foreign`"),
        (status = 404, description = "`room-unknown`"),
        (status = 410, description = "`place-link-expired`, `place-link-used`"),
        (status = 422, description = "`invalid-field`, `place-link-invalid`"),
        (
            status = 503,
            description = "`try-again-soon`: the link may be used up for all but the same `taker`",
        ),
    ),
)]
async fn open_link(
    State(app): State<App>,
    Path(room): Path<String>,
    extract::Json(params): extract::Json<OpenLinkParams>,
) -> Result<Response, Error> {
    let room = app.room(&room).await?;
    let joined = app.open_link(&room, &params.link, params.taker).await?;
    let receipt = app.receipts.alone(&joined.claims)?;
    Ok((NO_STORE, Json(TicketBody::new(&room, joined, receipt))).into_response())
}

/// What needs a place.
pub fn waiting() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(place, leave))
        .routes(routes!(link))
        .routes(routes!(open_link))
}

/// What everybody does with a place of their own when it is their turn.
pub fn claiming() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(pass)).routes(routes!(second_turn))
}
