//! Sessions: a pass is redeemed once for one; it is what a fan shows to hold and to order.

use admission::contract::{PlaceId, RoomName};
use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{App, Error};

pub mod activity;
pub mod auth;
pub mod cap_cache;
pub mod end;
pub mod gate_reconciler;
pub mod idle;
pub mod open;
pub mod seller;
pub mod signal;

kit::uuid_id!(
    /// A session in checkout.
    SessionId
);

/// What a session token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    pub session: SessionId,
    pub show: ShowId,
    pub room: RoomName,
    pub expires_at: DateTime<Utc>,
}

/// A session just opened, with its token. The token is a secret of the fan's.
pub struct OpenedSession {
    pub token: String,
    pub session: Session,
}

/// The session of a pass under an Idempotency-Key, so that a fan whose answer got lost can ask
/// again.
pub fn session_id(place: &PlaceId, key: Option<&str>) -> SessionId {
    match key {
        Some(key) => {
            Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("session\n{place}\n{key}").as_bytes()).into()
        }
        None => Uuid::new_v4().into(),
    }
}

/// A key of our own for [`open::open`]. It begins with a character that no Idempotency-Key has, so
/// no caller can send it.
pub fn own_key(name: &str) -> String {
    format!(" {name}")
}

/// The session of a token, which must be ours and not expired. Whether it was ended is asked where
/// it matters ([`open::ensure_open`]).
///
/// # Errors
/// `session-malformed`, `session-key-unknown`, `session-forged`, `session-expired`.
pub fn open_token(app: &App, token: &str) -> Result<Session, Error> {
    let session = open_token_at_any_time(app, token)?;
    if session.expires_at <= Utc::now() { Err(Error::SessionExpired) } else { Ok(session) }
}

/// Like [`open_token`], also when the session is over: good for looking at one's own orders and
/// nothing else.
pub fn open_token_at_any_time(app: &App, token: &str) -> Result<Session, Error> {
    app.session_seal.open(token).map_err(Error::SessionToken)
}
