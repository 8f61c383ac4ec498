//! What somebody sees who is not in checkout, or no longer.

use admission::contract::PassError;
use askama::Template;
use axum::{http::StatusCode, response::Response};
use catalog::contract::{ShowId, Stop};

use crate::{Error, http::pages::view::with_status};

#[derive(Template)]
#[template(path = "checkout/outside.html")]
struct OutsidePage {
    title: &'static str,
    words: &'static str,
    /// Whose line to join.
    show: Option<ShowId>,
    /// The place in line is used up: only a new one leads on.
    anew: bool,
}

/// The page for a session that is missing or over, or that cannot be had with a pass; other errors
/// go on as they are.
pub fn page(error: Error, show: Option<&ShowId>) -> Result<Response, Error> {
    let anew = matches!(error, Error::PassUsed | Error::Pass(PassError::Expired));
    let (title, words) = match error {
        Error::SessionMissing | Error::SessionToken(_) => (
            "You are not in checkout",
            "Checkout opens when it is your turn in line, for a while. If you are inside, use the \
                browser you came in \
             with. Orders you placed are safe.",
        ),
        Error::SessionExpired => (
            "Your time in checkout is over",
            "Tickets you held went back on sale, and somebody else has your place now. Nothing was \
                charged. Orders you \
             placed are safe.",
        ),
        Error::SessionEnded => (
            "You are no longer in checkout",
            "You left, you bought, or nothing happened for a while, and your place went to the \
                next person. Orders you placed are safe: open them with the address of their \
                page. To buy something else, join the line again.",
        ),
        Error::PassUsed => (
            "Your turn was used",
            "A turn opens checkout once. If you are inside in another browser, go on there. Orders \
                you placed are safe. \
             To buy something else, join the line again.",
        ),
        Error::Pass(PassError::Expired) => (
            "Your turn has passed",
            "The time to go in was over before you came, so your place went to the next person. \
                Nothing was charged.",
        ),
        Error::ShowBegun => (
            "The show has begun",
            "Its tickets are no longer sold here. Orders you placed are safe: open them with the \
                address of their page.",
        ),
        Error::SaleStopped(Stop::Suspended) => (
            "Nothing is sold right now",
            "The seller of this show may not sell at the moment. Look here again later. Orders you \
                placed are safe, and one \
             that waits for its payment can be paid: open them with the address of their page.",
        ),
        Error::SaleStopped(Stop::Withdrawn) => (
            "This show was withdrawn",
            "Nothing of it is sold any more. Orders you placed are safe: open them with the \
                address of their page.",
        ),
        other => return Err(other),
    };
    // A line that leads to no tickets is nobody's next step.
    let show = show.filter(|_| !matches!(error, Error::ShowBegun | Error::SaleStopped(_))).cloned();
    let page = OutsidePage { title, words, show, anew };
    Ok(with_status(kit::page::html(&page), StatusCode::FORBIDDEN))
}
