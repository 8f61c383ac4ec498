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
            Self::SaleStopped(Stop::Suspended) => {
                of(S::CONFLICT, "sale-stopped", "Tickets for this show are not sold right now")
                    .detail(
                        "Its seller may not sell at the moment. Tickets that were bought stay \
                            valid. Look again later.",
                    )
                    .retry_after(60)
            }
            Self::SaleStopped(Stop::Withdrawn) => of(S::GONE, "show-withdrawn", "This show was \
                withdrawn")
                .detail("Nothing of it is sold any more. Tickets that were bought stay valid."),
            Self::Busy => of(S::SERVICE_UNAVAILABLE, "room-busy", "The line is very busy this \
                second")
                .detail("You have not joined yet. Try again in a moment.")
                .retry_after(2),
            Self::NotAcknowledged(_) | Self::Placeless { .. } => {
                of(S::SERVICE_UNAVAILABLE, "join-not-acknowledged", "We could not give you a place \
                    yet")
                    .detail("You have not joined. Try again in a moment; nobody who holds a place \
                        loses it.")
                    .retry_after(3)
                    .cause(self)
            }
            Self::TicketMissing => of(S::UNAUTHORIZED, "place-ticket-needed", "A place ticket is \
                needed")
                .detail("Join the line first; you get a place ticket. Send it as Authorization: \
                    Bearer."),
            Self::Ticket(TokenError::Malformed) => {
                of(S::UNAUTHORIZED, "place-ticket-malformed", "This is not a place ticket")
                    .detail("Send the whole ticket, as it was given to you.")
            }
            Self::Ticket(TokenError::UnknownKey) => {
                of(S::UNAUTHORIZED, "place-ticket-key-unknown", "This place ticket was sealed \
                    elsewhere")
                    .detail("It does not belong to this waiting room. Join the line here.")
            }
            Self::Ticket(TokenError::Forged) => {
                of(S::UNAUTHORIZED, "place-ticket-forged", "This place ticket is not genuine")
                    .detail("It was changed on its way. Send it as it was given to you.")
            }
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
            Self::Database(error) => kit::postgres::problem(error),
            Self::Internal(error) => Problem::internal(format!("{error:#}")),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}
