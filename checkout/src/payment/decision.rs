//! What a provider's event means for an order. Pure.

use catalog::contract::Money;

use crate::order::state::OrderState;

/// What is known of an order when news of its money arrives.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedPayment<'a> {
    pub state: OrderState,
    pub amount: Money,
    /// The payment this order was given, if it was given one yet.
    pub intent: Option<&'a str>,
}

/// Money that arrived.
#[derive(Debug, Clone, Copy)]
pub struct ArrivedPayment<'a> {
    pub intent: &'a str,
    /// `None` where it is in no currency: never what was expected.
    pub amount: Option<Money>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentDecision {
    /// Mark the order paid and issue its tickets.
    Fulfil,
    /// Give the money back.
    Refund(RefundReason),
    /// It was acted upon before.
    Nothing,
}

/// Why money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundReason {
    /// The order expired or was cancelled before the money came.
    OrderGone,
    AmountMismatch,
    /// The order has another payment.
    OtherPayment,
}

impl RefundReason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrderGone => "order-gone",
            Self::AmountMismatch => "amount-mismatch",
            Self::OtherPayment => "other-payment",
        }
    }
}

/// What to do with money that arrived.
pub fn on_money(expected: ExpectedPayment, arrived: ArrivedPayment) -> PaymentDecision {
    let same_payment = expected.intent.is_none_or(|intent| intent == arrived.intent);
    if !same_payment {
        return PaymentDecision::Refund(RefundReason::OtherPayment);
    }
    match expected.state {
        OrderState::Placed | OrderState::AwaitingPayment => {
            if arrived.amount == Some(expected.amount) {
                PaymentDecision::Fulfil
            } else {
                PaymentDecision::Refund(RefundReason::AmountMismatch)
            }
        }
        OrderState::Paid
        | OrderState::Fulfilled
        | OrderState::RefundPending
        | OrderState::Refunded => PaymentDecision::Nothing,
        OrderState::Expired | OrderState::Cancelled => {
            PaymentDecision::Refund(RefundReason::OrderGone)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::state::{OrderTransition, next};

    fn expected(state: OrderState) -> ExpectedPayment<'static> {
        ExpectedPayment { state, amount: money(4_500, "EUR"), intent: Some("pi_1") }
    }

    fn money(minor: i64, currency: &str) -> Money {
        Money::new(minor, currency.parse().expect("a currency"))
    }

    fn exact() -> ArrivedPayment<'static> {
        ArrivedPayment { intent: "pi_1", amount: Some(money(4_500, "EUR")) }
    }

    #[test]
    fn exact_money_fulfils_an_open_order_and_only_that() {
        for state in OrderState::ALL {
            let open = matches!(state, OrderState::Placed | OrderState::AwaitingPayment);
            assert_eq!(
                on_money(expected(state), exact()) == PaymentDecision::Fulfil,
                open,
                "{state:?}"
            );
        }
    }

    #[test]
    fn decisions_agree_with_what_an_order_may_become() {
        for state in OrderState::ALL {
            let becomes = next(state, OrderTransition::MoneyArrived);
            match on_money(expected(state), exact()) {
                PaymentDecision::Fulfil => assert_eq!(becomes, Ok(OrderState::Paid)),
                PaymentDecision::Refund(_) => assert_eq!(becomes, Ok(OrderState::RefundPending)),
                PaymentDecision::Nothing => assert!(becomes.is_err(), "{state}"),
            }
        }
    }

    #[test]
    fn money_for_an_order_that_is_gone_goes_back() {
        for state in [OrderState::Expired, OrderState::Cancelled] {
            assert_eq!(
                on_money(expected(state), exact()),
                PaymentDecision::Refund(RefundReason::OrderGone)
            );
        }
    }

    #[test]
    fn wrong_money_never_fulfils() {
        for wrong in [
            ArrivedPayment { amount: Some(money(4_499, "EUR")), ..exact() },
            ArrivedPayment { amount: Some(money(4_500, "USD")), ..exact() },
            ArrivedPayment { amount: None, ..exact() },
        ] {
            let decision = on_money(expected(OrderState::AwaitingPayment), wrong);
            assert_eq!(decision, PaymentDecision::Refund(RefundReason::AmountMismatch));
        }
    }

    #[test]
    fn another_payment_for_the_same_order_goes_back_whatever_its_state() {
        for state in OrderState::ALL {
            let other = ArrivedPayment { intent: "pi_2", ..exact() };
            assert_eq!(
                on_money(expected(state), other),
                PaymentDecision::Refund(RefundReason::OtherPayment),
                "{state:?}"
            );
        }
    }

    #[test]
    fn money_may_be_faster_than_our_own_note_of_its_payment() {
        let unnoted = ExpectedPayment { intent: None, ..expected(OrderState::Placed) };
        assert_eq!(on_money(unnoted, exact()), PaymentDecision::Fulfil);
    }
}
