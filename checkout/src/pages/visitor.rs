//! Whose browser this is.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use kit::cookie::{Cookie, SetCookie};

use super::cookie;
use crate::{
    App, Error, order_key,
    session::{self, Session},
    store::payment as store,
};

/// The cookies that came with a request.
pub struct Visitor(CookieJar);

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(CookieJar::from_headers(&parts.headers)))
    }
}

impl Visitor {
    pub fn cookie(&self, app: &App, cookie: Cookie) -> Option<&str> {
        cookie.read(&self.0, &app.config.payment.public)
    }

    /// The visitor's session, also when it is over.
    pub fn session_at_any_time(&self, app: &App) -> Result<Session, Error> {
        let token = self.cookie(app, cookie::SESSION).ok_or(Error::SessionMissing)?;
        session::of_token_at_any_time(app, token)
    }

    /// The visitor's session, which is not over by its token.
    pub fn session(&self, app: &App) -> Result<Session, Error> {
        let token = self.cookie(app, cookie::SESSION).ok_or(Error::SessionMissing)?;
        session::of_token(app, token)
    }
}

/// 303 to another page.
pub fn go(address: &str) -> Response {
    Redirect::to(address).into_response()
}

/// 303 with cookies set or taken away.
pub fn go_with<const N: usize>(address: &str, cookies: [SetCookie; N]) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], AppendHeaders(cookies), Redirect::to(address)).into_response()
}

/// 303 to the order that the session has, if it has one.
pub async fn go_to_order(app: &App, session: &Session) -> Result<Option<Response>, Error> {
    match store::order_of_session(&app.pool, session.session).await? {
        Some(order) => Ok(Some(go_with(&order_key::path(app, order)?, [cookie::gone(app, cookie::HOLD)]))),
        None => Ok(None),
    }
}
