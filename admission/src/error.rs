//! What can be wrong with a pass.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kit::{problem::Problem, token::TokenError};

/// Why a pass was refused. Each variant has a stable problem id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    #[error("there is no pass")]
    Missing,
    #[error("the pass is not of the expected form")]
    Malformed,
    #[error("the pass is signed under a key that is not published here")]
    UnknownKey,
    #[error("the pass was changed or not signed by this key")]
    Forged,
    #[error("the pass was issued by somebody else or for somebody else")]
    Foreign,
    #[error("the pass has expired")]
    Expired,
}

impl PassError {
    pub fn problem(self) -> Problem {
        let (id, title, detail) = match self {
            Self::Missing => (
                "pass-needed",
                "An admission pass is needed",
                "Join the line; when it is your turn you get a pass.",
            ),
            Self::Malformed => (
                "pass-malformed",
                "This is not an admission pass",
                "Send the whole pass, as it was given to you.",
            ),
            Self::UnknownKey => (
                "pass-key-unknown",
                "This pass was signed with a key we do not know",
                "Go back to the line and ask for your pass again.",
            ),
            Self::Forged => (
                "pass-forged",
                "This pass is not genuine",
                "Go back to the line and ask for your pass again.",
            ),
            Self::Foreign => (
                "pass-foreign",
                "This pass is for another seller",
                "Use it where the line sent you.",
            ),
            Self::Expired => (
                "pass-expired",
                "This pass has expired",
                "The time to come in has passed. You can join the line again.",
            ),
        };
        Problem::new(StatusCode::UNAUTHORIZED, id, title).detail(detail)
    }
}

impl From<TokenError> for PassError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Malformed => Self::Malformed,
            TokenError::UnknownKey => Self::UnknownKey,
            TokenError::Forged => Self::Forged,
        }
    }
}

impl IntoResponse for PassError {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}
