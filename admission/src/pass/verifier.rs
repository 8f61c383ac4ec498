//! Checking passes.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kit::token::{TokenError, footer_key_id, paserk};
use pasetors::{
    Public,
    keys::AsymmetricPublicKey,
    paserk::Id,
    token::UntrustedToken,
    version4::{PublicToken, V4},
};
use serde::de::DeserializeOwned;

use crate::{error::PassError, pass::Pass};

pub(crate) fn key_id(key: &AsymmetricPublicKey<V4>) -> String {
    paserk(&Id::from(key))
}

const TOKEN_BYTES_MAX: usize = 4096;
/// The implicit assertion of passes, which have none, so that any PASETO library verifies them.
pub(crate) const PASS_PURPOSE: &[u8] = b"";

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
            parsed.push((key_id(&key), key));
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
        let pass: Pass = self.open_as(token, PASS_PURPOSE)?;
        if *pass.iss != *self.issuer || *pass.aud != *self.audience || pass.jti != pass.place {
            return Err(PassError::Foreign);
        }
        if pass.exp <= now {
            return Err(PassError::Expired);
        }
        Ok(pass)
    }

    /// What one of the published keys signed for this purpose.
    pub(crate) fn open_as<T: DeserializeOwned>(
        &self,
        token: &str,
        purpose: &[u8],
    ) -> Result<T, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let untrusted =
            UntrustedToken::<Public, V4>::try_from(token).map_err(|_| TokenError::Malformed)?;
        let key_id = footer_key_id(untrusted.untrusted_footer()).ok_or(TokenError::Malformed)?;
        let (_, key) =
            self.keys.iter().find(|(id, _)| *id == key_id).ok_or(TokenError::UnknownKey)?;
        let trusted = PublicToken::verify(key, &untrusted, None, Some(purpose))
            .map_err(|_| TokenError::Forged)?;
        serde_json::from_str(trusted.payload()).map_err(|_| TokenError::Malformed)
    }
}
