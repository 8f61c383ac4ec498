//! An order as the support pages tell it.

use catalog::contract::{Show, when};
use checkout::contract::{OrderDetails, OrderId, OrderState};

use crate::{App, error::Error};

/// Facts of an order, in words.
pub struct OrderView {
    /// The first characters of its id, for talking about it.
    pub number: String,
    pub show: String,
    pub state: String,
    pub tickets: i32,
    pub amount: String,
    pub placed: String,
    /// Empty where there is none.
    pub refund: String,
    /// What the provider says instead of giving the money back: for staff only. Empty where it has
    /// not refused.
    pub refund_fault: String,
    pub buyer: String,
    pub refundable: bool,
}

/// How people talk about an order: the first characters of its id.
pub fn number_of(order: OrderId) -> String {
    order.uuid().simple().to_string().chars().take(8).collect::<String>().to_uppercase()
}

fn state_words(state: OrderState) -> &'static str {
    match state {
        OrderState::Placed => "Not paid yet",
        OrderState::AwaitingPayment => "Waiting for payment",
        OrderState::Paid => "Paid; tickets on their way",
        OrderState::Fulfilled => "Paid",
        OrderState::Expired => "Not paid in time",
        OrderState::Cancelled => "Cancelled",
        OrderState::RefundPending => "Refund on its way",
        OrderState::Refunded => "Refunded",
    }
}

impl OrderView {
    pub async fn load(app: &App, order: &OrderDetails) -> Result<Self, Error> {
        Ok(Self::new(order, catalog::contract::show(&app.pool, &order.show).await?.as_ref()))
    }

    /// Times are told where the show takes place.
    fn new(order: &OrderDetails, show: Option<&Show>) -> Self {
        let zone = show.map_or("UTC", |show| show.venue.time_zone.as_str());
        let moment = |at| when::full(at, zone);
        let refund = match (&order.refund, order.refund_requested) {
            (Some(refund), _) => match &refund.done_at {
                Some(at) => format!("{} went back on {}", refund.amount, moment(*at)),
                None if refund.is_failing() => format!(
                    "{} is owed; the payment provider has not given it back yet",
                    refund.amount
                ),
                None => format!("{} is on its way back", refund.amount),
            },
            (None, true) => "asked for, begins in a moment".to_owned(),
            (None, false) => String::new(),
        };
        let failing = order.refund.as_ref().filter(|refund| refund.is_failing());
        let refund_fault = failing.and_then(|refund| {
            let times = if refund.attempts == 1 {
                "once".to_owned()
            } else {
                format!("{} times", refund.attempts)
            };
            let again = moment(refund.next_attempt_at);
            let fault = refund.last_fault.as_deref()?;
            Some(format!(
                "The provider refuses: {fault}. It was asked {times}, and is asked again \
                on {again}."
            ))
        });
        Self {
            number: number_of(order.order),
            show: show.map_or_else(|| order.show.to_string(), |show| show.title.clone()),
            state: state_words(order.state).to_owned(),
            tickets: order.lines.iter().map(|line| line.quantity).sum(),
            amount: order.amount.to_string(),
            placed: moment(order.placed_at),
            refund,
            refund_fault: refund_fault.unwrap_or_default(),
            buyer: format!("{}, {}", order.buyer.name, order.buyer.email),
            refundable: order.state == OrderState::Fulfilled && !order.refund_requested,
        }
    }
}
