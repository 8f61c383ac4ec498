//! Who is signed in, and the forms they send.
//!
//! A session is a random token in a cookie; only its hash is stored. Every form carries a token
//! made from the session's (or, before somebody signed in, from a cookie of the form's own), and
//! [`Posted`] and [`Entering`] are the only ways to read one, so no handler can forget to check it.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderName, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use kit::{cookie::Cookie, form::Form};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    App,
    error::Error,
    reseller::ResellerState,
    store::session::{self, Member},
};

/// The session.
const SESSION: Cookie = Cookie::strict("fg_portal");
/// What forms of visitors who are not signed in are tied to.
const ENTRY: Cookie = Cookie::strict("fg_portal_entry");
const ENTRY_SECS: i64 = 24 * 3600;

/// Somebody who is signed in, whatever was decided about their company.
#[derive(Clone)]
pub struct Signed {
    token: String,
    pub member: Member,
}

impl Signed {
    /// For the forms of this session.
    pub fn csrf(&self) -> String {
        kit::secret::csrf(&self.token)
    }

    /// What the session is known by in the database.
    pub fn session(&self) -> Vec<u8> {
        kit::secret::hash(&self.token)
    }

    async fn find(parts: &Parts, app: &App) -> Result<Option<Self>, Error> {
        let jar = CookieJar::from_headers(&parts.headers);
        let Some(token) = SESSION.read(&jar, &app.config.public) else { return Ok(None) };
        let member = session::member(&app.pool, &kit::secret::hash(token)).await?;
        Ok(member.map(|member| Self { token: token.to_owned(), member }))
    }
}

impl FromRequestParts<App> for Signed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Self::find(parts, app).await {
            Ok(Some(signed)) => Ok(signed),
            Ok(None) => Err(Redirect::to("/portal/sign-in").into_response()),
            Err(error) => Err(error.into_response()),
        }
    }
}

/// Somebody who is signed in and whose company may sell. Others are shown what was decided about
/// theirs.
#[derive(Clone)]
pub struct Approved(pub Signed);

impl FromRequestParts<App> for Approved {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let signed = Signed::from_request_parts(parts, app).await?;
        match signed.member.state {
            ResellerState::Approved => Ok(Self(signed)),
            _ => Err(Redirect::to("/portal/waiting").into_response()),
        }
    }
}

#[derive(Deserialize)]
struct Tied<T> {
    #[serde(default)]
    csrf: String,
    #[serde(flatten)]
    form: T,
}

async fn form<T: DeserializeOwned>(
    token: &str,
    request: Request,
    app: &App,
) -> Result<T, Response> {
    let Form(tied) =
        Form::<Tied<T>>::from_request(request, app).await.map_err(IntoResponse::into_response)?;
    if kit::secret::csrf_holds(token, &tied.csrf) {
        Ok(tied.form)
    } else {
        Err(Error::FormStale.into_response())
    }
}

/// A form of somebody who is signed in. Its fields are texts: a number that cannot be read is told
/// beside its field.
pub struct Posted<T>(pub Signed, pub T);

impl<T: DeserializeOwned> FromRequest<App> for Posted<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let signed = Signed::from_request_parts(&mut parts, app).await?;
        let form = form(&signed.token, Request::from_parts(parts, body), app).await?;
        Ok(Self(signed, form))
    }
}

/// A form of somebody whose company may sell.
pub struct Sold<T>(pub Signed, pub T);

impl<T: DeserializeOwned> FromRequest<App> for Sold<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Approved(signed) = Approved::from_request_parts(&mut parts, app).await?;
        let form = form(&signed.token, Request::from_parts(parts, body), app).await?;
        Ok(Self(signed, form))
    }
}

/// A form without fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

/// The form of a visitor who is not signed in.
pub struct Entering<T>(pub Entry, pub T);

impl<T: DeserializeOwned> FromRequest<App> for Entering<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let entry = match Entry::from_request_parts(&mut parts, app).await {
            Ok(entry) => entry,
            Err(never) => match never {},
        };
        let form = form(&entry.0, Request::from_parts(parts, body), app).await?;
        Ok(Self(entry, form))
    }
}

/// What ties the forms of a visitor to their browser.
pub struct Entry(String);

impl Entry {
    pub fn csrf(&self) -> String {
        kit::secret::csrf(&self.0)
    }

    pub fn cookie(&self, app: &App) -> (HeaderName, String) {
        ENTRY.set(&app.config.public, &self.0, ENTRY_SECS)
    }
}

impl FromRequestParts<App> for Entry {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let jar = CookieJar::from_headers(&parts.headers);
        let token = ENTRY
            .read(&jar, &app.config.public)
            .filter(|token| !token.is_empty() && token.len() <= 64);
        Ok(Self(token.map_or_else(|| kit::secret::generate(""), str::to_owned)))
    }
}

/// Opens a session of its own for a user and gives the header that sets its cookie.
///
/// # Errors
/// The database's.
pub async fn sign_in(app: &App, user: uuid::Uuid) -> sqlx::Result<(HeaderName, String)> {
    let (token, secs) = (kit::secret::generate("fgp_"), app.config.session_secs);
    session::open(&app.pool, &kit::secret::hash(&token), user, secs).await?;
    Ok(SESSION.set(&app.config.public, &token, secs))
}

/// Ends a session and gives the header that removes its cookie.
///
/// # Errors
/// The database's.
pub async fn sign_out(app: &App, signed: &Signed) -> sqlx::Result<(HeaderName, String)> {
    session::close(&app.pool, &signed.session()).await?;
    Ok(SESSION.gone(&app.config.public))
}
