//! Visitors who are not signed in, and their forms: nobody is signed in by somebody else's form.

use axum::{
    extract::{FromRef, FromRequest, FromRequestParts, Request},
    http::request::Parts,
    response::{AppendHeaders, IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use serde::de::DeserializeOwned;

use super::tied_form;
use crate::{Identity, account::Accounts};

const FORM_SECS: i64 = 3600;
/// Longer texts are none of ours.
const SECRET_CHARS_MAX: usize = 64;

/// What ties the forms of a visitor to their browser.
pub struct Visitor<A> {
    secret: String,
    identity: Identity<A>,
}

impl<A: Accounts> Visitor<A> {
    /// For the forms of this visitor.
    pub fn csrf(&self) -> String {
        kit::secret::csrf(&self.secret)
    }

    /// A page with a form of theirs.
    pub fn answer(&self, page: Response) -> Response {
        let cookie = A::VISITOR.set(&self.identity.0.public, &self.secret, FORM_SECS);
        (AppendHeaders([cookie]), page).into_response()
    }
}

impl<A, S> FromRequestParts<S> for Visitor<A>
where
    A: Accounts,
    S: Send + Sync,
    Identity<A>: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let identity = Identity::<A>::from_ref(state);
        let jar = CookieJar::from_headers(&parts.headers);
        let known = A::VISITOR
            .read(&jar, &identity.0.public)
            .filter(|secret| secret.len() <= SECRET_CHARS_MAX);
        let secret = known.map_or_else(|| kit::secret::generate("fgf_"), str::to_owned);
        Ok(Self { secret, identity })
    }
}

/// The form of a visitor who is not signed in.
pub struct VisitorForm<A, T> {
    pub visitor: Visitor<A>,
    pub form: T,
}

impl<A, T, S> FromRequest<S> for VisitorForm<A, T>
where
    A: Accounts,
    T: DeserializeOwned,
    S: Send + Sync,
    Identity<A>: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(visitor) = Visitor::from_request_parts(&mut parts, state).await;
        let form = tied_form::read(&visitor.secret, Request::from_parts(parts, body), state)
            .await
            .map_err(|error| A::Error::from(error).into_response())?;
        Ok(Self { visitor, form })
    }
}
