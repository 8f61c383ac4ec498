//! Do sessions, orders, payments, tickets and refunds fit together? Pure.

use std::collections::{BTreeMap, BTreeSet};

use checkout::contract::OrderState;
use serde::Serialize;
use uuid::Uuid;

/// An order with what hangs on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Order {
    pub order: Uuid,
    pub session: Uuid,
    pub hold: Uuid,
    /// It is from when a session could have several open orders.
    pub beside_another: bool,
    pub state: OrderState,
    /// Money arrived, or nothing was to pay.
    pub is_paid: bool,
    pub payment_intent: Option<String>,
    /// Of its own payment, and of others that came for it.
    pub refunds: Vec<Refund>,
}

/// Money to give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refund {
    pub payment_intent: String,
    pub is_done: bool,
    /// Whether the provider's own books have this payment as paid (or paid and returned); `None`
    /// where they do not know it.
    pub provider_was_paid: Option<bool>,
}

/// What stands for the payment of an order without one.
const FREE: &str = "free";

impl Order {
    /// The refund of the payment that the order was paid with.
    fn own_refund(&self) -> Option<&Refund> {
        let own = self.payment_intent.as_deref().unwrap_or(FREE);
        self.refunds.iter().find(|refund| refund.payment_intent == own)
    }
}

/// Tickets of one type in one order: bought, issued, and void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bought {
    pub order: Uuid,
    pub ticket_type: Uuid,
    pub quantity: i64,
    /// Issued and good.
    pub tickets: i64,
    /// Issued and void.
    pub void: i64,
}

/// A payment in the provider's books of which every webhook was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payment {
    pub intent: String,
    /// The order it is for, as the provider knows it.
    pub reference: String,
    pub is_refunded: bool,
}

/// Something that there must be once and is there more often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repeated {
    pub what: String,
    pub times: usize,
}

/// Texts that stand in `all` more than once.
pub fn repeated(all: impl IntoIterator<Item = String>) -> Vec<Repeated> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for what in all {
        *times.entry(what).or_default() += 1;
    }
    times
        .into_iter()
        .filter(|(_, times)| *times > 1)
        .map(|(what, times)| Repeated { what, times })
        .collect()
}

/// Whether an order in this state has tickets.
fn has_tickets(state: OrderState) -> bool {
    matches!(state, OrderState::Paid | OrderState::Fulfilled)
}

/// Whether money of an order in this state goes back, or went.
fn is_refunded(state: OrderState) -> bool {
    matches!(state, OrderState::RefundPending | OrderState::Refunded)
}

/// Orders of which another number of tickets was issued than was bought and paid. Of refunded ones
/// there are all, if they were paid in time, or none.
pub fn wrongly_ticketed<'a>(orders: &'a [Order], bought: &'a [Bought]) -> Vec<&'a Bought> {
    let states: BTreeMap<Uuid, OrderState> =
        orders.iter().map(|order| (order.order, order.state)).collect();
    let fits = |line: &Bought| {
        let issued = line.tickets + line.void;
        match states.get(&line.order) {
            Some(state) if has_tickets(*state) => {
                line.quantity > 0 && line.tickets == line.quantity && line.void == 0
            }
            Some(state) if is_refunded(*state) => issued == 0 || issued == line.quantity,
            _ => issued == 0,
        }
    };
    bought.iter().filter(|line| !fits(line)).collect()
}

/// Refunded orders with tickets that are still good.
pub fn good_after_refund<'a>(orders: &'a [Order], bought: &'a [Bought]) -> Vec<&'a Bought> {
    let refunded: BTreeSet<Uuid> =
        orders.iter().filter(|order| is_refunded(order.state)).map(|order| order.order).collect();
    bought.iter().filter(|line| line.tickets > 0 && refunded.contains(&line.order)).collect()
}

/// Orders whose state and money do not fit: paid without money, or money without tickets or a
/// refund.
pub fn money_astray(orders: &[Order]) -> Vec<&Order> {
    let fits = |order: &Order| match order.state {
        // A payment of another amount is refunded, and the order waits on.
        OrderState::Placed
        | OrderState::AwaitingPayment
        | OrderState::Expired
        | OrderState::Cancelled => !order.is_paid,
        OrderState::Paid | OrderState::Fulfilled => order.is_paid,
        OrderState::RefundPending => order.own_refund().is_some_and(|refund| !refund.is_done),
        OrderState::Refunded => order.own_refund().is_some_and(|refund| refund.is_done),
    };
    orders.iter().filter(|order| !fits(order)).collect()
}

