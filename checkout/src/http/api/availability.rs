//! `/v1/shows/{show}/availability`

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use kit::extract::{self, Answer};
use sha2::{Digest, Sha256};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App, Error,
    stock::availability::{self, Availability},
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What is left of a show's tickets, roughly. The same for everybody; may be cached for a second.
#[utoipa::path(
    get, path = "/v1/shows/{show}/availability", tag = "catalog",
    params(("show" = String, Path)),
    responses(
        (status = 200, body = Availability, headers(("etag" = String), ("cache-control" = String))),
        (status = 304, description = "Unchanged"),
        (status = 404, description = "`show-unknown`"),
        (status = 409, description = "`sale-stopped`: its seller may not sell for now"),
        (status = 410, description = "`show-withdrawn`"),
    ),
)]
async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    extract::Path(show): extract::Path<String>,
) -> Answer<Response> {
    let show = show.parse().map_err(|_| Error::ShowUnknown)?;
    let availability = availability::of(&app, &show).await?;
    let body = serde_json::to_vec(&availability).map_err(Error::internal)?;
    let digest = hex::encode(Sha256::digest(&body));
    let tag = format!("\"{}\"", digest.get(..16).unwrap_or(&digest));
    let unchanged = kit::kept::has_it(&headers, &tag);
    let common = [(header::ETAG, tag), (header::CACHE_CONTROL, "public, max-age=1".to_owned())];
    Ok(if unchanged {
        (StatusCode::NOT_MODIFIED, common).into_response()
    } else {
        (common, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    })
}
