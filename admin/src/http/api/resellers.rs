//! Resellers, for programs.

use axum::{Json, extract::State};
use catalog::contract::ResellerId;
use kit::{
    extract::{self, Path, Query},
    http::RequestId,
    paging::Page,
};
use reseller_portal::contract::{ResellerEntry, ResellerState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    error::Error,
    http::session::{Admins, Caller},
    reseller,
};

#[derive(Deserialize, IntoParams)]
pub struct ListParams {
    #[param(inline)]
    state: Option<ResellerState>,
    /// Only resellers behind this one.
    #[param(value_type = Option<Uuid>)]
    after: Option<ResellerId>,
}

#[derive(Serialize, ToSchema)]
pub struct ResellerList {
    resellers: Vec<ResellerEntry>,
    /// Give it as `after` for the next page; absent on the last one.
    next: Option<ResellerId>,
}

/// All resellers, those who wait first
///
/// 50 at a time.
#[utoipa::path(
    get, path = "/v1/admin/resellers", tag = "admin", security(("admin_session" = [])),
    params(ListParams),
    responses((status = 200, body = ResellerList)),
)]
pub async fn list(
    State(app): State<App>,
    _: Caller<Admins>,
    Query(params): Query<ListParams>,
) -> Result<Json<ResellerList>, Error> {
    let Page { items: resellers, next } = reseller::list(&app, params.state, params.after).await?;
    Ok(Json(ResellerList { resellers, next }))
}

/// One reseller
#[utoipa::path(
    get, path = "/v1/admin/resellers/{reseller}", tag = "admin", security(("admin_session" = [])),
    params(("reseller" = Uuid, Path)),
    responses(
        (status = 200, body = ResellerEntry),
        (status = 404, description = "`reseller-unknown`"),
    ),
)]
pub async fn one(
    State(app): State<App>,
    _: Caller<Admins>,
    Path(reseller): Path<ResellerId>,
) -> Result<Json<ResellerEntry>, Error> {
    let known = reseller_portal::contract::reseller(&app.pool, reseller).await?;
    Ok(Json(known.ok_or(Error::ResellerUnknown)?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// `approved`, `declined` or `suspended`.
    state: ResellerState,
    /// Told to the reseller; needed where they are declined or suspended.
    #[schema(max_length = 500, example = "Please send us your register entry.")]
    reason: Option<String>,
}

/// Approve, decline or suspend a reseller
///
/// Effective within seconds: the pages and API keys of whoever may not sell are shut, nothing of
/// their shows is sold, and their rooms let nobody in. Orders that were placed can be paid, and
/// tickets stay valid. Approving them lets all of it go on.
#[utoipa::path(
    patch, path = "/v1/admin/resellers/{reseller}", tag = "admin", security(("admin_session" = [])),
    params(("reseller" = Uuid, Path)),
    request_body = Decision,
    responses(
        (status = 200, body = ResellerEntry),
        (status = 404, description = "`reseller-unknown`"),
    ),
)]
pub async fn decide(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(reseller): Path<ResellerId>,
    request: RequestId,
    extract::Json(decision): extract::Json<Decision>,
) -> Result<Json<ResellerEntry>, Error> {
    let what = (decision.state, decision.reason.as_deref());
    Ok(Json(reseller::set_state(&app, &caller.person, reseller, what, &request).await?))
}
