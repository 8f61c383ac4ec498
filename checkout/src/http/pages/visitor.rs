//! Whose browser this is.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use catalog::contract::ShowId;
use chrono::Utc;
use kit::{
    cookie::{Cookie, SetCookie},
    extract::Path,
};

use crate::{
    App, Error,
    http::pages::cookie,
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
    pub fn cookie(&self, app: &App, cookie: &Cookie) -> Option<&str> {
        cookie.read(&self.0, &app.config.payment.public)
    }

    /// The visitor's session in a show, also when it is over.
    pub fn session_at_any_time(&self, app: &App, show: &ShowId) -> Result<Session, Error> {
        let token = self.cookie(app, &cookie::SESSION.of(show)).ok_or(Error::SessionMissing)?;
        let session = session::open_token_at_any_time(app, token)?;
        if session.show == *show { Ok(session) } else { Err(Error::SessionMissing) }
    }

    /// The visitor's session in a show, which is not over by its token.
    pub fn session(&self, app: &App, show: &ShowId) -> Result<Session, Error> {
        let session = self.session_at_any_time(app, show)?;
        if session.expires_at <= Utc::now() { Err(Error::SessionExpired) } else { Ok(session) }
    }

    /// The visitor's sessions, of whatever show, which are not over by their tokens.
    pub fn sessions(&self, app: &App) -> Vec<Session> {
        let prefix = cookie::SESSION.of("").name(&app.config.payment.public);
        let shows = self.0.iter().filter_map(|cookie| cookie.name().strip_prefix(&prefix));
        shows.filter_map(|show| self.session(app, &show.parse().ok()?).ok()).collect()
    }
}

/// The show that an address is about.
pub struct OfShow(pub ShowId);

impl<S: Send + Sync> FromRequestParts<S> for OfShow {
    type Rejection = Error;

    /// Only what can be a show's id: cookies are named by it.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Ok(Path(show)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(Error::ShowUnknown);
        };
        show.parse().map(Self).map_err(|_| Error::ShowUnknown)
    }
}

/// Where checkout is for a show.
pub fn address(show: &ShowId) -> String {
    format!("/checkout/{show}")
}

/// 303 to another page.
pub fn go(address: &str) -> Response {
    Redirect::to(address).into_response()
}

/// 303 with cookies set or taken away.
pub fn go_with<const N: usize>(address: &str, cookies: [SetCookie; N]) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], AppendHeaders(cookies), Redirect::to(address))
        .into_response()
}

/// 303 to the order that the session has, if it has one.
pub async fn go_to_order(app: &App, session: &Session) -> Result<Option<Response>, Error> {
    match store::order_of_session(&app.pool, session.session).await? {
        Some(order) => {
            let gone = cookie::gone(app, &cookie::HOLD.of(&session.show));
            Ok(Some(go_with(&format!("/orders/{order}"), [gone])))
        }
        None => Ok(None),
    }
}
