//! Orders of one hot ticket type: through the log and the batch writer, with one row-locking
//! transaction each, and as raw batched inserts, into the same tables of the same Postgres with the
//! same durability.

use std::{str::FromStr, time::Duration};

use anyhow::bail;
use checkout::contract::snapshot;
use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, sleep};

use super::{
    report::Row,
    sale::{self, Sale},
    server::Served,
    setup::Bench,
};

mod bulk;
mod hot;
mod row_lock;
mod writer;

use hot::{Hot, Orders};

/// Clients that order at once, each waiting for its order before the next.
const CLIENTS: [usize; 3] = [1, 16, 64];
const LOADED_WITHIN: Duration = Duration::from_secs(30);

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let stores = &bench.env.stores;
    // The whole system for a moment, so that Redis knows the shards as it would in a sale.
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let whole = loaded(bench, &sale::make(stores, "bench-whole", Some(1)).await?).await?;
    let cut = loaded(bench, &sale::make(stores, "bench-cut", None).await?).await?;
    // Stock of its own: the writer's Redis is not told of these orders and would wait for word of
    // them.
    let locked = loaded(bench, &sale::make(stores, "bench-locked", Some(1)).await?).await?;
    server.stop().await?;
    // From here on the writer alone, with its relay of events, which has the same to do for all.
    let server = Served::start(&bench.env, &["writer"]).await?;

    // Those who queue for a row's lock wait long, which is the point and no news.
    let options = PgConnectOptions::from_str(bench.env.database_url())?.disable_statement_logging();
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
    let stores = &bench.env.stores;
    let end = Instant::now() + LOADED_WITHIN;
    loop {
        let rows: Vec<(i32, i64)> = sqlx::query_as(
            "SELECT shard, epoch FROM checkout.stock WHERE ticket_type = $1 ORDER BY shard",
        )
        .bind(sale.ticket_type.uuid())
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
