//! Checkout without a show named: a browser can be in several.

use askama::Template;
use axum::{extract::State, response::Response};

use crate::{
    App, Error,
    http::pages::{
        outside,
        view::ShowView,
        visitor::{Visitor, address, go},
    },
};

#[derive(Template)]
#[template(path = "checkout/several.html")]
struct SeveralPage {
    shows: Vec<ShowView>,
}

/// `GET /checkout`: on to the show that the visitor is in checkout for, or a choice of them.
pub async fn page(State(app): State<App>, visitor: Visitor) -> Result<Response, Error> {
    let sessions = visitor.sessions(&app);
    match sessions.as_slice() {
        [] => outside::page(Error::SessionMissing, None),
        [only] => Ok(go(&address(&only.show))),
        _ => {
            let mut shows = Vec::with_capacity(sessions.len());
            for session in &sessions {
                shows.push(ShowView::load(&app, &session.show).await?);
            }
            Ok(kit::page::html(&SeveralPage { shows }))
        }
    }
}
