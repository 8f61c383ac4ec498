//! Settings of admission.

use kit::settings::Settings;

use crate::pass::{keys::PassKeys, verifier::PassVerifier};

/// Who signs passes and for whom.
pub struct Config {
    /// Present where passes are signed (the waiting room).
    pub pass_keys: Option<PassKeys>,
    /// Present where passes are checked (checkout).
    pub verifier: Option<PassVerifier>,
}

impl Config {
    /// Reads `FAIRGATE_PASS_KEYS` (secret keys, signing one first) or, for processes that only
    /// check passes, `FAIRGATE_PASS_PUBLIC_KEYS`; `FAIRGATE_PASS_ISSUER` and
    /// `FAIRGATE_PASS_AUDIENCE` name the two sides.
    pub fn from_settings(settings: &mut Settings, signs: bool) -> Self {
        let issuer = settings.or("FAIRGATE_PASS_ISSUER", "fairgate".to_owned());
        let audience = settings.or("FAIRGATE_PASS_AUDIENCE", "fairgate-checkout".to_owned());
        if let (false, Some(public)) =
            (signs, settings.optional::<String>("FAIRGATE_PASS_PUBLIC_KEYS"))
        {
            let verifier = PassVerifier::from_paserk(&public, &issuer, &audience)
                .map_err(|mistake| {
                    settings.mistake(format!("FAIRGATE_PASS_PUBLIC_KEYS: {mistake}"))
                })
                .ok();
            return Self { pass_keys: None, verifier };
        }
        let secret = settings.required("FAIRGATE_PASS_KEYS", "run `fairgate keys` to make some");
        if secret.is_empty() {
            return Self { pass_keys: None, verifier: None };
        }
        match PassKeys::from_paserk(&secret, &issuer, &audience) {
            Ok(keys) => Self { verifier: Some(keys.verifier()), pass_keys: Some(keys) },
            Err(mistake) => {
                settings.mistake(format!("FAIRGATE_PASS_KEYS: {mistake}"));
                Self { pass_keys: None, verifier: None }
            }
        }
    }
}
