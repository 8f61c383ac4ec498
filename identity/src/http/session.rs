//! Somebody who is signed in.

use std::marker::PhantomData;

use axum::{
    extract::{FromRef, FromRequest, FromRequestParts, Request},
    http::request::Parts,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use kit::{
    cookie::SetCookie, extract::Bearer, http::RequestId, limit::ClientAddress, network::Network,
};
use serde::de::DeserializeOwned;

use super::{
    origin::Origin,
    tied_form::{self, Fields},
};
use crate::{
    Identity,
    account::{Accounts, ActiveSession},
    error::Error,
    sign_in::OpenSession,
};

/// Why somebody who is signed in may not do something.
pub enum Denied<E> {
    /// A page's visitor is shown this page instead.
    Elsewhere(&'static str),
    Error(E),
}

/// Who may call a handler; named in its signature, so that none is without an answer.
pub trait Access<A: Accounts>: Send + Sync + 'static {
    /// Also those who have a one-time password still.
    const BEFORE_PASSWORD: bool = false;

    /// # Errors
    /// Why this person may not.
    fn check(_: &A::Person) -> Result<(), Denied<A::Error>> {
        Ok(())
    }
}

/// The person that a token's session is of, who may call what `L` stands for. To ask for anything
/// is to use the session.
async fn admit<A: Accounts, L: Access<A>>(
    identity: &Identity<A>,
    network: Network,
    token: Option<&str>,
) -> Result<A::Person, Denied<Error>> {
    let needed = || Denied::Error(Error::SessionNeeded);
    let token = token.ok_or_else(needed)?;
    let away = |error: sqlx::Error| Denied::Error(error.into());
    let (pool, token_hash) = (&identity.0.pool, kit::secret::hash(token));
    let found = A::session(pool, &token_hash, network).await.map_err(away)?;
    let ActiveSession { person, is_use_to_note } = found.ok_or_else(needed)?;
    if is_use_to_note {
        A::note_use(pool, &token_hash).await.map_err(away)?;
    }
    if A::must_change_password(&person) && !L::BEFORE_PASSWORD {
        return Err(Denied::Error(Error::PasswordChangeNeeded));
    }
    Ok(person)
}

/// Somebody looking at a page.
pub struct Session<A: Accounts, L> {
    pub person: A::Person,
    token: String,
    network: Network,
    request: RequestId,
    access: PhantomData<fn() -> L>,
}

impl<A: Accounts, L> Session<A, L> {
    /// For the forms of this session.
    pub fn csrf(&self) -> String {
        kit::secret::csrf(&self.token)
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where the request in hand comes from.
    pub fn origin(&self) -> Origin {
        Origin { network: self.network.clone(), request: self.request.clone() }
    }
}

/// Where a page's visitor goes who may not see it.
fn page_instead<A: Accounts>(denied: Denied<A::Error>) -> Response {
    match denied {
        Denied::Elsewhere(page) => Redirect::to(page).into_response(),
        Denied::Error(error) => error.into_response(),
    }
}

impl<A, L, S> FromRequestParts<S> for Session<A, L>
where
    A: Accounts,
    L: Access<A>,
    S: Send + Sync,
    Identity<A>: FromRef<S>,
    ClientAddress: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let identity = Identity::<A>::from_ref(state);
        let Ok(Origin { network, request }) = Origin::from_request_parts(parts, state).await;
        let jar = CookieJar::from_headers(&parts.headers);
        let token = A::SESSION.read(&jar, &identity.0.public);
        let person = match admit::<A, L>(&identity, network.clone(), token).await {
            Ok(person) => person,
            Err(Denied::Error(Error::SessionNeeded)) => {
                return Err(Redirect::to(A::SIGN_IN_PAGE).into_response());
            }
            Err(Denied::Error(Error::PasswordChangeNeeded)) => {
                return Err(Redirect::to(A::PASSWORD_PAGE).into_response());
            }
            Err(Denied::Elsewhere(page)) => return Err(Redirect::to(page).into_response()),
            Err(Denied::Error(error)) => return Err(A::Error::from(error).into_response()),
        };
        L::check(&person).map_err(page_instead::<A>)?;
        let token = token.unwrap_or_default().to_owned();
        Ok(Self { person, token, network, request, access: PhantomData })
    }
}

/// A form sent from a page of the session's own. The fields of `T` are texts: a number that cannot
/// be read is told beside its field.
pub struct Posted<A: Accounts, L, T = Fields> {
    pub session: Session<A, L>,
    pub form: T,
}

impl<A, L, T, S> FromRequest<S> for Posted<A, L, T>
where
    A: Accounts,
    L: Access<A>,
    T: DeserializeOwned,
    S: Send + Sync,
    Identity<A>: FromRef<S>,
    ClientAddress: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let session = Session::<A, L>::from_request_parts(&mut parts, state).await?;
        let form = tied_form::read(&session.token, Request::from_parts(parts, body), state)
            .await
            .map_err(|error| A::Error::from(error).into_response())?;
        Ok(Self { session, form })
    }
}

/// A program that acts for somebody.
pub struct Caller<A: Accounts, L> {
    pub person: A::Person,
    token: String,
    access: PhantomData<fn() -> L>,
}

impl<A: Accounts, L> Caller<A, L> {
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl<A, L, S> FromRequestParts<S> for Caller<A, L>
where
    A: Accounts,
    L: Access<A>,
    S: Send + Sync,
    Identity<A>: FromRef<S>,
    ClientAddress: FromRef<S>,
{
    type Rejection = A::Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, A::Error> {
        let Bearer(token) = Bearer::from_request_parts(parts, state)
            .await
            .map_err(|problem| Error::Form(Box::new(problem)))?;
        let identity = Identity::<A>::from_ref(state);
        let Ok(network) = Network::from_request_parts(parts, state).await;
        let denied = |denied| match denied {
            Denied::Elsewhere(_) => Error::SessionNeeded,
            Denied::Error(error) => error,
        };
        let person = admit::<A, L>(&identity, network, token.as_deref()).await.map_err(denied)?;
        L::check(&person).map_err(|denied| match denied {
            // Only pages are elsewhere.
            Denied::Elsewhere(_) => Error::SessionNeeded.into(),
            Denied::Error(error) => error,
        })?;
        Ok(Self { person, token: token.unwrap_or_default(), access: PhantomData })
    }
}

impl<A: Accounts> Identity<A> {
    /// The headers that let a browser have a session, and forget the form that opened it.
    pub fn session_cookies(&self, opened: &OpenSession) -> [SetCookie; 2] {
        let public = &self.0.public;
        [A::SESSION.set(public, &opened.token, self.0.session_secs), A::VISITOR.gone(public)]
    }

    /// The header that takes a browser's session away.
    pub fn no_session_cookie(&self) -> SetCookie {
        A::SESSION.gone(&self.0.public)
    }
}
