//! Support and refunds, for programs.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use checkout::contract::OrderId;
use kit::{
    extract::{self, Path, Query},
    http::RequestId,
    paging::Page,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    App,
    error::Error,
    http::session::{Admins, Caller},
    order_link,
    refund::{self, Refunding},
    store,
    support::{
        SupportMessage, SupportRequest, SupportRequestId, SupportStatus,
        conversation::{self, NewAnswer},
    },
};

#[derive(Deserialize, IntoParams)]
pub struct ListParams {
    /// Only those in this state; absent: all.
    #[param(inline)]
    state: Option<SupportStatus>,
    /// Only tickets behind this one.
    #[param(value_type = Option<Uuid>)]
    after: Option<SupportRequestId>,
}

#[derive(Serialize, ToSchema)]
pub struct SupportRequestList {
    #[serde(rename = "tickets")]
    requests: Vec<SupportRequest>,
    /// Give it as `after` for the next page; absent on the last one.
    next: Option<SupportRequestId>,
}

/// Support tickets, those that wait longest first
///
/// 100 at a time.
#[utoipa::path(
    get, path = "/v1/admin/support", tag = "admin", security(("admin_session" = [])),
    params(ListParams),
    responses((status = 200, body = SupportRequestList)),
)]
pub async fn list(
    State(app): State<App>,
    _: Caller<Admins>,
    Query(params): Query<ListParams>,
) -> Result<Json<SupportRequestList>, Error> {
    let Page { items: requests, next } =
        store::support::list(&app.pool, params.state, params.after).await?;
    Ok(Json(SupportRequestList { requests, next }))
}

#[derive(Serialize, ToSchema)]
pub struct Thread {
    #[serde(flatten)]
    request: SupportRequest,
    messages: Vec<SupportMessage>,
}

/// A support ticket with its messages
#[utoipa::path(
    get, path = "/v1/admin/support/{ticket}", tag = "admin", security(("admin_session" = [])),
    params(("ticket" = Uuid, Path)),
    responses(
        (status = 200, body = Thread),
        (status = 404, description = "`support-ticket-unknown`"),
    ),
)]
pub async fn one(
    State(app): State<App>,
    _: Caller<Admins>,
    Path(id): Path<SupportRequestId>,
) -> Result<Json<Thread>, Error> {
    let (request, messages) = conversation::thread(&app, id).await?;
    Ok(Json(Thread { request, messages }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerParams {
    /// 1 to 4,000 characters.
    #[schema(min_length = 1, max_length = 4000, example = "Your tickets are on their way.")]
    text: String,
}

#[derive(Serialize, ToSchema)]
pub struct Answered {
    message: Uuid,
}

/// Answer a support ticket
///
/// The fan is told by mail, once for each `Idempotency-Key`: send the same one when you retry.
#[utoipa::path(
    post, path = "/v1/admin/support/{ticket}/answers", tag = "admin",
    security(("admin_session" = [])),
    params(
        ("ticket" = Uuid, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible characters"),
    ),
    request_body = AnswerParams,
    responses(
        (status = 201, body = Answered),
        (status = 404, description = "`support-ticket-unknown`"),
        (status = 422, description = "`invalid-field`, `idempotency-key-reused`"),
    ),
)]
pub async fn answer(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(id): Path<SupportRequestId>,
    request: RequestId,
    headers: HeaderMap,
    extract::Json(new): extract::Json<AnswerParams>,
) -> Result<(StatusCode, Json<Answered>), Error> {
    let key = headers
        .get("idempotency-key")
        .map(|value| value.to_str().unwrap_or_default().trim_matches('"'));
    if key.is_some_and(|key| {
        !(1..=128).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic())
    }) {
        return Err(Error::field(
            "Idempotency-Key",
            "The key must be 1 to 128 visible ASCII characters.",
        ));
    }
    let answer = NewAnswer { text: &new.text, key };
    let message = conversation::answer(&app, &caller.person, id, &answer, &request).await?;
    Ok((StatusCode::CREATED, Json(Answered { message })))
}

/// Close a support ticket
#[utoipa::path(
    delete, path = "/v1/admin/support/{ticket}", tag = "admin", security(("admin_session" = [])),
    params(("ticket" = Uuid, Path)),
    responses((status = 204), (status = 404, description = "`support-ticket-unknown`")),
)]
pub async fn close(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(id): Path<SupportRequestId>,
    request: RequestId,
) -> Result<StatusCode, Error> {
    conversation::close(&app, &caller.person, id, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundParams {
    /// 1 to 500 characters, for the log.
    #[schema(min_length = 1, max_length = 500, example = "The hall has lost its roof.")]
    reason: String,
}

#[derive(Serialize, ToSchema)]
pub struct RefundState {
    state: Refunding,
}

/// Force an order's refund
///
/// Its tickets become void and go back on sale; its money goes back through the payment provider.
#[utoipa::path(
    post, path = "/v1/admin/orders/{order}/refund", tag = "admin", security(("admin_session" = [])),
    params(("order" = Uuid, Path)),
    request_body = RefundParams,
    responses(
        (status = 202, body = RefundState),
        (status = 404, description = "`order-unknown`"),
        (status = 409, description = "`order-not-refundable`"),
    ),
)]
pub async fn refund(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(order): Path<OrderId>,
    request: RequestId,
    extract::Json(given): extract::Json<RefundParams>,
) -> Result<(StatusCode, Json<RefundState>), Error> {
    let state = refund::force(&app, &caller.person, order, &given.reason, &request).await?;
    Ok((StatusCode::ACCEPTED, Json(RefundState { state })))
}

#[derive(Serialize, ToSchema)]
pub struct LinkRenewal {
    renewal: Uuid,
}

/// Replace the links to an order
///
/// For an order whose link somebody else has. None that was given out opens it any more, and its
/// buyer gets a new one by mail.
#[utoipa::path(
    post, path = "/v1/admin/orders/{order}/link", tag = "admin", security(("admin_session" = [])),
    params(("order" = Uuid, Path)),
    responses((status = 202, body = LinkRenewal), (status = 404, description = "`order-unknown`")),
)]
pub async fn renew_link(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(order): Path<OrderId>,
    request: RequestId,
) -> Result<(StatusCode, Json<LinkRenewal>), Error> {
    let renewal = order_link::renew(&app, &caller.person, order, &request).await?;
    Ok((StatusCode::ACCEPTED, Json(LinkRenewal { renewal })))
}
