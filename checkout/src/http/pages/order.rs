//! An order's page: paying, waiting, tickets, and what happened otherwise.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::State as Shared,
    http::StatusCode,
    response::{AppendHeaders, IntoResponse, Response},
};
use catalog::contract::{TicketType, when};
use chrono::Utc;
use kit::{
    extract::{Path, Query},
    http::RequestId,
};
use serde::Deserialize;

use crate::{
    App, Error,
    http::pages::{
        countdown::Countdown,
        known_orders,
        order_steps::{Standing, Step, fault_words, step},
        view::{LineView, ShowView, lines, with_status},
        visitor::{Visitor, address, go, go_with},
    },
    order::{
        Order, OrderId, cancel,
        link::{LinkHolder, OrderLink, new_order_link},
    },
    payment::{refund::RefundDetails, start},
    session::{auth::Owner, open},
    store, ticket,
};

/// How long a page waits for a provider that is slow; then it shows what it has and looks again.
const START_WAIT: Duration = Duration::from_secs(4);

#[derive(Deserialize)]
pub struct Opening {
    key: Option<String>,
    redirect_status: Option<String>,
}

/// What all of an order's pages tell.
struct OrderFrame {
    /// The first characters of its id, for talking about it.
    number: String,
    show: ShowView,
    lines: Vec<LineView>,
    total: String,
    buyer_name: String,
    buyer_email: String,
    /// Where to ask for help with it.
    support_url: String,
    /// Changes when there is something new to see.
    mark: String,
}

#[derive(Template)]
#[template(path = "order/pay.html")]
struct PayPage {
    order: OrderFrame,
    countdown: Countdown,
    fault: Option<&'static str>,
    pay_url: Option<String>,
    cancel_url: Option<String>,
}

#[derive(Template)]
#[template(path = "order/waiting.html")]
struct WaitingPage {
    order: OrderFrame,
    title: &'static str,
    words: &'static str,
    pay_url: Option<String>,
}

#[derive(Template)]
#[template(path = "order/writing.html")]
struct WritingPage;

#[derive(Template)]
#[template(path = "order/unknown.html")]
struct UnknownPage {
    title: &'static str,
    words: &'static str,
    next: &'static str,
    /// Where to choose again: its label and address.
    onward: Option<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "order/tickets.html")]
struct TicketsPage {
    order: OrderFrame,
    tickets: Vec<TicketView>,
}

struct TicketView {
    number: i32,
    kind: String,
    /// Its code in groups, on two lines.
    code: [String; 2],
    qr: String,
}

#[derive(Template)]
#[template(path = "order/gone.html")]
struct GonePage {
    order: OrderFrame,
    title: &'static str,
    words: &'static str,
    money: String,
    /// Money is still on its way.
    returning: bool,
    /// The visitor is still in checkout and may choose again.
    inside: bool,
}

/// `GET /orders/{order}`: for whoever has the link, or the session that made it.
pub async fn page(
    Shared(app): Shared<App>,
    Path(id): Path<OrderId>,
    Query(opening): Query<Opening>,
    visitor: Visitor,
    request: RequestId,
) -> Result<Response, Error> {
    let came_back = opening.redirect_status.as_deref();
    let link = opening.key.as_deref().map(|key| OrderLink::given(id, key));
    let link = match link {
        Some(link) if app.order_links.opens(&app.pool, &link).await? => link,
        link => return without_link(&app, &visitor, id, link.is_some(), came_back).await,
    };
    let mut order = store::order::load(&app.pool, id).await?;
    if order.as_ref().is_some_and(|order| order.state == crate::order::state::OrderState::Placed) {
        // Whatever comes of it, the page shows the order as it then stands.
        let _ = tokio::time::timeout(START_WAIT, start::start_payment(&app, id, &request)).await;
        order = store::order::load(&app.pool, id).await?;
    }
    let answer = match order {
        Some(order) => show(&app, order, &link, came_back, &visitor).await,
        // Answered with 200: the page that waits for the order moves on to what is good.
        None if store::order::reject_reason(&app.pool, id).await?.is_some() => {
            Ok(kit::page::html(&refused_page(&app, &visitor)))
        }
        // In the log and not written yet.
        None => Ok(kit::page::html(&WritingPage)),
    }?;
    let is_known =
        known_orders::link(&app, &visitor, id).is_some_and(|known| known.secret() == link.secret());
    let cookie = (!is_known).then(|| known_orders::remember(&app, &link));
    Ok((AppendHeaders(cookie), answer).into_response())
}

