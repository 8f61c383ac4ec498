//! `/v1/reseller/orders`

use axum::{Json, extract::State};
use catalog::contract::ShowId;
use checkout::contract::{
    Buyer, LineDetails, OrderDetails, OrderId, OrderState, OrderSummary, TicketDetails,
};
use chrono::{DateTime, Utc};
use kit::{
    extract::{Answer, Path, Query},
    paging,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    App,
    api_key::{Holder, scope::Scope},
    error::{Error, Thing},
    http::address::show_id,
    order,
};

const PAGE_DEFAULT: u16 = 50;
const PAGE_MAX: u16 = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrdersQuery {
    /// Orders of one show.
    show: Option<String>,
    /// Orders in one state.
    state: Option<OrderState>,
    /// `next` of the page before.
    before: Option<String>,
    /// Orders a page, 1 to 200; 50 by default.
    limit: Option<u16>,
}

/// An order in the list.
#[derive(Serialize, ToSchema)]
pub struct ListedOrder {
    order: Uuid,
    show: ShowId,
    state: OrderState,
    /// In the currency's minor unit.
    amount_minor: i64,
    currency: String,
    tickets: i64,
    buyer_name: String,
    buyer_email: String,
    placed_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
}

impl From<OrderSummary> for ListedOrder {
    fn from(order: OrderSummary) -> Self {
        Self {
            order: order.order.uuid(),
            show: order.show,
            state: order.state,
            amount_minor: order.amount.minor,
            currency: order.amount.currency.into(),
            tickets: order.tickets,
            buyer_name: order.buyer_name,
            buyer_email: order.buyer_email,
            placed_at: order.placed_at,
            paid_at: order.paid_at,
        }
    }
}

/// One page of the list.
#[derive(Serialize, ToSchema)]
pub struct OrderPage {
    orders: Vec<ListedOrder>,
    /// Send it as `before` for the next page. Absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Orders of your shows, whoever placed them, the newest first.
#[utoipa::path(
    get, path = "/v1/reseller/orders", tag = "reseller", security(("api_key" = ["orders:read"])),
    params(OrdersQuery),
    responses(
        (status = 200, body = OrderPage),
        (status = 400, description = "`cursor-invalid`, `invalid-query`"),
        (status = 404, description = "`show-unknown`"),
    ),
)]
pub async fn list(
    State(app): State<App>,
    holder: Holder,
    Query(query): Query<OrdersQuery>,
) -> Answer<Json<OrderPage>> {
    holder.may(Scope::OrdersRead)?;
    let before = query.before.as_deref().map(order::cursor).transpose()?;
    let limit = paging::size(query.limit, PAGE_DEFAULT, PAGE_MAX);
    let show = query.show.as_deref().map(|show| show_id(show, Thing::Show)).transpose()?;
    let found =
        order::page(&app, holder.reseller, show.as_ref(), query.state, before, limit).await?;
    Ok(Json(OrderPage {
        orders: found.items.into_iter().map(ListedOrder::from).collect(),
        next: found.next.map(|cursor| cursor.to_string()),
    }))
}

/// One order in full.
#[derive(Serialize, ToSchema)]
pub struct ResellerOrder {
    order: Uuid,
    show: ShowId,
    state: OrderState,
    /// In the currency's minor unit.
    amount_minor: i64,
    currency: String,
    buyer: Buyer,
    placed_at: DateTime<Utc>,
    /// Until when it can be paid.
    expires_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
    lines: Vec<OrderLine>,
    tickets: Vec<OrderTicket>,
}

#[derive(Serialize, ToSchema)]
pub struct OrderLine {
    ticket_type: Uuid,
    quantity: i64,
    unit_price_minor: i64,
}

#[derive(Serialize, ToSchema)]
pub struct OrderTicket {
    /// What opens the door. Absent without the scope `tickets:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// 1, 2, … within the order.
    number: i64,
    ticket_type: Uuid,
    /// A void ticket lets nobody in.
    voided: bool,
}

impl ResellerOrder {
    fn new(order: OrderDetails, with_codes: bool) -> Self {
        let line = |line: LineDetails| OrderLine {
            ticket_type: line.ticket_type.uuid(),
            quantity: i64::from(line.quantity),
            unit_price_minor: line.unit_price.minor,
        };
        let ticket = |ticket: TicketDetails| OrderTicket {
            code: with_codes.then_some(ticket.code),
            number: i64::from(ticket.number),
            ticket_type: ticket.ticket_type.uuid(),
            voided: ticket.voided,
        };
        Self {
            order: order.order.uuid(),
            show: order.show,
            state: order.state,
            amount_minor: order.amount.minor,
            currency: order.amount.currency.into(),
            buyer: order.buyer,
            placed_at: order.placed_at,
            expires_at: order.expires_at,
            paid_at: order.paid_at,
            lines: order.lines.into_iter().map(line).collect(),
            tickets: order.tickets.into_iter().map(ticket).collect(),
        }
    }
}

/// An order of one of your shows, whoever placed it.
///
/// Its tickets come with their entry codes where the key has the scope `tickets:read`, too.
#[utoipa::path(
    get, path = "/v1/reseller/orders/{order}", tag = "reseller",
    security(("api_key" = ["orders:read"])),
    params(("order" = Uuid, Path)),
    responses(
        (status = 200, body = ResellerOrder),
        (status = 404, description = "`order-unknown`"),
    ),
)]
pub async fn one(
    State(app): State<App>,
    holder: Holder,
    Path(order): Path<OrderId>,
) -> Answer<Json<ResellerOrder>> {
    holder.may(Scope::OrdersRead)?;
    let found: Result<OrderDetails, Error> = order::one(&app, holder.reseller, order).await;
    Ok(Json(ResellerOrder::new(found?, holder.may(Scope::TicketsRead).is_ok())))
}
