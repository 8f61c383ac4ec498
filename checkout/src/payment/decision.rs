//! What a provider's event means for an order. Pure.

use crate::order::state::State;

/// What is known of an order when event of its money arrive.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub state: State,
    pub amount_minor: i64,
    pub currency: &'a str,
    /// The payment this order was given, if it was given one yet.
    pub intent: Option<&'a str>,
}

/// Money that arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    pub intent: &'a str,
    pub amount_minor: i64,
    pub currency: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Mark the order paid and issue its tickets.
    Fulfil,
    /// Give the money back.
    Refund(Reason),
    /// It was acted upon before.
    Nothing,
}

/// Why money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The order expired or was cancelled before the money came.
    OrderGone,
    AmountMismatch,
    /// The order has another payment.
    OtherPayment,
}

impl Reason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrderGone => "order-gone",
            Self::AmountMismatch => "amount-mismatch",
            Self::OtherPayment => "other-payment",
        }
    }
}

/// What to do with money that arrived.
pub fn on_money(expected: Expected, arrived: Arrived) -> Decision {
    let same_payment = expected.intent.is_none_or(|intent| intent == arrived.intent);
    if !same_payment {
        return Decision::Refund(Reason::OtherPayment);
    }
    match expected.state {
        State::Placed | State::AwaitingPayment => {
            // Providers differ in how they write a currency.
            let same_currency = expected.currency.eq_ignore_ascii_case(arrived.currency);
            if expected.amount_minor == arrived.amount_minor && same_currency {
                Decision::Fulfil
            } else {
                Decision::Refund(Reason::AmountMismatch)
            }
        }
        State::Paid | State::Fulfilled | State::RefundPending | State::Refunded => {
            Decision::Nothing
        }
        State::Expired | State::Cancelled => Decision::Refund(Reason::OrderGone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::state::{Event, next};

    fn expected(state: State) -> Expected<'static> {
        Expected { state, amount_minor: 4_500, currency: "EUR", intent: Some("pi_1") }
    }

    const EXACT: Arrived = Arrived { intent: "pi_1", amount_minor: 4_500, currency: "eur" };

    #[test]
    fn exact_money_fulfils_an_open_order_and_only_that() {
        for state in State::ALL {
            let open = matches!(state, State::Placed | State::AwaitingPayment);
            assert_eq!(on_money(expected(state), EXACT) == Decision::Fulfil, open, "{state:?}");
        }
    }

    #[test]
    fn decisions_agree_with_what_an_order_may_become() {
        for state in State::ALL {
            let becomes = next(state, Event::MoneyArrived);
            match on_money(expected(state), EXACT) {
                Decision::Fulfil => assert_eq!(becomes, Ok(State::Paid)),
                Decision::Refund(_) => assert_eq!(becomes, Ok(State::RefundPending)),
                Decision::Nothing => assert!(becomes.is_err(), "{state}"),
            }
        }
    }

    #[test]
    fn money_for_an_order_that_is_gone_goes_back() {
        for state in [State::Expired, State::Cancelled] {
            assert_eq!(on_money(expected(state), EXACT), Decision::Refund(Reason::OrderGone));
        }
    }

    #[test]
    fn wrong_money_never_fulfils() {
        for wrong in
            [Arrived { amount_minor: 4_499, ..EXACT }, Arrived { currency: "USD", ..EXACT }]
        {
            let decision = on_money(expected(State::AwaitingPayment), wrong);
            assert_eq!(decision, Decision::Refund(Reason::AmountMismatch));
        }
    }

    #[test]
    fn another_payment_for_the_same_order_goes_back_whatever_its_state() {
        for state in State::ALL {
            let other = Arrived { intent: "pi_2", ..EXACT };
            assert_eq!(
                on_money(expected(state), other),
                Decision::Refund(Reason::OtherPayment),
                "{state:?}"
            );
        }
    }

    #[test]
    fn money_may_be_faster_than_our_own_note_of_its_payment() {
        let unnoted = Expected { intent: None, ..expected(State::Placed) };
        assert_eq!(on_money(unnoted, EXACT), Decision::Fulfil);
    }
}
