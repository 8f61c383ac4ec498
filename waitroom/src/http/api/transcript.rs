//! What everybody can check a line with.

use std::sync::Arc;

use admission::contract::{LanePlace, RecordProof, RoomName};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use kit::{extract::Path, kept::KeptBody};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, error::Error, transcript::RootsBody};

/// The transcript
///
/// Everything by which the line can be checked, once it began to move: commitment, seed, entropy,
/// who took part, Merkle roots over each lane's records, and every head with its time. What is in
/// it is described to the byte in `docs/draw.md`; `fairgate verify-draw` checks it. While the line
/// moves it grows at its end.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/transcript", tag = "waitroom",
    responses(
        (status = 200, body = admission::contract::Transcript),
        (status = 304, description = "nothing was added"),
        (status = 404, description = "`room-unknown`"),
        (status = 409, description = "`transcript-not-yet`: the line has not begun to move"),
        (
            status = 503,
            description = "`try-again-soon`: the roots over those who were drawn are being made",
        ),
    ),
)]
async fn transcript(
    State(app): State<App>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let room = name(&room)?;
    Ok(answer(&app.published.transcript(&app.pool, &room).await?, &headers))
}

/// The roots so far
///
/// A Merkle root over the records of each lane, every ten seconds or so where it grew, from when
/// fans can join. Keep them: a past that is rewritten later contradicts them.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/roots", tag = "waitroom",
    responses(
        (status = 200, body = RootsBody),
        (status = 304, description = "none was added"),
        (status = 404, description = "`room-unknown`"),
    ),
)]
async fn roots(
    State(app): State<App>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let room = name(&room)?;
    Ok(answer(&app.published.roots(&app.pool, &room).await?, &headers))
}

/// A place's proof
///
/// The record that the join at this place left, and the hashes that lead from it to the newest root
/// over it, which is among the room's roots.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/places/{lane}/{offset}/proof", tag = "waitroom",
    responses(
        (status = 200, body = RecordProof),
        (status = 404, description = "`room-unknown`; `proof-not-yet`: no root is over it yet"),
        (status = 503, description = "`try-again-soon`: many are asked for"),
    ),
)]
async fn proof(
    State(app): State<App>,
    Path((room, lane, offset)): Path<(String, u32, u64)>,
) -> Result<Response, Error> {
    let (place, name) = (LanePlace { lane, offset }, name(&room)?);
    let proof = match app.proofs.prove(&app.pool, &name, place).await {
        // A room that closed long ago is not in memory, and its roots stand.
        Err(Error::ProofNotYet) => {
            return Err(app.room(&room).await.err().unwrap_or(Error::ProofNotYet));
        }
        proof => proof?,
    };
    Ok(([(header::CACHE_CONTROL, "public, max-age=5")], Json(proof)).into_response())
}

fn name(room: &str) -> Result<RoomName, Error> {
    room.parse().map_err(|_| Error::RoomUnknown)
}

fn answer(body: &Arc<KeptBody>, asked: &HeaderMap) -> Response {
    body.answer(asked, "public, max-age=5")
}

/// What strangers look at.
pub fn looking() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(transcript)).routes(routes!(roots)).routes(routes!(proof))
}