/// Refunds of money that never came, or of the payment that bought tickets.
pub fn unfounded_refunds(orders: &[Order]) -> Vec<&Order> {
    let unfounded = |order: &Order, refund: &Refund| {
        let money_came = refund.provider_was_paid.unwrap_or(order.is_paid);
        let bought_tickets = order.payment_intent.as_deref() == Some(&refund.payment_intent)
            && has_tickets(order.state);
        !money_came || bought_tickets
    };
    orders
        .iter()
        .filter(|order| order.refunds.iter().any(|refund| unfounded(order, refund)))
        .collect()
}

/// Payments that were acknowledged and led neither to tickets nor to a refund.
pub fn lost_payments<'a>(orders: &[Order], payments: &'a [Payment]) -> Vec<&'a Payment> {
    let orders: BTreeMap<String, &Order> =
        orders.iter().map(|order| (order.order.to_string(), order)).collect();
    let is_kept = |payment: &Payment| {
        let Some(order) = orders.get(&payment.reference) else { return false };
        let goes_back = order.refunds.iter().any(|refund| refund.payment_intent == payment.intent);
        let bought =
            has_tickets(order.state) && order.payment_intent.as_deref() == Some(&payment.intent);
        goes_back || (bought && !payment.is_refunded)
    };
    payments.iter().filter(|payment| !is_kept(payment)).collect()
}

/// Sessions with more than one order that is open or paid.
pub fn sessions_with_many(orders: &[Order]) -> Vec<Repeated> {
    let counts = orders.iter().filter(|order| order.state.keeps_stock() && !order.beside_another);
    repeated(counts.map(|order| order.session.to_string()))
}

