//! What Postgres takes at most: orders, lines and events in bulk and nothing else, batch after
//! batch on one connection.

use std::time::Duration;

use checkout::contract::SubmitOrder;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    hot::{Hot, Orders},
    row_lock::placed,
};

/// FAIRGATE_WRITER_BATCH_MAX, as set by default.
const BATCH: usize = 500;

pub async fn round(pool: &PgPool, hot: &Hot, lasts: Duration) -> anyhow::Result<Orders> {
    let mut connection = pool.acquire().await?;
    let began = Instant::now();
    let mut written = 0usize;
    while began.elapsed() < lasts {
        let places: Vec<SubmitOrder> =
            (0..BATCH).map(|turn| Ok(hot.order(turn)?.0)).collect::<anyhow::Result<_>>()?;
        let mut tx = sqlx::Connection::begin(&mut *connection).await?;
        insert(&mut tx, &places).await?;
        tx.commit().await?;
        written += places.len();
    }
    Ok(Orders {
        written: i64::try_from(written)?,
        per_sec: written as f64 / began.elapsed().as_secs_f64(),
    })
}

async fn insert(tx: &mut PgConnection, places: &[SubmitOrder]) -> anyhow::Result<()> {
    let ids = |field: fn(&SubmitOrder) -> Uuid| -> Vec<Uuid> { places.iter().map(field).collect() };
    let texts = |field: fn(&SubmitOrder) -> &str| -> Vec<String> {
        places.iter().map(|place| field(place).to_owned()).collect()
    };
    let times = |field: fn(&SubmitOrder) -> DateTime<Utc>| -> Vec<DateTime<Utc>> {
        places.iter().map(field).collect()
    };
    sqlx::query(
        "INSERT INTO checkout.orders (order_id, session, show, hold, state, request_hash, \
            amount_minor, currency,
                                      buyer_name, buyer_email, home_partition, placed_at, \
                                      expires_at)
         SELECT order_id, session, show, hold, 'placed', decode(request_hash, 'hex'), 6500, 'EUR', \
         name, email, 0,
                placed_at, expires_at
         FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], \
         $7::text[],
                     $8::timestamptz[], $9::timestamptz[])
              AS new (order_id, session, show, hold, request_hash, name, email, placed_at, \
              expires_at)",
    )
    .bind(ids(|place| place.order.uuid()))
    .bind(ids(|place| place.session.uuid()))
    .bind(texts(|place| place.show.as_str()))
    .bind(ids(|place| place.hold.uuid()))
    .bind(texts(|place| &place.request_hash))
    .bind(texts(|place| &place.buyer.name))
    .bind(texts(|place| &place.buyer.email))
    .bind(times(|place| place.placed_at))
    .bind(times(|place| place.expires_at))
    .execute(&mut *tx)
    .await?;
    let lines: Vec<_> = places
        .iter()
        .flat_map(|place| place.lines.iter().map(|line| (place.order.uuid(), line)))
        .collect();
    sqlx::query(
        "INSERT INTO checkout.order_lines (order_id, ticket_type, shard, quantity, unit_price_minor)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::bigint[])",
    )
    .bind(lines.iter().map(|(order, _)| *order).collect::<Vec<_>>())
    .bind(lines.iter().map(|(_, line)| line.ticket_type.uuid()).collect::<Vec<_>>())
    .bind(lines.iter().map(|(_, line)| line.shard).collect::<Vec<_>>())
    .bind(lines.iter().map(|(_, line)| line.quantity).collect::<Vec<_>>())
    .bind(lines.iter().map(|(_, line)| line.unit_price_minor).collect::<Vec<_>>())
    .execute(&mut *tx)
    .await?;
    let events: Vec<serde_json::Value> =
        places.iter().map(|place| serde_json::to_value(placed(place))).collect::<Result<_, _>>()?;
    sqlx::query(
        "INSERT INTO checkout.outbox (key, payload, request_id)
         SELECT key, payload, 'bench' FROM UNNEST($1::text[], $2::jsonb[]) AS new (key, payload)",
    )
    .bind(places.iter().map(|place| place.order.to_string()).collect::<Vec<_>>())
    .bind(events)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
