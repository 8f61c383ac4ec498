//! Orders of one hot ticket type: through the log and the batch writer, with one row-locking
//! transaction each, and as raw batched inserts, into the same tables of the same Postgres with the
//! same durability.

use std::{str::FromStr, time::Duration};

use anyhow::{Context, bail};
use checkout::contract::{Buyer, Place, PlaceLine, home_partition, snapshot};
use chrono::Utc;
use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    Bench,
    report::Row,
    sale::{self, Sale},
    server::Served,
};

mod bulk;
mod row_lock;
mod writer;

/// Clients that order at once, each waiting for its order before the next.
const CLIENTS: [usize; 3] = [1, 16, 64];
/// FAIRGATE_COMMANDS_PARTITIONS of the server, as set by default.
const PARTITIONS: i32 = 4;
const LOADED_WITHIN: Duration = Duration::from_secs(30);

/// Where one's orders go.
#[derive(Debug, Clone)]
struct Hot {
    show: String,
    ticket_type: Uuid,
    /// Number and epoch.
    shards: Vec<(i32, i64)>,
}

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let stores = &bench.bench_env.stores;
    // The whole system for a moment, so that Redis knows the shards as it would in a sale.
    let server = Served::start(&bench.bench_env, bench.all_roles()).await?;
    let whole = loaded(bench, &sale::make(stores, "bench-whole", Some(1)).await?).await?;
    let cut = loaded(bench, &sale::make(stores, "bench-cut", None).await?).await?;
    // Stock of its own: the writer's Redis is not told of these orders and would wait for word of
    // them.
    let locked = loaded(bench, &sale::make(stores, "bench-locked", Some(1)).await?).await?;
    server.stop().await?;
    // From here on the writer alone, with its relay of events, which has the same to do for all.
    let server = Served::start(&bench.bench_env, &["writer"]).await?;

    // Those who queue for a row's lock wait long, which is the point and no news.
    let options =
        PgConnectOptions::from_str(bench.bench_env.database_url())?.disable_statement_logging();
    let pool =
        PgPoolOptions::new().max_connections(CLIENTS[2] as u32).connect_with(options).await?;
    let mut rows = Vec::new();
    for clients in CLIENTS {
        let (mut by_one, mut by_shards, mut locking) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..bench.rounds {
            by_one.push(measured(&pool, writer::round(bench, &whole, clients)).await?);
            locking.push(
                measured(&pool, row_lock::round(&pool, &locked, clients, bench.lasts)).await?,
            );
            by_shards.push(measured(&pool, writer::round(bench, &cut, clients)).await?);
            bench.round(&whole.name(clients), round, by_one.last(), locking.last());
            bench.round(&cut.name(clients), round, by_shards.last(), locking.last());
        }
        let rival = "one row-locking transaction each";
        let aim = (clients == CLIENTS[2]).then_some("8");
        for (hot, values) in [(&whole, by_one), (&cut, by_shards)] {
            let row = Row::new(hot.name(clients), "/s", values).against(rival, locking.clone());
            rows.push(Row { aim, ..row });
        }
    }
    let mut ceiling = Vec::new();
    for round in 0..bench.rounds {
        ceiling.push(measured(&pool, bulk::round(&pool, &locked, bench.lasts)).await?);
        bench.round("raw batched insert", round, ceiling.last(), None);
    }
    let most = rows.last().map(|row| row.values.clone()).unwrap_or_default();
    rows.push(Row::new(cut.name(CLIENTS[2]), "/s", most).against("raw batched insert", ceiling));
    pool.close().await;
    server.stop().await?;
    Ok(rows)
}

/// The orders per second that a round told, if as many are in Postgres.
async fn measured(
    pool: &PgPool,
    round: impl Future<Output = anyhow::Result<Orders>>,
) -> anyhow::Result<f64> {
    let count = "SELECT count(*) FROM checkout.orders";
    let before: i64 = sqlx::query_scalar(count).fetch_one(pool).await?;
    let orders = round.await?;
    let after: i64 = sqlx::query_scalar(count).fetch_one(pool).await?;
    if after - before != orders.written {
        bail!("{} orders were sent and {} written", orders.written, after - before);
    }
    drained(pool).await?;
    Ok(orders.per_sec)
}

/// What a round did.
struct Orders {
    written: i64,
    per_sec: f64,
}

/// Waits until the relay has sent what this round left to it, which the next one should not pay
/// for.
async fn drained(pool: &PgPool) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(120);
    while sqlx::query_scalar("SELECT EXISTS (SELECT FROM checkout.outbox)").fetch_one(pool).await? {
        if Instant::now() >= end {
            bail!("the relay did not send the events in time");
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Waits until Redis has the stock, and reads under which epochs.
async fn loaded(bench: &Bench, sale: &Sale) -> anyhow::Result<Hot> {
    let stores = &bench.bench_env.stores;
    let end = Instant::now() + LOADED_WITHIN;
    loop {
        let rows: Vec<(i32, i64)> = sqlx::query_as(
            "SELECT shard, epoch FROM checkout.stock WHERE ticket_type = $1 ORDER BY shard",
        )
        .bind(sale.ticket_type)
        .fetch_all(&stores.pool)
        .await?;
        let mut known = !rows.is_empty();
        for (shard, epoch) in &rows {
            let seen = snapshot(&stores.redis, sale.ticket_type, *shard).await?;
            known &= seen.is_some_and(|seen| seen.epoch == *epoch);
        }
        if known {
            return Ok(Hot {
                show: sale.show.clone(),
                ticket_type: sale.ticket_type,
                shards: rows,
            });
        }
        if Instant::now() >= end {
            bail!("Redis did not get the stock of {} in time", sale.show);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

impl Hot {
    fn name(&self, clients: usize) -> String {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let shards = self.shards.len();
        format!("orders, {clients} client{}, {shards} shard{}", plural(clients), plural(shards))
    }

    /// An order of one ticket, and the partition it belongs to.
    fn order(&self, turn: usize) -> anyhow::Result<(Place, i32)> {
        let (shard, epoch) =
            self.shards.get(turn % self.shards.len().max(1)).copied().context("no shards")?;
        let now = Utc::now();
        let place = Place {
            order: Uuid::now_v7(),
            session: Uuid::new_v4(),
            show: self.show.clone(),
            hold: Uuid::new_v4(),
            lines: vec![PlaceLine {
                ticket_type: self.ticket_type,
                shard,
                quantity: 1,
                unit_price_minor: 6_500,
                epoch,
            }],
            amount_minor: 6_500,
            currency: "EUR".to_owned(),
            buyer: Buyer {
                name: "Bench".to_owned(),
                email: "bench@bench.example".to_owned(),
                language: None,
            },
            request_hash: "00".repeat(32),
            placed_at: now,
            // Long after the bench: nothing is to expire while it runs.
            expires_at: now + chrono::Duration::hours(6),
        };
        Ok((place, home_partition(self.ticket_type, shard, PARTITIONS)))
    }
}
