//! The usual way: each order is one transaction that locks its row of stock.

use std::time::Duration;

use anyhow::{Context, bail};
use checkout::contract::{OrderEvent, OrderEventData, SubmitLine, SubmitOrder};
use sqlx::{PgConnection, PgPool, types::Json};
use tokio::{task::JoinSet, time::Instant};

use super::hot::{Hot, Orders};

pub async fn round(
    pool: &PgPool,
    hot: &Hot,
    clients: usize,
    lasts: Duration,
) -> anyhow::Result<Orders> {
    // Opened beforehand, for none of these is to pay for connecting.
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(pool.acquire().await?);
    }
    let began = Instant::now();
    let end = began + lasts;
    let mut tasks = JoinSet::new();
    for (client, mut connection) in connections.into_iter().enumerate() {
        let hot = hot.clone();
        tasks.spawn(async move {
            let mut written = 0usize;
            while Instant::now() < end {
                order(&mut connection, &hot.order(client + written)?.0).await?;
                written += 1;
            }
            anyhow::Ok(written)
        });
    }
    let mut written = 0;
    while let Some(done) = tasks.join_next().await {
        written += done??;
    }
    Ok(Orders {
        written: i64::try_from(written)?,
        per_sec: written as f64 / began.elapsed().as_secs_f64(),
    })
}

async fn order(connection: &mut PgConnection, place: &SubmitOrder) -> anyhow::Result<()> {
    let line = place.lines.first().context("an order without lines")?;
    let mut tx = sqlx::Connection::begin(connection).await?;
    let (allotted, committed): (i32, i32) = sqlx::query_as(
        "SELECT allotted, committed FROM checkout.stock WHERE ticket_type = $1 AND shard = $2 FOR \
            UPDATE",
    )
    .bind(line.ticket_type.uuid())
    .bind(line.shard)
    .fetch_one(&mut *tx)
    .await?;
    if committed + line.quantity > allotted {
        bail!("the bench is sold out");
    }
    insert(&mut tx, place, line).await?;
    sqlx::query(
        "UPDATE checkout.stock SET committed = committed + $3, version = version + 1 WHERE \
            ticket_type = $1 AND shard = $2",
    )
    .bind(line.ticket_type.uuid())
    .bind(line.shard)
    .bind(line.quantity)
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

async fn insert(
    tx: &mut PgConnection,
    place: &SubmitOrder,
    line: &SubmitLine,
) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO checkout.orders (order_id, session, show, hold, state, request_hash, \
            amount_minor, currency,
                                      buyer_name, buyer_email, home_partition, placed_at, \
                                      expires_at)
         VALUES ($1, $2, $3, $4, 'placed', decode($5, 'hex'), $6, $7, $8, $9, 0, $10, $11)",
    )
    .bind(place.order)
    .bind(place.session)
    .bind(place.show.as_str())
    .bind(place.hold)
    .bind(&place.request_hash)
    .bind(place.amount.minor)
    .bind(place.amount.currency)
    .bind(&place.buyer.name)
    .bind(&place.buyer.email)
    .bind(place.placed_at)
    .bind(place.expires_at)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO checkout.order_lines (order_id, ticket_type, shard, quantity, unit_price_minor)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(place.order)
    .bind(line.ticket_type.uuid())
    .bind(line.shard)
    .bind(line.quantity)
    .bind(line.unit_price_minor)
    .execute(&mut *tx)
    .await?;
    sqlx::query("INSERT INTO checkout.outbox (key, payload, request_id) VALUES ($1, $2, 'bench')")
        .bind(place.order.to_string())
        .bind(Json(placed(place)))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// The event of an order, as the writer's.
pub fn placed(place: &SubmitOrder) -> OrderEvent {
    OrderEvent::Placed(OrderEventData {
        order: place.order,
        show: place.show.clone(),
        amount: place.amount,
        at: place.placed_at,
    })
}
