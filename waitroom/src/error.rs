//! What the waiting room refuses, each with a stable problem id.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use catalog::contract::Stop;
use kit::{problem::Problem, token::TokenError};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such room")]
    RoomUnknown,
    #[error("this instance has just started and does not know yet where the lines stand")]
    Starting,
    #[error("no such show")]
    ShowUnknown,
    #[error("the show has no line")]
    NoLine,
    #[error("the room is not open for joining yet")]
    RoomNotOpen,
    #[error("the room is closed")]
    RoomClosed,
    #[error("the sale was stopped")]
    SaleStopped(Stop),
    #[error("the line takes no more joins at the moment")]
    Busy,
    #[error("the line could not be written: {0}")]
    NotAcknowledged(rdkafka::error::KafkaError),
    #[error("the line was written, but not where: offset {offset}")]
    Placeless { offset: i64 },
    /// Carries why.
    #[error("the room does not wake: {0}")]
    NotAwake(String),
    #[error("there is no place ticket")]
    TicketMissing,
    #[error(transparent)]
    Ticket(#[from] TokenError),
    #[error("the API key may not sell")]
    ScopeMissing,
    #[error("the room is for another seller's show")]
    RoomForeign,
    #[error("the place ticket is for another room")]
    TicketForeign,
    #[error("it is not this place's turn yet")]
    NotYourTurn { retry_secs: u64 },
    #[error("the claim window has passed")]
    WindowMissed,
    #[error("there is no second turn to give at this moment")]
    ResumeNotNow,
    #[error("the fan left the line")]
    PlaceLeft,
    #[error("nothing was heard of the line for too long")]
    Stale,
    #[error("a mail near the turn would come too late")]
    TurnIsNear,
    #[error("nobody has an order yet")]
    DrawNotMade,
    #[error("the line has not begun to move")]
    NoTranscript,
    #[error("no root is over this place's record")]
    ProofNotYet,
    #[error("the roots over those who were drawn are being made")]
    RootsPending,
    #[error("too many ask for mails at this moment")]
    MailsBusy,
    #[error("the text is no mail address")]
    AddressInvalid,
    #[error("the text is no language's tag")]
    LanguageInvalid,
    #[error("the Idempotency-Key is not one")]
    KeyInvalid,
    #[error("the link to a place is not genuine")]
    LinkInvalid,
    #[error("the link to a place has expired")]
    LinkExpired,
    #[error("the link to a place was used")]
    LinkUsed,
    #[error("whether the place was given up is not known: {0}")]
    LeaveUnknown(redis::RedisError),
    #[error("Redis: {0}")]
    Redis(#[from] redis::RedisError),
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("internal: {0:#}")]
    Internal(anyhow::Error),
}

