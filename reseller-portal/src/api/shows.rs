//! `/v1/reseller/shows`

use axum::{Json, extract::State};
use catalog::contract::{self, ResellerShow, ResellerTicketType};
use kit::{
    extract::{Answer, Path},
    problem::ProblemBody,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api_key::Holder,
    error::{Error, Thing},
    scope::Scope,
    stock,
};

/// A reseller's shows, drafts too.
#[derive(Serialize, ToSchema)]
pub struct ResellerShows {
    shows: Vec<ResellerShow>,
}

/// A show with how its tickets stand.
#[derive(Serialize, ToSchema)]
pub struct ResellerShowView {
    show: contract::Show,
    /// Null for a draft.
    published_at: Option<chrono::DateTime<chrono::Utc>>,
    ticket_types: Vec<TypeView>,
}

/// A ticket type with how many of it are sold, in fans' hands and left. Null where that is not known.
#[derive(Serialize, ToSchema)]
pub struct TypeView {
    #[serde(flatten)]
    of: ResellerTicketType,
    sold: Option<i64>,
    /// In orders that are not paid yet.
    reserved: Option<i64>,
    /// In checkouts.
    held: Option<i64>,
    /// Can be bought now.
    free: Option<i64>,
}

/// Your shows, drafts too, soonest first.
#[utoipa::path(get, path = "/v1/reseller/shows", tag = "reseller", security(("api_key" = ["catalog:read"])),
    responses((status = 200, body = ResellerShows),
        (status = 401, body = ProblemBody, description = "`api-key-missing`, `api-key-unknown`"),
        (status = 403, body = ProblemBody, description = "`scope-missing`")))]
pub async fn list(State(app): State<App>, holder: Holder) -> Answer<Json<ResellerShows>> {
    holder.may(Scope::CatalogRead)?;
    let shows = contract::reseller_shows(&app.pool, holder.reseller).await.map_err(Error::from)?;
    Ok(Json(ResellerShows { shows }))
}

/// One of your shows, with its allotments and what is left of them.
#[utoipa::path(get, path = "/v1/reseller/shows/{show}", tag = "reseller", security(("api_key" = ["catalog:read"])),
    params(("show" = String, Path)),
    responses((status = 200, body = ResellerShowView),
        (status = 401, body = ProblemBody, description = "`api-key-missing`, `api-key-unknown`"),
        (status = 403, body = ProblemBody, description = "`scope-missing`"),
        (status = 404, body = ProblemBody, description = "`show-unknown`")))]
pub async fn one(State(app): State<App>, holder: Holder, Path(show): Path<String>) -> Answer<Json<ResellerShowView>> {
    holder.may(Scope::CatalogRead)?;
    let found = contract::reseller_show(&app.pool, holder.reseller, &show).await.map_err(Error::from)?;
    let found = found.ok_or(Error::Unknown(Thing::Show))?;
    let counts = stock::counts(&app, &show).await?;
    let types = found.ticket_types.into_iter().map(|of| {
        let count = counts.get(&of.ticket_type.ticket_type);
        TypeView {
            sold: count.map(|count| count.sold),
            reserved: count.map(|count| count.reserved),
            held: count.and_then(|count| count.held),
            free: count.and_then(|count| count.free),
            of,
        }
    });
    Ok(Json(ResellerShowView { ticket_types: types.collect(), published_at: found.published_at, show: found.show }))
}
