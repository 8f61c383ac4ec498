//! `/v1/orders`

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use catalog::contract::{ShowId, TicketTypeId};
use chrono::{DateTime, Utc};
use kit::{
    extract::{self, Answer, IdempotencyKey},
    http::RequestId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    App, Error,
    order::{Order, OrderId, Submission, buyer::Buyer, cancel, query, state::OrderState, submit},
    payment::start,
    session::auth::Caller,
    store,
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(submit_order)).routes(routes!(show, cancel))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    /// The hold's token.
    #[schema(min_length = 1, max_length = 4096, example = "v4.local.k7…")]
    hold: String,
    buyer: Buyer,
}

#[derive(Serialize, ToSchema)]
struct OrderView {
    order: Uuid,
    state: OrderState,
    #[schema(value_type = String)]
    show: ShowId,
    lines: Vec<LineView>,
    /// In the currency's minor unit.
    amount_minor: i64,
    currency: String,
    placed_at: DateTime<Utc>,
    /// Until when it can be paid.
    expires_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
    payment: PaymentView,
    /// Once it is paid.
    tickets: Vec<TicketView>,
}

#[derive(Serialize, ToSchema)]
struct LineView {
    #[schema(value_type = uuid::Uuid)]
    ticket_type: TicketTypeId,
    quantity: i32,
    unit_price_minor: i64,
}

/// The payment step.
#[derive(Serialize, ToSchema)]
struct PaymentView {
    /// Where the fan pays, once the payment is started.
    url: Option<String>,
    /// Why the last attempt failed.
    fault: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct TicketView {
    /// What opens the door. Absent with an API key that did not make the order and lacks the scope
    /// `tickets:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// 1, 2, … within the order.
    number: i32,
    #[schema(value_type = uuid::Uuid)]
    ticket_type: TicketTypeId,
}

/// An order that is in the log and will be written in a moment.
#[derive(Serialize, ToSchema)]
struct PendingOrder {
    order: Uuid,
    /// Always `pending`.
    state: &'static str,
}

async fn view(app: &App, caller: &Caller, order: Order) -> Result<OrderView, Error> {
    let tickets = match order.state {
        OrderState::Fulfilled => store::ticket::of_order(&app.pool, order.order).await?,
        _ => Vec::new(),
    };
    let with_codes = !tickets.is_empty() && caller.reads_codes(app, order.session).await?;
    // Which shards the tickets came from is nobody's business.
    let mut lines: BTreeMap<(TicketTypeId, i64), i32> = BTreeMap::new();
    for line in &order.lines {
        *lines.entry((line.ticket_type, line.unit_price_minor)).or_default() += line.quantity;
    }
    let lines = lines
        .into_iter()
        .map(|((ticket_type, unit_price_minor), quantity)| LineView {
            ticket_type,
            quantity,
            unit_price_minor,
        })
        .collect();
    Ok(OrderView {
        order: order.order.uuid(),
        state: order.state,
        show: order.show,
        lines,
        amount_minor: order.amount.minor,
        currency: order.amount.currency.into(),
        placed_at: order.placed_at,
        expires_at: order.expires_at,
        paid_at: order.paid_at,
        payment: PaymentView {
            url: order.payment_url.filter(|_| order.state.is_unpaid()),
            fault: order.payment_fault,
        },
        tickets: tickets
            .into_iter()
            .map(|ticket| TicketView {
                code: with_codes.then_some(ticket.code),
                number: ticket.number,
                ticket_type: ticket.ticket_type,
            })
            .collect(),
    })
}

fn location(order: OrderId) -> (HeaderName, String) {
    (header::LOCATION, format!("/v1/orders/{order}"))
}

/// Makes a hold an order. Repeating the call with the same key and body finds the same order.
#[utoipa::path(
    post, path = "/v1/orders", tag = "checkout",
    security(("session" = []), ("api_key" = ["orders:write"])),
    params(
        (
            "idempotency-key" = String, Header,
            description = "A fresh one for each order, the same one for a repeat",
        ),
    ),
    request_body = NewOrder,
    responses(
        (status = 201, body = OrderView, headers(("location" = String))),
        (
            status = 202, body = PendingOrder,
            description = "Written in a moment: ask at `Location`",
            headers(("location" = String), ("retry-after" = u64)),
        ),
        (status = 403, description = "`hold-foreign`, `scope-missing`"),
        (status = 404, description = "`show-unknown`: not a show of the API key's reseller"),
        (
            status = 409,
            description = "`hold-expired`, `hold-lost`, `hold-used`, `order-open`, `sale-stopped`, \
                `show-begun`",
        ),
        (status = 410, description = "`show-withdrawn`"),
        (status = 422, description = "`invalid-field`, `hold-forged`, `idempotency-mismatch`"),
        (status = 500, description = "`order-unwritable`: choose tickets anew"),
        (status = 503, description = "Repeat it with the same key"),
    ),
)]
async fn submit_order(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    request: RequestId,
    extract::Json(new): extract::Json<NewOrder>,
) -> Answer<Response> {
    let session = caller.ordering(&app, &new.hold).await?;
    let submission = submit::submit(&app, &session, &new.hold, new.buyer, &key.0, &request).await?;
    Ok(match submission {
        Submission::Order(order) => {
            let id = order.order;
            (StatusCode::CREATED, [location(id)], Json(view(&app, &caller, *order).await?))
                .into_response()
        }
        Submission::Pending(order) => pending(order),
    })
}

