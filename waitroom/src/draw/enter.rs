//! Entering what a draw waits for, once.

use admission::contract::Entropy;
use sqlx::PgConnection;

use crate::{
    draw::entering::{Entered, EnteringError, EntropyEntry, Standing, entered},
    store,
};

/// What is mixed in after something was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntropyFixed {
    pub entropy: Entropy,
    /// The same had been fixed before; nothing was changed.
    pub was_fixed: bool,
}

/// Fixes what a room's draw waits for, within the caller's transaction. Whoever comes first
/// decides; the same once more changes nothing.
///
/// # Errors
/// An [`EnteringError`]; after any but those of the store the transaction can go on, and nothing
/// was changed.
pub async fn enter_entropy_in(
    tx: &mut PgConnection,
    room: &str,
    entry: &EntropyEntry,
) -> Result<EntropyFixed, EnteringError> {
    let row = store::room_for_update(tx, room).await?.ok_or(EnteringError::RoomUnknown)?;
    let mut fixed = store::draw::entropy(tx, room).await?;
    // A round that a relay told may be fixed in between; it does not ask for the room's lock.
    loop {
        // The clock that the freeze and the draw are told by.
        let now = store::draw::clock(tx).await?;
        let (phase, draw) = (row.phase, row.draw.as_ref());
        match entered(Standing { phase, draw, fixed: fixed.as_ref(), now }, entry)? {
            Entered::Same(entropy) => return Ok(EntropyFixed { entropy, was_fixed: true }),
            Entered::New(entropy) => {
                if store::draw::mix_in(tx, room, &entropy).await? {
                    return Ok(EntropyFixed { entropy, was_fixed: false });
                }
                fixed = store::draw::entropy(tx, room).await?;
            }
        }
    }
}
