//! The public reads, for programs.

use axum::{extract::State, http::HeaderMap, response::Response};
use kit::extract::{Path, Query};

use crate::{
    app::App,
    error::Error,
    http::cached,
    show::{
        ShowDetails, ShowPage,
        listing::{self, PageQuery},
    },
    stop::Stop,
};

/// Lists the shows still to come, soonest first.
#[utoipa::path(
    get, path = "/v1/shows", tag = "catalog",
    params(PageQuery),
    responses(
        (
            status = 200, description = "One page of shows; cacheable for a second",
            body = ShowPage,
        ),
        (status = 304, description = "Unchanged since the ETag in If-None-Match"),
        (status = 400, description = "`cursor-invalid`, `invalid-query`"),
    ),
)]
pub async fn list(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    Ok(cached::json(&headers, &listing::page(&app.pool, &query).await?))
}

/// Tells one show with its ticket types, in the order they are offered.
#[utoipa::path(
    get, path = "/v1/shows/{show}", tag = "catalog",
    params(("show" = String, Path, description = "The show's public id, a slug")),
    responses(
        (status = 200, description = "The show; cacheable for a second", body = ShowDetails),
        (status = 304, description = "Unchanged since the ETag in If-None-Match"),
        (status = 404, description = "`show-unknown`"),
        (status = 410, description = "`show-withdrawn`"),
    ),
)]
pub async fn details(
    State(app): State<App>,
    Path(show): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let show = show.parse().map_err(|_| Error::ShowUnknown)?;
    let details = listing::one(&app.pool, &show).await?;
    if details.stop == Some(Stop::Withdrawn) {
        return Err(Error::ShowWithdrawn);
    }
    Ok(cached::json(&headers, &details))
}
