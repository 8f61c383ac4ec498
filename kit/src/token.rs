//! Sealed tokens: PASETO v4.local with the key's PASERK id in the footer.
//!
//! A ring holds one or more keys. The first seals, all of them open, so a key can be replaced while
//! both are in use. Each kind of token is bound to its purpose by an implicit assertion: a token
//! sealed for one purpose cannot be opened as another, even under the same key.

use hmac::{Hmac, KeyInit, Mac};
use pasetors::{
    keys::{Generate, SymmetricKey},
    paserk::{FormatAsPaserk, Id},
    token::UntrustedToken,
    version4::{LocalToken, V4},
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

/// Longer tokens are refused before any cryptography.
const TOKEN_BYTES_MAX: usize = 4096;
const FOOTER_BYTES_MAX: usize = 256;

/// Why a token was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is not of the expected form")]
    Malformed,
    #[error("the token was sealed under a key that is not in use here")]
    UnknownKey,
    #[error("the token was changed, or was made for another purpose")]
    Forged,
}

/// Keys that seal and open one purpose's tokens.
pub struct SealRing {
    keys: Vec<(String, SymmetricKey<V4>)>,
    purpose: &'static str,
}

impl SealRing {
    /// `keys` is a comma-separated list of PASERK `k4.local.…` keys, the sealing one first.
    ///
    /// # Errors
    /// A sentence when a key cannot be read or there is none. It does not repeat the key.
    pub fn from_paserk(keys: &str, purpose: &'static str) -> Result<Self, String> {
        let mut ring = Vec::new();
        for (index, text) in
            keys.split(',').map(str::trim).filter(|text| !text.is_empty()).enumerate()
        {
            let key = SymmetricKey::<V4>::try_from(text)
                .map_err(|_| format!("key {} is not a PASERK k4.local key", index + 1))?;
            ring.push((paserk(&Id::from(&key)), key));
        }
        if ring.is_empty() {
            return Err("there is no key".to_owned());
        }
        Ok(Self { keys: ring, purpose })
    }

    /// Seals `claims` (as JSON) under the first key.
    pub fn seal<T: Serialize>(&self, claims: &T) -> anyhow::Result<String> {
        let (id, key) = &self.keys[0];
        let footer = format!("{{\"kid\":\"{id}\"}}");
        let message = serde_json::to_vec(claims)?;
        LocalToken::encrypt(key, &message, Some(footer.as_bytes()), Some(self.purpose.as_bytes()))
            .map_err(|error| anyhow::anyhow!("sealing a token: {error}"))
    }

    /// Opens a token of this ring's purpose. Expiry is the caller's business: it is part of the
    /// claims.
    pub fn open<T: DeserializeOwned>(&self, token: &str) -> Result<T, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let untrusted = UntrustedToken::<pasetors::Local, V4>::try_from(token)
            .map_err(|_| TokenError::Malformed)?;
        let key_id = footer_key_id(untrusted.untrusted_footer()).ok_or(TokenError::Malformed)?;
        let (_, key) =
            self.keys.iter().find(|(id, _)| *id == key_id).ok_or(TokenError::UnknownKey)?;
        let trusted = LocalToken::decrypt(key, &untrusted, None, Some(self.purpose.as_bytes()))
            .map_err(|_| TokenError::Forged)?;
        serde_json::from_str(trusted.payload()).map_err(|_| TokenError::Malformed)
    }

    /// A fingerprint of `text`, by which it is known again without being kept: only whoever has the
    /// first key can make it, and each purpose has another. It changes when that key is replaced.
    pub fn fingerprint(&self, text: &str) -> anyhow::Result<[u8; 32]> {
        let (_, key) = &self.keys[0];
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
            .map_err(|error| anyhow::anyhow!("a fingerprint's key: {error}"))?;
        for part in ["fingerprint", self.purpose, text] {
            // With its length, so that no two series of parts are one text.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Ok(mac.finalize().into_bytes().into())
    }
}

/// The key id of a PASETO footer, if the footer is a small JSON object with one.
///
/// Read by hand: pasetors' own footer parser compiles regular expressions at each call, which costs
/// more than the decryption. The footer is not trusted; a key id only chooses among the keys of the
/// ring.
pub fn footer_key_id(footer: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct KeyId {
        kid: String,
    }
    if footer.len() > FOOTER_BYTES_MAX {
        return None;
    }
    serde_json::from_slice::<KeyId>(footer).ok().map(|footer| footer.kid)
}

/// The PASERK text of a key or key id.
pub fn paserk(key: &impl FormatAsPaserk) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = key.fmt(&mut text);
    text
}

/// A fresh key as PASERK, for set-up.
pub fn generate_seal_key() -> anyhow::Result<String> {
    let key =
        SymmetricKey::<V4>::generate().map_err(|error| anyhow::anyhow!("making a key: {error}"))?;
    Ok(paserk(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &str, purpose: &'static str) -> SealRing {
        SealRing::from_paserk(keys, purpose).expect("ring")
    }

    #[test]
    fn a_replaced_key_still_opens_and_a_removed_one_does_not() {
        let (old, new) = (generate_seal_key().expect("key"), generate_seal_key().expect("key"));
        let token = ring(&old, "test").seal(&7u32).expect("seal");
        assert_eq!(ring(&format!("{new},{old}"), "test").open::<u32>(&token), Ok(7));
        assert_eq!(ring(&new, "test").open::<u32>(&token), Err(TokenError::UnknownKey));
    }

    #[test]
    fn a_fingerprint_is_one_texts_under_one_key_for_one_purpose() {
        let (key, other) = (generate_seal_key().expect("key"), generate_seal_key().expect("key"));
        let of = |keys: &str, purpose, text| {
            ring(keys, purpose).fingerprint(text).expect("a fingerprint")
        };
        let mine = of(&key, "a", "ada@example.com");
        assert_eq!(mine, of(&format!("{key},{other}"), "a", "ada@example.com"));
        for another in [
            of(&other, "a", "ada@example.com"),
            of(&key, "b", "ada@example.com"),
            of(&key, "a", "bea@example.com"),
        ] {
            assert_ne!(mine, another);
        }
    }

    #[test]
    fn a_token_opens_only_for_its_purpose_and_unchanged() {
        let key = generate_seal_key().expect("key");
        let token = ring(&key, "a").seal(&7u32).expect("seal");
        assert_eq!(ring(&key, "b").open::<u32>(&token), Err(TokenError::Forged));
        let mut bytes = token.into_bytes();
        bytes[20] = if bytes[20] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ascii");
        assert_eq!(ring(&key, "a").open::<u32>(&changed), Err(TokenError::Forged));
        assert_eq!(ring(&key, "a").open::<u32>("nonsense"), Err(TokenError::Malformed));
    }
}