/// Somebody who comes without a link that opens the order: back from paying, say. Goes on to one
/// where the browser is known to have bought it, for the address that is shown should be the one
/// that works later, too.
async fn without_link(
    app: &App,
    visitor: &Visitor,
    id: OrderId,
    had_link: bool,
    came_back: Option<&str>,
) -> Result<Response, Error> {
    let outcome = match came_back {
        Some("succeeded") => "&redirect_status=succeeded",
        Some("failed") => "&redirect_status=failed",
        _ => "",
    };
    if let Some(link) = known_orders::link(app, visitor, id)
        && app.order_links.opens(&app.pool, &link).await?
    {
        return Ok(go(&format!("{}{outcome}", link.path())));
    }
    if let Some(order) = store::order::load(&app.pool, id).await?
        && visitor
            .session_at_any_time(app, &order.show)
            .is_ok_and(|session| session.session == order.session)
    {
        let link = new_order_link(&app.pool, id, LinkHolder::Page).await?;
        return Ok(go_with(
            &format!("{}{outcome}", link.path()),
            [known_orders::remember(app, &link)],
        ));
    }
    // The same for orders there are and orders there are not.
    Ok(with_status(kit::page::html(&unknown_page(had_link, came_back)), StatusCode::NOT_FOUND))
}

/// Of a refused order nothing is written but that: which show it was for, only the visitor's
/// sessions tell.
fn refused_page(app: &App, visitor: &Visitor) -> UnknownPage {
    let sessions = visitor.sessions(app);
    let onward = match sessions.as_slice() {
        [] => None,
        [only] => Some(address(&only.show)),
        _ => Some("/checkout".to_owned()),
    };
    UnknownPage {
        title: "This order was not made",
        words: "Nothing was charged. Its tickets could not be kept for you, so there is nothing to \
            pay.",
        next: if onward.is_some() {
            "You are still in checkout: go on there while there is time."
        } else {
            "To buy tickets, choose the show again and join its line."
        },
        onward: onward.map(|address| ("Back to checkout", address)),
    }
}

fn unknown_page(had_link: bool, came_back: Option<&str>) -> UnknownPage {
    match came_back {
        Some("succeeded") => UnknownPage {
            title: "You are back from paying",
            words: "This browser does not know your order, so we cannot show it here. As soon as \
                the payment is confirmed, your \
                    tickets and a link to your order are in the mail to the address you gave.",
            next: "If you ordered in another browser or app, its page shows the order too.",
            onward: None,
        },
        Some("failed") => UnknownPage {
            title: "The payment did not go through",
            words: "Nothing was charged. This browser does not know your order, so we cannot show \
                it here.",
            next: "Go back to where you ordered: while there is time, you can pay there.",
            onward: None,
        },
        _ if had_link => UnknownPage {
            title: "This link opens nothing",
            words: "Perhaps a part of it is missing, or it was replaced by a new one.",
            next: "Open the link in the newest mail about your order.",
            onward: None,
        },
        _ => UnknownPage {
            title: "This order opens with its link",
            words: "This browser does not know the order, so we cannot show it here.",
            next: "Every mail about your order has a link that opens it, on any device.",
            onward: None,
        },
    }
}

/// `POST /orders/{order}/cancel`: gives up an unpaid order and goes back to choosing.
pub async fn cancel(
    Shared(app): Shared<App>,
    Path(id): Path<OrderId>,
    visitor: Visitor,
    request: RequestId,
) -> Result<Response, Error> {
    let to_order = || go(&format!("/orders/{id}"));
    // Its page says what is so, the same for orders there are not.
    let Some(order) = store::order::load(&app.pool, id).await? else { return Ok(to_order()) };
    let Ok(session) = visitor.session(&app, &order.show) else { return Ok(to_order()) };
    match cancel::cancel(&app, Owner::Session(session.session), id, &request).await {
        Ok(_) => Ok(go(&address(&order.show))),
        // Paid in the meantime, gone, or not this session's.
        Err(Error::OrderNotCancellable | Error::OrderUnknown) => Ok(to_order()),
        Err(error) => Err(error),
    }
}

async fn show(
    app: &App,
    order: Order,
    link: &OrderLink,
    came_back: Option<&str>,
    visitor: &Visitor,
) -> Result<Response, Error> {
    let now = Utc::now();
    let inside = is_inside(app, visitor, &order).await?;
    let standing = Standing {
        state: order.state,
        expires_at: order.expires_at,
        fault: order.payment_fault.as_deref(),
        came_back,
        payable: order.payment_url.is_some(),
    };
    let step = step(standing, now);
    let types = catalog::contract::ticket_types(&app.pool, &order.show).await?;
    let frame = frame(app, &order, link, &types).await?;
    Ok(match step {
        Step::Pay => {
            let fault = standing.fault.or((came_back == Some("failed")).then_some(""));
            let total_secs = app.config.order_ttl.as_secs() as i64;
            let until = frame.show.moment(order.expires_at);
            let countdown =
                Countdown::new(now, order.expires_at, total_secs, "You have until", until);
            kit::page::html(&PayPage {
                countdown: countdown.then(link.path()),
                fault: fault.map(fault_words),
                pay_url: order.payment_url,
                cancel_url: inside.then(|| format!("/orders/{}/cancel", order.order)),
                order: frame,
            })
        }
        Step::Preparing | Step::Confirming | Step::TimeOver => {
            let (title, words) = waiting_words(step);
            let pay_url =
                order.payment_url.filter(|_| step == Step::Confirming && order.expires_at > now);
            kit::page::html(&WaitingPage { order: frame, title, words, pay_url })
        }
        Step::Tickets => kit::page::html(&TicketsPage {
            tickets: tickets(app, order.order, &types).await?,
            order: frame,
        }),
        Step::Expired | Step::Cancelled | Step::Returning | Step::Returned => {
            gone(app, step, &order, frame, inside).await?
        }
    }
    .into_response())
}

