//! Everything that can go wrong in the console, with its public problem id.

use admission::contract::{Entropy, EntropySource};
use axum::{
    http::StatusCode as S,
    response::{IntoResponse, Response},
};
use identity::NotANumber;
use kit::{password::Busy, problem::Problem};
use rdkafka::error::KafkaError;
use waitroom::contract::{EnteringError, Phase, RoomError};

use crate::room::method::{SOURCES, fixed_words, of};

/// One enum for the whole service; [`Error::problem`] gives each variant its stable id.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("nobody is signed in")]
    SessionNeeded,
    #[error("only an admin may do this")]
    RoleMissing,
    #[error("the one-time password was not replaced yet")]
    PasswordChangeNeeded,
    #[error("the address or the password is not right")]
    SignInRefused,
    #[error("too many failed sign-ins")]
    SignInBlocked { secs: i64 },
    #[error("the form was not of this session")]
    FormForeign,

    #[error("there is no such room")]
    RoomUnknown,
    #[error("the room cannot go from {from} to {to}")]
    PhaseCannotFollow { from: Phase, to: Phase },
    #[error("the room does not draw")]
    DoesNotDraw,
    #[error("entries are not closed yet")]
    EntriesOpen,
    #[error("the room was closed before its draw was made")]
    RoomClosed,
    #[error("another source was announced: {announced:?}")]
    EntropyNotAnnounced { announced: EntropySource },
    #[error("what is mixed in is fixed already")]
    EntropyFixed(Box<Entropy>),
    #[error("it was changed since its effect was shown")]
    ChangedMeanwhile,
    #[error("there is no such show")]
    ShowUnknown,
    #[error("the show is a draft")]
    ShowNotPublished,
    #[error("the show was withdrawn")]
    ShowWithdrawn,
    #[error("the room of another show has this name")]
    RoomNameTaken,
    #[error("there is no such person")]
    PersonUnknown,
    #[error("the address is taken")]
    EmailTaken,
    #[error("nobody disables themselves or the last admin")]
    LastAdmin,
    #[error("nobody resets their own password")]
    OwnReset,
    #[error("the person is disabled")]
    PersonDisabled,
    #[error("there is no such reseller")]
    ResellerUnknown,
    #[error("there is no such support request")]
    SupportRequestUnknown,
    #[error("the fan wrote as much as one support request takes")]
    SupportRequestFull,
    #[error("another answer was sent with this key")]
    AnswerChanged,
    #[error("there is no such order")]
    OrderUnknown,
    #[error("the order cannot be refunded, it is {0}")]
    NotRefundable(String),
    #[error("{field} does not fit: {detail}")]
    Field { field: String, detail: String },

    /// Found while reading a request.
    #[error("{}", .0.id)]
    Problem(Box<Problem>),
    #[error(transparent)]
    Store(#[from] sqlx::Error),
    /// Something we lean on is away.
    #[error("{0:#}")]
    Away(anyhow::Error),
    #[error("{0:#}")]
    Internal(anyhow::Error),
}

