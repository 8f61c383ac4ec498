//! Everything that can go wrong on the mailbox pages, with its public problem id.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kit::problem::Problem;

/// One enum for the whole service; [`Error::problem`] gives each variant its stable id.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no such email in the mailbox")]
    EmailUnknown,
    /// The Maildir cannot be read.
    #[error("the mailbox cannot be read: {0}")]
    Mailbox(#[from] std::io::Error),
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}

impl Error {
    /// What the caller reads.
    pub fn problem(&self) -> Problem {
        match self {
            Self::EmailUnknown => {
                Problem::new(StatusCode::NOT_FOUND, "letter-unknown", "There is no such letter")
                    .detail(
                        "It may have been removed from the mailbox. Look at the list of letters.",
                    )
            }
            Self::Mailbox(error) => Problem::unavailable(format!("reading the mailbox: {error}")),
            Self::Internal(error) => Problem::internal(format!("{error:#}")),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.problem()
    }
}
