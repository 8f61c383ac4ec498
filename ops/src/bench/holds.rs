//! Holds over HTTP and the bare script through our Redis client, against the same script in
//! `redis-benchmark`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use catalog::contract::TicketTypeId;
use chrono::Utc;
use redis::Script;
use reqwest::Url;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    process::Command,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;
use waitroom::contract::Phase;

use super::{
    client::{self, Connection, load, request},
    report::Row,
    sale::{self, Sale},
    server::Served,
    setup::Bench,
};

/// The script that checkout holds tickets with.
const TAKE: &str = include_str!("../../../checkout/src/stock/scripts/reserve.lua");
/// Fans who are let in per second while sessions are opened.
const RATE: f64 = 1_000.0;
const TURN_WITHIN: Duration = Duration::from_secs(30);
const RUN_MAX: Duration = Duration::from_secs(120);
/// Different holds in the scripts' runs; `redis-benchmark` draws from so many numbers.
const HOLDS: u64 = 1_000_000;

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let stores = &bench.env.stores;
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let sale = sale::make(stores, "bench-holds", None).await?;
    sale::open_room(stores, server.address, &sale, RATE, Phase::Open).await?;
    let sessions = sessions(server.address, &sale, bench.clients).await?;
    let holds = Arc::new(Holds { sessions, ticket_type: sale.ticket_type });

    let (mut http, mut bare, mut benchmark) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        http.push(load(server.address, bench.clients, bench.lasts, holds.clone()).await?);
        bare.push(scripts(bench, round).await?);
        benchmark.push(redis_benchmark(bench, round).await?);
        bench.round("holds", round, http.last(), benchmark.last());
        bench.round("hold script", round, bare.last(), benchmark.last());
    }
    sale::close_room(stores, &sale).await?;
    server.stop().await?;
    let rival = "redis-benchmark, same script";
    Ok(vec![
        Row::new("holds over HTTP", "/s", http).against(rival, benchmark.clone()),
        Row::new("hold script, our client", "/s", bare).against(rival, benchmark),
    ])
}

/// A fresh hold in place of the session's earlier one, each time.
struct Holds {
    sessions: Vec<String>,
    ticket_type: TicketTypeId,
}

impl client::Script for Holds {
    fn next(&self, client: usize, _: u64, bytes: &mut Vec<u8>) {
        let bearer = format!("Bearer {}", self.sessions[client % self.sessions.len()]);
        let key = Uuid::new_v4().to_string();
        let body =
            format!(r#"{{"items":[{{"ticket_type":"{}","quantity":1}}]}}"#, self.ticket_type);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key.as_str())];
        bytes.extend(request("POST", "/v1/holds", &headers, &body));
    }
}

#[derive(Deserialize)]
struct Ticket {
    ticket: String,
}
#[derive(Deserialize)]
struct Pass {
    pass: String,
}
#[derive(Deserialize)]
struct Session {
    session_token: String,
}

/// Brings so many fans through the line; the tokens of their sessions.
async fn sessions(address: SocketAddr, sale: &Sale, count: usize) -> anyhow::Result<Vec<String>> {
    let mut fans = JoinSet::new();
    for _ in 0..count {
        let room = sale.room.clone();
        fans.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let Ticket { ticket } = made(&mut connection, &sale::join(&room)).await?;
            let bearer = format!("Bearer {ticket}");
            let claim = request(
                "POST",
                &format!("/v1/rooms/{room}/pass"),
                &[("authorization", &bearer)],
                "",
            );
            let end = Instant::now() + TURN_WITHIN;
            let pass = loop {
                let answer = connection.call(&claim).await?;
                match answer.status {
                    200 => break serde_json::from_slice::<Pass>(&answer.body)?.pass,
                    409 if Instant::now() < end => sleep(Duration::from_millis(100)).await,
                    status => bail!("claiming a pass was answered {status}"),
                }
            };
            let body = serde_json::json!({ "pass": pass }).to_string();
            let open = request("POST", "/v1/checkout/sessions", &[], &body);
            let Session { session_token } = made(&mut connection, &open).await?;
            anyhow::Ok(session_token)
        });
    }
    let mut tokens = Vec::new();
    while let Some(done) = fans.join_next().await {
        tokens.push(done??);
    }
    Ok(tokens)
}

