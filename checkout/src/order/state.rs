//! What an order may become. Pure.
//!
//! Tickets are issued in the transaction that marks an order paid, so a paid order is `fulfilled`
//! as soon as anybody can see it; `paid` is passed through within that transaction. Both keep the
//! money and the stock.

use std::{fmt, str::FromStr};

use kit::id::InvalidId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Written; the payment is not started yet.
    Placed,
    /// The fan can pay.
    AwaitingPayment,
    /// Money is in, tickets are being issued.
    Paid,
    /// Paid, with tickets.
    Fulfilled,
    /// Not paid in time; its stock went back.
    Expired,
    /// Given up before it was paid; its stock went back.
    Cancelled,
    /// Its money is to be given back: it came after the order was gone, or the order was paid and
    /// an admin refunds it.
    RefundPending,
    Refunded,
}

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderTransition {
    /// The provider has an intent and the fan an address to pay at.
    PaymentStarted,
    /// The provider says the money is in.
    MoneyArrived,
    TicketsIssued,
    /// The time to pay is over.
    TimeOver,
    /// The fan gave it up.
    GivenUp,
    /// An admin gives the money of a paid order back.
    RefundForced,
    /// The provider says the money is on its way back.
    MoneyReturned,
}

/// An event that does not fit the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} does not apply to an order that is {state}")]
pub struct TransitionRefused {
    pub state: OrderState,
    pub event: OrderTransition,
}

/// The state after `event`.
///
/// # Errors
/// When the event does not apply. Nothing changes then.
pub fn next(state: OrderState, event: OrderTransition) -> Result<OrderState, TransitionRefused> {
    use OrderState as S;
    use OrderTransition as E;
    match (state, event) {
        (S::Placed, E::PaymentStarted) => Ok(S::AwaitingPayment),
        (S::Placed | S::AwaitingPayment, E::MoneyArrived) => Ok(S::Paid),
        (S::Paid, E::TicketsIssued) => Ok(S::Fulfilled),
        (S::Placed | S::AwaitingPayment, E::TimeOver) => Ok(S::Expired),
        (S::Placed | S::AwaitingPayment, E::GivenUp) => Ok(S::Cancelled),
        (S::Expired | S::Cancelled, E::MoneyArrived) => Ok(S::RefundPending),
        (S::Fulfilled, E::RefundForced) => Ok(S::RefundPending),
        (S::RefundPending, E::MoneyReturned) => Ok(S::Refunded),
        (state, event) => Err(TransitionRefused { state, event }),
    }
}

impl OrderState {
    pub const ALL: [Self; 8] = [
        Self::Placed,
        Self::AwaitingPayment,
        Self::Paid,
        Self::Fulfilled,
        Self::Expired,
        Self::Cancelled,
        Self::RefundPending,
        Self::Refunded,
    ];

    /// Whether it still waits for money.
    pub fn is_unpaid(self) -> bool {
        matches!(self, Self::Placed | Self::AwaitingPayment)
    }

    /// Whether its tickets count as committed stock.
    pub fn keeps_stock(self) -> bool {
        matches!(self, Self::Placed | Self::AwaitingPayment | Self::Paid | Self::Fulfilled)
    }
}

/// As the database and the API spell it.
impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Placed => "placed",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Paid => "paid",
            Self::Fulfilled => "fulfilled",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::RefundPending => "refund_pending",
            Self::Refunded => "refunded",
        })
    }
}

impl FromStr for OrderState {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let known = Self::ALL.into_iter().find(|state| state.to_string() == text);
        known.ok_or(InvalidId("state of an order"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVENTS: [OrderTransition; 7] = [
        OrderTransition::PaymentStarted,
        OrderTransition::MoneyArrived,
        OrderTransition::TicketsIssued,
        OrderTransition::TimeOver,
        OrderTransition::GivenUp,
        OrderTransition::RefundForced,
        OrderTransition::MoneyReturned,
    ];

    fn walk(events: &[OrderTransition]) -> Vec<OrderState> {
        let mut state = OrderState::Placed;
        let mut seen = vec![state];
        for event in events {
            if let Ok(after) = next(state, *event) {
                state = after;
                seen.push(state);
            }
        }
        seen
    }

    #[test]
    fn the_happy_path() {
        let seen = walk(&[
            OrderTransition::PaymentStarted,
            OrderTransition::MoneyArrived,
            OrderTransition::TicketsIssued,
        ]);
        assert_eq!(
            seen,
            [
                OrderState::Placed,
                OrderState::AwaitingPayment,
                OrderState::Paid,
                OrderState::Fulfilled
            ]
        );
    }

    #[test]
    fn a_webhook_may_be_faster_than_our_own_note_of_the_intent() {
        assert_eq!(next(OrderState::Placed, OrderTransition::MoneyArrived), Ok(OrderState::Paid));
    }

    #[test]
    fn spelling_goes_both_ways() {
        for state in OrderState::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
        assert!("lost".parse::<OrderState>().is_err());
    }

    #[test]
    fn nothing_leaves_a_terminal_state() {
        for event in EVENTS {
            assert_eq!(
                next(OrderState::Refunded, event),
                Err(TransitionRefused { state: OrderState::Refunded, event })
            );
        }
    }

    #[test]
    fn a_paid_order_ends_only_by_a_refund() {
        for event in EVENTS {
            let after = next(OrderState::Fulfilled, event);
            assert_eq!(after.is_ok(), event == OrderTransition::RefundForced, "{event:?}");
        }
        assert_eq!(
            next(OrderState::Fulfilled, OrderTransition::RefundForced),
            Ok(OrderState::RefundPending)
        );
    }

    proptest! {
        #[test]
        fn stock_that_went_back_is_never_taken_again(
            picks in prop::collection::vec(0..EVENTS.len(), 0..20),
        ) {
            let events: Vec<OrderTransition> = picks.into_iter().map(|pick| EVENTS[pick]).collect();
            let seen = walk(&events);
            let gone = seen.iter().position(|state| !state.keeps_stock()).unwrap_or(seen.len());
            prop_assert!(seen[gone..].iter().all(|state| !state.keeps_stock()));
        }

        #[test]
        fn money_is_kept_or_returned_and_no_state_comes_twice(
            picks in prop::collection::vec(0..EVENTS.len(), 0..20),
        ) {
            let events: Vec<OrderTransition> = picks.into_iter().map(|pick| EVENTS[pick]).collect();
            let seen = walk(&events);
            for (index, state) in seen.iter().enumerate() {
                prop_assert!(!seen[index + 1..].contains(state));
            }
            // A paid order is never given up: what took money ends with tickets or with a refund.
            if seen.contains(&OrderState::Paid) {
                prop_assert!(!seen.contains(&OrderState::Expired));
                prop_assert!(!seen.contains(&OrderState::Cancelled));
            }
            let owed = |state: &OrderState| *state == OrderState::RefundPending;
            if let Some(pending) = seen.iter().position(owed) {
                prop_assert!(!seen[pending..].contains(&OrderState::Fulfilled));
            }
        }
    }
}
