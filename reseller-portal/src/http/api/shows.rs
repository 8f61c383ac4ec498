//! `/v1/reseller/shows`

use axum::{Json, extract::State, http::StatusCode};
use catalog::contract::{self, ResellerShow, ResellerTicketType, Show, ShowCursor, TicketType};
use chrono::{DateTime, Utc};
use kit::{
    extract::{Answer, Path, Query},
    http::RequestId,
    paging,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::allotments::AllotmentView;
use crate::{
    App,
    api_key::{Holder, scope::Scope},
    error::{Error, Thing},
    http::address::show_id,
    stock,
};

const PAGE_DEFAULT: u16 = 50;
const PAGE_MAX: u16 = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowsQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// Shows a page, 1 to 200; 50 by default.
    limit: Option<u16>,
}

/// One page of a reseller's shows, drafts too.
#[derive(Serialize, ToSchema)]
pub struct ResellerShowPage {
    shows: Vec<ResellerShowEntry>,
    /// Send it as `after` for the next page. Absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A show in the list.
#[derive(Serialize, ToSchema)]
pub struct ResellerShowEntry {
    show: Show,
    venue_id: Uuid,
    /// Null for a draft.
    published_at: Option<DateTime<Utc>>,
    /// Since when nothing of it is sold, for good; null where it was not withdrawn.
    withdrawn_at: Option<DateTime<Utc>>,
    ticket_types: Vec<ResellerTypeEntry>,
}

/// A ticket type and how many of it are for sale.
#[derive(Serialize, ToSchema)]
pub struct ResellerTypeEntry {
    #[serde(flatten)]
    of: TicketType,
    /// Null until it was set.
    allotment: Option<AllotmentView>,
}

impl From<ResellerTicketType> for ResellerTypeEntry {
    fn from(found: ResellerTicketType) -> Self {
        Self { of: found.ticket_type, allotment: found.allotment.map(AllotmentView::from) }
    }
}

impl From<ResellerShow> for ResellerShowEntry {
    fn from(found: ResellerShow) -> Self {
        Self {
            show: found.show,
            venue_id: found.venue_id,
            published_at: found.published_at,
            withdrawn_at: found.withdrawn_at,
            ticket_types: found.ticket_types.into_iter().map(ResellerTypeEntry::from).collect(),
        }
    }
}

/// A show with how its tickets stand.
#[derive(Serialize, ToSchema)]
pub struct ResellerShowView {
    show: Show,
    /// Null for a draft.
    published_at: Option<DateTime<Utc>>,
    /// Since when nothing of it is sold, for good; null where it was not withdrawn.
    withdrawn_at: Option<DateTime<Utc>>,
    ticket_types: Vec<TypeView>,
}

/// A ticket type with how many of it are sold, in fans' hands and left. Null where that is not
/// known.
#[derive(Serialize, ToSchema)]
pub struct TypeView {
    #[serde(flatten)]
    of: ResellerTypeEntry,
    sold: Option<i64>,
    /// In orders that are not paid yet.
    reserved: Option<i64>,
    /// In checkouts.
    held: Option<i64>,
    /// Can be bought now.
    free: Option<i64>,
}

/// Your shows, drafts too, soonest first.
#[utoipa::path(
    get, path = "/v1/reseller/shows", tag = "reseller", security(("api_key" = ["catalog:read"])),
    params(ShowsQuery),
    responses(
        (status = 200, body = ResellerShowPage),
        (status = 400, description = "`cursor-invalid`, `invalid-query`"),
    ),
)]
pub async fn list(
    State(app): State<App>,
    holder: Holder,
    Query(query): Query<ShowsQuery>,
) -> Answer<Json<ResellerShowPage>> {
    holder.may(Scope::CatalogRead)?;
    let after = query.after.as_deref().map(cursor).transpose()?;
    let limit = paging::size(query.limit, PAGE_DEFAULT, PAGE_MAX);
    let page =
        contract::reseller_shows_page(&app.pool, holder.reseller, after.as_ref(), limit).await;
    let (shows, next) = page.map_err(Error::from)?;
    Ok(Json(ResellerShowPage {
        shows: shows.into_iter().map(ResellerShowEntry::from).collect(),
        next: next.map(|cursor| cursor.to_string()),
    }))
}

/// The point in the list of shows that `after` names.
///
/// # Errors
/// [`Error::CursorInvalid`].
pub fn cursor(after: &str) -> Result<ShowCursor, Error> {
    after.parse().map_err(|_| Error::CursorInvalid("after"))
}

/// One of your shows, with its allotments and what is left of them.
#[utoipa::path(
    get, path = "/v1/reseller/shows/{show}", tag = "reseller",
    security(("api_key" = ["catalog:read"])),
    params(("show" = String, Path)),
    responses(
        (status = 200, body = ResellerShowView),
        (status = 404, description = "`show-unknown`"),
    ),
)]
pub async fn one(
    State(app): State<App>,
    holder: Holder,
    Path(show): Path<String>,
) -> Answer<Json<ResellerShowView>> {
    holder.may(Scope::CatalogRead)?;
    let show = show_id(&show, Thing::Show)?;
    let found =
        contract::reseller_show(&app.pool, holder.reseller, &show).await.map_err(Error::from)?;
    let found = found.ok_or(Error::Unknown(Thing::Show))?;
    let counts = stock::counts(&app, &show).await?;
    let types = found.ticket_types.into_iter().map(|of| {
        let count = counts.get(&of.ticket_type.ticket_type);
        TypeView {
            sold: count.map(|count| count.sold),
            reserved: count.map(|count| count.reserved),
            held: count.and_then(|count| count.held),
            free: count.and_then(|count| count.free),
            of: of.into(),
        }
    });
    let (published_at, withdrawn_at) = (found.published_at, found.withdrawn_at);
    Ok(Json(ResellerShowView {
        ticket_types: types.collect(),
        published_at,
        withdrawn_at,
        show: found.show,
    }))
}

/// Withdraws a show of yours, for good.
///
/// Within a second nothing of it is sold, it is listed nowhere, its page says that it was
/// withdrawn, and its line closes. Orders stay as they are: those that were placed can be paid, and
/// tickets stay valid. A show that was withdrawn before stays so.
#[utoipa::path(
    put, path = "/v1/reseller/shows/{show}/withdrawal", tag = "reseller",
    security(("api_key" = ["catalog:write"])),
    params(("show" = String, Path)),
    responses(
        (status = 204, description = "Withdrawn, now or before"),
        (status = 404, description = "`show-unknown`"),
        (status = 409, description = "`show-not-published`: it is a draft"),
    ),
)]
pub async fn withdraw(
    State(app): State<App>,
    holder: Holder,
    Path(show): Path<String>,
    request: RequestId,
) -> Answer<StatusCode> {
    holder.may(Scope::CatalogWrite)?;
    let show = show_id(&show, Thing::Show)?;
    let by = format!("API key {}", holder.key);
    let withdrawn =
        contract::withdraw_own_show(&app.pool, holder.reseller, &show, &by, &request).await;
    withdrawn.map_err(|fault| Error::of_catalog(fault, Thing::Show))?;
    Ok(StatusCode::NO_CONTENT)
}
