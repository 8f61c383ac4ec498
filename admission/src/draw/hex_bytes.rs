//! Bytes that are written as lower-case hexadecimal wherever people or programs read them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest, Sha256};

/// `N` bytes, as `2 N` lower-case hexadecimal digits in JSON and in print.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HexBytes<const N: usize>(pub [u8; N]);

/// A SHA-256.
pub type Digest32 = HexBytes<32>;

/// What tells two joins apart that a lost log gave the same offset.
pub type Nonce = HexBytes<16>;

/// A text that is not as many lower-case hexadecimal digits as were expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these are not {0} lower-case hexadecimal digits")]
pub struct InvalidHex(pub usize);

impl Digest32 {
    /// The SHA-256 of `parts`, one after the other.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

impl<const N: usize> fmt::Display for HexBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for HexBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> FromStr for HexBytes<N> {
    type Err = InvalidHex;

    fn from_str(text: &str) -> Result<Self, InvalidHex> {
        // One spelling only, so that two texts are equal where the bytes are.
        if text.bytes().any(|digit| digit.is_ascii_uppercase()) {
            return Err(InvalidHex(2 * N));
        }
        let mut bytes = [0; N];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidHex(2 * N))?;
        Ok(Self(bytes))
    }
}

impl<const N: usize> Serialize for HexBytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for HexBytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_is_read() {
        let bytes: HexBytes<2> = "0aff".parse().expect("hex");
        assert_eq!((bytes.0, bytes.to_string().as_str()), ([10, 255], "0aff"));
        for not_one in ["", "0a", "0aFF", "0affff", "0ag0", "+aff"] {
            assert_eq!(not_one.parse::<HexBytes<2>>(), Err(InvalidHex(4)), "{not_one}");
        }
    }
}
