//! Coming in with a pass.

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use catalog::contract::when::Moment;
use chrono::Utc;
use serde::Deserialize;

use super::{
    cookie,
    view::{ShowFacts, with_status},
    visitor::{Visitor, go, go_with},
};
use crate::{App, Error, session};

/// Names the one session that a pass opens from pages: a browser whose answer got lost asks again and gets the same.
const KEY: &str = "page";

#[derive(Deserialize)]
pub struct Entering {
    pass: Option<String>,
}

/// `POST /checkout/enter`: the pass is in the form, or in the cookie that the waiting room set.
pub async fn enter(
    State(app): State<App>,
    visitor: Visitor,
    form: Result<Form<Entering>, FormRejection>,
) -> Result<Response, Error> {
    let typed = form.ok().and_then(|Form(form)| form.pass).filter(|pass| !pass.is_empty());
    let pass = match typed.as_deref().or_else(|| visitor.cookie(&app, cookie::PASS)) {
        Some(pass) => pass,
        // A second click after the first one came in.
        None if visitor.session(&app).is_ok() => return Ok(go("/checkout")),
        None => return super::outside::page(Error::SessionMissing, None),
    };
    match session::open(&app, pass, Some(&session::own_key(KEY))).await {
        Ok(opened) => {
            let session = cookie::until(&app, cookie::SESSION, &opened.token, opened.session.expires_at);
            Ok(go_with("/checkout", [session, cookie::gone(&app, cookie::PASS), cookie::gone(&app, cookie::HOLD)]))
        }
        Err(Error::PassUsed) if is_inside(&app, &visitor, pass) => {
            Ok(go_with("/checkout", [cookie::gone(&app, cookie::PASS)]))
        }
        Err(Error::CheckoutFull) => full(&app, pass).await,
        Err(error) => Err(error),
    }
}

/// Whether this browser has a session in the room of the pass.
fn is_inside(app: &App, visitor: &Visitor, pass: &str) -> bool {
    match (visitor.session(app), app.verifier.verify(pass, Utc::now())) {
        (Ok(session), Ok(pass)) => session.room == pass.room && session.show == pass.show,
        _ => false,
    }
}

/// `GET` of what only forms do: a reload, or the way back.
pub async fn again() -> Response {
    go("/checkout")
}

#[derive(Template)]
#[template(path = "checkout/full.html")]
struct FullPage<'a> {
    pass: &'a str,
    until: Moment,
}

async fn full(app: &App, pass: &str) -> Result<Response, Error> {
    let claims = app.verifier.verify(pass, Utc::now())?;
    let until = ShowFacts::load(app, &claims.show).await?.moment(claims.exp);
    let page = with_status(kit::page::html(&FullPage { pass, until }), StatusCode::SERVICE_UNAVAILABLE);
    Ok(([(header::RETRY_AFTER, "2")], page).into_response())
}
