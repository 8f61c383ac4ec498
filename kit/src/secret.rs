//! Random secrets that stand for somebody: session tokens, API keys. Only their hash is stored.
//!
//! They have 256 random bits, so a fast hash is enough: nobody can go through them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// `prefix` and 43 characters of base64url.
pub fn generate(prefix: &str) -> String {
    let bytes: [u8; 32] = rand::random();
    format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// SHA-256 of a secret, 32 bytes: what is stored and looked up.
pub fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// The token that forms of a session carry. Another site cannot read it, and it does not give the
/// session away.
pub fn csrf(session_token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(format!("csrf\n{session_token}").as_bytes()))
}

/// Whether a form's token belongs to the session.
pub fn csrf_holds(session_token: &str, given: &str) -> bool {
    // Compared by their hashes, so that the time it takes tells nothing about how much of it was
    // right.
    hash(&csrf(session_token)) == hash(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_alike() {
        let (one, two) = (generate("fgk_"), generate("fgk_"));
        assert!(one.starts_with("fgk_") && one.len() == 47 && one != two);
        assert_eq!((hash(&one).len(), hash(&one) == hash(&two)), (32, false));
    }

    #[test]
    fn a_forms_token_is_good_for_its_session_only() {
        let (mine, yours) = (generate(""), generate(""));
        assert!(csrf_holds(&mine, &csrf(&mine)));
        for given in [csrf(&yours), String::new(), mine.clone()] {
            assert!(!csrf_holds(&mine, &given));
        }
    }
}
