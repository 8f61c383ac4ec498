//! Support and refunds, for programs.

use axum::{Json, extract::State, http::StatusCode};
use kit::{
    extract::{self, Path, Query},
    http::RequestId,
    problem::ProblemBody,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    App,
    error::Error,
    refund::{self, Refunding},
    session::{Admins, Caller},
    store::{
        self,
        support::{Message, Ticket},
    },
    support,
};

pub const LIST_MAX: i64 = 200;

#[derive(Deserialize, IntoParams)]
pub struct Wanted {
    /// `open`, `answered` or `closed`; absent: all.
    state: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct TicketList {
    tickets: Vec<Ticket>,
}

/// Support tickets, those that wait longest first
///
/// 200 at most.
#[utoipa::path(get, path = "/v1/admin/support", tag = "admin", security(("admin_session" = [])), params(Wanted),
    responses((status = 200, body = TicketList), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody, description = "`role-missing`")))]
pub async fn list(
    State(app): State<App>,
    _: Caller<Admins>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<TicketList>, Error> {
    Ok(Json(TicketList { tickets: store::support::list(&app.pool, wanted.state.as_deref(), LIST_MAX).await? }))
}

#[derive(Serialize, ToSchema)]
pub struct Thread {
    #[serde(flatten)]
    ticket: Ticket,
    messages: Vec<Message>,
}

/// A support ticket with its messages
#[utoipa::path(get, path = "/v1/admin/support/{ticket}", tag = "admin", security(("admin_session" = [])),
    params(("ticket" = Uuid, Path)),
    responses((status = 200, body = Thread), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`support-ticket-unknown`")))]
pub async fn one(State(app): State<App>, _: Caller<Admins>, Path(ticket): Path<Uuid>) -> Result<Json<Thread>, Error> {
    let (ticket, messages) = support::thread(&app, ticket).await?;
    Ok(Json(Thread { ticket, messages }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAnswer {
    /// 1 to 4,000 characters.
    text: String,
}

#[derive(Serialize, ToSchema)]
pub struct Answered {
    message: Uuid,
}

/// Answer a support ticket
///
/// The fan is told by mail.
#[utoipa::path(post, path = "/v1/admin/support/{ticket}/answers", tag = "admin", security(("admin_session" = [])),
    params(("ticket" = Uuid, Path)), request_body = NewAnswer,
    responses((status = 201, body = Answered), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`support-ticket-unknown`"), (status = 422, body = ProblemBody)))]
pub async fn answer(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(ticket): Path<Uuid>,
    request: RequestId,
    extract::Json(new): extract::Json<NewAnswer>,
) -> Result<(StatusCode, Json<Answered>), Error> {
    let message = support::answer(&app, &caller.staff, ticket, &new.text, &request).await?;
    Ok((StatusCode::CREATED, Json(Answered { message })))
}

/// Close a support ticket
#[utoipa::path(delete, path = "/v1/admin/support/{ticket}", tag = "admin", security(("admin_session" = [])),
    params(("ticket" = Uuid, Path)),
    responses((status = 204), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`support-ticket-unknown`")))]
pub async fn close(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(ticket): Path<Uuid>,
    request: RequestId,
) -> Result<StatusCode, Error> {
    support::close(&app, &caller.staff, ticket, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundWish {
    /// 1 to 500 characters, for the log.
    reason: String,
}

#[derive(Serialize, ToSchema)]
pub struct RefundState {
    state: Refunding,
}

/// Force an order's refund
///
/// Its tickets become void and go back on sale; its money goes back through the payment provider.
#[utoipa::path(post, path = "/v1/admin/orders/{order}/refund", tag = "admin", security(("admin_session" = [])),
    params(("order" = Uuid, Path)), request_body = RefundWish,
    responses((status = 202, body = RefundState), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`order-unknown`"),
        (status = 409, body = ProblemBody, description = "`order-not-refundable`"), (status = 422, body = ProblemBody)))]
pub async fn refund(
    State(app): State<App>,
    caller: Caller<Admins>,
    Path(order): Path<Uuid>,
    request: RequestId,
    extract::Json(wish): extract::Json<RefundWish>,
) -> Result<(StatusCode, Json<RefundState>), Error> {
    let state = refund::force(&app, &caller.staff, order, &wish.reason, &request).await?;
    Ok((StatusCode::ACCEPTED, Json(RefundState { state })))
}
