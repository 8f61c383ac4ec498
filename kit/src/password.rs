//! Passwords: argon2id, computed where it does not hold requests up.

use std::sync::LazyLock;

use anyhow::Context;
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use rand::Rng;
use tokio::sync::Semaphore;

/// Each takes 19 MiB and some ten milliseconds of a core; more at once would starve the rest of the process.
const AT_ONCE_MAX: usize = 2;
const CHARS_MIN: usize = 12;
const CHARS_MAX: usize = 200;
/// Without letters and digits that look alike.
const EASY: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

static ROOM: Semaphore = Semaphore::const_new(AT_ONCE_MAX);
/// What an unknown account's password is compared with, so that it takes as long as a known one's.
static NOBODY: LazyLock<String> = LazyLock::new(|| compute(&generate()).unwrap_or_default());

fn compute(password: &str) -> anyhow::Result<String> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes()).context("hashing a password")?;
    Ok(hash.to_string())
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    let _turn = ROOM.acquire().await?;
    Ok(tokio::task::spawn_blocking(work).await?)
}

/// The password as a PHC string: argon2id with 19 MiB, two passes, a salt of its own.
///
/// # Errors
/// No randomness, or the process is ending.
pub async fn hash(password: String) -> anyhow::Result<String> {
    apart(move || compute(&password)).await?
}

/// Whether the password is the one that was hashed. `None` stands for an account that does not exist: it costs the same
/// time and is false.
pub async fn verify(password: String, hash: Option<String>) -> bool {
    let checked = apart(move || {
        // Made by whoever comes first, known or not, so that its making tells nothing.
        LazyLock::force(&NOBODY);
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.clone());
        PasswordHash::new(&hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && known)
    });
    checked.await.unwrap_or(false)
}

/// A password to hand to somebody once: 20 easily typed characters in groups of five, 99 bits.
pub fn generate() -> String {
    let mut rng = rand::rng();
    let group = |rng: &mut rand::rngs::ThreadRng| -> String {
        (0..5).map(|_| char::from(EASY[rng.random_range(0..EASY.len())])).collect()
    };
    (0..4).map(|_| group(&mut rng)).collect::<Vec<_>>().join("-")
}

/// Why a password that somebody chose is refused, or `None`. Length is what counts (NIST SP 800-63B).
pub fn objection(password: &str) -> Option<&'static str> {
    let chars = password.chars().count();
    if chars < CHARS_MIN {
        return Some("must have at least 12 characters; a few words in a row are easy to remember");
    }
    if chars > CHARS_MAX {
        return Some("must have at most 200 characters");
    }
    let first = password.chars().next();
    if password.chars().all(|c| Some(c) == first) {
        return Some("must not be one character again and again");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let password = generate();
        let hashed = hash(password.clone()).await.expect("a hash");
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(verify(password.clone(), Some(hashed.clone())).await);
        assert!(!verify(format!("{password}x"), Some(hashed)).await);
        assert!(!verify(password.clone(), None).await && !verify(password, Some("no hash".to_owned())).await);
    }

    #[test]
    fn what_is_refused() {
        assert!(objection("short").is_some() && objection(&"a".repeat(30)).is_some());
        assert!(objection(&"ab".repeat(101)).is_some());
        assert_eq!(objection(&generate()), None);
    }
}
