//! What a room and a place in its line are called.

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

kit::slug_id!(
    "room's name",
    /// A room: one protected sale.
    RoomName
);

/// The lane of whoever came to a room that sleeps, and passed no line.
pub const DIRECT_LANE: i32 = -1;
const DIRECT: &str = "direct";

/// A place in a line: `<room>.<lane>.<offset>`; of whoever came while the room slept,
/// `<room>.direct.<number>`. It is also the id of the place's pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId {
    pub room: RoomName,
    pub lane: i32,
    /// In the lane, from 0; of a direct one, when the gate gave it, in microseconds since 1970.
    pub offset: i64,
}

impl PlaceId {
    /// The place of whoever came while the room slept.
    pub fn direct(room: RoomName, number: i64) -> Self {
        Self { room, lane: DIRECT_LANE, offset: number }
    }

    pub fn is_direct(&self) -> bool {
        self.lane == DIRECT_LANE
    }
}

/// A text that is no place's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a place's id is <room>.<lane>.<offset> or <room>.direct.<number>")]
pub struct InvalidPlaceId;

impl From<ParseIntError> for InvalidPlaceId {
    fn from(_: ParseIntError) -> Self {
        Self
    }
}

impl From<kit::id::InvalidId> for InvalidPlaceId {
    fn from(_: kit::id::InvalidId) -> Self {
        Self
    }
}

impl fmt::Display for PlaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lane {
            DIRECT_LANE => write!(f, "{}.{DIRECT}.{}", self.room, self.offset),
            lane => write!(f, "{}.{lane}.{}", self.room, self.offset),
        }
    }
}

impl FromStr for PlaceId {
    type Err = InvalidPlaceId;

    fn from_str(text: &str) -> Result<Self, InvalidPlaceId> {
        // A room's name has no dot in it.
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(InvalidPlaceId);
        let (room, lane, offset) = (part()?.parse()?, part()?, part()?.parse()?);
        let lane = match lane {
            DIRECT => DIRECT_LANE,
            // One place has one id.
            lane if lane.starts_with('-') => return Err(InvalidPlaceId),
            lane => lane.parse()?,
        };
        Ok(Self { room, lane, offset })
    }
}

impl Serialize for PlaceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PlaceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again_by_its_id() {
        let place = PlaceId { room: "spring-tour".parse().expect("a name"), lane: 2, offset: 41 };
        assert_eq!(place.to_string(), "spring-tour.2.41");
        assert_eq!("spring-tour.2.41".parse(), Ok(place));
        let direct = PlaceId::direct("spring-tour".parse().expect("a name"), 1_700_000_000_000_001);
        assert_eq!(direct.to_string(), "spring-tour.direct.1700000000000001");
        assert_eq!(direct.to_string().parse(), Ok(direct.clone()));
        assert!(direct.is_direct());
        for not_one in [
            "",
            "a.-1.1",
            "a.direct.x",
            "spring-tour",
            "spring-tour.2",
            "a.b.c",
            "A.1.1",
            "a.1.1.1",
        ] {
            assert_eq!(not_one.parse::<PlaceId>(), Err(InvalidPlaceId), "{not_one}");
        }
    }
}
