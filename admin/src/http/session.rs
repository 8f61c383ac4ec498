//! Who a request is from. Pages carry the session in a cookie, and every form repeats a token that
//! only that session's pages know; programs carry it in `Authorization: Bearer`, which no other
//! site can make a browser send.

use std::{collections::HashMap, marker::PhantomData};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use kit::{cookie::Cookie, extract::Bearer, form::Form, throttle::Network};

use crate::{
    App,
    error::Error,
    staff::{Role, Staff},
    store,
};

/// The session's token, for pages.
pub const SESSION: Cookie = Cookie::strict("fg_admin");

/// Who may call a handler; named in its signature, so that none is without an answer.
pub trait Access: Send + Sync + 'static {
    const ADMINS_ONLY: bool;
    /// Also those who have a one-time password still.
    const BEFORE_PASSWORD: bool = false;
}

/// Operators and admins.
pub struct Anyone;
impl Access for Anyone {
    const ADMINS_ONLY: bool = false;
}

/// Admins only.
pub struct Admins;
impl Access for Admins {
    const ADMINS_ONLY: bool = true;
}

/// Operators and admins, before they chose a password of their own, too.
pub struct Newcomers;
impl Access for Newcomers {
    const ADMINS_ONLY: bool = false;
    const BEFORE_PASSWORD: bool = true;
}

async fn staff<A: Access>(
    app: &App,
    parts: &mut Parts,
    token: Option<&str>,
) -> Result<(Staff, String), Error> {
    let token = token.ok_or(Error::SessionNeeded)?;
    let Ok(network) = Network::from_request_parts(parts, app).await;
    let found = store::session::staff(&app.pool, &kit::secret::hash(token), network).await?;
    let staff = found.ok_or(Error::SessionNeeded)?;
    if staff.must_change_password && !A::BEFORE_PASSWORD {
        return Err(Error::PasswordChangeNeeded);
    }
    if A::ADMINS_ONLY && staff.role != Role::Admin {
        return Err(Error::RoleMissing);
    }
    Ok((staff, token.to_owned()))
}

/// Somebody looking at a page.
pub struct Signed<A> {
    pub staff: Staff,
    pub token: String,
    access: PhantomData<A>,
}

impl<A> Signed<A> {
    /// The token for this session's forms.
    pub fn csrf(&self) -> String {
        kit::secret::csrf(&self.token)
    }
}

/// Where a page's visitor goes who may not see it yet.
fn elsewhere(error: Error) -> Response {
    match error {
        Error::SessionNeeded => Redirect::to("/admin/sign-in").into_response(),
        Error::PasswordChangeNeeded => Redirect::to("/admin/password").into_response(),
        error => error.into_response(),
    }
}

impl<A: Access> FromRequestParts<App> for Signed<A> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let jar = CookieJar::from_headers(&parts.headers);
        let (staff, token) = staff::<A>(app, parts, SESSION.read(&jar, &app.config.public))
            .await
            .map_err(elsewhere)?;
        Ok(Self { staff, token, access: PhantomData })
    }
}

/// A form's fields as they came.
#[derive(Debug, Default, Clone)]
pub struct Fields(pub HashMap<String, String>);

impl Fields {
    /// The trimmed text of a field; empty where it is absent.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    /// The field as it was typed, for passwords.
    pub fn raw(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A number, or `None` where the field is empty.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        match self.text(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| Error::field(name, "Give a number.")),
        }
    }
}

/// A form sent from a page of the session's own.
pub struct Posted<A> {
    pub signed: Signed<A>,
    pub fields: Fields,
}

impl<A: Access> FromRequest<App> for Posted<A> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let signed = Signed::<A>::from_request_parts(&mut parts, app).await?;
        let Form(fields) =
            Form::<HashMap<String, String>>::from_request(Request::from_parts(parts, body), app)
                .await
                .map_err(IntoResponse::into_response)?;
        let fields = Fields(fields);
        if !kit::secret::csrf_holds(&signed.token, fields.text("csrf")) {
            return Err(Error::FormForeign.into_response());
        }
        Ok(Self { signed, fields })
    }
}

/// A program that acts for somebody.
pub struct Caller<A> {
    pub staff: Staff,
    pub token: String,
    access: PhantomData<A>,
}

impl<A: Access> FromRequestParts<App> for Caller<A> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let Bearer(token) = Bearer::from_request_parts(parts, app).await?;
        let (staff, token) = staff::<A>(app, parts, token.as_deref()).await?;
        Ok(Self { staff, token, access: PhantomData })
    }
}