impl Error {
    pub fn problem(&self) -> Problem {
        use StatusCode as S;
        let of = Problem::new;
        match self {
            Self::RoomUnknown => of(S::NOT_FOUND, "room-unknown", "There is no such room")
                .detail("Check the address, or start from the list of shows."),
            Self::Starting => {
                Problem::unavailable("rooms and heads were not read yet").retry_after(1)
            }
            Self::ShowUnknown => of(S::NOT_FOUND, "show-unknown", "There is no such show")
                .detail("Check the address, or start from the list of shows."),
            Self::NoLine => of(S::NOT_FOUND, "no-line", "This show has no line")
                .detail("Tickets for this show are not on sale here yet. Its page says when the \
                    sale starts."),
            Self::RoomNotOpen => of(S::CONFLICT, "room-not-open", "The line is not open yet")
                .detail("Come back when the sale starts. The show's page says when.")
                .retry_after(30),
            Self::RoomClosed => of(S::GONE, "room-closed", "This line has closed")
                .detail("The sale is over. Nobody is let in any more."),
            Self::SaleStopped(stop) => stopped(*stop),
            Self::Busy => of(S::SERVICE_UNAVAILABLE, "room-busy", "The line is very busy this \
                second")
                .detail("You have not joined yet. Try again in a moment.")
                .retry_after(2),
            Self::NotAcknowledged(_) | Self::Placeless { .. } => {
                of(S::SERVICE_UNAVAILABLE, "join-not-acknowledged", "We could not give you a place \
                    yet")
                    .detail("Try again in a moment, with the same Idempotency-Key if you sent one; \
                        nobody who holds a place loses it.")
                    .retry_after(3)
                    .cause(self)
            }
            Self::NotAwake(_) => {
                of(S::SERVICE_UNAVAILABLE, "room-busy", "The line is very busy this second")
                    .detail("You have not joined yet. Try again in a moment.")
                    .retry_after(2)
                    .cause(self)
            }
            Self::TicketMissing => of(S::UNAUTHORIZED, "place-ticket-needed", "A place ticket is \
                needed")
                .detail("Join the line first; you get a place ticket. Send it as Authorization: \
                    Bearer."),
            Self::Ticket(error) => ticket(*error),
            Self::ScopeMissing => of(S::FORBIDDEN, "scope-missing", "The API key may not do this")
                .detail("It lacks the scope `orders:write`. Use a key that has it."),
            Self::RoomForeign => of(S::FORBIDDEN, "room-foreign", "This line is for a show of \
                another seller")
                .detail("With an API key one joins the lines of one's own shows. Join without it."),
            Self::TicketForeign => of(S::FORBIDDEN, "place-ticket-foreign", "This place ticket is \
                for another line")
                .detail("Each line has tickets of its own. Join this line to get one."),
            Self::NotYourTurn { retry_secs } => of(S::CONFLICT, "not-your-turn", "It is not your \
                turn yet")
                .detail("Your place is safe. Ask again when the line has moved.")
                .retry_after(*retry_secs),
            Self::WindowMissed => of(S::GONE, "claim-window-missed", "Your turn has passed").detail(
                "You were let in, but did not come in time, so the next fan was let in. You can \
                    join the line again.",
            ),
            Self::ResumeNotNow => {
                of(S::CONFLICT, "resume-not-now", "Nobody can go in beside the line right now")
                    .detail("Ask again in a moment; your second turn is not used up by asking.")
                    .retry_after(3)
            }
            Self::PlaceLeft => of(S::GONE, "place-left", "You left the line")
                .detail("This place was given up. You can join the line again."),
            Self::Stale => {
                Problem::unavailable("nothing was heard of the line for too long").retry_after(2)
            }
            Self::KeyInvalid => {
                of(S::UNPROCESSABLE_ENTITY, "invalid-field", "A field does not fit").field(
                    "Idempotency-Key",
                    "The key must be 1 to 128 visible ASCII characters.",
                )
            }
            Self::NoTranscript => {
                of(S::CONFLICT, "transcript-not-yet", "This line has not begun to move")
                    .detail("What its draw was is told when it opens. Roots are published already.")
                    .retry_after(30)
            }
            Self::ProofNotYet => of(S::NOT_FOUND, "proof-not-yet", "No root is over this record")
                .detail("Roots are published every few seconds while a line grows. Ask again soon.")
                .retry_after(10),
            Self::RootsPending => {
                Problem::unavailable("the roots over those who were drawn are being made")
                    .retry_after(2)
            }
            Self::TurnIsNear
            | Self::DrawNotMade
            | Self::MailsBusy
            | Self::AddressInvalid
            | Self::LanguageInvalid => self.of_turn_mail(),
            Self::LinkInvalid | Self::LinkExpired | Self::LinkUsed => self.of_link(),
            Self::LeaveUnknown(error) => kit::redis::problem(error)
                .detail("Whether your place was given up is not known. Ask again to be sure."),
            Self::Redis(error) => kit::redis::problem(error),
            Self::Database(error) => kit::postgres::problem(error),
            Self::Internal(error) => Problem::internal(format!("{error:#}")),
        }
    }

    /// Why no mail near the turn was noted.
    fn of_turn_mail(&self) -> Problem {
        match self {
            Self::TurnIsNear => {
                Problem::new(StatusCode::CONFLICT, "turn-is-near", "Your turn is near")
                    .detail("A mail would come too late. Keep your place open and look at it.")
            }
            Self::DrawNotMade => {
                Problem::new(StatusCode::CONFLICT, "draw-not-made", "Nobody has an order yet")
                    .detail("Places are drawn at the opening. Ask for a mail after that.")
            }
            Self::AddressInvalid => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid-field",
                "A field does not fit",
            )
            .field("email", "must be an email address"),
            Self::LanguageInvalid => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid-field",
                "A field does not fit",
            )
            .field("language", "must be a language tag, such as de-CH"),
            _ => Problem::unavailable("too many ask for mails near their turn"),
        }
    }

    /// Why a link to a place was not taken.
    fn of_link(&self) -> Problem {
        let (status, id, title) = match self {
            Self::LinkExpired => (StatusCode::GONE, "place-link-expired", "This link is too old"),
            Self::LinkUsed => (StatusCode::GONE, "place-link-used", "This link was used already"),
            _ => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "place-link-invalid",
                "This link leads to no place",
            ),
        };
        Problem::new(status, id, title)
            .detail("It works once, for ten minutes. Have a new one shown on the other device.")
    }
}

fn stopped(stop: Stop) -> Problem {
    match stop {
        Stop::Suspended => {
            let title = "Tickets for this show are not sold right now";
            Problem::new(StatusCode::CONFLICT, "sale-stopped", title)
                .detail(
                    "Its seller may not sell at the moment. Tickets that were bought stay valid. \
                        Look again later.",
                )
                .retry_after(60)
        }
        Stop::Withdrawn => {
            Problem::new(StatusCode::GONE, "show-withdrawn", "This show was withdrawn")
                .detail("Nothing of it is sold any more. Tickets that were bought stay valid.")
        }
    }
}

fn ticket(error: TokenError) -> Problem {
    let (id, title, detail) = match error {
        TokenError::Malformed => (
            "place-ticket-malformed",
            "This is not a place ticket",
            "Send the whole ticket, as it was given to you.",
        ),
        TokenError::UnknownKey => (
            "place-ticket-key-unknown",
            "This place ticket was sealed elsewhere",
            "It does not belong to this waiting room. Join the line here.",
        ),
        TokenError::Forged => (
            "place-ticket-forged",
            "This place ticket is not genuine",
            "It was changed on its way. Send it as it was given to you.",
        ),
    };
    Problem::new(StatusCode::UNAUTHORIZED, id, title).detail(detail)
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}