/// Whether the visitor is still in checkout, in the session that made the order.
async fn is_inside(app: &App, visitor: &Visitor, order: &Order) -> Result<bool, Error> {
    let session = visitor.session(app, &order.show).ok();
    let Some(session) = session.filter(|session| session.session == order.session) else {
        return Ok(false);
    };
    match open::ensure_open(app, &session).await {
        Ok(()) => Ok(true),
        Err(Error::SessionEnded) => Ok(false),
        Err(error) => Err(error),
    }
}

const fn waiting_words(step: Step) -> (&'static str, &'static str) {
    match step {
        Step::Confirming => (
            "Confirming your payment",
            "The payment provider says that you paid. Your tickets appear here as soon as it \
                confirms that, mostly within \
             seconds. This page looks again by itself.",
        ),
        Step::TimeOver => (
            "The time to pay is over",
            "We wait a few seconds more for a payment that may be on its way. If it comes too \
                late, you get all of it \
             back. This page looks again by itself.",
        ),
        _ => (
            "Your tickets are kept",
            "We are asking the payment provider where you can pay. This page looks again by \
                itself.",
        ),
    }
}

async fn frame(
    app: &App,
    order: &Order,
    link: &OrderLink,
    types: &[TicketType],
) -> Result<OrderFrame, Error> {
    let items: Vec<_> = order
        .lines
        .iter()
        .map(|line| (line.ticket_type, line.quantity, line.unit_price_minor))
        .collect();
    Ok(OrderFrame {
        number: order
            .order
            .uuid()
            .simple()
            .to_string()
            .chars()
            .take(8)
            .collect::<String>()
            .to_uppercase(),
        show: ShowView::load(app, &order.show).await?,
        lines: lines(&items, types, order.amount.currency),
        total: order.amount.to_string(),
        buyer_name: order.buyer.name.clone(),
        buyer_email: order.buyer.email.clone(),
        support_url: link.support_path(),
        mark: format!("{} {}", order.state, order.payment_fault.as_deref().unwrap_or_default()),
    })
}

async fn tickets(
    app: &App,
    order: OrderId,
    types: &[TicketType],
) -> Result<Vec<TicketView>, Error> {
    let issued = store::ticket::of_order(&app.pool, order).await?;
    let view = |issued: store::ticket::TicketRow| {
        let known = types.iter().find(|known| issued.ticket_type == known.ticket_type);
        let kind = known.map_or_else(|| "Ticket".to_owned(), |known| known.name.clone());
        let qr =
            kit::qr::svg(&issued.code, &format!("QR code of ticket {}, {kind}", issued.number));
        Ok(TicketView {
            number: issued.number,
            kind,
            code: ticket::grouped(&issued.code),
            qr: qr.map_err(Error::internal)?,
        })
    };
    issued.into_iter().map(view).collect()
}

async fn gone(
    app: &App,
    step: Step,
    order: &Order,
    frame: OrderFrame,
    inside: bool,
) -> Result<Response, Error> {
    let refund = store::report::refund(&app.pool, order.order).await?;
    let had_tickets = !store::ticket::of_order(&app.pool, order.order).await?.is_empty();
    let (title, words) = match step {
        Step::Cancelled => ("You gave this order up", "Its tickets went back on sale."),
        Step::Returning if had_tickets => {
            ("Your order is being refunded", "Its tickets are void: they let nobody in any more.")
        }
        Step::Returned if had_tickets => {
            ("Your order was refunded", "Its tickets are void: they let nobody in any more.")
        }
        Step::Expired => (
            "Your order ran out of time",
            "It was not paid in time, so its tickets went back on sale.",
        ),
        _ => (
            "Your payment came too late",
            "The order had run out of time, and its tickets had gone back on sale before the \
                payment arrived.",
        ),
    };
    let returning =
        step == Step::Returning || refund.as_ref().is_some_and(|refund| refund.done_at.is_none());
    let money = match &refund {
        Some(refund) if order.amount.minor > 0 => money_words(refund, &frame.show),
        _ => "Nothing was charged.".to_owned(),
    };
    Ok(kit::page::html(&GonePage { order: frame, title, words, money, returning, inside }))
}

fn money_words(refund: &RefundDetails, show: &ShowView) -> String {
    let amount = refund.amount;
    match refund.done_at {
        Some(at) => {
            let when = when::full(at, &show.time_zone);
            format!("Your {amount} went back to you on {when}. Banks show it within a few days.")
        }
        None => format!("Your {amount} is on its way back to you. You need not do anything."),
    }
}
