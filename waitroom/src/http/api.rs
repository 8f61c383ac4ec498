//! The waiting room's API.

use admission::contract::RoomName;
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
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    claim::claim,
    error::Error,
    head::HeadDocument,
    http::joining::Joining,
    place::standing::{PlaceBody, joined_at, standing},
};

/// A place in the line.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TicketBody {
    /// The sealed place ticket. Whoever holds it holds the place.
    pub ticket: String,
    pub room: RoomName,
    pub lane: i32,
    pub offset: i64,
    /// Number in the whole line, from 1.
    pub place: i64,
    /// How many are ahead.
    pub ahead: i64,
    pub joined_at: DateTime<Utc>,
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
#[utoipa::path(
    post, path = "/v1/rooms/{room}/places", tag = "waitroom", security((), ("api_key" = [])),
    responses(
        (
            status = 201, body = TicketBody,
            headers(("location" = String, description = "where to ask for the place")),
        ),
        (
            status = 403,
            description = "`scope-missing`, or `room-foreign`: the room is for a show that the \
                key's reseller does not sell",
        ),
        (status = 404, description = "`room-unknown`"),
        (status = 409, description = "`room-not-open`"),
        (status = 410, description = "`room-closed`, `show-withdrawn`"),
        (
            status = 503,
            description = "`room-busy`, `join-not-acknowledged` or `try-again-soon`: no place was \
                given, try again after Retry-After",
        ),
    ),
)]
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
        lane: joined.claims.place.lane,
        offset: joined.claims.place.offset,
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
#[utoipa::path(
    get, path = "/v1/rooms/{room}/head", tag = "waitroom",
    responses(
        (status = 200, body = HeadDocument),
        (status = 304, description = "the line did not move"),
        (status = 404, description = "`room-unknown`"),
        (
            status = 503,
            description = "`try-again-soon`: this instance has just started and does not know yet \
                where the line stands",
        ),
    ),
)]
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
#[utoipa::path(
    get, path = "/v1/rooms/{room}/place", tag = "waitroom", security(("place_ticket" = [])),
    responses(
        (status = 200, body = PlaceBody),
        (status = 403, description = "`place-ticket-foreign`"),
        (
            status = 503,
            description = "`try-again-soon`: this instance has just started and does not know yet \
                where the line stands",
        ),
    ),
)]
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
#[utoipa::path(
    post, path = "/v1/rooms/{room}/pass", tag = "waitroom", security(("place_ticket" = [])),
    responses(
        (status = 200, body = PassBody),
        (status = 403, description = "`place-ticket-foreign`"),
        (status = 409, description = "`not-your-turn`, `sale-stopped`"),
        (status = 410, description = "`claim-window-missed`, `show-withdrawn`"),
        (
            status = 503,
            description = "`try-again-soon`: this instance has just started and does not know yet \
                where the line stands",
        ),
    ),
)]
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

/// The calls that join.
pub fn joining() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(join))
}

/// The calls that look, and claim.
pub fn waiting() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(head)).routes(routes!(place)).routes(routes!(pass))
}
