//! What a room and a place in its line are called.

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

kit::slug_id!(
    "room's name",
    /// A room: one protected sale.
    RoomName
);

/// A place in a line: `<room>.<lane>.<offset>`. It is also the id of the place's pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId {
    pub room: RoomName,
    pub lane: i32,
    /// In the lane's partition, from 0.
    pub offset: i64,
}

/// A text that is no place's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a place's id is <room>.<lane>.<offset>")]
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
        write!(f, "{}.{}.{}", self.room, self.lane, self.offset)
    }
}

impl FromStr for PlaceId {
    type Err = InvalidPlaceId;

    fn from_str(text: &str) -> Result<Self, InvalidPlaceId> {
        // A room's name has no dot in it.
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(InvalidPlaceId);
        Ok(Self { room: part()?.parse()?, lane: part()?.parse()?, offset: part()?.parse()? })
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
        for not_one in ["", "spring-tour", "spring-tour.2", "a.b.c", "A.1.1", "a.1.1.1"] {
            assert_eq!(not_one.parse::<PlaceId>(), Err(InvalidPlaceId), "{not_one}");
        }
    }
}
