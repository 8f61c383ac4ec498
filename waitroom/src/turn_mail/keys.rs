//! Sealing the addresses of fans who wait.

use admission::contract::RoomName;
use kit::{email_address::EmailAddress, settings::Settings, token::SealRing};
use uuid::Uuid;

/// Binds sealed addresses to their purpose.
const PURPOSE: &str = "fairgate.turn-mail.v1";
/// Mails' ids are named under this.
const TURN_MAILS: Uuid = Uuid::from_u128(0x2b7d_90c6_41fa_4e5b_9e07_c83d_15a6_f042);

/// Seals addresses for whoever asks for a mail, and opens them for whoever sends it.
pub struct TurnMailKeys(SealRing);

impl TurnMailKeys {
    /// `keys` as in `FAIRGATE_PLACE_KEYS`.
    ///
    /// # Errors
    /// A sentence when a key cannot be read or there is none. It does not repeat the key.
    pub fn from_paserk(keys: &str) -> Result<Self, String> {
        SealRing::from_paserk(keys, PURPOSE).map(Self)
    }

    /// Reads `FAIRGATE_PLACE_KEYS`, the keys that the waiting room has.
    pub fn from_settings(settings: &mut Settings) -> Option<Self> {
        let keys = settings.required("FAIRGATE_PLACE_KEYS", "run `fairgate keys` to make some");
        let ring = Self::from_paserk(&keys);
        if let Err(mistake) = &ring
            && !keys.is_empty()
        {
            settings.mistake(format!("FAIRGATE_PLACE_KEYS: {mistake}"));
        }
        ring.ok()
    }

    /// The id of an address's mail in a room, which tells nobody the address.
    pub fn id(&self, room: &RoomName, address: &EmailAddress) -> anyhow::Result<Uuid> {
        let text = format!("{room}/{}", address.as_str().to_lowercase());
        Ok(Uuid::new_v5(&TURN_MAILS, &self.0.fingerprint(&text)?))
    }

    pub fn seal(&self, address: &EmailAddress) -> anyhow::Result<String> {
        self.0.seal(&address.as_str())
    }

    /// `None` where the address was sealed under a key that is no longer in use.
    pub fn open(&self, sealed: &str) -> Option<String> {
        self.0.open(sealed).ok()
    }
}

#[cfg(test)]
mod tests {
    use kit::token::generate_seal_key;

    use super::*;

    #[test]
    fn an_address_is_sealed_and_has_one_mail_a_room_however_it_is_typed() {
        let keys = TurnMailKeys::from_paserk(&generate_seal_key().expect("key")).expect("keys");
        let address = |text: &str| text.parse::<EmailAddress>().expect("an address");
        let ada = address("Ada@Example.com");
        let sealed = keys.seal(&ada).expect("sealed");
        assert!(!sealed.contains("xample"));
        assert_eq!(keys.open(&sealed).as_deref(), Some("Ada@Example.com"));
        let id = |room: &str, of: &EmailAddress| {
            keys.id(&room.parse().expect("a name"), of).expect("an id")
        };
        assert_eq!(id("r", &ada), id("r", &address("ada@example.com")));
        assert_ne!(id("r", &ada), id("q", &ada));
        assert_ne!(id("r", &ada), id("r", &address("bea@example.com")));
        let other = TurnMailKeys::from_paserk(&generate_seal_key().expect("key")).expect("keys");
        assert_eq!(other.open(&sealed), None);
        assert_ne!(other.id(&"r".parse().expect("a name"), &ada).expect("an id"), id("r", &ada));
    }
}
