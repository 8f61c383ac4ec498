//! A reseller's orders: the list, and one with its lines.

use std::collections::HashMap;

use askama::Template;
use axum::{extract::State as AppState, response::Response};
use catalog::contract::{Show, ShowId, TicketTypeId, when};
use checkout::contract::{Buyer, OrderId, OrderState, TicketDetails};
use kit::extract::{Path, Query};
use serde::Deserialize;

use super::{
    choice::{self, Choice},
    frame::Frame,
};
use crate::{
    App,
    error::{Error, Thing},
    http::{
        address::show_id,
        session::{Approved, Session},
    },
    order,
};

const PAGE: u16 = 50;

/// Which orders are asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    show: String,
    state: String,
    before: Option<String>,
}

/// A state as people read it, and its badge.
fn words(state: OrderState) -> (&'static str, &'static str) {
    match state {
        OrderState::Placed => ("Placed", ""),
        OrderState::AwaitingPayment => ("Waits for payment", "badge-warn"),
        OrderState::Paid => ("Paid", "badge-good"),
        OrderState::Fulfilled => ("Tickets issued", "badge-good"),
        OrderState::Expired => ("Not paid in time", ""),
        OrderState::Cancelled => ("Cancelled", ""),
        OrderState::RefundPending => ("Being refunded", "badge-warn"),
        OrderState::Refunded => ("Refunded", "badge-bad"),
    }
}

struct Row {
    order: OrderId,
    show: String,
    state: &'static str,
    tone: &'static str,
    buyer: String,
    tickets: i64,
    amount: String,
    placed: String,
}

#[derive(Template)]
#[template(path = "portal/orders.html")]
struct OrdersPage {
    frame: Frame,
    shows: choice::Shows,
    states: Vec<Choice>,
    rows: Vec<Row>,
    filter: Filter,
    next: Option<String>,
    first: bool,
}

/// `GET /portal/orders`
pub async fn list(
    AppState(app): AppState<App>,
    session: Session<Approved>,
    Query(filter): Query<Filter>,
) -> Result<Response, Error> {
    let reseller = session.person.reseller;
    let own = catalog::contract::reseller_shows(&app.pool, reseller).await?;
    let state = filter.state.parse::<OrderState>().ok();
    let show = Some(filter.show.as_str()).filter(|show| !show.is_empty());
    let show = show.map(|show| show_id(show, Thing::Show)).transpose()?;
    let before = filter.before.as_deref().map(order::cursor).transpose()?;
    let found = order::page(&app, reseller, show.as_ref(), state, before, PAGE).await?;
    let known: HashMap<&ShowId, &Show> =
        own.iter().map(|found| (&found.show.show, &found.show)).collect();
    let rows = found.items.into_iter().map(|order| {
        let show = known.get(&order.show);
        let zone = show.map_or("UTC", |show| show.venue.time_zone.as_str());
        let (state, tone) = words(order.state);
        Row {
            placed: when::full(order.placed_at, zone),
            amount: order.amount.to_string(),
            buyer: order.buyer_name,
            order: order.order,
            show: show.map_or_else(|| order.show.to_string(), |show| show.title.clone()),
            tickets: order.tickets,
            state,
            tone,
        }
    });
    let rows = rows.collect();
    let states = OrderState::ALL.into_iter().map(|of| Choice {
        value: of.to_string(),
        words: words(of).0.to_owned(),
        chosen: state == Some(of),
    });
    Ok(kit::page::html(&OrdersPage {
        frame: Frame::new(&session, "/portal/orders"),
        shows: choice::shows(&own, &filter.show),
        states: states.collect(),
        rows,
        next: found.next.map(|cursor| cursor.to_string()),
        first: filter.before.is_none(),
        filter,
    }))
}

struct Line {
    name: String,
    quantity: String,
    price: String,
    amount: String,
}

#[derive(Template)]
#[template(path = "portal/order.html")]
struct OrderPage {
    frame: Frame,
    order: OrderId,
    show: ShowId,
    title: String,
    state: &'static str,
    tone: &'static str,
    buyer: Buyer,
    placed: String,
    paid: Option<String>,
    lines: Vec<Line>,
    total: String,
    tickets: Vec<TicketDetails>,
    /// Amount and reason, and when it was done.
    refund: Option<(String, String, Option<String>)>,
}

/// `GET /portal/orders/{order}`
pub async fn one(
    AppState(app): AppState<App>,
    session: Session<Approved>,
    Path(order): Path<OrderId>,
) -> Result<Response, Error> {
    let found = order::one(&app, session.person.reseller, order).await?;
    let show =
        catalog::contract::reseller_show(&app.pool, session.person.reseller, &found.show).await?;
    let zone = show.as_ref().map_or("UTC", |of| of.show.venue.time_zone.as_str()).to_owned();
    let types = show
        .iter()
        .flat_map(|of| &of.ticket_types)
        .map(|of| (of.ticket_type.ticket_type, &of.ticket_type.name));
    let names: HashMap<TicketTypeId, &String> = types.collect();
    let lines = found.lines.iter().map(|line| Line {
        name: names
            .get(&line.ticket_type)
            .map_or_else(|| "Ticket".to_owned(), |name| (*name).clone()),
        quantity: line.quantity.to_string(),
        price: line.unit_price.to_string(),
        // Orders whose amount cannot be counted are not taken.
        amount: line
            .unit_price
            .times(line.quantity.into())
            .map(|amount| amount.to_string())
            .unwrap_or_default(),
    });
    let refund = found.refund.as_ref().map(|refund| {
        (
            refund.amount.to_string(),
            refund.reason.clone(),
            refund.done_at.map(|at| when::full(at, &zone)),
        )
    });
    let (state, tone) = words(found.state);
    Ok(kit::page::html(&OrderPage {
        frame: Frame::new(&session, "/portal/orders"),
        order,
        title: show
            .as_ref()
            .map_or_else(String::new, |of| format!("{}: {}", of.show.performer, of.show.title)),
        state,
        tone,
        placed: when::full(found.placed_at, &zone),
        paid: found.paid_at.map(|at| when::full(at, &zone)),
        lines: lines.collect(),
        total: found.amount.to_string(),
        refund,
        show: found.show,
        buyer: found.buyer,
        tickets: found.tickets,
    }))
}