impl Error {
    /// A field that does not fit, and why.
    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Field { field: field.into(), detail: detail.into() }
    }

    /// What it means that a room and its line could not be made: Postgres and Kafka are asked again
    /// later.
    pub fn of_making(error: anyhow::Error) -> Self {
        match error.downcast::<sqlx::Error>() {
            Ok(error) => Self::Store(error),
            Err(error) if error.chain().any(|cause| cause.is::<KafkaError>()) => Self::Away(error),
            Err(error) => Self::Internal(error),
        }
    }

    /// What the caller reads.
    pub fn problem(&self) -> Problem {
        match self {
            Self::SessionNeeded
            | Self::RoleMissing
            | Self::PasswordChangeNeeded
            | Self::SignInRefused
            | Self::SignInBlocked { .. }
            | Self::FormForeign => self.access_problem(),
            Self::RoomUnknown
            | Self::ShowUnknown
            | Self::PersonUnknown
            | Self::ResellerUnknown
            | Self::SupportRequestUnknown
            | Self::OrderUnknown => self.unknown_problem(),
            Self::PhaseCannotFollow { .. }
            | Self::ChangedMeanwhile
            | Self::ShowNotPublished
            | Self::ShowWithdrawn
            | Self::RoomNameTaken => self.room_problem(),
            Self::DoesNotDraw
            | Self::EntriesOpen
            | Self::RoomClosed
            | Self::EntropyNotAnnounced { .. }
            | Self::EntropyFixed(_) => self.draw_problem(),
            Self::EmailTaken | Self::LastAdmin | Self::OwnReset | Self::PersonDisabled => {
                self.person_problem()
            }
            Self::SupportRequestFull | Self::AnswerChanged | Self::NotRefundable(_) => {
                self.support_problem()
            }
            Self::Field { field, detail } => kit::extract::invalid_field(field, detail),
            Self::Problem(problem) => (**problem).clone(),
            Self::Store(error) => kit::postgres::problem(error),
            Self::Away(error) => Problem::unavailable(format!("{error:#}")),
            Self::Internal(error) => Problem::internal(format!("{error:#}")),
        }
    }

    fn access_problem(&self) -> Problem {
        match self {
            Self::SignInRefused => {
                Problem::new(S::UNAUTHORIZED, "sign-in-refused", "That did not work")
                    .detail("The address or the password is not right. Check both and try again.")
            }
            Self::SignInBlocked { secs } => Problem::new(
                S::TOO_MANY_REQUESTS,
                "sign-in-blocked",
                "Too many failed sign-ins in a row",
            )
            .detail(format!(
                "To keep guessing slow, no password is tried from your network for this \
                            address for {secs} seconds. Try again then."
            ))
            .retry_after((*secs).max(1).unsigned_abs()),
            Self::RoleMissing => {
                Problem::new(S::FORBIDDEN, "role-missing", "Only an admin may do this")
                    .detail("You are signed in as an operator. Ask an admin.")
            }
            Self::PasswordChangeNeeded => Problem::new(
                S::FORBIDDEN,
                "password-change-needed",
                "Choose a password of your own first",
            )
            .detail("You signed in with a one-time password. Replace it, then go on."),
            Self::FormForeign => {
                Problem::new(S::FORBIDDEN, "form-foreign", "This form is not from your session")
                    .detail(
                        "It may have been open for long. Go back, reload the page, and try again.",
                    )
            }
            _ => Problem::new(S::UNAUTHORIZED, "admin-session-needed", "Sign in first").detail(
                "Send Authorization: Bearer with the token of POST /v1/admin/sessions. A \
                    session ends after 12 hours, or one hour without a request.",
            ),
        }
    }

    fn room_problem(&self) -> Problem {
        match self {
            Self::PhaseCannotFollow { from, to } => {
                Problem::new(S::CONFLICT, "phase-cannot-follow", "The room cannot do that now")
                    .detail(format!("It is {from}, and a room that is {from} cannot become {to}."))
            }
            Self::ChangedMeanwhile => {
                Problem::new(S::CONFLICT, "changed-meanwhile", "It was changed since you looked")
                    .detail("Look at what your change would do now, then confirm it again.")
            }
            Self::ShowNotPublished => {
                Problem::new(S::CONFLICT, "show-not-published", "This show is a draft").detail(
                    "Only its reseller sees it, and nothing of it is sold: there is nothing to \
                    withdraw.",
                )
            }
            Self::ShowWithdrawn => {
                Problem::new(S::GONE, "show-withdrawn", "This show was withdrawn")
                    .detail("Nothing of it is sold any more, so it gets no room.")
            }
            _ => Problem::new(
                S::CONFLICT,
                "room-name-taken",
                "The room of another show has this name",
            )
            .detail("A show's room is called as the show is. Sell this show under another id."),
        }
    }

    /// Why what a draw waits for was not taken.
    fn draw_problem(&self) -> Problem {
        match self {
            Self::EntriesOpen => {
                Problem::new(S::CONFLICT, "entries-open", "Entries are not closed yet").detail(
                    "What is mixed into a draw must come to be after entries closed. Close them \
                    first, or wait for the opening.",
                )
            }
            Self::RoomClosed => Problem::new(S::GONE, "room-closed", "The room is closed")
                .detail("It was closed before its draw was made, so there is none to be made."),
            Self::EntropyNotAnnounced { announced } => Problem::new(
                S::CONFLICT,
                "entropy-not-announced",
                "Something else was announced with the commitment",
            )
            .detail(format!(
                "What is mixed into this draw: {}.",
                of(&SOURCES, *announced).title.to_lowercase()
            )),
            Self::EntropyFixed(entropy) => {
                Problem::new(S::CONFLICT, "entropy-fixed", "What is mixed in is fixed already")
                    .detail(fixed_words(entropy))
            }
            _ => Problem::new(S::CONFLICT, "room-does-not-draw", "This room makes no draw")
                .detail("Nothing is mixed into the order of a room that does not draw."),
        }
    }

    fn person_problem(&self) -> Problem {
        match self {
            Self::EmailTaken => {
                Problem::new(S::CONFLICT, "email-taken", "Somebody has this address already")
                    .detail("Each person has an account of their own. Use another address.")
                    .field("email", "taken")
            }
            Self::LastAdmin => Problem::new(
                S::CONFLICT,
                "admin-needed",
                "Somebody must remain who can undo it",
            )
            .detail("You cannot disable yourself, nor the last admin. Ask another admin to do it."),
            Self::OwnReset => {
                Problem::new(S::CONFLICT, "password-is-own", "Change your own password instead")
                    .detail(
                        "A one-time password is for somebody else who lost theirs. Change yours on \
                    the page of your account, or with PUT /v1/admin/password: both ask for the one \
                    you have. If you lost it, ask another admin.",
                    )
            }
            _ => Problem::new(S::CONFLICT, "person-disabled", "This person may not sign in")
                .detail(
                    "No password would let them in. Enable them first, then give them a \
                    one-time password.",
                ),
        }
    }

    fn support_problem(&self) -> Problem {
        match self {
            Self::SupportRequestFull => {
                Problem::new(S::CONFLICT, "support-full", "This conversation is full").detail(
                    "You have written 20 messages. We have them all; please wait for our answer.",
                )
            }
            Self::NotRefundable(state) => {
                let state = state.replace('_', " ");
                Problem::new(S::CONFLICT, "order-not-refundable", "This order cannot be refunded")
                    .detail(format!("It is {state}. Only an order with tickets can be refunded."))
            }
            _ => Problem::new(
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "This answer was sent with another text",
            )
            .detail(
                "The fan has the first text. Send another answer with another key, or load the \
                page again.",
            ),
        }
    }

    fn unknown_problem(&self) -> Problem {
        let (id, title) = match self {
            Self::RoomUnknown => ("room-unknown", "There is no such room"),
            Self::ShowUnknown => ("show-unknown", "There is no such show"),
            Self::PersonUnknown => ("person-unknown", "There is no such person"),
            Self::ResellerUnknown => ("reseller-unknown", "There is no such reseller"),
            Self::SupportRequestUnknown => {
                ("support-ticket-unknown", "There is no such support ticket")
            }
            _ => ("order-unknown", "There is no such order"),
        };
        Problem::new(S::NOT_FOUND, id, title).detail("Check the address, or start from the list.")
    }
}

