//! Reading reports. Nothing here changes anything.

use std::collections::BTreeMap;

use anyhow::Context;
use catalog::contract::{ShowId, TicketTypeId};
use futures::future::try_join_all;
use kit::{paging::Cursor, redis::Redis};
use sqlx::PgPool;

use crate::{
    order::OrderId,
    payment::refund::FailingRefund,
    report::{
        OrderDetails, OrderQuery, OrderSummary, SalesQuery, SalesRow, SessionCounts, StockCount,
    },
    stock::redis as shard,
    store,
};

/// A show's stock by ticket type.
///
/// # Errors
/// Postgres away. Where Redis is away, `held` and `free` are absent.
pub async fn stock_counts(
    pool: &PgPool,
    redis: &Redis,
    show: &ShowId,
) -> anyhow::Result<Vec<StockCount>> {
    let counted = store::report::stock(pool, show).await.context("counting stock")?;
    let looks = try_join_all(counted.iter().map(|row| async {
        let key = crate::stock::ShardKey { ticket_type: row.ticket_type, shard: row.shard };
        let seen = shard::look(redis, key).await.ok().flatten();
        Ok::<_, anyhow::Error>(seen.filter(|seen| seen.epoch == row.epoch))
    }))
    .await?;
    let mut counts: BTreeMap<TicketTypeId, StockCount> = BTreeMap::new();
    for (row, seen) in counted.iter().zip(looks) {
        let ticket_type = row.ticket_type;
        let none = StockCount {
            ticket_type,
            allotted: 0,
            sold: 0,
            reserved: 0,
            held: Some(0),
            free: Some(0),
        };
        let count = counts.entry(ticket_type).or_insert(none);
        count.allotted += i64::from(row.allotted);
        count.sold += row.sold;
        count.reserved += row.reserved;
        let (held, free) = (
            seen.map(|s| s.held - s.run_out + s.placing),
            seen.map(|s| (s.free + s.run_out).max(0)),
        );
        count.held = count.held.zip(held).map(|(sum, more)| sum + more);
        count.free = count.free.zip(free).map(|(sum, more)| sum + more);
    }
    Ok(counts.into_values().collect())
}

/// How many sessions a room had and has.
///
/// # Errors
/// The database's.
pub async fn session_counts(pool: &PgPool, room: &str) -> sqlx::Result<SessionCounts> {
    store::report::sessions(pool, room).await
}

/// Orders, newest first.
///
/// # Errors
/// The database's.
pub async fn orders(pool: &PgPool, query: &OrderQuery<'_>) -> sqlx::Result<Vec<OrderSummary>> {
    store::report::orders(pool, query).await
}

/// One order, or `None` where the id is unknown.
///
/// # Errors
/// The database's.
pub async fn order(pool: &PgPool, order: impl Into<OrderId>) -> sqlx::Result<Option<OrderDetails>> {
    store::report::order(pool, order.into()).await
}

/// Refunds that the provider did not do yet though it was asked, those that wait longest first;
/// those behind `after`, which has when the last one was asked for and its order.
///
/// # Errors
/// The database's.
pub async fn failing_refunds(
    pool: &PgPool,
    after: Option<Cursor<OrderId>>,
    limit: i64,
) -> sqlx::Result<Vec<FailingRefund>> {
    store::refund::failing(pool, after, limit).await
}

/// Sales and refunds by hour or day, show and ticket type, in this order; hours and days without
/// any are left out.
///
/// # Errors
/// The database's; also for a time zone it does not know.
pub async fn sales(pool: &PgPool, query: &SalesQuery<'_>) -> sqlx::Result<Vec<SalesRow>> {
    store::report::sales(pool, query).await
}
