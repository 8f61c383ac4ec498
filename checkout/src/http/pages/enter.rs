//! Coming in with a pass.

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use catalog::contract::when::Moment;
use kit::cookie::Cookie;
use serde::Deserialize;

use crate::{
    App, Error,
    http::pages::{
        cookie, outside,
        view::{ShowView, with_status},
        visitor::{OfShow, Visitor, address, go, go_with},
    },
    session::{self, open},
};

/// Names the one session that a pass opens from pages: a browser whose answer got lost asks again
/// and gets the same.
const KEY: &str = "page";

#[derive(Deserialize)]
pub struct Entering {
    pass: Option<String>,
}

/// `POST /checkout/{show}/enter`: the pass is in the form, or in the cookie that the waiting room
/// set.
pub async fn enter(
    State(app): State<App>,
    OfShow(show): OfShow,
    visitor: Visitor,
    form: Result<Form<Entering>, FormRejection>,
) -> Result<Response, Error> {
    let typed = form.ok().and_then(|Form(form)| form.pass).filter(|pass| !pass.is_empty());
    let by_cookie = cookie::PASS.of(&show);
    let pass = match typed.as_deref().or_else(|| visitor.cookie(&app, &by_cookie)) {
        Some(pass) => pass,
        // A second click after the first one came in.
        None if visitor.session(&app, &show).is_ok() => return Ok(go(&address(&show))),
        None => return outside::page(Error::SessionMissing, Some(&show)),
    };
    let pass_gone = cookie::gone(&app, &by_cookie);
    match open::open(&app, pass, Some(&session::own_key(KEY))).await {
        Ok(opened) => {
            // The pass says for which show it is, whatever the address says.
            let of = |cookie: Cookie| cookie.of(&opened.session.show);
            let session =
                cookie::until(&app, &of(cookie::SESSION), &opened.token, opened.session.expires_at);
            let cookies = [session, pass_gone, cookie::gone(&app, &of(cookie::HOLD))];
            Ok(go_with(&address(&opened.session.show), cookies))
        }
        Err(Error::PassUsed) if is_inside(&app, &visitor, pass) => {
            Ok(go_with(&address(&show), [pass_gone]))
        }
        Err(Error::CheckoutFull { turn_kept }) => full(&app, pass, turn_kept).await,
        Err(error) => {
            Ok((AppendHeaders([pass_gone]), outside::page(error, Some(&show))?).into_response())
        }
    }
}

/// Whether this browser has a session in the room of the pass.
fn is_inside(app: &App, visitor: &Visitor, pass: &str) -> bool {
    let Ok(pass) = open::genuine(app, pass) else { return false };
    let Ok(show) = pass.show.parse() else { return false };
    visitor.session(app, &show).is_ok_and(|session| session.room == pass.room)
}

/// `GET` of what only forms do: a reload, or the way back.
pub async fn again(OfShow(show): OfShow) -> Response {
    go(&address(&show))
}

#[derive(Template)]
#[template(path = "checkout/full.html")]
struct FullPage<'a> {
    show: ShowView,
    pass: &'a str,
    /// Until when the pass is good; absent where the turn is kept, however long it takes.
    until: Option<Moment>,
}

async fn full(app: &App, pass: &str, turn_kept: bool) -> Result<Response, Error> {
    let claims = open::genuine(app, pass)?;
    let show = ShowView::load(app, &claims.show.parse().map_err(|_| Error::ShowUnknown)?).await?;
    let until = (!turn_kept).then(|| show.moment(claims.exp));
    let page = with_status(
        kit::page::html(&FullPage { show, pass, until }),
        StatusCode::SERVICE_UNAVAILABLE,
    );
    Ok(([(header::RETRY_AFTER, "2")], page).into_response())
}
