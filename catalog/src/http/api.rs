//! The public reads.

use axum::{extract::State, http::HeaderMap, response::Response};
use chrono::{DateTime, Datelike, Utc};
use kit::{
    extract::{Path, Query},
    problem::ProblemBody,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    contract::{Show, Stop, TicketType},
    error::Error,
    http::cached,
    store,
};

const PAGE_DEFAULT: u16 = 50;
const PAGE_MAX: u16 = 100;

/// A show in the list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListedShow {
    #[serde(flatten)]
    pub show: Show,
    /// The lowest price, in the currency's minor unit. Absent while there are no ticket types.
    pub from_price_minor: Option<i64>,
    /// ISO 4217.
    pub currency: Option<String>,
}

/// One page of the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShowPage {
    pub shows: Vec<ListedShow>,
    /// Send it as `after` for the next page. Absent on the last one.
    pub next: Option<String>,
}

/// A show with what can be bought for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShowDetails {
    #[serde(flatten)]
    pub show: Show,
    pub ticket_types: Vec<TicketType>,
    /// When the sale ended before the show began; absent while it has not.
    pub sale_ended_at: Option<DateTime<Utc>>,
    /// Why nothing of it is sold; absent where nothing stops it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next` of the page before.
    pub after: Option<String>,
    /// Shows a page, 1 to 100; 50 by default.
    pub limit: Option<u16>,
}

/// A point in a list of shows, soonest first: after this show, which starts then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub starts_at: DateTime<Utc>,
    pub show: String,
}

impl Cursor {
    /// Reads what [`Cursor::text`] wrote; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (micros, show) = text.split_once('.')?;
        let starts_at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        // What no show can be, the database may not even take as a question.
        let sane = (1900..3000).contains(&starts_at.year()) && kit::id::is_slug(show);
        sane.then(|| Self { starts_at, show: show.to_owned() })
    }

    /// For the address of the next page.
    pub fn text(&self) -> String {
        format!("{}.{}", self.starts_at.timestamp_micros(), self.show)
    }

    /// Behind this show.
    pub fn behind(show: &Show) -> Self {
        Self { starts_at: show.starts_at, show: show.show.clone() }
    }
}

/// The page of listed shows that `query` asks for, soonest first.
pub async fn page(app: &App, query: &PageQuery) -> Result<ShowPage, Error> {
    let after = query
        .after
        .as_deref()
        .map(|text| Cursor::parse(text).ok_or(Error::CursorInvalid))
        .transpose()?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let mut shows = store::listed(&app.pool, after.as_ref(), i64::from(limit) + 1).await?;
    let more = shows.len() > usize::from(limit);
    shows.truncate(usize::from(limit));
    let next = shows.last().filter(|_| more).map(|last| Cursor::behind(&last.show).text());
    Ok(ShowPage { shows, next })
}

/// A show and its ticket types, withdrawn or not.
pub async fn one(app: &App, show: &str) -> Result<ShowDetails, Error> {
    let Some(found) = store::show(&app.pool, show).await? else { return Err(Error::ShowUnknown) };
    let ticket_types = store::ticket_types(&app.pool, show).await?;
    let sale_ended_at = store::sale_ended_at(&app.pool, show).await?;
    let stop = store::stop::stop(&app.pool, show).await?;
    Ok(ShowDetails { show: found, ticket_types, sale_ended_at, stop })
}

/// Lists the shows still to come, soonest first.
#[utoipa::path(get, path = "/v1/shows", tag = "catalog", params(PageQuery), responses(
    (status = 200, description = "One page of shows; cacheable for five seconds", body = ShowPage),
    (status = 304, description = "Unchanged since the ETag in If-None-Match"),
    (status = 400, description = "`cursor-invalid`, `invalid-query`", body = ProblemBody, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    Ok(cached::json(&headers, &page(&app, &query).await?))
}

/// Tells one show with its ticket types, in the order they are offered.
#[utoipa::path(get, path = "/v1/shows/{show}", tag = "catalog", params(
    ("show" = String, Path, description = "The show's public id, a slug"),
), responses(
    (status = 200, description = "The show; cacheable for five seconds", body = ShowDetails),
    (status = 304, description = "Unchanged since the ETag in If-None-Match"),
    (status = 404, description = "`show-unknown`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 410, description = "`show-withdrawn`", body = ProblemBody, content_type = "application/problem+json"),
))]
pub async fn details(
    State(app): State<App>,
    Path(show): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let details = one(&app, &show).await?;
    if details.stop == Some(Stop::Withdrawn) {
        return Err(Error::ShowWithdrawn);
    }
    Ok(cached::json(&headers, &details))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let starts_at = DateTime::from_timestamp_micros(1_795_000_000_123_456).expect("a time");
        let cursor = Cursor { starts_at, show: "mira-vale-harbour-lights".to_owned() };
        assert_eq!(Cursor::parse(&cursor.text()).expect("ours"), cursor);
        for text in [
            "",
            "x",
            "x.y",
            ".",
            "99999999999999999999.z",
            "-9223372036854775808.z",
            "9223372036854775807.z",
            "1.\0",
        ] {
            assert!(Cursor::parse(text).is_none(), "{text}");
        }
    }
}
