//! What can go wrong here, each with its public problem id.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use catalog::contract::CatalogError;
use kit::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `form-stale`, 403.
    #[error("a form without its token")]
    FormStale,
    /// `api-key-missing`, 401.
    #[error("no API key was shown")]
    ApiKeyMissing,
    /// `api-key-unknown`, 401.
    #[error("no such API key is in use")]
    ApiKeyUnknown,
    /// `scope-missing`, 403.
    #[error("the API key may not do that: {0}")]
    ScopeMissing(&'static str),
    /// `show-unknown`, `venue-unknown`, `ticket-type-unknown`, `order-unknown`, `key-unknown`, 404:
    /// none, or somebody else's.
    #[error("no such {0:?}")]
    Unknown(Thing),
    /// `cursor-invalid`, 400: the parameter that it came in.
    #[error("not a cursor of ours")]
    CursorInvalid(&'static str),
    /// `invalid-field`, 422.
    #[error("{field} does not fit")]
    Field { field: String, detail: String },
    /// `allotment-waiting`, 409.
    #[error("an earlier change waits for its answer")]
    AllotmentWaiting,
    /// `allotment-refused`, 409: checkout's reason, in words for the reseller.
    #[error("the change was refused: {0}")]
    AllotmentRefused(String),
    /// `allotment-superseded`, 409.
    #[error("another change came after this one")]
    AllotmentSuperseded,
    /// `already-published`, 409.
    #[error("the show is published")]
    AlreadyPublished,
    /// `show-not-published`, 409.
    #[error("the show is a draft")]
    NotPublished,
    /// `show-withdrawn`, 410.
    #[error("the show was withdrawn")]
    Withdrawn,
    /// `not-publishable`, 409.
    #[error("the show cannot be published: {0}")]
    NotPublishable(String),
    /// `try-again-soon` (503) or `internal` (500).
    #[error(transparent)]
    Store(#[from] sqlx::Error),
    /// The body is no form.
    #[error("{}", .0.title)]
    Problem(Box<Problem>),
    /// `try-again-soon`, 503: something we lean on is away.
    #[error("{0:#}")]
    Away(anyhow::Error),
    /// `internal`, 500.
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}

/// What an address can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    Show,
    Venue,
    TicketType,
    Order,
    Key,
}

impl Thing {
    fn problem(self) -> Problem {
        let (id, title) = match self {
            Self::Show => ("show-unknown", "There is no such show"),
            Self::Venue => ("venue-unknown", "There is no such venue"),
            Self::TicketType => ("ticket-type-unknown", "There is no such ticket type"),
            Self::Order => ("order-unknown", "There is no such order"),
            Self::Key => ("key-unknown", "There is no such API key"),
        };
        Problem::new(StatusCode::NOT_FOUND, id, title)
            .detail("Check the address, or start from the portal.")
    }
}

impl Error {
    /// What a fault of the catalog means where `thing` was asked for.
    pub fn of_catalog(fault: CatalogError, thing: Thing) -> Self {
        match fault {
            CatalogError::NotFound => Self::Unknown(thing),
            CatalogError::Field { field, detail } => {
                Self::Field { field: field.to_owned(), detail }
            }
            CatalogError::AllotmentWaiting => Self::AllotmentWaiting,
            CatalogError::AlreadyPublished => Self::AlreadyPublished,
            CatalogError::NotPublished => Self::NotPublished,
            CatalogError::Withdrawn => Self::Withdrawn,
            CatalogError::NotPublishable(why) => Self::NotPublishable(why),
            CatalogError::Store(error) => Self::Store(error),
        }
    }

    pub fn problem(&self) -> Problem {
        match self {
            Self::FormStale => {
                Problem::new(StatusCode::FORBIDDEN, "form-stale", "This form is out of date")
                    .detail(
                        "Nothing was changed. Go back, load the page again and send it once more.",
                    )
            }
            Self::ApiKeyMissing => {
                Problem::new(StatusCode::UNAUTHORIZED, "api-key-missing", "An API key is needed")
                    .detail(
                        "Send the key as `Authorization: Bearer fgk_…`. Keys are made in the \
                    portal.",
                    )
            }
            Self::ApiKeyUnknown => Problem::new(
                StatusCode::UNAUTHORIZED,
                "api-key-unknown",
                "This API key is not in use",
            )
            .detail(
                "It was revoked, mistyped, or its account may not sell now. Look in the portal.",
            ),
            Self::ScopeMissing(scope) => {
                Problem::new(StatusCode::FORBIDDEN, "scope-missing", "This API key may not do that")
                    .detail(format!(
                        "It needs the scope `{scope}`. Make a key that has it in the portal."
                    ))
            }
            Self::Unknown(thing) => thing.problem(),
            Self::CursorInvalid(parameter) => Problem::new(
                StatusCode::BAD_REQUEST,
                "cursor-invalid",
                "That is not a cursor from this list",
            )
            .detail(format!(
                "Send `{parameter}` exactly as the last answer gave it in `next`, or leave it out."
            ))
            .field(*parameter, "not a cursor from this list"),
            Self::Field { field, detail } => kit::extract::invalid_field(field, detail),
            Self::AllotmentWaiting => Problem::new(
                StatusCode::CONFLICT,
                "allotment-waiting",
                "The last change is still being applied",
            )
            .detail("One change is answered before the next is taken. Try again in a moment.")
            .retry_after(1),
            Self::AllotmentRefused(reason) => Problem::new(
                StatusCode::CONFLICT,
                "allotment-refused",
                "The allotment was not changed",
            )
            .detail(reason.clone()),
            Self::AllotmentSuperseded => Problem::new(
                StatusCode::CONFLICT,
                "allotment-superseded",
                "Another change came after yours",
            )
            .detail("Read the allotment to see what holds now."),
            Self::AlreadyPublished => Problem::new(
                StatusCode::CONFLICT,
                "already-published",
                "This show is published already",
            )
            .detail("Nothing was changed."),
            Self::NotPublished => {
                Problem::new(StatusCode::CONFLICT, "show-not-published", "This show is a draft")
                    .detail(
                        "Nobody but you sees it and nothing of it is sold, so there is nothing to \
                    withdraw.",
                    )
            }
            Self::Withdrawn => {
                Problem::new(StatusCode::GONE, "show-withdrawn", "This show was withdrawn").detail(
                    "Nothing was changed. A withdrawn show stays as it was; to sell it again, \
                    make a new one.",
                )
            }
            Self::NotPublishable(why) => Problem::new(
                StatusCode::CONFLICT,
                "not-publishable",
                "This show cannot be published yet",
            )
            .detail(why.clone()),
            Self::Problem(problem) => (**problem).clone(),
            Self::Store(error) => kit::postgres::problem(error),
            Self::Away(cause) => Problem::unavailable(format!("{cause:#}")),
            Self::Internal(cause) => Problem::internal(format!("{cause:#}")),
        }
    }
}

impl From<identity::Error> for Error {
    /// Pages say beside the form what they know better.
    fn from(error: identity::Error) -> Self {
        use identity::Error as Of;
        match error {
            Of::SessionNeeded
            | Of::PasswordChangeNeeded
            | Of::SignInRefused
            | Of::SignInBlocked { .. }
            | Of::FormForeign
            | Of::CurrentPasswordWrong
            | Of::NewPasswordRefused(_) => Self::FormStale,
            Of::Form(problem) => Self::Problem(problem),
            Of::Store(error) => Self::Store(error),
            Of::Away(error) => Self::Away(error),
            Of::Internal(error) => Self::Internal(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.problem()
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}
