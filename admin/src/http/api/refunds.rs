//! Money that is owed, for programs.

use axum::{Json, extract::State};
use checkout::contract::FailingRefund;
use kit::{extract::Query, paging::Page};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    App,
    error::Error,
    http::session::{Admins, Caller},
    refund,
};

/// Which refunds to list.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The provider was asked for them and has not done them.
    #[default]
    Failing,
}

#[derive(Deserialize, IntoParams)]
pub struct Wanted {
    #[serde(default)]
    #[param(inline)]
    state: Which,
    /// Only refunds behind the one of this order.
    after: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
pub struct RefundList {
    refunds: Vec<FailingRefund>,
    /// Give it as `after` for the next page; absent on the last one.
    next: Option<Uuid>,
}

/// Refunds that the payment provider does not do
///
/// Those that wait longest first, 50 at a time. Each is asked for again at `next_attempt_at`.
#[utoipa::path(
    get, path = "/v1/admin/refunds", tag = "admin", security(("admin_session" = [])),
    params(Wanted),
    responses((status = 200, body = RefundList)),
)]
pub async fn list(
    State(app): State<App>,
    _: Caller<Admins>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<RefundList>, Error> {
    let Which::Failing = wanted.state;
    let Page { items: refunds, next } = refund::failing(&app, wanted.after).await?;
    Ok(Json(RefundList { refunds, next }))
}