impl From<RoomError> for Error {
    fn from(fault: RoomError) -> Self {
        match fault {
            RoomError::Unknown => Self::RoomUnknown,
            RoomError::PhaseCannotFollow { from, to } => Self::PhaseCannotFollow { from, to },
            RoomError::Value { field, detail } => Self::field(field, detail),
            RoomError::Store(error) => Self::Store(error),
        }
    }
}

impl From<EnteringError> for Error {
    fn from(fault: EnteringError) -> Self {
        match fault {
            EnteringError::RoomUnknown => Self::RoomUnknown,
            EnteringError::NoDraw => Self::DoesNotDraw,
            EnteringError::EntriesOpen => Self::EntriesOpen,
            EnteringError::Closed => Self::RoomClosed,
            EnteringError::NotAnnounced { announced } => Self::EntropyNotAnnounced { announced },
            EnteringError::Fixed(entropy) => Self::EntropyFixed(entropy),
            EnteringError::Value { field, detail } => Self::field(field, detail),
            EnteringError::Store(error) => Self::Store(error),
        }
    }
}

impl From<identity::Error> for Error {
    fn from(error: identity::Error) -> Self {
        use identity::Error as Of;
        match error {
            Of::SessionNeeded => Self::SessionNeeded,
            Of::PasswordChangeNeeded => Self::PasswordChangeNeeded,
            Of::SignInRefused => Self::SignInRefused,
            Of::SignInBlocked { secs } => Self::SignInBlocked { secs },
            Of::FormForeign => Self::FormForeign,
            Of::CurrentPasswordWrong => Self::field("current", "This is not your password."),
            Of::NewPasswordRefused(detail) => Self::field("password", detail),
            Of::Form(problem) => Self::Problem(problem),
            Of::Store(error) => Self::Store(error),
            Of::Away(error) => Self::Away(error),
            Of::Internal(error) => Self::Internal(error),
        }
    }
}

impl From<NotANumber> for Error {
    fn from(fault: NotANumber) -> Self {
        Self::field(fault.field, "Give a number.")
    }
}

impl From<anyhow::Error> for Error {
    /// A password that nobody had time to look at is no mistake of ours.
    fn from(error: anyhow::Error) -> Self {
        if error.is::<Busy>() { Self::Away(error) } else { Self::Internal(error) }
    }
}

impl From<Busy> for Error {
    fn from(busy: Busy) -> Self {
        Self::Away(busy.into())
    }
}

impl From<redis::RedisError> for Error {
    fn from(error: redis::RedisError) -> Self {
        Self::Away(error.into())
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_at_the_door_is_told_to_come_back() {
        for error in [Error::from(Busy), Error::from(anyhow::Error::from(Busy))] {
            let problem = error.problem();
            assert_eq!((problem.status.as_u16(), problem.retry_after_secs), (503, Some(2)));
        }
        assert_eq!(Error::from(anyhow::anyhow!("no randomness")).problem().status, 500);
    }
}
