//! Fetching the drand rounds that draws wait for. A relay is not believed: what it says is checked
//! by the chain's key before it is fixed, and a lie costs no more than asking the next one.

use std::{collections::BTreeMap, time::Duration};

use admission::contract::{Digest32, Entropy, HexBytes, QUICKNET, RoomName};
use anyhow::{Context, bail, ensure};
use chrono::Utc;
use kit::{http_client, serve::Tasks};
use metrics::counter;
use serde::Deserialize;
use sqlx::PgPool;
use url::Url;

use crate::{draw::entering::quicknet, store};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one relay may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// A round has some 300.
const BYTES_MAX: usize = 4096;

/// A round as relays tell it.
#[derive(Debug, Deserialize)]
struct Told {
    round: u64,
    /// SHA-256 of the signature; newer relays leave it out.
    randomness: Option<Digest32>,
    signature: HexBytes<48>,
}

/// Starts fetching from these relays, asked in this order; from none, nothing is fetched.
pub fn start(pool: &PgPool, relays: &[Url], tasks: &Tasks) {
    if relays.is_empty() {
        return;
    }
    let (pool, relays, stop) = (pool.clone(), relays.to_vec(), tasks.stop());
    tasks.every("fetch drand rounds", LOOK_EVERY, move || {
        let (pool, relays, stop) = (pool.clone(), relays.clone(), stop.clone());
        async move {
            tokio::select! {
                () = stop.cancelled() => Ok(()),
                fetched = fetch_awaited(&pool, &relays) => fetched,
            }
        }
    });
}

/// Fetches and fixes each round that is out and that a draw waits for.
async fn fetch_awaited(pool: &PgPool, relays: &[Url]) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    for (round, rooms) in awaited(pool).await? {
        let fixed = fetch_and_fix(pool, relays, round, &rooms).await;
        // One that cannot be had keeps no other waiting.
        outcome = outcome.and(fixed);
    }
    outcome
}

/// The rounds that are out, with the rooms that wait for each.
async fn awaited(pool: &PgPool) -> anyhow::Result<BTreeMap<u64, Vec<RoomName>>> {
    let mut rounds: BTreeMap<u64, Vec<RoomName>> = BTreeMap::new();
    for (room, frozen_at) in store::draw::awaiting_drand(pool).await? {
        let round = QUICKNET.first_round_after(frozen_at);
        if QUICKNET.time(round).is_some_and(|at| at <= Utc::now()) {
            rounds.entry(round).or_default().push(room);
        }
    }
    Ok(rounds)
}

async fn fetch_and_fix(
    pool: &PgPool,
    relays: &[Url],
    round: u64,
    rooms: &[RoomName],
) -> anyhow::Result<()> {
    let entropy = fetch(relays, round).await?;
    let mut connection = pool.acquire().await?;
    for room in rooms {
        if store::draw::mix_in(&mut connection, room, &entropy).await? {
            tracing::info!(%room, round, "a drand round is mixed in");
        }
    }
    Ok(())
}

/// The round from the first relay that tells it truly.
async fn fetch(relays: &[Url], round: u64) -> anyhow::Result<Entropy> {
    let mut faults = Vec::new();
    for relay in relays {
        let told = tokio::time::timeout(PATIENCE, ask(relay, round)).await;
        let told = told.unwrap_or_else(|_| bail!("nothing within {} s", PATIENCE.as_secs()));
        let outcome = if told.is_ok() { "ok" } else { "failed" };
        counter!("fairgate_drand_fetches_total", "outcome" => outcome).increment(1);
        match told {
            Ok(entropy) => return Ok(entropy),
            Err(error) => faults.push(format!("{relay}: {error:#}")),
        }
    }
    bail!("no relay tells drand round {round}: {}", faults.join("; "))
}

async fn ask(relay: &Url, round: u64) -> anyhow::Result<Entropy> {
    let body = http_client::get(&address(relay, round)?, BYTES_MAX).await?;
    checked(&body, round)
}

/// `{relay}/{chain}/public/{round}`
fn address(relay: &Url, round: u64) -> anyhow::Result<Url> {
    let base = relay.as_str().trim_end_matches('/');
    Ok(format!("{base}/{}/public/{round}", QUICKNET.hash).parse()?)
}

/// What a relay said, where it is the round that was asked for.
fn checked(body: &[u8], round: u64) -> anyhow::Result<Entropy> {
    let told: Told = serde_json::from_slice(body).context("this is no round")?;
    ensure!(told.round == round, "it tells round {} instead", told.round);
    let entropy = quicknet(told.round, told.signature).context("quicknet has no hash")?;
    entropy.check()?;
    let follows = told.randomness.is_none_or(|randomness| entropy.bytes() == randomness.0);
    ensure!(follows, "its randomness is not its signature's");
    Ok(entropy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125\
                             e342b73a8dd2bacbe47e4b6b63ed5e39";
    const RANDOMNESS: &str = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";

    fn body(round: u64, randomness: &str, signature: &str) -> String {
        serde_json::json!({"round": round, "randomness": randomness, "signature": signature})
            .to_string()
    }

    #[test]
    fn a_round_is_believed_by_its_signature_alone() {
        let told = |body: &str| checked(body.as_bytes(), 1000);
        let entropy = told(&body(1000, RANDOMNESS, SIGNATURE)).expect("a round");
        assert_eq!(hex(&entropy.bytes()), RANDOMNESS);
        let other = SIGNATURE.replace("39", "38");
        for lie in [
            body(1001, RANDOMNESS, SIGNATURE),
            body(1000, &RANDOMNESS.replace("fe", "ff"), SIGNATURE),
            body(1000, RANDOMNESS, &other),
            body(1000, RANDOMNESS, "b4"),
            "<html>".to_owned(),
        ] {
            assert!(told(&lie).is_err(), "{lie}");
        }
        // A true round, but not the one that was asked for.
        assert!(checked(body(1000, RANDOMNESS, SIGNATURE).as_bytes(), 1001).is_err());
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_relay_may_stand_below_a_path() {
        let at = |relay: &str| address(&relay.parse().expect("a URL"), 7).expect("an address");
        let tail = format!("/{}/public/7", QUICKNET.hash);
        assert_eq!(at("https://a.example").as_str(), format!("https://a.example{tail}"));
        assert_eq!(at("http://a.example/b/").as_str(), format!("http://a.example/b{tail}"));
    }
}
