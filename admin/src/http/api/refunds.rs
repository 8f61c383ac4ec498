//! Money that is owed, for programs.

use axum::{Json, extract::State};
use checkout::contract::{FailingRefund, OrderId};
use chrono::{DateTime, Utc};
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
pub struct ListParams {
    #[serde(default)]
    #[param(inline)]
    state: Which,
    /// Only refunds behind the one of this order.
    #[param(value_type = Option<Uuid>)]
    after: Option<OrderId>,
}

/// Money that is owed and that the provider did not give back though it was asked.
#[derive(Serialize, ToSchema)]
#[schema(as = FailingRefund)]
pub struct FailingRefundView {
    order: Uuid,
    show: String,
    /// What the provider calls the payment.
    payment_intent: String,
    /// In the currency's minor unit.
    amount_minor: i64,
    currency: String,
    /// Why it is owed.
    reason: String,
    requested_at: DateTime<Utc>,
    /// How often the provider was asked in vain.
    attempts: i32,
    /// When it is asked again.
    next_attempt_at: DateTime<Utc>,
    /// What the provider said the last time.
    last_fault: String,
}

impl From<FailingRefund> for FailingRefundView {
    fn from(refund: FailingRefund) -> Self {
        Self {
            order: refund.order.uuid(),
            show: refund.show.into(),
            payment_intent: refund.payment_intent,
            amount_minor: refund.amount.minor,
            currency: refund.amount.currency.into(),
            reason: refund.reason,
            requested_at: refund.requested_at,
            attempts: refund.attempts,
            next_attempt_at: refund.next_attempt_at,
            last_fault: refund.last_fault,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct RefundList {
    refunds: Vec<FailingRefundView>,
    /// Give it as `after` for the next page; absent on the last one.
    #[schema(value_type = Option<Uuid>)]
    next: Option<OrderId>,
}

/// Refunds that the payment provider does not do
///
/// Those that wait longest first, 50 at a time. Each is asked for again at `next_attempt_at`.
#[utoipa::path(
    get, path = "/v1/admin/refunds", tag = "admin", security(("admin_session" = [])),
    params(ListParams),
    responses((status = 200, body = RefundList)),
)]
pub async fn list(
    State(app): State<App>,
    _: Caller<Admins>,
    Query(params): Query<ListParams>,
) -> Result<Json<RefundList>, Error> {
    let Which::Failing = params.state;
    let Page { items, next } = refund::failing(&app, params.after).await?;
    Ok(Json(RefundList { refunds: items.into_iter().map(Into::into).collect(), next }))
}
