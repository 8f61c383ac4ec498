//! Entering what a draw waits for: whether something may be mixed in, and what is entered wrongly.
//! Pure.

use admission::contract::{
    DrandBeacon, ENTROPY_BYTES_MAX, Entropy, EntropySource, HexBytes, QUICKNET,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{draw::RoomDraw, room::phase::Phase};

/// What somebody enters, as the room's source has announced it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntropyEntry {
    /// Of source `operator`: 1 to 1,024 bytes of UTF-8 without NUL, mixed in as they are.
    Text(String),
    /// Of source `drand`.
    Drand(DrandEntry),
}

/// A round of the chain quicknet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrandEntry {
    /// The first that was published after entries closed.
    #[schema(minimum = 1)]
    pub round: u64,
    #[schema(value_type = String, pattern = "^[0-9a-f]{96}$")]
    pub signature: HexBytes<48>,
}

/// Why something was not mixed in.
#[derive(Debug, thiserror::Error)]
pub enum EnteringError {
    #[error("there is no such room")]
    RoomUnknown,
    #[error("the room does not draw")]
    NoDraw,
    #[error("entries are not closed yet")]
    EntriesOpen,
    #[error("the room was closed before its draw was made")]
    Closed,
    #[error("another source was announced: {announced:?}")]
    NotAnnounced { announced: EntropySource },
    /// With what it was that was fixed.
    #[error("what is mixed in is fixed already")]
    Fixed(Box<Entropy>),
    /// What was entered does not fit; `detail` says what would.
    #[error("{field} {detail}")]
    Value { field: &'static str, detail: String },
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// How a room's draw stands when something is entered.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub phase: Phase,
    pub draw: Option<&'a RoomDraw>,
    /// What is fixed already.
    pub fixed: Option<&'a Entropy>,
    pub now: DateTime<Utc>,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entered {
    /// To be fixed now.
    New(Entropy),
    /// The same was fixed before.
    Same(Entropy),
}

/// What entering something means.
///
/// # Errors
/// Any [`EnteringError`] but those of the room and the store.
pub fn entered(standing: Standing<'_>, entry: &EntropyEntry) -> Result<Entered, EnteringError> {
    let draw = standing.draw.ok_or(EnteringError::NoDraw)?;
    let Some(frozen) = &draw.frozen else {
        let closed = standing.phase == Phase::Closed;
        return Err(if closed { EnteringError::Closed } else { EnteringError::EntriesOpen });
    };
    let given = match (entry, draw.entropy_source) {
        (EntropyEntry::Text(text), EntropySource::Operator) => operator(text, standing.now)?,
        (EntropyEntry::Drand(entry), EntropySource::Drand) => beacon(entry, frozen.at)?,
        (_, announced) => return Err(EnteringError::NotAnnounced { announced }),
    };
    match standing.fixed {
        // Whoever enters it twice has not heard the first answer.
        Some(fixed) if fixed.bytes() == given.bytes() => Ok(Entered::Same(fixed.clone())),
        Some(fixed) => Err(EnteringError::Fixed(Box::new(fixed.clone()))),
        None if standing.phase == Phase::Closed => Err(EnteringError::Closed),
        None => Ok(Entered::New(given)),
    }
}

fn operator(text: &str, now: DateTime<Utc>) -> Result<Entropy, EnteringError> {
    let entropy = Entropy::Operator { text: text.to_owned(), entered_at: now };
    // What is stored as JSON in Postgres has no NUL.
    if entropy.check().is_ok() && !text.contains('\0') {
        return Ok(entropy);
    }
    let long = text.len();
    Err(EnteringError::Value {
        field: "text",
        detail: format!(
            "must be 1 to {ENTROPY_BYTES_MAX} bytes of text without NUL; this has {long}"
        ),
    })
}

fn beacon(entry: &DrandEntry, frozen_at: DateTime<Utc>) -> Result<Entropy, EnteringError> {
    let expected = QUICKNET.first_round_after(frozen_at);
    if entry.round != expected {
        return Err(EnteringError::Value {
            field: "drand.round",
            detail: format!(
                "must be {expected}, the first round that was published after entries closed"
            ),
        });
    }
    match quicknet(entry.round, entry.signature) {
        Some(entropy) if entropy.check().is_ok() => Ok(entropy),
        _ => Err(EnteringError::Value {
            field: "drand.signature",
            detail: format!("is not quicknet's signature of round {expected}"),
        }),
    }
}

/// A round of quicknet; whether its signature holds is not looked at.
pub fn quicknet(round: u64, signature: HexBytes<48>) -> Option<Entropy> {
    let chain = QUICKNET.hash.parse().ok()?;
    Some(Entropy::Drand(DrandBeacon { chain, round, signature }))
}

#[cfg(test)]
mod tests;
