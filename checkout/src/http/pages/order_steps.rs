//! Which page an order's owner sees. Pure.

use chrono::{DateTime, Utc};

use crate::order::state::OrderState;

/// What decides it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub state: OrderState,
    pub expires_at: DateTime<Utc>,
    /// Why the last attempt to pay failed, as the provider calls it.
    pub fault: Option<&'a str>,
    /// What the provider's page said on the way back; only a hint.
    pub came_back: Option<&'a str>,
    /// Whether there is an address to pay at.
    pub payable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The provider has not said yet where to pay.
    Preparing,
    Pay,
    /// The fan says it is paid; the provider has not told us yet.
    Confirming,
    /// The time to pay is over, but a payment of the last second may still arrive.
    TimeOver,
    Tickets,
    Expired,
    Cancelled,
    Returning,
    Returned,
}

pub fn step(standing: Standing, now: DateTime<Utc>) -> Step {
    match standing.state {
        OrderState::Placed | OrderState::AwaitingPayment => {
            // A fault that was told weighs more than a hint in an address that may be old.
            if standing.came_back == Some("succeeded") && standing.fault.is_none() {
                Step::Confirming
            } else if standing.expires_at <= now {
                Step::TimeOver
            } else if standing.payable {
                Step::Pay
            } else {
                Step::Preparing
            }
        }
        OrderState::Paid | OrderState::Fulfilled => Step::Tickets,
        OrderState::Expired => Step::Expired,
        OrderState::Cancelled => Step::Cancelled,
        OrderState::RefundPending => Step::Returning,
        OrderState::Refunded => Step::Returned,
    }
}

/// Why a payment failed, for the fan.
pub fn fault_words(fault: &str) -> &'static str {
    match fault {
        "card_declined" => {
            "Your bank declined it. Nothing was charged. Try again, or pay another way."
        }
        "authentication_failed" => "It was not approved. Nothing was charged. You can try again.",
        _ => "The payment provider refused it. Nothing was charged. You can try again.",
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn awaiting() -> Standing<'static> {
        let expires_at = NOW + TimeDelta::seconds(60);
        Standing {
            state: OrderState::AwaitingPayment,
            expires_at,
            fault: None,
            came_back: None,
            payable: true,
        }
    }

    #[test]
    fn a_fan_who_comes_back_from_paying_is_not_asked_to_pay_again() {
        let back = Standing { came_back: Some("succeeded"), ..awaiting() };
        assert_eq!(step(back, NOW), Step::Confirming);
        // Also when it took until after the end.
        assert_eq!(step(back, NOW + TimeDelta::seconds(61)), Step::Confirming);
    }

    #[test]
    fn a_declined_fan_is_asked_again_while_there_is_time() {
        let declined =
            Standing { fault: Some("card_declined"), came_back: Some("failed"), ..awaiting() };
        assert_eq!(step(declined, NOW), Step::Pay);
        assert_eq!(step(Standing { came_back: Some("succeeded"), ..declined }, NOW), Step::Pay);
        assert_eq!(step(declined, NOW + TimeDelta::seconds(60)), Step::TimeOver);
    }

    #[test]
    fn an_address_with_a_hint_never_shows_tickets() {
        for state in OrderState::ALL {
            let standing = Standing { state, came_back: Some("succeeded"), ..awaiting() };
            assert_eq!(
                step(standing, NOW) == Step::Tickets,
                matches!(state, OrderState::Paid | OrderState::Fulfilled)
            );
        }
    }

    #[test]
    fn without_an_address_to_pay_at_there_is_no_button() {
        assert_eq!(
            step(Standing { payable: false, state: OrderState::Placed, ..awaiting() }, NOW),
            Step::Preparing
        );
    }
}
