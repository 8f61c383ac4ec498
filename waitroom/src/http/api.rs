//! The waiting room's API: joining, and where the line stands.

pub mod place;
pub mod ticket;
pub mod transcript;
pub mod turn_mail;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use kit::extract::Path;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::Error,
    head::HeadDocument,
    http::{api::ticket::TicketBody, joining::Joining},
};

/// Join the line
///
/// Answers when the place was acknowledged by Kafka, and only then. A reseller's shop joins for its
/// fans with its API key, scope `orders:write`, and is counted by key then.
///
/// With an `Idempotency-Key` one joins once: sent again within the hour, to whichever instance, it
/// gets the same place, also where the first answer was 503 or never came. Whoever knows the key
/// gets the place, so make it a random one, and a new one for each fan.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/places", tag = "waitroom", security((), ("api_key" = [])),
    params((
        "Idempotency-Key" = Option<String>, Header,
        description = "1 to 128 visible characters that nobody can guess: the same ones are the \
            same place",
    )),
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
        (status = 422, description = "`invalid-field`"),
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
    headers: HeaderMap,
) -> Result<Response, Error> {
    let room = app.room(&room).await?;
    joining.at(&room, &app.pool).await?;
    let key = joining.key(&room, &headers)?;
    let joined = app.join(&room, key).await?;
    let receipt = app.receipts.with_others(&joined.claims).await?;
    let body = TicketBody::new(&room, joined, receipt);
    let location = format!("/v1/rooms/{}/place", room.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(body)).into_response())
}

/// Shared caches give it to everybody for a second, and for one more while one of them fetches it
/// anew; for half a minute where nobody answers, and `as_of` says how old it is. A browser's own
/// cache should be asked to look first (`cache: "no-cache"`).
const HEAD_CACHE: &str = "public, max-age=1, stale-while-revalidate=1, stale-if-error=30";

/// Where the line stands
///
/// The same for everybody, and cacheable for a second. It says all that a fan who waits needs:
/// whose turn it is (a place whose `offset` is below its lane's `head`), how many are ahead, how
/// long that takes, how the sale stands, and once a draw is made what everybody's turn follows
/// from. Whoever left is counted as ahead until the line has passed them; what is told of the wait
/// knows of them.
///
/// Ask again after `poll_after_ms`, give or take a fifth, so that those who were told the same do
/// not come back in the same moment; after a twentieth of the shortest wait where that is longer,
/// a minute or a quarter of `claim_window_secs` at most; and near the turn after half of the
/// shortest wait, each second at most. One that is `as_of` an earlier moment than another is an
/// older copy. Ask for the place itself when it is its turn, and now and then near it.
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
    let document = app.room(&room).await?.document();
    Ok(document.body.answer(&headers, HEAD_CACHE))
}

/// The calls that join.
pub fn joining() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(join))
}

/// The call that all who wait repeat.
pub fn heads() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(head))
}

/// The calls that look at a place.
pub fn waiting() -> OpenApiRouter<App> {
    place::waiting().merge(turn_mail::waiting()).merge(transcript::looking())
}

/// The calls that claim.
pub fn claiming() -> OpenApiRouter<App> {
    place::claiming()
}
