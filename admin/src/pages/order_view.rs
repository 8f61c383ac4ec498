//! An order as the support pages tell it.

use catalog::contract::price;
use checkout::contract::{OrderDetails, State};

use super::view::moment;

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
    pub buyer: String,
    pub refundable: bool,
}

impl OrderView {
    pub fn new(order: &OrderDetails) -> Self {
        let money = |minor| price::format(minor, &order.currency);
        let refund = match (&order.refund, order.refund_requested) {
            (Some(refund), _) => match &refund.done_at {
                Some(at) => format!("{} went back on {}", money(refund.amount_minor), moment(at)),
                None => format!("{} is on its way back", money(refund.amount_minor)),
            },
            (None, true) => "asked for, begins in a moment".to_owned(),
            (None, false) => String::new(),
        };
        Self {
            number: order.order.simple().to_string().chars().take(8).collect::<String>().to_uppercase(),
            show: order.show.clone(),
            state: order.state.to_string().replace('_', " "),
            tickets: order.lines.iter().map(|(_, quantity, _)| quantity).sum(),
            amount: money(order.amount_minor),
            placed: moment(&order.placed_at),
            refund,
            buyer: format!("{}, {}", order.buyer.name, order.buyer.email),
            refundable: order.state == State::Fulfilled && !order.refund_requested,
        }
    }
}
