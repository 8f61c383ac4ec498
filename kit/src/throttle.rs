//! Guessing at passwords is slow. Attempts are counted in Redis, for an account and the network
//! they come from, before the password is looked at, so that many at once are no cheaper than many
//! in a row.
//!
//! Whoever fails again and again shuts the account for their own network only. Its owner, coming
//! from another, is at most slowed down, however many others guess: beyond [`MANY`] failures an
//! hour everybody waits [`SLOW`] first, and each network has one guess before blocks begin in place
//! of five. Who shares a network with a guesser waits with them.

use std::{sync::LazyLock, time::Duration};

use redis::{RedisResult, Script};

pub use crate::network::Network;
use crate::{
    password::{Busy, Queue},
    redis::Redis,
    secret,
};

/// Failures in a row of a network that lead to no block.
const FREE: i32 = 4;
const FIRST_SECS: i64 = 30;
const LONGEST_SECS: i64 = 15 * 60;
/// So many failures in a row are as good as any more.
const STEPS: i32 = 12;
/// Failures are remembered for so long.
const FORGET_SECS: i64 = 3600;
/// Failures of an account within an hour, of all networks together, from which on everybody is
/// slowed down.
const MANY: i64 = 50;
/// How long an attempt waits then.
const SLOW: Duration = Duration::from_secs(2);

static ATTEMPT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/attempt.lua")));
static FORGIVE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/forgive.lua")));
static TAKE_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/take_back.lua")));

/// Seconds a network is kept from an account after `failed` failures in a row: none up to four,
/// then 30 s, doubling, at most 15 minutes.
fn block_secs(failed: i32) -> i64 {
    if failed <= FREE {
        return 0;
    }
    let doublings = u32::try_from(failed - FREE - 1).unwrap_or(0).min(16);
    (FIRST_SECS << doublings).min(LONGEST_SECS)
}

/// Who guesses at what.
#[derive(Debug, Clone, Copy)]
pub struct Guesser<'a> {
    /// Which kind of accounts, such as `console`.
    pub door: &'a str,
    /// The account, whether or not it exists.
    pub account: &'a str,
    pub network: &'a Network,
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The password may be looked at, with [`Guesser::verify`]. The attempt is counted as the
    /// network's `failed`th failure in a row until [`Guesser::forgive`] says otherwise.
    Counted { failed: i32 },
    /// No password is looked at for so long. The attempt is not counted.
    Blocked { secs: i64 },
}

impl Guesser<'_> {
    fn keys(&self, redis: &Redis) -> [String; 3] {
        let short = |text: &str| hex::encode(&secret::hash(text)[..16]);
        let (account, network) = (short(self.account), short(&self.network.0));
        let key = |kind: &str| redis.key(&format!("{kind}:{}", self.door), &account);
        [
            format!("{}:{network}", key("guessed")),
            format!("{}:{network}", key("blocked")),
            key("guessed"),
        ]
    }

    /// Counts an attempt, and waits where the account is guessed at by many.
    ///
    /// # Errors
    /// Redis'.
    pub async fn attempt(&self, redis: &Redis) -> RedisResult<Attempt> {
        let mut call = ATTEMPT.prepare_invoke();
        for key in self.keys(redis) {
            call.key(key);
        }
        call.arg(FORGET_SECS).arg(MANY).arg(FREE);
        for failed in 1..=STEPS {
            call.arg(block_secs(failed));
        }
        let (left_ms, failed, of_all): (i64, i32, i64) =
            call.invoke_async(&mut redis.connection()).await?;
        if left_ms > 0 {
            return Ok(Attempt::Blocked { secs: (left_ms + 999) / 1000 });
        }
        if of_all > MANY {
            tokio::time::sleep(SLOW).await;
        }
        Ok(Attempt::Counted { failed })
    }

    /// Whether the password of an attempt that was counted is right, as [`Queue::verify`] says.
    /// Where nobody had time to look, the attempt was no guess, and is not counted: a crowd at the
    /// door must not block whoever stands in it.
    ///
    /// # Errors
    /// [`Busy`]: nobody looked.
    pub async fn verify(
        &self,
        redis: &Redis,
        queue: &Queue,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, Busy> {
        let looked = queue.verify(self.network, password, hash).await;
        if looked.is_err()
            && let Err(error) = self.invoke(&TAKE_BACK, redis).await
        {
            tracing::warn!(%error, "an attempt at a password that nobody looked at stays counted");
        }
        looked
    }

    /// Forgets the network's failures: its password was right.
    ///
    /// # Errors
    /// Redis'.
    pub async fn forgive(&self, redis: &Redis) -> RedisResult<()> {
        self.invoke(&FORGIVE, redis).await
    }

    async fn invoke(&self, script: &Script, redis: &Redis) -> RedisResult<()> {
        let mut call = script.prepare_invoke();
        for key in self.keys(redis) {
            call.key(key);
        }
        call.invoke_async(&mut redis.connection()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_grow_to_a_quarter_of_an_hour() {
        assert_eq!(
            [0, 4, 5, 6, 9, 10, STEPS, 1000, -3].map(block_secs),
            [0, 0, 30, 60, 480, 900, 900, 900, 0]
        );
    }
}
