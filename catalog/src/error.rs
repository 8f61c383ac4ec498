//! What can go wrong: at the public doors, each with its problem id; and what the catalog refuses
//! resellers.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kit::problem::Problem;

/// What can go wrong at the public doors.
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
            Self::ShowUnknown => {
                Problem::new(StatusCode::NOT_FOUND, "show-unknown", "There is no such show").detail(
                    "It may have been taken down, or the address has a mistake. All shows are \
                    on the front page.",
                )
            }
            Self::ShowWithdrawn => Problem::new(
                StatusCode::GONE,
                "show-withdrawn",
                "This show was withdrawn",
            )
            .detail(
                "Nothing of it is sold any more. Tickets that were bought stay valid. All shows \
                    are on the front page.",
            ),
            Self::CursorInvalid => Problem::new(
                StatusCode::BAD_REQUEST,
                "cursor-invalid",
                "That is not a cursor from this list",
            )
            .detail("Send `after` exactly as the last answer gave it in `next`, or leave it out.")
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

/// Why the catalog refuses what a reseller asks for. Whoever asks turns it into a problem of their
/// own.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such thing, or it is somebody else's.
    #[error("no such thing of this reseller")]
    NotFound,
    /// A value does not fit; `detail` says what would.
    #[error("{field}: {detail}")]
    Field { field: &'static str, detail: String },
    /// A change of this allotment has not been answered yet.
    #[error("the last change of this allotment is still under way")]
    AllotmentWaiting,
    #[error("the show is published already")]
    AlreadyPublished,
    /// A draft cannot be withdrawn: nobody sees it.
    #[error("the show is not published")]
    NotPublished,
    /// Nothing of a withdrawn show changes any more.
    #[error("the show is withdrawn")]
    Withdrawn,
    /// Why, in words for the reseller.
    #[error("{0}")]
    NotPublishable(String),
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl CatalogError {
    pub(crate) fn field(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Field { field, detail: detail.into() }
    }
}