async fn made<T: DeserializeOwned>(
    connection: &mut Connection,
    request: &[u8],
) -> anyhow::Result<T> {
    let answer = connection.call(request).await?;
    if answer.status != 201 {
        bail!("answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

/// Keys of a shard of their own for one run, filled as the keeper would.
async fn shard(bench: &Bench, run: &str) -> anyhow::Result<[String; 3]> {
    let redis = &bench.env.stores.redis;
    let keys = ["stock", "holds", "held"].map(|kind| redis.key(kind, run));
    redis::cmd("HSET")
        .arg(&keys[0])
        .arg(&["free", "1000000000", "epoch", "1", "version", "0"])
        .query_async::<()>(&mut redis.connection())
        .await?;
    Ok(keys)
}

/// When the holds of a run end: after the bench.
fn until_ms() -> i64 {
    (Utc::now() + chrono::Duration::hours(6)).timestamp_millis()
}

/// The bare script through our client, which all callers of a process share.
async fn scripts(bench: &Bench, round: usize) -> anyhow::Result<f64> {
    let keys = Arc::new(shard(bench, &format!("bench-script-{round}")).await?);
    let (script, until_ms) = (Arc::new(Script::new(TAKE)), until_ms());
    let began = Instant::now();
    let end = began + bench.lasts;
    let mut tasks = JoinSet::new();
    for _ in 0..bench.clients {
        let (keys, script, mut connection) =
            (keys.clone(), script.clone(), bench.env.stores.redis.connection());
        tasks.spawn(async move {
            let mut taken = 0u64;
            while Instant::now() < end {
                let hold = format!("{:012}", rand::random_range(0..HOLDS));
                let mut call = script.prepare_invoke();
                keys.iter().for_each(|key| {
                    call.key(key);
                });
                call.arg(hold).arg(1).arg(until_ms);
                let answer: Vec<i64> = call.invoke_async(&mut connection).await?;
                if answer.first() != Some(&1) {
                    bail!("the script answered {answer:?}");
                }
                taken += 1;
            }
            Ok(taken)
        });
    }
    let mut taken = 0;
    while let Some(done) = tasks.join_next().await {
        taken += done??;
    }
    Ok(taken as f64 / began.elapsed().as_secs_f64())
}

/// The same script, keys and arguments in `redis-benchmark`, one connection a client and no
/// pipelining.
async fn redis_benchmark(bench: &Bench, round: usize) -> anyhow::Result<f64> {
    let keys = shard(bench, &format!("bench-rival-{round}")).await?;
    let mut connection = bench.env.stores.redis.connection();
    let hash: String =
        redis::cmd("SCRIPT").arg("LOAD").arg(TAKE).query_async(&mut connection).await?;
    let url = Url::parse(bench.env.redis_url())?;
    let (clients, calls) =
        (bench.clients.to_string(), (20_000 * bench.lasts.as_secs().max(1)).to_string());
    let (port, most, until_ms) =
        (url.port().unwrap_or(6379).to_string(), HOLDS.to_string(), until_ms().to_string());
    let output = Command::new("redis-benchmark")
        .args([
            "-h",
            url.host_str().unwrap_or("127.0.0.1"),
            "-p",
            &port,
            "-c",
            &clients,
            "-n",
            &calls,
            "-r",
            &most,
        ])
        .args(["-e", "--csv", "evalsha", &hash, "3", &keys[0], &keys[1], &keys[2]])
        .args(["__rand_int__", "1", &until_ms])
        .kill_on_drop(true)
        .output();
    let output = timeout(RUN_MAX, output)
        .await
        .context("redis-benchmark took too long")?
        .context("running redis-benchmark; it comes with Redis (Debian: package redis-tools)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (taken, wanted): (i64, i64) = redis::pipe()
        .cmd("HLEN")
        .arg(&keys[2])
        .cmd("ZCARD")
        .arg(&keys[1])
        .query_async(&mut connection)
        .await?;
    match calls_per_sec(&text) {
        Some(rate) if taken > 0 && taken == wanted => Ok(rate),
        _ => bail!(
            "redis-benchmark held {taken} and said: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// The second field of the last line; the first, the command, may hold commas of its own.
fn calls_per_sec(csv: &str) -> Option<f64> {
    let line = csv.lines().rev().find(|line| line.starts_with('"'))?;
    line.split("\",\"").nth(1)?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_found_in_the_csv() {
        let csv =
            "\"test\",\"rps\",\"avg_latency_ms\"\n\"evalsha 1 3 a b c\",\"61349.69\",\"0.5\"\n";
        assert_eq!(calls_per_sec(csv), Some(61_349.69));
        assert_eq!(calls_per_sec("ERR"), None);
    }
}
