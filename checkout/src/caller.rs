//! Who calls: a fan with the session of a pass, or a reseller with an API key.
//!
//! A reseller's layer checks the key and puts a [`Seller`] into the request; checkout decides what that seller may do. Of
//! the shows of others a seller learns nothing: they are unknown to it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{extract::FromRequestParts, http::request::Parts};
use chrono::Utc;
use kit::{extract::Bearer, problem::Problem};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    App, Error,
    contract::Seller,
    hold,
    place::Owner,
    session::{self, Session},
    store,
};

/// Who sells a show hardly changes.
const FRESH: Duration = Duration::from_secs(1);
const SHOWS_MAX: usize = 10_000;

/// Whoever calls, before anything is checked about them.
pub enum Caller {
    Seller(Seller),
    /// With the session token that came along, if one did.
    Fan(Option<String>),
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if let Some(seller) = parts.extensions.get::<Seller>() {
            return Ok(Self::Seller(*seller));
        }
        Ok(Self::Fan(Bearer::from_request_parts(parts, state).await?.0))
    }
}

impl Caller {
    /// The session to hold tickets in: the fan's own, or the one that `pass` opens for the seller, now or before.
    ///
    /// # Errors
    /// The session's faults; for sellers `scope-missing`, `invalid-field` without a pass, the pass's faults, and
    /// `show-unknown` for shows of others.
    pub async fn holding(&self, app: &App, pass: Option<&str>) -> Result<Session, Error> {
        let field = |detail: &str| Error::Field { field: "pass".to_owned(), detail: detail.to_owned() };
        match (self, pass) {
            (Self::Fan(_), Some(_)) => Err(field("is for calls with an API key; a session has its pass behind it")),
            (Self::Fan(token), None) => session::of_token(app, token.as_deref().ok_or(Error::SessionMissing)?),
            (Self::Seller(seller), _) if !seller.may_sell => Err(Error::ScopeMissing { scope: "sell" }),
            (Self::Seller(_), None) => Err(field("is needed with an API key: the fan's admission pass")),
            (Self::Seller(seller), Some(pass)) => {
                let claims = app.verifier.verify(pass, Utc::now())?;
                if !app.sellers.is_of(&app.pool, &claims.show, seller.reseller).await? {
                    return Err(Error::ShowUnknown);
                }
                Ok(session::open(app, pass, Some(&key(seller.reseller))).await?.session)
            }
        }
    }

    /// The session to order in, which must not be over: the fan's own, or the one that the seller's hold was made in.
    ///
    /// # Errors
    /// The session's and the hold's faults; for sellers `scope-missing` and `show-unknown`.
    pub async fn ordering(&self, app: &App, hold: &str) -> Result<Session, Error> {
        match self {
            Self::Fan(token) => session::of_token(app, token.as_deref().ok_or(Error::SessionMissing)?),
            Self::Seller(seller) => {
                let session = of_hold(app, seller, hold).await?;
                if session.expires_at <= Utc::now() { Err(Error::SessionExpired) } else { Ok(session) }
            }
        }
    }

    /// The session that a hold is given back in, also when it is over.
    ///
    /// # Errors
    /// As [`Caller::ordering`].
    pub async fn giving_back(&self, app: &App, hold: &str) -> Result<Session, Error> {
        match self {
            Self::Fan(token) => session::of_token_at_any_time(app, token.as_deref().ok_or(Error::SessionMissing)?),
            Self::Seller(seller) => of_hold(app, seller, hold).await,
        }
    }

    /// Whose orders the caller may look at.
    ///
    /// # Errors
    /// The session's faults, or `scope-missing`.
    pub fn reading(&self, app: &App) -> Result<Owner, Error> {
        self.owner(app, |seller| seller.may_read_orders, "read_orders")
    }

    /// Whose orders the caller may give up.
    ///
    /// # Errors
    /// The session's faults, or `scope-missing`.
    pub fn cancelling(&self, app: &App) -> Result<Owner, Error> {
        self.owner(app, |seller| seller.may_sell, "sell")
    }

    fn owner(&self, app: &App, may: fn(&Seller) -> bool, scope: &'static str) -> Result<Owner, Error> {
        match self {
            Self::Fan(token) => {
                let token = token.as_deref().ok_or(Error::SessionMissing)?;
                Ok(Owner::Session(session::of_token_at_any_time(app, token)?.session))
            }
            Self::Seller(seller) if may(seller) => Ok(Owner::Reseller(seller.reseller)),
            Self::Seller(_) => Err(Error::ScopeMissing { scope }),
        }
    }
}

/// Names the one session that a pass opens for a reseller.
fn key(reseller: Uuid) -> String {
    session::own_key(&format!("reseller:{reseller}"))
}

/// The session in which this seller made a hold.
async fn of_hold(app: &App, seller: &Seller, hold: &str) -> Result<Session, Error> {
    if !seller.may_sell {
        return Err(Error::ScopeMissing { scope: "sell" });
    }
    let hold = hold::read(app, hold)?;
    if !app.sellers.is_of(&app.pool, &hold.show, seller.reseller).await? {
        return Err(Error::ShowUnknown);
    }
    let known = store::session::load(&app.pool, hold.session).await?;
    // A fan's hold is the fan's, also at a show that this seller sells.
    known
        .filter(|(place, session)| session::session_id(place, Some(&key(seller.reseller))) == session.session)
        .map(|(_, session)| session)
        .ok_or(Error::HoldForeign)
}

/// Who sells which show, as read lately.
#[derive(Default)]
pub struct Sellers(Mutex<HashMap<String, (Instant, Option<Uuid>)>>);

impl Sellers {
    /// Whether this reseller sells the show. Nobody sells an unknown one.
    pub async fn is_of(&self, pool: &PgPool, show: &str, reseller: Uuid) -> sqlx::Result<bool> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(show).copied();
        if let Some((read_at, seller)) = known
            && read_at.elapsed() < FRESH
        {
            return Ok(seller == Some(reseller));
        }
        let seller = catalog::contract::seller(pool, show).await?.and_then(|seller| seller.reseller);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SHOWS_MAX {
            all.clear();
        }
        all.insert(show.to_owned(), (Instant::now(), seller));
        Ok(seller == Some(reseller))
    }
}
