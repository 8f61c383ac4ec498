//! The admission pass: PASETO v4.public, verifiable offline from the published keys.

pub mod keys;

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use kit::token::footer_key_id;
use pasetors::{
    Public,
    keys::AsymmetricPublicKey,
    token::UntrustedToken,
    version4::{PublicToken, V4},
};
use serde::{Deserialize, Serialize};

use crate::error::PassError;

const PASS_BYTES_MAX: usize = 4096;

/// What a pass says. Its token id is the place's id, so one place has one pass however often it is
/// asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Who let the fan in.
    pub iss: String,
    /// Who may redeem it.
    pub aud: String,
    pub room: String,
    pub show: String,
    /// The place's id, `<room>.<lane>.<offset>`.
    pub place: String,
    /// Token id, the same as `place`.
    pub jti: String,
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

/// Checks passes against the published keys. Cheap to clone.
#[derive(Clone)]
pub struct PassVerifier {
    pub(crate) keys: Arc<Vec<(String, AsymmetricPublicKey<V4>)>>,
    pub(crate) issuer: Arc<str>,
    pub(crate) audience: Arc<str>,
}

impl PassVerifier {
    /// A verifier that knows only public keys: a comma-separated list of PASERK `k4.public.…`.
    ///
    /// # Errors
    /// A sentence when a key cannot be read or there is none.
    pub fn from_paserk(keys: &str, issuer: &str, audience: &str) -> Result<Self, String> {
        let mut parsed = Vec::new();
        for (index, text) in
            keys.split(',').map(str::trim).filter(|text| !text.is_empty()).enumerate()
        {
            let key = AsymmetricPublicKey::<V4>::try_from(text)
                .map_err(|_| format!("key {} is not a PASERK k4.public key", index + 1))?;
            parsed.push((crate::pass::keys::key_id(&key), key));
        }
        if parsed.is_empty() {
            return Err("there is no key".to_owned());
        }
        Ok(Self { keys: Arc::new(parsed), issuer: issuer.into(), audience: audience.into() })
    }

    /// The pass, if it is genuine, for us, and not expired at `now`.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Pass, PassError> {
        if token.is_empty() {
            return Err(PassError::Missing);
        }
        if token.len() > PASS_BYTES_MAX {
            return Err(PassError::Malformed);
        }
        let untrusted =
            UntrustedToken::<Public, V4>::try_from(token).map_err(|_| PassError::Malformed)?;
        let key_id = footer_key_id(untrusted.untrusted_footer()).ok_or(PassError::Malformed)?;
        let (_, key) =
            self.keys.iter().find(|(id, _)| *id == key_id).ok_or(PassError::UnknownKey)?;
        let trusted =
            PublicToken::verify(key, &untrusted, None, None).map_err(|_| PassError::Forged)?;
        let pass: Pass =
            serde_json::from_str(trusted.payload()).map_err(|_| PassError::Malformed)?;
        if *pass.iss != *self.issuer || *pass.aud != *self.audience || pass.jti != pass.place {
            return Err(PassError::Foreign);
        }
        if pass.exp <= now {
            return Err(PassError::Expired);
        }
        Ok(pass)
    }
}
