//! Passwords: argon2id, computed where it does not hold requests up, and in a queue that does not grow without end.

use std::{sync::LazyLock, time::Duration};

use anyhow::Context;
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use rand::Rng;
use tokio::sync::Semaphore;

/// Each takes 19 MiB and some ten milliseconds of a core; more at once would starve the rest of the process.
const AT_ONCE_MAX: usize = 2;
/// Whoever stands in line longer is told to come back: a crowd at the door must not grow a line of minutes.
const WAIT_MAX: Duration = Duration::from_secs(3);
const CHARS_MIN: usize = 12;
const CHARS_MAX: usize = 200;
/// Without letters and digits that look alike.
const EASY: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Whoever waits here cannot be told that it is full, so they wait until the request itself runs out of time.
static COMMON: Queue = Queue::of(Duration::from_secs(60));
/// What an unknown account's password is compared with, so that it takes as long as a known one's.
static NOBODY: LazyLock<String> = LazyLock::new(|| compute(&generate()).unwrap_or_default());

fn compute(password: &str) -> anyhow::Result<String> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes()).context("hashing a password")?;
    Ok(hash.to_string())
}

fn matches(password: &str, hash: Option<&str>) -> bool {
    // Made by whoever comes first, known or not, so that its making tells nothing.
    LazyLock::force(&NOBODY);
    let text = hash.unwrap_or(&NOBODY);
    PasswordHash::new(text).is_ok_and(|of| {
        let is_right = Argon2::default().verify_password(password.as_bytes(), &of).is_ok();
        is_right && hash.is_some()
    })
}

/// Too many passwords are being looked at; nothing was done. A 503 that says to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being looked at")]
pub struct Busy;

/// Those who wait to have a password looked at: two at once, the others 3 s at most. Each door has a queue of its own, so
/// that a crowd at one keeps nobody out at another.
pub struct Queue {
    turns: Semaphore,
    wait_max: Duration,
}

impl Queue {
    #[expect(clippy::new_without_default, reason = "a queue stands in a static, which takes no default")]
    pub const fn new() -> Self {
        Self::of(WAIT_MAX)
    }

    const fn of(wait_max: Duration) -> Self {
        Self { turns: Semaphore::const_new(AT_ONCE_MAX), wait_max }
    }

    async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let Ok(Ok(_turn)) = tokio::time::timeout(self.wait_max, self.turns.acquire()).await else { return Err(Busy) };
        // Fails only where the process is ending.
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }

    /// Like [`hash`], in this queue.
    ///
    /// # Errors
    /// [`Busy`] within; or no randomness.
    pub async fn hash(&self, password: String) -> anyhow::Result<String> {
        self.apart(move || compute(&password)).await?
    }

    /// Like [`verify`], in this queue.
    ///
    /// # Errors
    /// [`Busy`]: nobody looked.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        self.apart(move || matches(&password, hash.as_deref())).await
    }
}

/// The password as a PHC string: argon2id with 19 MiB, two passes, a salt of its own. It waits in the common queue.
///
/// # Errors
/// No randomness, or the process is ending.
pub async fn hash(password: String) -> anyhow::Result<String> {
    COMMON.hash(password).await
}

/// Whether the password is the one that was hashed. `None` stands for an account that does not exist: it costs the same
/// time and is false. It waits in the common queue.
pub async fn verify(password: String, hash: Option<String>) -> bool {
    COMMON.verify(password, hash).await.unwrap_or(false)
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

    #[tokio::test]
    async fn a_full_queue_sends_away_and_the_next_door_does_not_notice() {
        let (crowded, other) = (Queue::of(Duration::from_millis(20)), Queue::new());
        let hashed = other.hash("a good long password".to_owned()).await.expect("a hash");
        let turns = crowded.turns.acquire_many(AT_ONCE_MAX as u32).await.expect("open");
        assert_eq!(crowded.verify(String::new(), None).await, Err(Busy));
        let refused = crowded.hash(String::new()).await.expect_err("busy");
        assert_eq!(refused.downcast_ref::<Busy>(), Some(&Busy));
        assert_eq!(other.verify("a good long password".to_owned(), Some(hashed.clone())).await, Ok(true));
        drop(turns);
        let patient = Queue::new();
        let all = (0..3 * AT_ONCE_MAX).map(|_| patient.verify("a good long password".to_owned(), Some(hashed.clone())));
        assert_eq!(futures::future::join_all(all).await, [Ok(true); 3 * AT_ONCE_MAX], "a short line is waited out");
    }

    #[test]
    fn what_is_refused() {
        assert!(objection("short").is_some() && objection(&"a".repeat(30)).is_some());
        assert!(objection(&"ab".repeat(101)).is_some());
        assert_eq!(objection(&generate()), None);
    }
}
