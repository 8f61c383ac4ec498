//! Place tickets that were opened of late: whoever asks for their place asks again and again with
//! the same one, and opening it costs more than all the rest.

use std::hash::{BuildHasher, RandomState};

use kit::token::{SealRing, TokenError};
use parking_lot::Mutex;

use crate::place::PlaceClaims;

/// So many are kept, however many fans wait: a newer one takes the place of an older one.
const SLOTS: usize = 16_384;

/// What a ticket said, by the ticket's own hash. Two tickets of the same 128 bits, under keys that
/// nobody knows, do not meet.
type Slot = Option<(u128, PlaceClaims)>;

pub struct OpenedTickets {
    hashers: [RandomState; 2],
    slots: Box<[Mutex<Slot>]>,
}

impl Default for OpenedTickets {
    fn default() -> Self {
        let slots = (0..SLOTS).map(|_| Mutex::new(None)).collect();
        Self { hashers: [RandomState::new(), RandomState::new()], slots }
    }
}

impl OpenedTickets {
    /// Opens a ticket under the ring that opens all of them, or knows it from before.
    ///
    /// # Errors
    /// As [`SealRing::open`]; what cannot be opened is not kept.
    pub fn open(&self, ring: &SealRing, ticket: &str) -> Result<PlaceClaims, TokenError> {
        let [high, low] = self.hashers.each_ref().map(|hasher| hasher.hash_one(ticket));
        let key = u128::from(high) << 64 | u128::from(low);
        let Some(slot) = self.slots.get(low as usize % SLOTS) else { return ring.open(ticket) };
        if let Some((_, claims)) = slot.lock().as_ref().filter(|(kept, _)| *kept == key) {
            return Ok(claims.clone());
        }
        let claims: PlaceClaims = ring.open(ticket)?;
        *slot.lock() = Some((key, claims.clone()));
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use admission::contract::{HexBytes, PlaceId};

    use super::*;

    #[test]
    fn a_ticket_says_the_same_each_time_and_a_changed_one_is_none() {
        let key = kit::token::generate_seal_key().expect("a key");
        let ring = SealRing::from_paserk(&key, "place").expect("a ring");
        let opened = OpenedTickets::default();
        let claims = |offset| PlaceClaims {
            place: PlaceId { room: "r".parse().expect("a name"), lane: 0, offset },
            joined_ms: 5,
            nonce: HexBytes([0; 16]),
            ahead_at_join: offset,
        };
        let tickets: Vec<String> =
            (0..50).map(|offset| ring.seal(&claims(offset)).expect("a ticket")).collect();
        for _ in 0..2 {
            for (offset, ticket) in tickets.iter().enumerate() {
                assert_eq!(opened.open(&ring, ticket), Ok(claims(offset as i64)));
                let mut changed = ticket.clone();
                changed.replace_range(30..31, if &ticket[30..31] == "A" { "B" } else { "A" });
                assert_eq!(opened.open(&ring, &changed), Err(TokenError::Forged));
            }
        }
        // The keys that made them are not asked a second time.
        let other = kit::token::generate_seal_key().expect("a key");
        let other = SealRing::from_paserk(&other, "place").expect("a ring");
        assert_eq!(opened.open(&other, &tickets[7]), Ok(claims(7)));
        assert_eq!(OpenedTickets::default().open(&other, &tickets[7]), Err(TokenError::UnknownKey));
    }
}
