//! What is mixed with the seed, and was fixed by somebody else after entries closed.

pub mod drand;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::draw::entropy::drand::{BeaconError, DrandBeacon};

/// Longer texts are refused.
pub const ENTROPY_BYTES_MAX: usize = 1024;

/// Where a room's entropy comes from. It is published together with the commitment: who knows the
/// seed must not choose the source afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntropySource {
    None,
    Operator,
    Drand,
}

/// A room's entropy, with all that shows where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Entropy {
    /// Nothing is mixed in: whoever chose the seed could have worked out every place beforehand.
    None,
    /// What the operator entered before witnesses, after entries closed: 1 to 1024 bytes of UTF-8.
    Operator { text: String, entered_at: DateTime<Utc> },
    /// A round of a public beacon.
    Drand(DrandBeacon),
}

/// Why entropy is not what its source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntropyError {
    #[error("the operator's text is empty or longer than {ENTROPY_BYTES_MAX} bytes")]
    Text,
    #[error(transparent)]
    Beacon(#[from] BeaconError),
}

impl Entropy {
    pub const fn source(&self) -> EntropySource {
        match self {
            Self::None => EntropySource::None,
            Self::Operator { .. } => EntropySource::Operator,
            Self::Drand(_) => EntropySource::Drand,
        }
    }

    /// What is mixed in: nothing, the text's UTF-8 as it was entered, or the beacon's randomness.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Operator { text, .. } => text.as_bytes().to_vec(),
            Self::Drand(beacon) => beacon.randomness().0.to_vec(),
        }
    }

    /// Checks what can be checked of the entropy by itself: a text's length, a beacon's signature.
    pub fn check(&self) -> Result<(), EntropyError> {
        match self {
            Self::None => Ok(()),
            Self::Operator { text, .. } if (1..=ENTROPY_BYTES_MAX).contains(&text.len()) => Ok(()),
            Self::Operator { .. } => Err(EntropyError::Text),
            Self::Drand(beacon) => Ok(beacon.check()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(text: &str) -> Entropy {
        Entropy::Operator { text: text.to_owned(), entered_at: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn a_text_is_mixed_in_as_it_was_entered() {
        assert_eq!(operator("4 8 15\n").bytes(), b"4 8 15\n");
        assert_eq!(operator(&"x".repeat(ENTROPY_BYTES_MAX)).check(), Ok(()));
        for not_one in ["", &"x".repeat(ENTROPY_BYTES_MAX + 1)] {
            assert_eq!(operator(not_one).check(), Err(EntropyError::Text));
        }
        assert!(Entropy::None.bytes().is_empty() && Entropy::None.check().is_ok());
    }

    #[test]
    fn the_source_stands_beside_what_it_gave() {
        let text = serde_json::to_string(&Entropy::None).expect("json");
        assert_eq!(text, r#"{"source":"none"}"#);
        let text = serde_json::to_string(&operator("dice")).expect("json");
        assert_eq!(
            text,
            r#"{"source":"operator","text":"dice","entered_at":"1970-01-01T00:00:00Z"}"#
        );
        assert_eq!(serde_json::from_str::<Entropy>(&text).expect("entropy"), operator("dice"));
    }
}
