//! What the sandbox provider refuses.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kit::problem::Problem;

use crate::sandbox::intent::IntentError;

#[derive(Debug)]
pub enum Error {
    IntentUnknown,
    KeyInvalid,
    IdempotencyMismatch,
    ReturnUrlForeign,
    AmountInvalid,
    Intent(IntentError),
    Store(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error)
    }
}

impl From<IntentError> for Error {
    fn from(error: IntentError) -> Self {
        Self::Intent(error)
    }
}

impl Error {
    pub fn problem(&self) -> Problem {
        match self {
            Self::IntentUnknown => Problem::new(
                StatusCode::NOT_FOUND,
                "sandbox-intent-unknown",
                "There is no such payment",
            )
            .detail("Check the address, or go back to your order."),
            Self::KeyInvalid => Problem::new(
                StatusCode::UNAUTHORIZED,
                "sandbox-key-invalid",
                "The API key is not valid",
            )
            .detail("Send the sandbox's API key as a bearer token."),
            Self::IdempotencyMismatch => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "This Idempotency-Key belongs to another request",
            )
            .detail("Use a fresh key for a new payment."),
            Self::ReturnUrlForeign => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "sandbox-return-url-foreign",
                "The return address lies elsewhere",
            )
            .detail("Payers are sent back to the merchant's own address only.")
            .field("return_url", "must lie at the merchant's own origin"),
            Self::AmountInvalid => {
                kit::extract::invalid_field("amount_minor", "must be above zero")
            }
            Self::Intent(IntentError::NothingToApprove) => Problem::new(
                StatusCode::CONFLICT,
                "sandbox-nothing-to-approve",
                "Nobody asked for an approval",
            )
            .detail("Confirm with method 3ds first."),
            Self::Intent(IntentError::NotPaid) => Problem::new(
                StatusCode::CONFLICT,
                "sandbox-intent-not-paid",
                "This payment has not been made",
            )
            .detail("Only what was paid can be refunded."),
            Self::Store(error) => kit::postgres::problem(error),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}
