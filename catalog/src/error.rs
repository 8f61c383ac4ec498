//! What can go wrong here, each with its public problem id.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kit::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `show-unknown`, 404.
    #[error("no such show")]
    ShowUnknown,
    /// `show-withdrawn`, 410.
    #[error("the show was withdrawn")]
    ShowWithdrawn,
    /// `cursor-invalid`, 400.
    #[error("not a cursor of ours")]
    CursorInvalid,
    /// `try-again-soon` (503) or `internal` (500).
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl Error {
    pub fn problem(&self) -> Problem {
        match self {
            Self::ShowUnknown => Problem::new(
                StatusCode::NOT_FOUND,
                "show-unknown",
                "There is no \
                such show",
            )
            .detail(
                "It may have been taken down, or the address has a mistake. All shows are \
                    on the front page.",
            ),
            Self::ShowWithdrawn => Problem::new(
                StatusCode::GONE,
                "show-withdrawn",
                "This show was \
                withdrawn",
            )
            .detail(
                "Nothing of it is sold any more. Tickets that were bought stay valid. All shows \
                    are on the front page.",
            ),
            Self::CursorInvalid => Problem::new(
                StatusCode::BAD_REQUEST,
                "cursor-invalid",
                "That is not a cursor from \
                    this list",
            )
            .detail(
                "Send `after` exactly as the last answer gave it in `next`, or leave \
                        it out.",
            )
            .field("after", "not a cursor from this list"),
            Self::Store(error) => kit::postgres::problem(error),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}