/// Orders of sessions that do not exist.
pub fn without_session(orders: &[Order], sessions: &BTreeSet<Uuid>) -> Vec<Uuid> {
    orders
        .iter()
        .filter(|order| !sessions.contains(&order.session))
        .map(|order| order.order)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(state: OrderState, is_paid: bool) -> Order {
        Order {
            order: Uuid::from_u128(1),
            session: Uuid::from_u128(2),
            hold: Uuid::from_u128(3),
            beside_another: false,
            state,
            is_paid,
            payment_intent: Some("pi_1".into()),
            refunds: Vec::new(),
        }
    }

    fn refund(intent: &str, is_done: bool, provider_was_paid: Option<bool>) -> Vec<Refund> {
        vec![Refund { payment_intent: intent.into(), is_done, provider_was_paid }]
    }

    fn bought(quantity: i64, tickets: i64) -> Bought {
        Bought { order: Uuid::from_u128(1), ticket_type: Uuid::nil(), quantity, tickets, void: 0 }
    }

    #[test]
    fn tickets_are_there_exactly_where_they_were_paid() {
        for state in OrderState::ALL {
            let orders = [order(state, true)];
            let due = matches!(state, OrderState::Paid | OrderState::Fulfilled);
            let refunded = is_refunded(state);
            assert_eq!(
                wrongly_ticketed(&orders, &[bought(2, 2)]).is_empty(),
                due || refunded,
                "{state}"
            );
            let void = Bought { void: 2, ..bought(2, 0) };
            assert_eq!(wrongly_ticketed(&orders, &[void]).is_empty(), refunded, "{state}");
            assert_eq!(wrongly_ticketed(&orders, &[bought(2, 0)]).is_empty(), !due, "{state}");
            assert_eq!(wrongly_ticketed(&orders, &[bought(2, 1)]).len(), 1, "{state}");
        }
        assert_eq!(
            wrongly_ticketed(&[order(OrderState::Fulfilled, true)], &[bought(0, 0)]).len(),
            1,
            "paid for nothing"
        );
        assert_eq!(wrongly_ticketed(&[], &[bought(0, 1)]).len(), 1, "a ticket of no order");
    }

    #[test]
    fn tickets_of_refunded_orders_are_void() {
        for state in OrderState::ALL {
            let orders = [order(state, true)];
            assert_eq!(
                good_after_refund(&orders, &[bought(2, 1)]).is_empty(),
                !is_refunded(state),
                "{state}"
            );
            let void = Bought { void: 2, ..bought(2, 0) };
            assert_eq!(good_after_refund(&orders, &[void]), Vec::<&Bought>::new(), "{state}");
        }
    }

    #[test]
    fn money_and_state_fit() {
        for state in OrderState::ALL {
            let paid = matches!(state, OrderState::Paid | OrderState::Fulfilled);
            let refunding = matches!(state, OrderState::RefundPending | OrderState::Refunded);
            assert_eq!(money_astray(&[order(state, true)]).is_empty(), paid, "{state}");
            assert_eq!(
                money_astray(&[order(state, false)]).is_empty(),
                !paid && !refunding,
                "{state}"
            );
        }
        let pending = Order {
            refunds: refund("pi_1", false, None),
            ..order(OrderState::RefundPending, true)
        };
        assert_eq!(money_astray(std::slice::from_ref(&pending)), Vec::<&Order>::new());
        assert_eq!(
            money_astray(&[Order { state: OrderState::Refunded, ..pending }]).len(),
            1,
            "refunded, but not done"
        );
        let free = Order {
            payment_intent: None,
            refunds: refund(FREE, true, None),
            ..order(OrderState::Refunded, true)
        };
        assert_eq!(money_astray(&[free]), Vec::<&Order>::new());
        let second = refund("pi_2", true, Some(true));
        assert_eq!(
            money_astray(&[Order { refunds: second, ..order(OrderState::Refunded, true) }]).len(),
            1,
            "not its own"
        );
    }

    #[test]
    fn only_money_that_came_goes_back() {
        let unfounded = |order: Order| !unfounded_refunds(&[order]).is_empty();
        let expired = order(OrderState::RefundPending, true);
        assert!(!unfounded(Order {
            refunds: refund("pi_1", false, Some(true)),
            ..expired.clone()
        }));
        assert!(unfounded(Order { refunds: refund("pi_1", false, Some(false)), ..expired }));
        assert!(unfounded(Order {
            refunds: refund("pi_9", true, None),
            ..order(OrderState::Expired, false)
        }));
        let twice = Order {
            refunds: refund("pi_2", true, Some(true)),
            ..order(OrderState::Fulfilled, true)
        };
        assert!(!unfounded(twice), "a second payment of the same order goes back");
        assert!(unfounded(Order {
            refunds: refund("pi_1", true, Some(true)),
            ..order(OrderState::Fulfilled, true)
        }));
    }

    #[test]
    fn an_acknowledged_payment_ends_in_tickets_or_goes_back() {
        let payment = Payment {
            intent: "pi_1".into(),
            reference: Uuid::from_u128(1).to_string(),
            is_refunded: false,
        };
        let lost =
            |order: Order| !lost_payments(&[order], std::slice::from_ref(&payment)).is_empty();
        assert!(!lost(order(OrderState::Fulfilled, true)));
        assert!(lost(order(OrderState::AwaitingPayment, false)));
        assert!(lost(Order {
            payment_intent: Some("pi_2".into()),
            ..order(OrderState::Fulfilled, true)
        }));
        assert!(!lost(Order {
            refunds: refund("pi_1", false, Some(true)),
            ..order(OrderState::RefundPending, true)
        }));
        assert_eq!(lost_payments(&[], &[payment]).len(), 1);
    }

    #[test]
    fn a_session_has_one_open_order() {
        let open = || order(OrderState::Placed, false);
        assert_eq!(sessions_with_many(&[open(), order(OrderState::Fulfilled, true)]).len(), 1);
        assert!(
            sessions_with_many(&[
                open(),
                order(OrderState::Cancelled, false),
                order(OrderState::Refunded, true)
            ])
            .is_empty()
        );
        assert!(sessions_with_many(&[open(), Order { session: Uuid::nil(), ..open() }]).is_empty());
        assert!(sessions_with_many(&[open(), Order { beside_another: true, ..open() }]).is_empty());
    }

    #[test]
    fn what_is_there_twice_is_named() {
        let found = repeated(["a", "b", "a"].map(str::to_owned));
        assert_eq!(found, [Repeated { what: "a".into(), times: 2 }]);
    }
}
