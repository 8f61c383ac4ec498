//! The draw among those who came before the opening, and what proves it. Pure: no I/O, no clock.
//!
//! Reading order: a fan has a [`LanePlace`] and, after the draw, a [`LaneTurn`]; `cohort` is who
//! takes part, `seed` and `entropy` are what nobody can choose together, `key` mixes them,
//! `shuffle` permutes, and `drawn` turns places into turns and back. `record`, `merkle` and
//! `receipt` are what a fan can prove with, `transcript` is all of it in one document and what can
//! be wrong with it. `docs/draw.md` says the same to the byte, for whoever writes a verifier.

pub mod cohort;
pub mod drawn;
pub mod entropy;
pub mod hex_bytes;
pub mod key;
pub mod merkle;
pub mod receipt;
pub mod receipt_batch;
pub mod record;
pub mod seed;
pub mod shuffle;
pub mod transcript;

#[cfg(test)]
mod vectors;

use std::{fmt, num::TryFromIntError, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::place::PlaceId;

/// Where a fan joined: the offset in a lane's partition. Never changes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub struct LanePlace {
    pub lane: u32,
    /// From 0; Kafka's offsets stay below 2^63.
    pub offset: u64,
}

/// When a fan is served: the lane, and how many of that lane are served before. Heads count these.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub struct LaneTurn {
    pub lane: u32,
    /// From 0.
    pub number: u64,
}

/// A text that is no place or turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place is <lane>.<offset>")]
pub struct InvalidLanePlace;

impl TryFrom<&PlaceId> for LanePlace {
    type Error = TryFromIntError;

    fn try_from(place: &PlaceId) -> Result<Self, TryFromIntError> {
        Ok(Self { lane: place.lane.try_into()?, offset: place.offset.try_into()? })
    }
}

impl fmt::Display for LanePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.lane, self.offset)
    }
}

impl FromStr for LanePlace {
    type Err = InvalidLanePlace;

    fn from_str(text: &str) -> Result<Self, InvalidLanePlace> {
        let (lane, offset) = text.split_once('.').ok_or(InvalidLanePlace)?;
        let invalid = |_| InvalidLanePlace;
        Ok(Self { lane: lane.parse().map_err(invalid)?, offset: offset.parse().map_err(invalid)? })
    }
}

impl fmt::Display for LaneTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.lane, self.number)
    }
}
