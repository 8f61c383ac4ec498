//! Who calls: a fan with the session of a pass, or a reseller with an API key.
//!
//! A reseller's layer checks the key and puts a [`Seller`] into the request; checkout decides what
//! that seller may do. Of the shows of others a seller learns nothing: they are unknown to it.

use axum::{extract::FromRequestParts, http::request::Parts};
use catalog::contract::ResellerId;
use chrono::Utc;
use kit::{extract::Bearer, problem::Problem};
use uuid::Uuid;

use crate::{
    App, Error, hold,
    session::{
        self, Session, SessionId, open,
        seller::{Seller, is_of_key, key, scopes},
    },
    store,
};

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
    /// The session to hold tickets in: the fan's own, or the one that `pass` opens for the seller,
    /// now or before.
    ///
    /// # Errors
    /// The session's faults; for sellers `scope-missing`, `invalid-field` without a pass, the
    /// pass's faults, and `show-unknown` for shows of others.
    pub async fn holding(&self, app: &App, pass: Option<&str>) -> Result<Session, Error> {
        let field =
            |detail: &str| Error::Field { field: "pass".to_owned(), detail: detail.to_owned() };
        match (self, pass) {
            (Self::Fan(_), Some(_)) => {
                Err(field("is for calls with an API key; a session has its pass behind it"))
            }
            (Self::Fan(token), None) => {
                session::open_token(app, token.as_deref().ok_or(Error::SessionMissing)?)
            }
            (Self::Seller(seller), _) if !seller.may_sell => {
                Err(Error::ScopeMissing { scope: scopes::ORDERS_WRITE })
            }
            (Self::Seller(_), None) => {
                Err(field("is needed with an API key: the fan's admission pass"))
            }
            (Self::Seller(seller), Some(pass)) => {
                let claims = open::genuine(app, pass)?;
                let show = claims.show.parse().map_err(|_| Error::ShowUnknown)?;
                if !app.show_sellers.is_of(&app.pool, &show, seller.reseller).await? {
                    return Err(Error::ShowUnknown);
                }
                Ok(open::open(app, pass, Some(&key(seller.key))).await?.session)
            }
        }
    }

    /// The session to order in, which must not be over: the fan's own, or the one that the key's
    /// hold was made in.
    ///
    /// # Errors
    /// The session's and the hold's faults; for sellers `scope-missing`, `show-unknown`, and
    /// `hold-foreign` for holds of other keys.
    pub async fn ordering(&self, app: &App, hold: &str) -> Result<Session, Error> {
        match self {
            Self::Fan(token) => {
                session::open_token(app, token.as_deref().ok_or(Error::SessionMissing)?)
            }
            Self::Seller(seller) => {
                let session = of_hold(app, seller, hold).await?;
                if session.expires_at <= Utc::now() {
                    Err(Error::SessionExpired)
                } else {
                    Ok(session)
                }
            }
        }
    }

    /// The session that a hold is given back in, also when it is over.
    ///
    /// # Errors
    /// As [`Caller::ordering`].
    pub async fn releasing(&self, app: &App, hold: &str) -> Result<Session, Error> {
        match self {
            Self::Fan(token) => {
                session::open_token_at_any_time(app, token.as_deref().ok_or(Error::SessionMissing)?)
            }
            Self::Seller(seller) => of_hold(app, seller, hold).await,
        }
    }

    /// Whose orders the caller may look at. A key that may only sell sees what it made.
    ///
    /// # Errors
    /// The session's faults, or `scope-missing`.
    pub fn reading(&self, app: &App) -> Result<Owner, Error> {
        match self {
            Self::Fan(token) => of_fan(app, token.as_deref()),
            Self::Seller(seller) if seller.may_read_orders => Ok(Owner::Reseller(seller.reseller)),
            Self::Seller(seller) if seller.may_sell => Ok(Owner::Key(seller.key)),
            Self::Seller(_) => Err(Error::ScopeMissing { scope: scopes::ORDERS_READ }),
        }
    }

    /// Whose orders the caller may give up: with an API key, those that this key made.
    ///
    /// # Errors
    /// The session's faults, or `scope-missing`.
    pub fn cancelling(&self, app: &App) -> Result<Owner, Error> {
        match self {
            Self::Fan(token) => of_fan(app, token.as_deref()),
            Self::Seller(seller) if seller.may_sell => Ok(Owner::Key(seller.key)),
            Self::Seller(_) => Err(Error::ScopeMissing { scope: scopes::ORDERS_WRITE }),
        }
    }

    /// Whether the caller is shown the entry codes of an order that was made in `session`: its fan,
    /// the key that sold it, and keys that may read all codes.
    ///
    /// # Errors
    /// The database's.
    pub async fn reads_codes(&self, app: &App, session: SessionId) -> Result<bool, Error> {
        match self {
            Self::Fan(_) => Ok(true),
            Self::Seller(seller) if seller.may_read_tickets => Ok(true),
            Self::Seller(seller) => {
                Ok(seller.may_sell && is_of_key(app, session, seller.key).await?)
            }
        }
    }
}

fn of_fan(app: &App, token: Option<&str>) -> Result<Owner, Error> {
    let token = token.ok_or(Error::SessionMissing)?;
    Ok(Owner::Session(session::open_token_at_any_time(app, token)?.session))
}

/// The session in which this key made a hold.
async fn of_hold(app: &App, seller: &Seller, hold: &str) -> Result<Session, Error> {
    if !seller.may_sell {
        return Err(Error::ScopeMissing { scope: scopes::ORDERS_WRITE });
    }
    let hold = hold::open_token_of_anyone(app, hold)?;
    if !app.show_sellers.is_of(&app.pool, &hold.show, seller.reseller).await? {
        return Err(Error::ShowUnknown);
    }
    let known = store::session::load(&app.pool, hold.session).await?;
    // A fan's hold is the fan's, also at a show that this seller sells, and another key's is that
    // key's.
    known
        .filter(|(place, session)| {
            session::session_id(place, Some(&key(seller.key))) == session.session
        })
        .map(|(_, session)| session)
        .ok_or(Error::HoldForeign)
}

/// Whose orders somebody may see or give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Those of one session.
    Session(SessionId),
    /// Those of all shows that this reseller sells.
    Reseller(ResellerId),
    /// Those that this API key made.
    Key(Uuid),
}
