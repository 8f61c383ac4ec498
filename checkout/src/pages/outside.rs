//! What somebody sees who is not in checkout, or no longer.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::view::with_status;
use crate::Error;

#[derive(Template)]
#[template(path = "checkout/outside.html")]
struct OutsidePage {
    title: &'static str,
    words: &'static str,
    /// Whose line to join.
    show: Option<String>,
}

/// The page for a session that is missing or over; other errors go on as they are.
pub fn page(error: Error, show: Option<&str>) -> Result<Response, Error> {
    let (title, words) = match error {
        Error::SessionMissing | Error::SessionToken(_) => (
            "You are not in checkout",
            "Checkout opens when it is your turn in line. If you were inside, use the browser you came in with.",
        ),
        Error::SessionExpired => (
            "Your time in checkout is over",
            "Tickets you held went back on sale, and somebody else has your place now. Nothing was charged. Orders you \
             placed are safe.",
        ),
        Error::SessionEnded => (
            "You have left checkout",
            "Orders you placed are safe: open them with the address of their page. To buy something else, join the line \
             again.",
        ),
        other => return Err(other),
    };
    let page = OutsidePage { title, words, show: show.map(str::to_owned) };
    Ok(with_status(kit::page::html(&page), StatusCode::FORBIDDEN))
}
