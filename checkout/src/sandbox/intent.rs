//! What happens to a payment, and which webhooks follow. Pure.

use std::{fmt, str::FromStr};

use kit::id::InvalidId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntentState {
    RequiresPayment,
    /// Waits for the payer's approval (3-D Secure).
    RequiresAction,
    Succeeded,
    Refunded,
}

impl IntentState {
    pub const ALL: [Self; 4] =
        [Self::RequiresPayment, Self::RequiresAction, Self::Succeeded, Self::Refunded];
}

/// As in the database and in JSON.
impl fmt::Display for IntentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequiresPayment => "requires_payment",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Refunded => "refunded",
        })
    }
}

impl FromStr for IntentState {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let known = Self::ALL.into_iter().find(|state| state.to_string() == text);
        known.ok_or(InvalidId("state of a payment"))
    }
}

/// How the payer pays, and with it how the provider behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum PayMethod {
    /// Succeeds; one prompt webhook.
    #[serde(rename = "ok")]
    Ok,
    /// The bank declines. The payer may try again.
    #[serde(rename = "decline")]
    Decline,
    /// The bank asks the payer: `3ds_approve` or `3ds_deny` follow.
    #[serde(rename = "3ds")]
    ThreeDs,
    #[serde(rename = "3ds_approve")]
    Approve,
    #[serde(rename = "3ds_deny")]
    Deny,
    /// Succeeds; the webhook comes five seconds later.
    #[serde(rename = "slow")]
    Slow,
    /// Succeeds; the same webhook comes twice at once.
    #[serde(rename = "duplicate")]
    Duplicate,
    /// Succeeds, but the answer to the confirming call comes only after 3.5 seconds.
    #[serde(rename = "timeout")]
    Timeout,
    /// Declined, then paid; the webhook of the success comes first, that of the decline later.
    #[serde(rename = "out_of_order")]
    OutOfOrder,
}

pub const CARD_DECLINED: &str = "card_declined";
pub const AUTHENTICATION_FAILED: &str = "authentication_failed";

const SLOW_MS: u32 = 5_000;
const TIMEOUT_MS: u32 = 3_500;
const STRAGGLER_MS: u32 = 1_000;

/// What a webhook tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    PaymentSucceeded,
    PaymentFailed(&'static str),
    RefundSucceeded,
}

impl EventKind {
    pub const fn kind(self) -> &'static str {
        match self {
            Self::PaymentSucceeded => "payment.succeeded",
            Self::PaymentFailed(_) => "payment.failed",
            Self::RefundSucceeded => "refund.succeeded",
        }
    }

    pub const fn fault(self) -> Option<&'static str> {
        match self {
            Self::PaymentFailed(fault) => Some(fault),
            Self::PaymentSucceeded | Self::RefundSucceeded => None,
        }
    }
}

/// One webhook to send: `copies` deliveries under one webhook id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Webhook {
    pub event: EventKind,
    pub delay_ms: u32,
    pub copies: u8,
}

/// What one call leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub state: IntentState,
    pub fault: Option<&'static str>,
    pub webhooks: Vec<Webhook>,
    /// How long the answer is held back.
    pub answer_after_ms: u32,
}

impl Step {
    fn to(state: IntentState) -> Self {
        Self { state, fault: None, webhooks: Vec::new(), answer_after_ms: 0 }
    }

    fn telling(mut self, event: EventKind, delay_ms: u32, copies: u8) -> Self {
        self.webhooks.push(Webhook { event, delay_ms, copies });
        self
    }

    fn failed(fault: &'static str) -> Self {
        let step = Self { fault: Some(fault), ..Self::to(IntentState::RequiresPayment) };
        step.telling(EventKind::PaymentFailed(fault), 0, 1)
    }
}

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentError {
    /// Nobody asked for an approval.
    NothingToApprove,
    /// What was not paid cannot be refunded.
    NotPaid,
}

