//! What a join's answer carries: the room's signed word that this record is in this place.

use kit::token::TokenError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    draw::{LanePlace, record::LaneRecord},
    pass::{keys::PassKeys, verifier::PassVerifier},
    place::RoomName,
};

/// The implicit assertion of receipts: a receipt is no pass and a pass no receipt, though the same
/// keys sign both.
const RECEIPT_PURPOSE: &[u8] = b"fairgate/receipt/v1";

/// What a receipt says. It does not expire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Who signed it.
    pub iss: String,
    pub room: RoomName,
    pub lane: u32,
    #[serde(flatten)]
    pub record: LaneRecord,
}

/// Why a receipt was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the receipt was signed by somebody else")]
    Foreign,
}

impl Receipt {
    pub const fn place(&self) -> LanePlace {
        LanePlace { lane: self.lane, offset: self.record.offset }
    }

    /// The receipt of a record, by whoever has these keys.
    pub fn new(keys: &PassKeys, room: &RoomName, lane: u32, record: LaneRecord) -> Self {
        Self { iss: keys.issuer().to_owned(), room: room.clone(), lane, record }
    }

    /// Signs it by itself: PASETO v4.public. The same record under the same key has the same text.
    pub fn signed(&self, keys: &PassKeys) -> anyhow::Result<String> {
        keys.sign_as(self, RECEIPT_PURPOSE)
    }

    /// The receipt of a text, if one of the published keys signed it by itself.
    pub(crate) fn open_alone(verifier: &PassVerifier, token: &str) -> Result<Self, ReceiptError> {
        let receipt: Self = verifier.open_as(token, RECEIPT_PURPOSE)?;
        if *receipt.iss == *verifier.issuer { Ok(receipt) } else { Err(ReceiptError::Foreign) }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{draw::hex_bytes::HexBytes, error::PassError, pass::keys::generate_pass_key};

    const RECORD: LaneRecord =
        LaneRecord { offset: 41, joined_ms: 1_796_000_000_123, nonce: HexBytes([0xab; 16]) };

    fn keys(text: &str) -> PassKeys {
        PassKeys::from_paserk(text, "fairgate", "checkout").expect("keys")
    }

    fn sign(keys: &PassKeys) -> String {
        let room = "spring-tour".parse().expect("a room");
        Receipt::new(keys, &room, 2, RECORD).signed(keys).expect("a receipt")
    }

    #[test]
    fn a_receipt_says_what_was_signed_under_any_published_key() {
        let (old, new) = (generate_pass_key().expect("key"), generate_pass_key().expect("key"));
        let token = sign(&keys(&old));
        assert_eq!(token, sign(&keys(&old)));
        let receipt = Receipt::open(&keys(&format!("{new},{old}")).verifier(), &token);
        let receipt = receipt.expect("a receipt");
        assert_eq!((receipt.place().to_string().as_str(), receipt.record), ("2.41", RECORD));
        assert_eq!(
            Receipt::open(&keys(&new).verifier(), &token),
            Err(ReceiptError::Token(TokenError::UnknownKey))
        );
        let other = PassKeys::from_paserk(&old, "another", "checkout").expect("keys");
        assert_eq!(Receipt::open(&other.verifier(), &token), Err(ReceiptError::Foreign));
    }

    #[test]
    fn a_pass_is_no_receipt_and_a_receipt_no_pass() {
        let keys = keys(&generate_pass_key().expect("key"));
        let at = |secs| DateTime::from_timestamp(secs, 0).expect("a time");
        let place = "spring-tour.2.41".parse().expect("a place");
        let pass = keys.sign(&place, "s", at(1000), at(1100)).expect("a pass");
        let forged = ReceiptError::Token(TokenError::Forged);
        assert_eq!(Receipt::open(&keys.verifier(), &pass), Err(forged));
        assert_eq!(keys.verifier().verify(&sign(&keys), at(1001)), Err(PassError::Forged));
        // Not only by their form: what says the same is still bound to its purpose.
        let claims = serde_json::json!({ "iss": "fairgate", "room": "spring-tour", "lane": 2,
            "offset": 41, "joined_ms": 1, "nonce": "ab".repeat(16) });
        let as_pass = keys.sign_as(&claims, b"").expect("a token");
        assert_eq!(Receipt::open(&keys.verifier(), &as_pass), Err(forged));
        let as_receipt = keys.sign_as(&claims, RECEIPT_PURPOSE).expect("a token");
        assert!(Receipt::open(&keys.verifier(), &as_receipt).is_ok());
    }

    #[test]
    fn a_changed_receipt_is_refused() {
        let keys = keys(&generate_pass_key().expect("key"));
        let mut bytes = sign(&keys).into_bytes();
        bytes[30] = if bytes[30] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ascii");
        assert_eq!(
            Receipt::open(&keys.verifier(), &changed),
            Err(ReceiptError::Token(TokenError::Forged))
        );
    }
}
