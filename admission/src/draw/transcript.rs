//! Everything by which a line can be checked, in one document, published at the opening.
//!
//! Here: what it says. `finding` is what can be wrong with it, `check` looks at the document by
//! itself, `evidence` at places, receipts and records that somebody holds against it.

pub mod check;
pub mod evidence;
pub mod finding;

#[cfg(test)]
pub(crate) mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    draw::{
        cohort::{Cohort, CohortError},
        drawn::Draw,
        entropy::{Entropy, EntropySource},
        hex_bytes::Digest32,
        key::KeyError,
        seed::{Commitment, Seed},
    },
    place::RoomName,
};

/// The construction that `docs/draw.md` describes.
pub const TRANSCRIPT_VERSION: u32 = 1;

/// Clocks of the broker and of Fairgate's processes may be so far apart before a difference is held
/// against anybody.
pub const CLOCKS_APART_MS_MAX: i64 = 5_000;

/// How those who came before the opening are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineMethod {
    Draw,
    FirstCome,
    /// There is no line to speak of: whoever comes is let in while checkout has room, in the order
    /// of arrival.
    Passthrough,
}

/// What `GET /v1/rooms/{room}/transcript` answers after the opening.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Transcript {
    pub version: u32,
    #[schema(value_type = String)]
    pub room: RoomName,
    pub method: LineMethod,
    /// How many lanes there are now; more than were drawn where some were added.
    pub lanes: u32,
    pub opened_at: DateTime<Utc>,
    /// Where `method` is `draw`.
    pub draw: Option<DrawTranscript>,
    /// As they were published, the oldest first. The newest of each lane is over all whose turn it
    /// was, or more.
    pub roots: Vec<PublishedRoot>,
    /// As they were published, the oldest first.
    pub heads: Vec<PublishedHead>,
}

/// The draw of a room: what was committed to, what was mixed in, who took part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrawTranscript {
    /// SHA-256 of the seed.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub commitment: Commitment,
    /// The source that was announced with the commitment.
    pub entropy_source: EntropySource,
    /// When commitment and source were published: before anybody could join.
    pub committed_at: DateTime<Utc>,
    /// The end offset of each lane at `frozen_at`.
    pub ends: Vec<u64>,
    /// When entries closed.
    pub frozen_at: DateTime<Utc>,
    /// The root over each lane's cohort, lane by lane.
    pub roots: Vec<PublishedRoot>,
    pub entropy: Entropy,
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub seed: Seed,
    /// When the seed was revealed, and so every turn known.
    pub drawn_at: DateTime<Utc>,
}

/// The root over the first `size` records of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedRoot {
    pub lane: u32,
    pub size: u64,
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub root: Digest32,
    /// When the lane ended there: whatever had joined by then is under the root.
    pub at: DateTime<Utc>,
}

/// How many turns of a lane had been let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedHead {
    pub at: DateTime<Utc>,
    pub lane: u32,
    pub head: u64,
}

/// Why a transcript has no draw that could be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    #[error(transparent)]
    Cohort(#[from] CohortError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Whether `earlier` was before, whichever clocks the two are of.
fn is_surely_before(earlier: DateTime<Utc>, later: DateTime<Utc>) -> bool {
    later - earlier > TimeDelta::milliseconds(CLOCKS_APART_MS_MAX)
}

impl Transcript {
    /// Computes the draw: every place's turn, whatever else may be wrong.
    pub fn drawn(&self) -> Result<Draw, DrawError> {
        match &self.draw {
            None => Ok(Draw::first_come(self.lanes)?),
            Some(draw) => {
                let cohort = Cohort::new(draw.ends.clone())?;
                Ok(Draw::new(&self.room, cohort, &draw.seed, &draw.entropy)?)
            }
        }
    }

    /// All roots that were published of a lane, with the cohort's, in no particular order.
    pub fn roots_of(&self, lane: u32) -> impl Iterator<Item = &PublishedRoot> {
        self.all_roots().filter(move |root| root.lane == lane)
    }

    /// The cohort's roots and all others.
    fn all_roots(&self) -> impl Iterator<Item = &PublishedRoot> {
        self.draw.iter().flat_map(|draw| &draw.roots).chain(&self.roots)
    }
}
