//! The keys that sign passes: the first signs, all are published and accepted, so rotation needs no
//! downtime.

use chrono::{DateTime, Utc};
use std::sync::Arc;

use kit::token::paserk;

use pasetors::{
    keys::{AsymmetricKeyPair, AsymmetricPublicKey, AsymmetricSecretKey, Generate},
    version4::{PublicToken, V4},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    pass::{
        Pass,
        verifier::{PASS_PURPOSE, PassVerifier, key_id},
    },
    place::PlaceId,
};

/// Secret keys in signing order.
pub struct PassKeys {
    secret: AsymmetricSecretKey<V4>,
    verifier: PassVerifier,
}

/// A public key as served under `/.well-known/paseto-keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PublishedKey {
    /// PASERK id `k4.pid.…`, as in the footer of passes.
    pub kid: String,
    /// PASERK key `k4.public.…`.
    pub key: String,
    /// `current` signs now; `next` will, or has signed passes that are still good.
    pub r#use: &'static str,
}

impl PassKeys {
    /// `keys` is a comma-separated list of PASERK `k4.secret.…` keys, the signing one first.
    ///
    /// # Errors
    /// A sentence when a key cannot be read or there is none. It does not repeat the key.
    pub fn from_paserk(keys: &str, issuer: &str, audience: &str) -> Result<Self, String> {
        let mut secrets = Vec::new();
        let mut publics = Vec::new();
        for (index, text) in
            keys.split(',').map(str::trim).filter(|text| !text.is_empty()).enumerate()
        {
            let unreadable = || format!("key {} is not a PASERK k4.secret key", index + 1);
            let secret = AsymmetricSecretKey::<V4>::try_from(text).map_err(|_| unreadable())?;
            let public = AsymmetricPublicKey::<V4>::try_from(&secret).map_err(|_| unreadable())?;
            publics.push((key_id(&public), public));
            secrets.push(secret);
        }
        let secret = secrets.into_iter().next().ok_or_else(|| "there is no key".to_owned())?;
        let verifier = PassVerifier {
            keys: Arc::new(publics),
            issuer: issuer.into(),
            audience: audience.into(),
        };
        Ok(Self { secret, verifier })
    }

    /// Signs the pass of a place for `show`. The same arguments under the same key give the same
    /// text.
    pub fn sign(
        &self,
        place: &PlaceId,
        show: &str,
        admitted_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> anyhow::Result<String> {
        let pass = Pass {
            iss: self.verifier.issuer.to_string(),
            aud: self.verifier.audience.to_string(),
            room: place.room.clone(),
            show: show.to_owned(),
            place: place.clone(),
            jti: place.clone(),
            iat: admitted_at,
            exp: expires_at,
        };
        self.sign_as(&pass, PASS_PURPOSE)
    }

    /// Signs something as JSON. A token that was signed for one purpose is none for another.
    pub(crate) fn sign_as(
        &self,
        claims: &impl Serialize,
        purpose: &[u8],
    ) -> anyhow::Result<String> {
        let (kid, _) = &self.verifier.keys[0];
        let footer = format!("{{\"kid\":\"{kid}\"}}");
        let message = serde_json::to_vec(claims)?;
        PublicToken::sign(&self.secret, &message, Some(footer.as_bytes()), Some(purpose))
            .map_err(|error| anyhow::anyhow!("signing a token: {error}"))
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.verifier.issuer
    }

    pub fn verifier(&self) -> PassVerifier {
        self.verifier.clone()
    }

    /// All keys that verify passes, the signing one first.
    pub fn published(&self) -> Vec<PublishedKey> {
        self.verifier
            .keys
            .iter()
            .enumerate()
            .map(|(index, (kid, key))| PublishedKey {
                kid: kid.clone(),
                key: paserk(key),
                r#use: if index == 0 { "current" } else { "next" },
            })
            .collect()
    }
}

/// A fresh signing key as PASERK, for set-up.
pub fn generate_pass_key() -> anyhow::Result<String> {
    let pair = AsymmetricKeyPair::<V4>::generate()
        .map_err(|error| anyhow::anyhow!("making a key: {error}"))?;
    Ok(paserk(&pair.secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::PassError;

    fn place() -> PlaceId {
        "r.0.7".parse().expect("a place")
    }

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(secs, 0).expect("time")
    }

    fn keys(text: &str) -> PassKeys {
        PassKeys::from_paserk(text, "fairgate", "checkout").expect("keys")
    }

    #[test]
    fn asking_again_gives_the_same_pass_and_it_expires() {
        let keys = keys(&generate_pass_key().expect("key"));
        let sign = || keys.sign(&place(), "s", at(1000), at(1100)).expect("pass");
        assert_eq!(sign(), sign());
        let pass = keys.verifier().verify(&sign(), at(1099)).expect("good");
        assert_eq!((pass.room, pass.jti, pass.exp), (place().room, place(), at(1100)));
        assert_eq!(keys.verifier().verify(&sign(), at(1100)), Err(PassError::Expired));
    }

    #[test]
    fn rotation_keeps_both_keys_good_and_a_removed_key_is_refused() {
        let (old, new) = (generate_pass_key().expect("key"), generate_pass_key().expect("key"));
        let pass = keys(&old).sign(&place(), "s", at(1000), at(1100)).expect("pass");
        assert!(keys(&format!("{new},{old}")).verifier().verify(&pass, at(1001)).is_ok());
        assert_eq!(keys(&new).verifier().verify(&pass, at(1001)), Err(PassError::UnknownKey));
        let published = keys(&format!("{new},{old}")).published();
        let list = published.iter().map(|key| key.key.as_str()).collect::<Vec<_>>().join(",");
        let offline =
            PassVerifier::from_paserk(&list, "fairgate", "checkout").expect("public keys");
        assert!(offline.verify(&pass, at(1001)).is_ok());
        let other =
            PassVerifier::from_paserk(&list, "fairgate", "another-seller").expect("public keys");
        assert_eq!(other.verify(&pass, at(1001)), Err(PassError::Foreign));
    }

    #[test]
    fn a_changed_pass_is_refused() {
        let keys = keys(&generate_pass_key().expect("key"));
        let pass = keys.sign(&place(), "s", at(1000), at(1100)).expect("pass");
        let mut bytes = pass.into_bytes();
        bytes[30] = if bytes[30] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ascii");
        assert_eq!(keys.verifier().verify(&changed, at(1001)), Err(PassError::Forged));
        assert_eq!(keys.verifier().verify("v4.public.x", at(1001)), Err(PassError::Malformed));
        assert_eq!(keys.verifier().verify("", at(1001)), Err(PassError::Missing));
    }
}
