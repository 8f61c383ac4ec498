//! The admission pass: PASETO v4.public, verifiable offline from the published keys.

pub mod keys;
pub mod verifier;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::place::{PlaceId, RoomName};

/// What a pass says. Its token id is the place's id, so one place has one pass however often it is
/// asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Who let the fan in.
    pub iss: String,
    /// Who may redeem it.
    pub aud: String,
    pub room: RoomName,
    pub show: String,
    pub place: PlaceId,
    /// Token id, the same as `place`.
    pub jti: PlaceId,
    /// When the fan was let in.
    #[serde(with = "seconds")]
    pub iat: DateTime<Utc>,
    #[serde(with = "seconds")]
    pub exp: DateTime<Utc>,
}

mod seconds {
    use super::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Secs, false))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc()).map_err(D::Error::custom)
    }
}
