//! The orders that a browser opened lately. The payment provider gets no secret, so a fan who comes
//! back from paying is known by a cookie for the order, also where the session is over by then.

use kit::cookie::{Cookie, SetCookie};

use crate::{
    App,
    http::pages::visitor::Visitor,
    order::{OrderId, link::OrderLink},
};

/// The secret of the link that opened an order.
const ORDER: Cookie = Cookie::lax("fg_order");
/// Longer than a payment takes; the mail has a link for later.
const SECS: i64 = 24 * 3600;

fn cookie(order: OrderId) -> Cookie {
    ORDER.of(&order.to_string())
}

/// The link with which this browser opened the order, if it did lately. Whether it still opens it
/// is another question.
pub fn link(app: &App, visitor: &Visitor, order: OrderId) -> Option<OrderLink> {
    visitor.cookie(app, &cookie(order)).map(|secret| OrderLink::given(order, secret))
}

/// Remembers a link that opens its order.
pub fn remember(app: &App, link: &OrderLink) -> SetCookie {
    cookie(link.order).set(&app.config.payment.public, link.secret(), SECS)
}
