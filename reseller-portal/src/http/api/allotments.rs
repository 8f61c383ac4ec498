//! `/v1/reseller/shows/{show}/ticket-types/{ticket_type}/allotment`

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use catalog::contract::{self, Allotment, TicketTypeId};
use kit::{
    extract::{Answer, Path},
    http::RequestId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App,
    allotment::{self, Outcome},
    api_key::{Holder, scope::Scope},
    error::{Error, Thing},
    http::address::show_id,
};

/// How far the last change is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AllotmentState {
    /// `allotted` is what was last asked for.
    Applied,
    /// `wanted` was asked for; tickets are sold from `allotted` until checkout answers, which takes
    /// a moment.
    Waiting,
    /// What was last asked for was refused; `refusal` says why, and `allotted` still holds.
    Refused,
}

/// How many tickets of a type are for sale, and how far the last change of it is.
#[derive(Serialize, ToSchema)]
pub struct AllotmentView {
    #[serde(flatten)]
    of: Allotment,
    state: AllotmentState,
}

impl From<Allotment> for AllotmentView {
    fn from(of: Allotment) -> Self {
        let state = match (&of.wanted, &of.refusal) {
            (Some(_), _) => AllotmentState::Waiting,
            (None, Some(_)) => AllotmentState::Refused,
            (None, None) => AllotmentState::Applied,
        };
        Self { of, state }
    }
}

/// An allotment to set.
#[derive(Deserialize, ToSchema)]
pub struct NewAllotment {
    /// Tickets for sale in all, those that are sold already among them; 0 to 1,000,000.
    #[schema(minimum = 0, maximum = 1_000_000)]
    allotted: i32,
}

/// How many tickets of a type are for sale.
///
/// After a change, `revision` and `state` tell what became of it: `waiting` until checkout has
/// answered, then `applied`, or `refused` with the reason in `refusal`. A refusal is told until the
/// next change.
#[utoipa::path(
    get, path = "/v1/reseller/shows/{show}/ticket-types/{ticket_type}/allotment", tag = "reseller",
    security(("api_key" = ["catalog:read"])),
    params(("show" = String, Path), ("ticket_type" = Uuid, Path)),
    responses(
        (status = 200, body = AllotmentView),
        (
            status = 404,
            description = "`ticket-type-unknown`: none, another's, or its allotment was never set",
        ),
    ),
)]
pub async fn one(
    State(app): State<App>,
    holder: Holder,
    Path((show, ticket_type)): Path<(String, TicketTypeId)>,
) -> Answer<Json<AllotmentView>> {
    holder.may(Scope::CatalogRead)?;
    let show = show_id(&show, Thing::TicketType)?;
    let found =
        contract::reseller_show(&app.pool, holder.reseller, &show).await.map_err(Error::from)?;
    let types = found.into_iter().flat_map(|found| found.ticket_types);
    let allotment =
        types.filter(|of| of.ticket_type.ticket_type == ticket_type).find_map(|of| of.allotment);
    Ok(Json(allotment.ok_or(Error::Unknown(Thing::TicketType))?.into()))
}

/// Changes how many tickets of a type are for sale.
///
/// A draft's allotment changes at once. A published show's goes to checkout, whose answer is waited
/// for for up to two seconds: 200 where the change is in effect, 409 `allotment-refused` with the
/// reason where it was refused, such as for going below what is sold or in fans' hands. 202 where
/// no answer came yet; then GET tells it, under the same `revision`. One change is answered before
/// the next is taken. Asking again for the same number changes nothing.
#[utoipa::path(
    put, path = "/v1/reseller/shows/{show}/ticket-types/{ticket_type}/allotment", tag = "reseller",
    security(("api_key" = ["stock:write"])),
    params(("show" = String, Path), ("ticket_type" = Uuid, Path)),
    request_body = NewAllotment,
    responses(
        (status = 200, body = AllotmentView, description = "The change is in effect"),
        (
            status = 202, body = AllotmentView,
            description = "The change waits for checkout's answer: `state` is `waiting`",
        ),
        (status = 404, description = "`ticket-type-unknown`"),
        (
            status = 409,
            description = "`allotment-waiting`: an earlier change is not answered yet; \
                `allotment-refused`: checkout refused it, and nothing was changed; \
                `allotment-superseded`: another change came after this one",
        ),
        (status = 410, description = "`show-withdrawn`"),
    ),
)]
pub async fn put(
    State(app): State<App>,
    holder: Holder,
    Path((show, ticket_type)): Path<(String, TicketTypeId)>,
    request: RequestId,
    kit::extract::Json(new): kit::extract::Json<NewAllotment>,
) -> Answer<Response> {
    holder.may(Scope::StockWrite)?;
    let show = show_id(&show, Thing::TicketType)?;
    let changed =
        allotment::change(&app, holder.reseller, &show, ticket_type, new.allotted, &request)
            .await?;
    match changed.outcome() {
        Outcome::Applied => Ok(Json(AllotmentView::from(changed.now)).into_response()),
        Outcome::Waiting => {
            let view = Json(AllotmentView::from(changed.now));
            Ok((StatusCode::ACCEPTED, [(header::RETRY_AFTER, "1")], view).into_response())
        }
        Outcome::Refused(reason) => Err(Error::AllotmentRefused(reason).into()),
        Outcome::Superseded => Err(Error::AllotmentSuperseded.into()),
    }
}
