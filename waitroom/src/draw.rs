//! A room's draw: what was committed to before anybody could join, whom it orders, and what came of
//! it. How places become turns is admission's; here is when, once, and with which numbers.

pub mod enter;
pub mod entering;
pub mod make;
pub mod relays;

use admission::contract::{
    Cohort, Commitment, Digest32, Draw, Entropy, EntropySource, KeyError, RoomName, Seed,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The draw of a room as stored. Each part is written once, in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomDraw {
    /// Secret until the draw is made.
    pub seed: Seed,
    pub entropy_source: EntropySource,
    pub committed_at: DateTime<Utc>,
    pub frozen: Option<Frozen>,
    pub made: Option<Made>,
}

/// Whom the draw orders.
#[derive(Debug, Clone, PartialEq)]
pub struct Frozen {
    pub cohort: Cohort,
    /// When entries closed.
    pub at: DateTime<Utc>,
    /// Over the records of each lane that take part, once they were read.
    pub roots: Option<Vec<Digest32>>,
}

/// The moment from which every turn is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    pub entropy: Entropy,
    pub at: DateTime<Utc>,
}

impl RoomDraw {
    /// The turns of everybody, once the draw was made.
    ///
    /// # Errors
    /// As [`Draw::new`].
    pub fn turns(&self, room: &RoomName) -> Result<Option<Draw>, KeyError> {
        let (Some(frozen), Some(made)) = (&self.frozen, &self.made) else { return Ok(None) };
        Draw::new(room, frozen.cohort.clone(), &self.seed, &made.entropy).map(Some)
    }

    pub fn is_made(&self) -> bool {
        self.made.is_some()
    }

    /// What everybody may know of it now.
    pub fn public(&self) -> DrawBody {
        DrawBody {
            commitment: self.seed.commitment(),
            entropy_source: self.entropy_source,
            committed_at: self.committed_at,
            frozen_at: self.frozen.as_ref().map(|frozen| frozen.at),
            ends: self.frozen.as_ref().map(|frozen| frozen.cohort.ends().to_vec()),
            roots: self.frozen.as_ref().and_then(|frozen| frozen.roots.clone()),
            drawn_at: self.made.as_ref().map(|made| made.at),
            entropy: self.made.as_ref().map(|made| made.entropy.clone()),
            seed: self.made.as_ref().map(|_| self.seed),
        }
    }
}

/// A draw, as far as everybody may know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrawBody {
    /// SHA-256 of the seed, published before anybody can join.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub commitment: Commitment,
    /// What will be mixed in after entries have closed.
    pub entropy_source: EntropySource,
    pub committed_at: DateTime<Utc>,
    /// When entries closed; null while they are open.
    pub frozen_at: Option<DateTime<Utc>>,
    /// Where each lane ended then.
    pub ends: Option<Vec<u64>>,
    /// The Merkle root over each lane's records up to there (RFC 9162), a moment after entries
    /// closed.
    #[schema(value_type = Option<Vec<String>>)]
    pub roots: Option<Vec<Digest32>>,
    /// When the draw was made; null before.
    pub drawn_at: Option<DateTime<Utc>>,
    pub entropy: Option<Entropy>,
    /// Null until the draw is made.
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    pub seed: Option<Seed>,
}

impl DrawBody {
    /// How many take part, once entries are closed.
    pub fn entries(&self) -> Option<i64> {
        let ends = self.ends.as_ref()?;
        Some(ends.iter().fold(0, |sum, end| sum + i64::try_from(*end).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_told_when_the_draw_is_made_and_not_before() {
        let at = DateTime::UNIX_EPOCH;
        let mut draw = RoomDraw {
            seed: Seed::new([7; 32]),
            entropy_source: EntropySource::None,
            committed_at: at,
            frozen: None,
            made: None,
        };
        let room = "r".parse().expect("a name");
        let secret = "07".repeat(32);
        let told = |draw: &RoomDraw| serde_json::to_string(&draw.public()).expect("json");
        assert!(!told(&draw).contains(&secret) && draw.turns(&room).expect("none").is_none());
        draw.frozen =
            Some(Frozen { cohort: Cohort::new(vec![3, 2]).expect("a cohort"), at, roots: None });
        assert!(!told(&draw).contains(&secret) && draw.turns(&room).expect("none").is_none());
        draw.made = Some(Made { entropy: Entropy::None, at });
        assert!(told(&draw).contains(&secret) && draw.turns(&room).expect("a draw").is_some());
    }
}
