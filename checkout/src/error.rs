//! Everything that can go wrong in checkout, with its public problem id.

use admission::contract::PassError;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use catalog::contract::Stop;
use kit::{problem::Problem, token::TokenError};

/// One enum for the whole service; [`Error::problem`] gives each variant its stable id.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Pass(PassError),
    #[error("this pass opened a session before")]
    PassUsed,
    /// Whether the place has a grant: then its time to come in stands still meanwhile.
    #[error("no slot is free in checkout")]
    CheckoutFull { turn_kept: bool },
    #[error("the pass is for a sale that is not running here")]
    SaleClosed,
    #[error("the show has begun")]
    ShowBegun,

    #[error("the sale was stopped")]
    SaleStopped(Stop),

    #[error("the API key lacks the scope {scope}")]
    ScopeMissing { scope: &'static str },

    #[error("there is no session token")]
    SessionMissing,
    #[error("session token: {0}")]
    SessionToken(TokenError),
    #[error("the session has expired")]
    SessionExpired,
    #[error("the session was ended")]
    SessionEnded,

    #[error("hold token: {0}")]
    HoldToken(TokenError),
    #[error("the hold belongs to another session")]
    HoldForeign,
    #[error("the hold has expired")]
    HoldExpired,
    #[error("the held tickets are gone")]
    HoldLost,
    #[error("the hold has become an order before")]
    HoldUsed,

    #[error("a field does not fit: {field}")]
    Field { field: String, detail: String },
    #[error("{field} is not a ticket type of this show")]
    TicketTypeUnknown { field: String },
    /// The session keeps the hold it has, of so many tickets.
    /// Some of the type may come back, where they are in other fans' hands.
    #[error("no ticket is left")]
    SoldOut { ticket_type: String, kept: i32, may_come_back: bool },
    /// So many can be had, with what the session holds of the type. It keeps the hold it has, of so
    /// many tickets.
    #[error("only {left} are left")]
    NotEnoughLeft { ticket_type: String, left: i64, kept: i32 },

    #[error("the key was used with another body")]
    IdempotencyMismatch,
    #[error("the same call is still being answered")]
    InProgress,

    #[error("there is no such order here")]
    OrderUnknown,
    #[error("the session has an order already")]
    OrderOpen,
    #[error("the order can no longer be cancelled")]
    OrderNotCancellable,
    #[error("the order cannot be written")]
    OrderUnwritable,
    #[error("there is no such show")]
    ShowUnknown,

    #[error("the payment provider does not answer: {0}")]
    PaymentProviderAway(String),
    #[error("there is no such payment provider")]
    PaymentProviderUnknown,
    #[error("a webhook's signature is not valid: {0}")]
    WebhookSignatureInvalid(String),

    /// Found while reading a request.
    #[error("{}", .0.id)]
    Problem(Box<Problem>),

    /// Something we lean on is away or behind; nothing was done, or a repeat with the same key
    /// finds what was.
    #[error("unavailable: {0}")]
    Unavailable(String),
    #[error(transparent)]
    Store(#[from] sqlx::Error),
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}

impl From<PassError> for Error {
    fn from(fault: PassError) -> Self {
        Self::Pass(fault)
    }
}

/// That a hold stays as it is, to be put after a refusal; nothing where there is none.
fn keep_words(kept: i32) -> String {
    match kept {
        ..=0 => String::new(),
        1 => " You keep the ticket you hold.".to_owned(),
        many => format!(" You keep the {many} tickets you hold."),
    }
}

fn token_ids(fault: TokenError, ids: [&'static str; 3]) -> &'static str {
    match fault {
        TokenError::Malformed => ids[0],
        TokenError::UnknownKey => ids[1],
        TokenError::Forged => ids[2],
    }
}

impl Error {
    /// Our mistake; `cause` is for the log.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(anyhow::anyhow!("{cause}"))
    }

    /// Whether it came of a fault of ours: servers that are away or slow, and our own mistakes. Not
    /// of what the rules refuse.
    pub fn is_our_fault(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Store(_) | Self::Redis(_) | Self::Internal(_) => true,
            Self::OrderUnwritable => true,
            Self::Problem(problem) => problem.status.is_server_error(),
            _ => false,
        }
    }

    /// What the caller reads.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Pass(fault) => fault.problem(),
            Self::PassUsed | Self::CheckoutFull { .. } | Self::SaleClosed | Self::ShowBegun => {
                self.entry_problem()
            }
            Self::SaleStopped(Stop::Suspended) => Problem::new(
                StatusCode::CONFLICT,
                "sale-stopped",
                "Tickets for this show are not sold right now",
            )
            .detail(
                "Its seller may not sell at the moment. Orders that were placed can be paid, and \
                    tickets stay valid.",
            ),
            Self::SaleStopped(Stop::Withdrawn) => {
                Problem::new(StatusCode::GONE, "show-withdrawn", "This show was withdrawn").detail(
                    "Nothing of it is sold any more. Orders that were placed can be paid, and \
                        tickets stay valid.",
                )
            }
            Self::SessionMissing
            | Self::SessionToken(_)
            | Self::SessionExpired
            | Self::SessionEnded => self.session_problem(),
            Self::ScopeMissing { scope } => {
                Problem::new(StatusCode::FORBIDDEN, "scope-missing", "The API key may not do this")
                    .detail(format!(
                        "It needs the scope `{scope}`. Make a key that has it in the portal."
                    ))
            }
            Self::HoldToken(_)
            | Self::HoldForeign
            | Self::HoldExpired
            | Self::HoldLost
            | Self::HoldUsed => self.hold_problem(),
            Self::Field { .. }
            | Self::TicketTypeUnknown { .. }
            | Self::SoldOut { .. }
            | Self::NotEnoughLeft { .. } => self.choice_problem(),
            Self::IdempotencyMismatch | Self::InProgress => self.repeat_problem(),
            Self::OrderUnknown
            | Self::OrderOpen
            | Self::OrderNotCancellable
            | Self::OrderUnwritable
            | Self::ShowUnknown => self.order_problem(),
            Self::PaymentProviderAway(_)
            | Self::PaymentProviderUnknown
            | Self::WebhookSignatureInvalid(_) => self.payment_problem(),
            Self::Problem(problem) => (**problem).clone(),
            Self::Unavailable(cause) => Problem::unavailable(cause),
            Self::Store(error) => kit::postgres::problem(error),
            Self::Redis(error) => kit::redis::problem(error),
            Self::Internal(error) => Problem::internal(format!("{error:#}")),
        }
    }

    fn entry_problem(&self) -> Problem {
        match self {
            Self::PassUsed => Problem::new(
                StatusCode::CONFLICT,
                "pass-used",
                "This pass was used already",
            )
            .detail(
                "A pass opens one checkout session, once. Go on in the window where you opened it.",
            ),
            Self::CheckoutFull { turn_kept } => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "checkout-full",
                "Checkout is full at this moment",
            )
            .detail(if *turn_kept {
                "Your turn is kept: your time to come in stands still until there is room. Try \
                    again in a moment."
            } else {
                "There is room as soon as somebody leaves. Try again in a moment."
            })
            .retry_after(1),
            Self::ShowBegun => Problem::new(
                StatusCode::CONFLICT,
                "show-begun",
                "The show has begun",
            )
            .detail(
                "Its tickets are no longer sold here. An order placed before can still be paid.",
            ),
            _ => Problem::new(StatusCode::NOT_FOUND, "sale-closed", "This sale is not running")
                .detail("The pass is genuine, but its sale is not running here."),
        }
    }

    fn session_problem(&self) -> Problem {
        let (id, title, detail) = match self {
            Self::SessionToken(fault) => (
                token_ids(*fault, ["session-malformed", "session-key-unknown", "session-forged"]),
                "This is not a session of ours",
                "Send the session token as it was given to you, or come in with your pass again.",
            ),
            Self::SessionExpired => (
                "session-expired",
                "Your time in checkout is over",
                "Orders you placed are safe. To buy something else, join the line again.",
            ),
            Self::SessionEnded => (
                "session-ended",
                "This session was ended",
                "You left, you bought, or nothing happened for a while. Orders you placed are safe. To buy something else, join the line again.",
            ),
            _ => (
                "session-needed",
                "A checkout session is needed",
                "Send Authorization: Bearer with the session token that your pass was exchanged \
                    for.",
            ),
        };
        Problem::new(StatusCode::UNAUTHORIZED, id, title).detail(detail)
    }

    fn hold_problem(&self) -> Problem {
        match self {
            Self::HoldToken(fault) => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                token_ids(*fault, ["hold-malformed", "hold-key-unknown", "hold-forged"]),
                "This is not a hold of ours",
            )
            .detail("Send the hold as it was given to you.")
            .field("hold", "not a hold of ours"),
            Self::HoldForeign => Problem::new(StatusCode::FORBIDDEN, "hold-foreign", "This hold is \
                somebody else's")
                .detail("A hold can be used only in the session that made it."),
            Self::HoldExpired => Problem::new(StatusCode::CONFLICT, "hold-expired", "The hold has \
                run out")
                .detail("The tickets went back on sale. If some are left you can take them again."),
            Self::HoldUsed => Problem::new(StatusCode::CONFLICT, "hold-used", "This hold became an \
                order already")
                .detail("One hold makes one order. Look at that order, or choose tickets anew."),
            _ => Problem::new(StatusCode::CONFLICT, "hold-lost", "The held tickets are gone").detail(
                "We lost track of your hold through a fault of ours. Nothing was charged. Please \
                    choose tickets anew.",
            ),
        }
    }

    fn choice_problem(&self) -> Problem {
        match self {
            Self::Field { field, detail } => kit::extract::invalid_field(field, detail),
            Self::TicketTypeUnknown { field } => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "ticket-type-unknown",
                "There is no such ticket type",
            )
            .detail("Choose among the ticket types of the show you were let in for.")
            .field(field.clone(), "not a ticket type of this show"),
            Self::NotEnoughLeft { ticket_type, left, kept } => {
                let keep = keep_words(*kept);
                Problem::new(
                    StatusCode::CONFLICT,
                    "not-enough-left",
                    "Fewer are left than you asked for",
                )
                .detail(format!(
                    "{ticket_type}: {left} left for you at this moment. Take fewer, or another \
                            type.{keep}"
                ))
                .field("items", format!("{left} left"))
            }
            Self::SoldOut { ticket_type, kept, may_come_back } => {
                let keep = keep_words(*kept);
                let (title, words) = if *may_come_back {
                    (
                        "None is free at this moment",
                        "the last tickets are in other fans' hands; some may come back, so a \
                            second look can pay.",
                    )
                } else {
                    ("Sold out", "every ticket is sold.")
                };
                Problem::new(StatusCode::CONFLICT, "sold-out", title)
                    .detail(format!("{ticket_type}: {words}{keep}"))
            }
            _ => Problem::internal("not a choice"),
        }
    }

    fn repeat_problem(&self) -> Problem {
        match self {
            Self::IdempotencyMismatch => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-mismatch",
                "The Idempotency-Key was used for another request",
            )
            .detail("Repeat a request unchanged, or send another one with a fresh key."),
            _ => Problem::new(
                StatusCode::CONFLICT,
                "request-in-progress",
                "The same request is being answered",
            )
            .detail("Wait a moment and repeat it with the same key.")
            .retry_after(1),
        }
    }

    fn order_problem(&self) -> Problem {
        match self {
            Self::OrderOpen => Problem::new(
                StatusCode::CONFLICT,
                "order-open",
                "You have an order already",
            )
            .detail("One session buys one order. Pay it, or cancel it before you place another."),
            Self::OrderNotCancellable => Problem::new(
                StatusCode::CONFLICT,
                "order-not-cancellable",
                "This order can no longer be cancelled",
            )
            .detail("It is paid or closed already."),
            Self::OrderUnwritable => Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "order-unwritable",
                "The order could not be written",
            )
            .detail("The fault is ours. Nothing was charged. Choose tickets anew."),
            Self::ShowUnknown => {
                Problem::new(StatusCode::NOT_FOUND, "show-unknown", "There is no such show")
                    .detail("Check the address, or start from the list of shows.")
            }
            _ => Problem::new(StatusCode::NOT_FOUND, "order-unknown", "There is no such order")
                .detail("An order can be seen only from the session that placed it."),
        }
    }

    fn payment_problem(&self) -> Problem {
        match self {
            Self::PaymentProviderAway(cause) => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "payment-provider-away",
                "The payment provider does not answer",
            )
            .detail("Your order is safe and nothing was charged. Try again in a moment.")
            .retry_after(2)
            .cause(cause),
            Self::WebhookSignatureInvalid(cause) => Problem::new(
                StatusCode::UNAUTHORIZED,
                "webhook-signature-invalid",
                "The webhook's signature is not valid",
            )
            .detail("Sign the body as it is sent, with the agreed secret and the current time.")
            .cause(cause),
            _ => Problem::new(
                StatusCode::NOT_FOUND,
                "payment-provider-unknown",
                "There is no such payment provider",
            )
            .detail("Webhooks are taken from `sandbox`."),
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
