//! A mail near the turn, for fans who gave an address: who asked for one is kept until it was sent,
//! sealed, and nobody else is.
//!
//! `keys` seals addresses; `asking` is what fans do; `near` says whose turn is near, and `sweep`
//! looks for them; `letter` is what whoever writes the mails is told.

pub mod asking;
pub mod keys;
pub mod letter;
pub mod near;
pub mod sweep;

use admission::contract::PlaceId;
use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A mail that a fan asked for.
pub struct TurnMail {
    /// The same for the same address in the same room.
    pub id: Uuid,
    pub place: PlaceId,
    pub address_sealed: String,
    /// BCP 47.
    pub language: String,
}

/// A mail whose turn is near: it is likely to come between `from` and `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearTurn {
    pub id: Uuid,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// What is needed to write such a mail, its address still sealed.
pub struct SealedLetter {
    pub show: ShowId,
    pub address_sealed: String,
    pub language: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}