/// Confirms a payment. A payment that is done stays done, and tells nobody again.
pub fn confirm(state: IntentState, method: PayMethod) -> Result<Step, IntentError> {
    if matches!(state, IntentState::Succeeded | IntentState::Refunded) {
        return Ok(Step::to(state));
    }
    let paid = Step::to(IntentState::Succeeded);
    let asked = state == IntentState::RequiresAction;
    Ok(match method {
        PayMethod::Ok => paid.telling(EventKind::PaymentSucceeded, 0, 1),
        PayMethod::Approve if asked => paid.telling(EventKind::PaymentSucceeded, 0, 1),
        PayMethod::Slow => paid.telling(EventKind::PaymentSucceeded, SLOW_MS, 1),
        PayMethod::Duplicate => paid.telling(EventKind::PaymentSucceeded, 0, 2),
        PayMethod::Timeout => {
            Step { answer_after_ms: TIMEOUT_MS, ..paid.telling(EventKind::PaymentSucceeded, 0, 1) }
        }
        PayMethod::OutOfOrder => paid.telling(EventKind::PaymentSucceeded, 0, 1).telling(
            EventKind::PaymentFailed(CARD_DECLINED),
            STRAGGLER_MS,
            1,
        ),
        PayMethod::Decline => Step::failed(CARD_DECLINED),
        PayMethod::Deny if asked => Step::failed(AUTHENTICATION_FAILED),
        PayMethod::ThreeDs => Step::to(IntentState::RequiresAction),
        PayMethod::Approve | PayMethod::Deny => return Err(IntentError::NothingToApprove),
    })
}

/// Gives all the money back, once.
pub fn refund(state: IntentState) -> Result<Step, IntentError> {
    match state {
        IntentState::Succeeded => {
            Ok(Step::to(IntentState::Refunded).telling(EventKind::RefundSucceeded, 0, 1))
        }
        IntentState::Refunded => Ok(Step::to(IntentState::Refunded)),
        IntentState::RequiresPayment | IntentState::RequiresAction => Err(IntentError::NotPaid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [PayMethod; 9] = [
        PayMethod::Ok,
        PayMethod::Decline,
        PayMethod::ThreeDs,
        PayMethod::Approve,
        PayMethod::Deny,
        PayMethod::Slow,
        PayMethod::Duplicate,
        PayMethod::Timeout,
        PayMethod::OutOfOrder,
    ];

    #[test]
    fn money_moves_at_most_once_and_is_always_told() {
        for state in IntentState::ALL {
            for method in METHODS {
                let Ok(step) = confirm(state, method) else { continue };
                let told = step
                    .webhooks
                    .iter()
                    .filter(|webhook| webhook.event == EventKind::PaymentSucceeded)
                    .count();
                let became_paid =
                    step.state == IntentState::Succeeded && state != IntentState::Succeeded;
                assert_eq!(told, usize::from(became_paid), "{state:?} {method:?}");
            }
        }
    }

    #[test]
    fn an_approval_needs_to_have_been_asked_for() {
        assert_eq!(
            confirm(IntentState::RequiresPayment, PayMethod::Approve),
            Err(IntentError::NothingToApprove)
        );
        assert_eq!(
            confirm(IntentState::RequiresAction, PayMethod::Approve).map(|step| step.state),
            Ok(IntentState::Succeeded)
        );
        let denied = confirm(IntentState::RequiresAction, PayMethod::Deny).expect("asked");
        assert_eq!(
            (denied.state, denied.fault),
            (IntentState::RequiresPayment, Some(AUTHENTICATION_FAILED))
        );
    }

    #[test]
    fn only_what_was_paid_is_refunded_and_only_once() {
        assert_eq!(refund(IntentState::RequiresPayment), Err(IntentError::NotPaid));
        assert_eq!(refund(IntentState::Succeeded).map(|step| step.webhooks.len()), Ok(1));
        assert_eq!(refund(IntentState::Refunded).map(|step| step.webhooks.len()), Ok(0));
    }

    #[test]
    fn a_declined_payment_can_be_tried_again() {
        let declined = confirm(IntentState::RequiresPayment, PayMethod::Decline).expect("allowed");
        assert_eq!(
            confirm(declined.state, PayMethod::Ok).map(|step| step.state),
            Ok(IntentState::Succeeded)
        );
    }

    #[test]
    fn states_are_read_back_by_name() {
        for state in IntentState::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
    }
}