fn pending(order: OrderId) -> Response {
    let headers = [location(order), (header::RETRY_AFTER, "1".to_owned())];
    (StatusCode::ACCEPTED, headers, Json(PendingOrder { order: order.uuid(), state: "pending" }))
        .into_response()
}

/// An order of this session, also after the session is over; with an API key, an order of the
/// reseller's shows.
///
/// A key with `orders:write` alone sees the orders that it made. Entry codes are shown to the fan,
/// to the key that made the order, and to keys with `tickets:read`.
#[utoipa::path(
    get, path = "/v1/orders/{order}", tag = "checkout",
    security(("session" = []), ("api_key" = ["orders:read"]), ("api_key" = ["orders:write"])),
    params(("order" = Uuid, Path)),
    responses(
        (status = 200, body = OrderView),
        (status = 202, body = PendingOrder, description = "Written in a moment"),
        (status = 404, description = "`order-unknown`"),
        (status = 409, description = "Why an order that was pending was refused"),
    ),
)]
async fn show(
    State(app): State<App>,
    caller: Caller,
    request: RequestId,
    extract::Path(order): extract::Path<OrderId>,
) -> Answer<Response> {
    let owner = caller.reading(&app)?;
    let mut found = match query::find(&app, owner, order).await? {
        Submission::Order(found) => *found,
        Submission::Pending(order) => return Ok(pending(order)),
    };
    if found.state == OrderState::Placed && found.payment_intent.is_none() {
        start::start_payment(&app, order, &request).await;
        found = query::own(&app, owner, order).await?;
    }
    Ok(Json(view(&app, &caller, found).await?).into_response())
}

/// Gives an unpaid order up. Its tickets go back on sale.
///
/// With an API key, an order that this key made; others are unknown to it.
#[utoipa::path(
    delete, path = "/v1/orders/{order}", tag = "checkout",
    security(("session" = []), ("api_key" = ["orders:write"])),
    params(("order" = Uuid, Path)),
    responses(
        (status = 200, body = OrderView, description = "Cancelled, now or before"),
        (status = 404, description = "`order-unknown`"),
        (status = 409, description = "`order-not-cancellable`"),
    ),
)]
async fn cancel(
    State(app): State<App>,
    caller: Caller,
    request: RequestId,
    extract::Path(order): extract::Path<OrderId>,
) -> Answer<Json<OrderView>> {
    let order = cancel::cancel(&app, caller.cancelling(&app)?, order, &request).await?;
    Ok(Json(view(&app, &caller, order).await?))
}
