//! The key of a draw: HKDF-SHA256 (RFC 5869) over everything that must not be chosen together.

use hkdf::Hkdf;
use sha2::Sha256;

use crate::{
    draw::{
        cohort::Cohort,
        entropy::Entropy,
        hex_bytes::{Digest32, HexBytes},
        seed::Seed,
    },
    place::RoomName,
};

/// What the construction is called; another one would have another name, and so other keys.
const NAME: &[u8] = b"fairgate/draw/v1";

/// Keys the shuffle of one room's draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawKey(pub HexBytes<32>);

/// HKDF refused a length. It cannot for the lengths used here, and a key of zeros must never come
/// of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the draw's key could not be derived")]
pub struct KeyError;

impl DrawKey {
    /// The key follows from all four: another room, seed, entropy or cohort has another key.
    pub fn derive(
        room: &RoomName,
        cohort: &Cohort,
        seed: &Seed,
        entropy: &Entropy,
    ) -> Result<Self, KeyError> {
        let salt = Digest32::of(&[&entropy.bytes()]);
        let mut info = NAME.to_vec();
        let room_len = u16::try_from(room.len()).map_err(|_| KeyError)?;
        info.extend(room_len.to_be_bytes());
        info.extend(room.as_bytes());
        info.extend(cohort.lanes().to_be_bytes());
        info.extend(cohort.ends().iter().flat_map(|end| end.to_be_bytes()));
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(Some(&salt.0), seed.bytes())
            .expand(&info, &mut key)
            .map_err(|_| KeyError)?;
        Ok(Self(HexBytes(key)))
    }
}
